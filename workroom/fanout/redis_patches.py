"""Two things that redis-py's connections get wrong while they send, put right.

Cancelling a task that is sending ends it, also on Python 3.11: redis-py sends through `asyncio.wait_for`, which before
Python 3.12 can take a cancellation and return as if nothing had happened (python/cpython#86296): the task goes on for
ever, and whoever shuts down waits for it. Here a cancellation that came while sending is raised again.

A line that ended a moment ago is a lost one: uvloop raises RuntimeError for writing to it, where asyncio's own loop
waits for `drain` to say ConnectionResetError, the one that redis-py understands.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection

_Send = Callable[..., Awaitable[None]]


def patch_connections() -> None:
    """Put every connection of redis-py right. A second call changes nothing."""
    send: _Send = AbstractConnection.send_packed_command
    write: _Send = AbstractConnection._send_packed_command
    if hasattr(write, "__wrapped__"):
        return
    AbstractConnection._send_packed_command = _lose_what_has_ended(write)  # type: ignore[method-assign]
    if sys.version_info < (3, 12):
        AbstractConnection.send_packed_command = _raise_what_was_taken(send)  # type: ignore[method-assign]


def _raise_what_was_taken(send: _Send) -> Any:
    @functools.wraps(send)
    async def send_packed_command(connection: AbstractConnection, *args: Any, **kwargs: Any) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        await send(connection, *args, **kwargs)
        if task and task.cancelling() > before:
            # The answer will not be read: nobody else may find it on this connection.
            await connection.disconnect(nowait=True)
            raise asyncio.CancelledError

    return send_packed_command


def _lose_what_has_ended(write: _Send) -> Any:
    @functools.wraps(write)
    async def _send_packed_command(connection: AbstractConnection, command: Any) -> None:
        writer = connection._writer
        if writer is None:
            # A cluster's client closes all of its connections when one is lost, also those that others are using.
            raise ConnectionResetError("somebody else closed the connection")
        try:
            await write(connection, command)
        except RuntimeError as error:
            if not writer.transport.is_closing():
                raise
            raise ConnectionResetError(str(error)) from None

    return _send_packed_command
