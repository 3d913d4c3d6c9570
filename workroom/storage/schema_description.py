"""What the database has to be like for content to be kept: tables, triggers, functions, rights, roles, views.

`sql/schema_description.txt` ships with the program and says what the migrations make, one part a line: kind, name,
definition. It names one partition of each table of content, the default one, and stands for all of them. Views are
compared in Postgres's own words: ours are made once more from `schema.sql`, as temporary ones. A test makes the file
anew and holds it to the migrations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from workroom.storage.queries import Query

FOLDER = Path(__file__).parent / "sql"
DESCRIPTION_FILE = FOLDER / "schema_description.txt"
HEAD = "# What the migrations make, by kind, name and definition: what `workroom verify` compares a database with."
_SEPARATOR = " | "
_PARTITION = " partition of "

Part = tuple[str, str]
"""Kind and name of a part of the schema."""


@cache
def load_description() -> Mapping[Part, str]:
    """What ships with the program: kind and name of each part to its definition."""
    lines = DESCRIPTION_FILE.read_text("utf-8").splitlines()[1:]
    split = (line.split(_SEPARATOR, 2) for line in lines)
    return {(kind, name): definition for kind, name, definition in split}


def write_description(parts: Mapping[Part, str]) -> str:
    """The file's text for a database; of partitions, the default ones only."""
    lines = [
        _SEPARATOR.join((kind, name, definition))
        for (kind, name), definition in sorted(parts.items())
        if (partition := _relation_of(kind, name)) not in _partitions(parts) or partition.endswith("_default")
    ]
    return "\n".join([HEAD, *lines, ""])


def expect_parts(shipped: Mapping[Part, str], found: Mapping[Part, str]) -> dict[Part, str]:
    """What a database has to have, given which partitions it has: each is to be like the default one."""
    expected = dict(shipped)
    of_relation = _sort_by_relation(shipped)
    for partition, parent in _partitions(found).items():
        default = f"{parent}_default"
        for kind, name in of_relation.get(default, ()):
            expected[kind, partition + name.removeprefix(default)] = shipped[kind, name]
    return expected


@cache
def load_views() -> Mapping[str, Query]:
    """For each view of ours, by name, the statement that makes it once more for this session alone."""
    text = (FOLDER / "schema.sql").read_text("utf-8")
    return {
        name: Query(
            name=f"schema.{name}",
            sql=f"create or replace temporary view {name}_as_shipped as\n{body}",
            parameters=(),
            purpose="A view as it ships, to compare the one that is there with.",
            returns_rows=False,
        )
        for name, body in _view_texts(text)
    }


def _view_texts(schema: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^create view workroom\.(\w+) as\n(.*?);$", schema, re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def _partitions(parts: Iterable[Part] | Mapping[Part, str]) -> dict[str, str]:
    if not isinstance(parts, Mapping):
        return {}
    return {
        name: definition.partition(_PARTITION)[2]
        for (kind, name), definition in parts.items()
        if kind == "table" and _PARTITION in definition
    }


def _sort_by_relation(parts: Iterable[Part]) -> dict[str, list[Part]]:
    sorted_parts: dict[str, list[Part]] = {}
    for kind, name in parts:
        sorted_parts.setdefault(_relation_of(kind, name), []).append((kind, name))
    return sorted_parts


def _relation_of(kind: str, name: str) -> str:
    return name if kind == "table" else re.split(r"[. ]", name, maxsplit=1)[0]
