"""A small set of connections to Postgres, handed out in the order of asking, each to one task at a time.

Our own instead of the driver's pool, which waits for ever, lets latecomers overtake, and pays a round trip to
reset each connection that comes back. Here taking one has a deadline; giving one back awaits nothing, so that
no cancellation can interrupt it; and one that broke or was left in the middle of something is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from workroom.errors import Unavailable
from workroom.storage.database_errors import DRIVER_ERRORS, is_connection_lost, translate_connect

# Between attempts to reach a server that refuses or is starting up.
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5


class ConnectionPool:
    """At most `size` connections, made when first needed.

    Args:
        connect: makes one connection; raises what the driver raises.
        acquire_seconds: how long `acquire` waits for a free connection and for a server that does not answer
            yet.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], *, size: int, acquire_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._acquire_seconds = acquire_seconds
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Any] = []
        self._open: set[Any] = set()
        self._is_closing = False

    async def acquire(self) -> Any:
        """Take a connection for the calling task alone; Unavailable after the deadline or when closing."""
        if self._is_closing:
            raise Unavailable("the database connections are being closed")
        return await self._within_deadline(self._take())

    async def replace(self, broken: Any) -> Any:
        """Take another connection for one found dead; what is idle came from the same server and goes."""
        for connection in [broken, *self._idle]:
            self._drop(connection)
        self._idle.clear()
        return await self._within_deadline(self._fill_slot())

    def release(self, connection: Any) -> None:
        """Give a connection back that is ready for the next statement."""
        if self._is_closing or connection.is_closed():
            self._drop(connection)
        else:
            self._idle.append(connection)
        self._slots.release()

    def discard(self, connection: Any) -> None:
        """Give a connection back that nobody may use again."""
        self._drop(connection)
        self._slots.release()

    async def close(self, timeout_seconds: float) -> None:
        """Wait for what is under way, then close; what has not ended in time is cut off."""
        self._is_closing = True
        try:
            async with asyncio.timeout(timeout_seconds):
                for _ in range(self._size):
                    await self._slots.acquire()
                for connection in self._idle:
                    await connection.close()
        except DRIVER_ERRORS:
            pass  # nothing was under way on an idle connection; after a time-out the rest is cut off here
        finally:
            for connection in list(self._open):
                self._drop(connection)
            self._idle.clear()

    async def _within_deadline(self, taking: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._acquire_seconds):
                return await taking
        except TimeoutError:
            raise Unavailable(f"no database connection within {self._acquire_seconds:g} seconds") from None

    async def _take(self) -> Any:
        await self._slots.acquire()
        return await self._fill_slot()

    async def _fill_slot(self) -> Any:
        try:
            return self._take_idle() or await self._connect_until_it_answers()
        except BaseException:
            self._slots.release()
            raise

    def _take_idle(self) -> Any | None:
        if self._is_closing:
            raise Unavailable("the database connections are being closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._drop(connection)
        return None

    async def _connect_until_it_answers(self) -> Any:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                connection = await self._connect()
            except DRIVER_ERRORS as error:
                if not _may_answer_later(error):
                    raise translate_connect(error) from None
            else:
                self._open.add(connection)
                return connection
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _drop(self, connection: Any) -> None:
        self._open.discard(connection)
        connection.terminate()


def _may_answer_later(error: Exception) -> bool:
    # A restarting server refuses, resets, or says that it starts up; a full one has too many connections.
    return is_connection_lost(error) or isinstance(error, asyncpg.TooManyConnectionsError)
