"""The only way to Postgres: `Database` hands out transactions and reads, each with deadlines.

Three small pools keep apart what must not wait for one another: writing, reading, and long work (simulations, counts
of holds, verification, rounds of expiry). When Postgres restarts, dead connections are replaced, and whoever comes
meanwhile waits until its deadline. Connections carry settings and prepared statements, so that a pooler between
transactions and connections (pgbouncer in transaction mode) does not work.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg

from workroom.errors import StartupError, Unavailable, WorkroomError
from workroom.settings import Settings
from workroom.storage.connection_pool import ConnectionPool
from workroom.storage.database_errors import CommitUnknown
from workroom.storage.queries import queries
from workroom.storage.transaction import Reading, Record, Transaction, open_reading, open_transaction

__all__ = ["CommitUnknown", "Database", "DatabaseLimits", "Reading", "Record", "Transaction", "open_database"]

OLDEST_POSTGRES = 15
# How much longer than the server's own limit a client waits for an answer: for a silent line, not a slow
# statement.
SILENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """How many connections, and how long anything may take, in seconds."""

    writing_connections: int = 6
    reading_connections: int = 6
    long_connections: int = 2
    acquire_seconds: float = 5.0
    connect_seconds: float = 5.0
    statement_seconds: float = 10.0
    long_statement_seconds: float = 600.0
    lock_seconds: float = 3.0
    idle_in_transaction_seconds: float = 15.0


class Database:
    """Postgres as one process sees it. Made by `open_database`, closed by `close`."""

    def __init__(self, url: str, application_name: str, limits: DatabaseLimits) -> None:
        self._url = url
        self._application_name = application_name
        self._limits = limits
        self._writing = self._make_pool(limits.writing_connections, limits.statement_seconds)
        self._reading = self._make_pool(limits.reading_connections, limits.statement_seconds, read_only=True)
        self._long = self._make_pool(limits.long_connections, limits.long_statement_seconds)

    def transaction(self, *, lock_seconds: float | None = None) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction: READ COMMITTED, committed when the block ends.

        Args:
            lock_seconds: how long a statement may wait for a lock; None means the limit of all.

        Raises:
            TryAgain: a lock, a deadlock or a lost connection; nothing was done.
            CommitUnknown: the connection died while committing.
            Unavailable: no connection in time, or Postgres takes no writes.
        """
        if lock_seconds is None:
            return open_transaction(self._writing, "begin")
        milliseconds = _milliseconds(lock_seconds)
        return open_transaction(self._writing, f"begin; set local lock_timeout = {milliseconds}")

    def long_transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction for work whose statements may take minutes; few run at the same time."""
        return open_transaction(self._long, "begin")

    def read(self) -> AbstractAsyncContextManager[Reading]:
        """Open a read: each statement sees what was committed when it began; nothing can be written."""
        return open_reading(self._reading)

    async def ping(self, timeout_seconds: float) -> None:
        """Ask Postgres whether it answers at all; Unavailable when not in time."""
        try:
            async with asyncio.timeout(timeout_seconds), self.read() as reading:
                await reading.fetch_one(queries.server.find_server)
        except TimeoutError:
            raise Unavailable(f"the database did not answer within {timeout_seconds:g} seconds") from None

    async def close(self, timeout_seconds: float = 5.0) -> None:
        """Wait for what is under way, at most so long, then cut off the rest."""
        async with asyncio.TaskGroup() as closing:
            for pool in (self._writing, self._reading, self._long):
                closing.create_task(pool.close(timeout_seconds))

    def _make_pool(self, size: int, statement_seconds: float, read_only: bool = False) -> ConnectionPool:
        connect = partial(self._connect, statement_seconds, read_only)
        return ConnectionPool(connect, size=size, acquire_seconds=self._limits.acquire_seconds)

    async def _connect(self, statement_seconds: float, read_only: bool) -> Any:
        limits = self._limits
        return await asyncpg.connect(
            self._url,
            timeout=limits.connect_seconds,
            command_timeout=statement_seconds + SILENCE_SECONDS,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            server_settings={
                "application_name": self._application_name,
                "search_path": "workroom",
                "timezone": "UTC",
                "jit": "off",
                "default_transaction_isolation": "read committed",
                "default_transaction_read_only": "on" if read_only else "off",
                # Reads are found by key whatever the values: planning them anew costs more than running them.
                "plan_cache_mode": "force_generic_plan" if read_only else "auto",
                "statement_timeout": _milliseconds(statement_seconds),
                "lock_timeout": _milliseconds(limits.lock_seconds),
                "idle_in_transaction_session_timeout": _milliseconds(limits.idle_in_transaction_seconds),
            },
        )


async def open_database(url: str, *, application_name: str, limits: DatabaseLimits | None = None) -> Database:
    """Reach Postgres and see that it can keep our promises.

    Raises:
        StartupError: it does not answer, is too old, is not UTF-8, or acknowledges what is not durable.
    """
    database = Database(url, application_name, limits or DatabaseLimits())
    try:
        async with database.read() as reading:
            server = await reading.fetch_one(queries.server.find_server)
        _require_fit(server)
    except BaseException as error:
        await database.close(0)
        if isinstance(error, WorkroomError) and not isinstance(error, StartupError):
            raise StartupError(
                f"Postgres cannot be used ({error.message}): see that it runs and that its address is right."
            ) from None
        raise
    return database


def _require_fit(server: Record) -> None:
    if server["version_number"] < OLDEST_POSTGRES * 10_000:
        raise StartupError(
            f"Postgres is version {server['version']}: Workroom needs {OLDEST_POSTGRES} or newer."
        )
    if server["encoding"] != "UTF8":
        raise StartupError(
            f"The database has the encoding {server['encoding']}: create one with encoding 'UTF8' instead."
        )
    if server["synchronous_commit"] == "off":
        raise StartupError(
            "The database has synchronous_commit = off and could lose acknowledged messages: set it to on."
        )


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def database_limits(settings: Settings) -> DatabaseLimits:
    """The limits that the settings name."""
    return DatabaseLimits(
        writing_connections=settings.writing_connections,
        reading_connections=settings.reading_connections,
        long_connections=settings.long_connections,
        acquire_seconds=settings.database_acquire_seconds,
        connect_seconds=settings.database_connect_seconds,
        statement_seconds=settings.database_statement_seconds,
        lock_seconds=settings.database_lock_seconds,
    )
