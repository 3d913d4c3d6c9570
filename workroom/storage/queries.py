"""Every SQL statement of the service, from `sql/queries/<noun>.sql`, called by its name.

    record = await transaction.fetch_one(queries.rooms.find_room, room_id=room_id)

In the file: `-- name: find_room`, a comment of purpose and parameters, then the statement with `:room_id`; a
statement that returns no rows is named with a closing `!`. The call says what is expected: `fetch` (list),
`fetch_one`, `fetch_one_or_none`, `fetch_value`, `execute` (rows touched). Parameters go by keyword, all of
them; many rows go as arrays (`unnest`). An unknown name is an AttributeError that lists what there is. A file
is read once, when the first of its statements is asked for: no program needs all of them, and reading all
takes a fifth of its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosql.adapters.asyncpg import AsyncPGAdapter
from aiosql.query_loader import QueryLoader

QUERIES_FOLDER = Path(__file__).parent / "sql" / "queries"


@dataclass(frozen=True, slots=True)
class Query:
    """One statement: `sql` has `$1, $2 ...` in the order of `parameters`."""

    name: str
    sql: str
    parameters: tuple[str, ...]
    purpose: str
    returns_rows: bool

    def order(self, values: dict[str, Any]) -> list[Any]:
        """Put keyword values into the statement's order; TypeError when one is missing or one too many."""
        try:
            ordered = [values[name] for name in self.parameters]
        except KeyError as error:
            raise TypeError(f"query {self.name} needs the parameter {error.args[0]}") from None
        if len(ordered) != len(values):
            unknown = sorted(values.keys() - set(self.parameters))
            raise TypeError(f"query {self.name} has no parameter {', '.join(unknown)}")
        return ordered


class QueryFile:
    """The statements of one noun, each an attribute."""

    def __init__(self, noun: str, statements: dict[str, Query]) -> None:
        self._noun = noun
        self.__dict__.update(statements)

    def __getattr__(self, name: str) -> Query:
        names = ", ".join(sorted(query.name for query in self))
        raise AttributeError(f"no query {self._noun}.{name}; there are: {names}")

    def __iter__(self) -> Iterator[Query]:
        return (query for query in self.__dict__.values() if isinstance(query, Query))


class Queries:
    """The query files of a folder, each an attribute named after its noun."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem: path for path in sorted(folder.glob("*.sql"))}

    def __getattr__(self, noun: str) -> QueryFile:
        path = self._paths.get(noun)
        if path is None:
            raise AttributeError(f"no query file {noun}.sql; there are: {', '.join(self._paths)}")
        file = self.__dict__[noun] = _load_file(path)
        return file

    def __iter__(self) -> Iterator[Query]:
        return (query for noun in self._paths for query in getattr(self, noun))


def _load_file(path: Path) -> QueryFile:
    """Read a file; two statements of one name are a ValueError."""
    adapter = AsyncPGAdapter()  # type: ignore[no-untyped-call]
    loader = QueryLoader(adapter, None, attribute=None, mandatory_parameters=False)
    statements: dict[str, Query] = {}
    for loaded in loader.load_query_data_from_file(path, [path.stem], encoding="utf-8"):
        name = loaded.query_name.rpartition(".")[2]
        if name in statements:
            raise ValueError(f"{path.name} has two queries named {name}")
        statements[name] = Query(
            name=loaded.query_name,
            sql=loaded.sql.rstrip().rstrip(";"),
            parameters=tuple(adapter.var_sorted[loaded.query_name]),
            purpose=loaded.doc_comments,
            returns_rows=not loaded.operation_type.name.startswith("INSERT_UPDATE_DELETE"),
        )
    return QueryFile(path.stem, statements)


queries = Queries(QUERIES_FOLDER)
