"""The SQL files: every statement fits the schema, is called somewhere, and with its own parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import workroom
from workroom.storage.queries import QUERIES_FOLDER, Queries, Query, queries

PACKAGE = Path(workroom.__file__).parent
METHODS = {"fetch", "fetch_one", "fetch_one_or_none", "fetch_value", "execute"}


async def test_every_query_fits_the_schema(owner: asyncpg.Connection) -> None:
    problems = []
    for query in queries:
        try:
            statement = await owner.prepare(query.sql)
        except asyncpg.PostgresError as error:
            problems.append(f"{query.name}: {error.message}")
            continue
        if bool(statement.get_attributes()) != query.returns_rows:
            problems.append(
                f"{query.name}: a closing ! in the name says that no rows come back, and only that"
            )
    assert not problems, "\n".join(problems)


def test_every_query_says_what_it_is_for() -> None:
    assert [query.name for query in queries if not query.purpose.strip()] == []


def test_every_query_is_used_somewhere() -> None:
    mentioned = {name for _, name, _ in _mentions()}
    assert sorted(query.name for query in queries if query.name not in mentioned) == []


def test_every_query_that_is_named_exists() -> None:
    known = {query.name for query in queries}
    unknown = [f"{place}: {name}" for place, name, _ in _mentions() if name not in known]
    assert unknown == []


def test_every_call_gives_the_parameters_of_its_query() -> None:
    known = {query.name: query for query in queries}
    problems = []
    for place, name, call in _mentions():
        if call is None or name not in known or any(keyword.arg is None for keyword in call.keywords):
            continue  # not called here, or with parameters that only the running program knows
        given = {keyword.arg for keyword in call.keywords}
        if given != set(known[name].parameters):
            problems.append(f"{place}: {name} takes {sorted(known[name].parameters)}")
    assert problems == []


def test_no_statement_asks_for_all_columns() -> None:
    # Arrays that are unnested name their columns where they stand; tables may get more of them.
    starred = [query.name for query in queries if re.search(r"select \*(?!\s+from unnest\()", query.sql)]
    assert starred == []


def test_comments_inside_a_statement_stand_on_lines_of_their_own() -> None:
    # The loader takes such lines out. Behind code, a quote or a colon in the comment would be read as SQL.
    places = [
        f"{path.name}:{number}"
        for path in QUERIES_FOLDER.glob("*.sql")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if "--" in line and not line.lstrip().startswith("--")
    ]
    assert places == []


def test_an_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "rooms.sql").write_text("-- name: find_room\n-- One.\nselect 1 as room\n")
    loaded = Queries(tmp_path)
    with pytest.raises(AttributeError, match=r"no query rooms\.find_rom; there are: rooms\.find_room"):
        _ = loaded.rooms.find_rom
    with pytest.raises(AttributeError, match=r"no query file people\.sql; there are: rooms"):
        _ = loaded.people


def test_two_statements_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rooms.sql").write_text("-- name: find\nselect 1\n-- name: find\nselect 2\n")
    with pytest.raises(ValueError, match="two queries named find"):
        list(Queries(tmp_path))


def test_a_file_is_read_when_it_is_first_asked_for_and_never_again(tmp_path: Path) -> None:
    rooms, people = tmp_path / "rooms.sql", tmp_path / "people.sql"
    rooms.write_text("-- name: find\n-- One.\nselect 1\n")
    people.write_text("not a query file")
    loaded = Queries(tmp_path)
    first = loaded.rooms.find
    rooms.unlink()
    assert loaded.rooms.find is first


def test_parameters_are_put_into_the_order_of_the_statement() -> None:
    query = Query("rooms.find", "select $1, $2", ("room_id", "seq"), "", True)
    assert query.order({"seq": 2, "room_id": 1}) == [1, 2]


def test_a_missing_parameter_and_one_too_many_are_named() -> None:
    query = Query("rooms.find", "select $1", ("room_id",), "", True)
    with pytest.raises(TypeError, match=r"rooms\.find needs the parameter room_id"):
        query.order({})
    with pytest.raises(TypeError, match=r"rooms\.find has no parameter seq"):
        query.order({"room_id": 1, "seq": 2})


def _mentions() -> Iterator[tuple[str, str, ast.Call | None]]:
    """Every `queries.<noun>.<name>` of the program: place, name, and the call it is the first argument of."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        calls = {
            id(node.args[0]): node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and node.args and getattr(node.func, "attr", "") in METHODS
        }
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Attribute(value=ast.Name(id="queries"), attr=noun), attr=name):
                    place = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                    yield place, f"{noun}.{name}", calls.get(id(node))
