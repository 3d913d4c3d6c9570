"""An open transaction, or a read, on one connection: what domain functions get as their first argument.

A transaction is committed when its block ends and rolled back when the block is left by an exception. Whether COMMIT
did commit is looked at: Postgres answers ROLLBACK, without an error, when a statement before it failed, and nothing
of that may be acknowledged. A read is no transaction: its statements stand alone, and one whose connection was found
dead is asked again on another. Domain functions get one that is open, and leave it so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn, Protocol

import asyncpg

from workroom.errors import InternalError, WorkroomError
from workroom.storage.connection_pool import ConnectionPool
from workroom.storage.database_errors import DRIVER_ERRORS, CommitUnknown, is_connection_lost, translate
from workroom.storage.queries import Query

ROLLBACK_SECONDS = 2.0


class Record(Protocol):
    """A row: by name or by place, and `**record` into a dataclass whose fields are the columns."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def keys(self) -> Iterator[str]: ...
    def get(self, key: str, default: Any = None, /) -> Any: ...


class _Ended:
    """What a transaction holds after its end, so that a late statement fails on nobody else's connection."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError("the transaction has ended: its connection belongs to somebody else")


_ENDED = _Ended()


class Transaction:
    """An open transaction. What a domain function does with it happens wholly or not at all.

    It runs named queries; `storage.queries` says how they are written and called. jsonb comes as `str`, uuid
    as `uuid.UUID`, times as aware datetimes.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, query: Query, /, **parameters: Any) -> list[Record]:
        """Give all rows."""
        records: list[Record] = await self._run("fetch", query, parameters)
        return records

    async def fetch_one(self, query: Query, /, **parameters: Any) -> Record:
        """Give the one row that must be there; InternalError when there is none."""
        record: Record | None = await self._run("fetchrow", query, parameters)
        if record is None:
            raise InternalError(f"query {query.name} gave no row")
        return record

    async def fetch_one_or_none(self, query: Query, /, **parameters: Any) -> Record | None:
        """Give the first row, or None."""
        record: Record | None = await self._run("fetchrow", query, parameters)
        return record

    async def fetch_value(self, query: Query, /, **parameters: Any) -> Any:
        """Give the first column of the first row; None when there is no row."""
        return await self._run("fetchval", query, parameters)

    async def execute(self, query: Query, /, **parameters: Any) -> int:
        """Run a statement for its effect and give how many rows it touched."""
        tag: str = await self._run("execute", query, parameters)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def _run(self, method: str, query: Query, parameters: dict[str, Any]) -> Any:
        values = query.order(parameters)
        try:
            return await _ask(self._connection, method, query.sql, *values)
        except DRIVER_ERRORS as error:
            raise self._translate(error, query) from None

    def _translate(self, error: Exception, query: Query) -> WorkroomError:
        if isinstance(error, TimeoutError):
            self._connection.terminate()  # the line is silent: nobody may use it again
        return translate(error, query.name)

    def _end(self) -> Any:
        connection, self._connection = self._connection, _ENDED
        return connection


class Reading(Transaction):
    """Statements that stand alone on a read-only connection."""

    __slots__ = ("_pool",)

    def __init__(self, connection: Any, pool: ConnectionPool) -> None:
        super().__init__(connection)
        self._pool = pool

    async def _run(self, method: str, query: Query, parameters: dict[str, Any]) -> Any:
        values = query.order(parameters)
        try:
            return await _ask(self._connection, method, query.sql, *values)
        except DRIVER_ERRORS as error:
            if not is_connection_lost(error) or isinstance(error, TimeoutError):
                raise self._translate(error, query) from None
        self._connection = await self._pool.replace(self._end())
        return await super()._run(method, query, parameters)


@asynccontextmanager
async def open_transaction(pool: ConnectionPool, begin: str) -> AsyncIterator[Transaction]:
    """Open a transaction with the statement `begin`; see `Database.transaction` for what it raises."""
    connection = await _begin(pool, begin)
    transaction = Transaction(connection)
    try:
        yield transaction
    except Exception:
        transaction._end()
        await _roll_back(pool, connection)
        raise
    except BaseException:
        transaction._end()
        # Cancelled: a statement may be under way, and nobody has time to wait for it.
        pool.discard(connection)
        raise
    transaction._end()
    await _commit(pool, connection)


@asynccontextmanager
async def open_reading(pool: ConnectionPool) -> AsyncIterator[Reading]:
    """Open a read; see `Database.read`."""
    reading = Reading(await pool.acquire(), pool)
    try:
        yield reading
    except WorkroomError:
        _give_back(pool, reading._end())
        raise
    except BaseException:
        connection = reading._end()
        if connection is not _ENDED:
            pool.discard(connection)  # a statement may still be under way
        raise
    _give_back(pool, reading._end())


def _give_back(pool: ConnectionPool, connection: Any) -> None:
    if connection is not _ENDED:
        pool.release(connection)


async def _ask(connection: Any, method: str, *arguments: Any, **options: Any) -> Any:
    """Let the driver do it. Where the connection ends between two of its steps, it looks for what is gone."""
    try:
        return await getattr(connection, method)(*arguments, **options)
    except AttributeError:
        if not connection.is_closed():
            raise
        raise asyncpg.ConnectionDoesNotExistError("the connection ended between two steps") from None


async def _begin(pool: ConnectionPool, begin: str) -> Any:
    connection = await pool.acquire()
    try:
        await _ask(connection, "execute", begin)
        return connection
    except DRIVER_ERRORS as error:
        if not is_connection_lost(error) or isinstance(error, TimeoutError):
            pool.discard(connection)
            raise translate(error, "begin") from None
    except BaseException:
        pool.discard(connection)
        raise
    # Nothing was done yet, so another connection may begin instead of the one that was dead.
    connection = await pool.replace(connection)
    try:
        await _ask(connection, "execute", begin)
        return connection
    except DRIVER_ERRORS as error:
        pool.discard(connection)
        raise translate(error, "begin") from None
    except BaseException:
        pool.discard(connection)
        raise


async def _commit(pool: ConnectionPool, connection: Any) -> None:
    try:
        tag = await _ask(connection, "execute", "commit")
    except DRIVER_ERRORS as error:
        pool.discard(connection)
        if is_connection_lost(error):
            raise CommitUnknown("the database connection was lost while committing") from None
        raise translate(error, "commit") from None
    except BaseException:
        pool.discard(connection)
        raise
    pool.release(connection)
    if tag != "COMMIT":
        raise InternalError("the transaction was rolled back: a statement in it had failed before")


async def _roll_back(pool: ConnectionPool, connection: Any) -> None:
    try:
        await _ask(connection, "execute", "rollback", timeout=ROLLBACK_SECONDS)
    except DRIVER_ERRORS:
        pool.discard(connection)  # the server rolls back when it sees that we are gone
    except BaseException:
        pool.discard(connection)
        raise
    else:
        pool.release(connection)
