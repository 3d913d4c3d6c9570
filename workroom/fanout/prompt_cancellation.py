"""Cancelling a task that is sending to Redis ends it, also on Python 3.11.

redis-py sends through `asyncio.wait_for`, which before Python 3.12 can take a cancellation and return as if nothing had
happened (python/cpython#86296): the task goes on for ever, and whoever shuts down waits for it. Here a cancellation
that came while sending is raised again. On newer Pythons nothing is changed.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection

_Send = Callable[..., Awaitable[None]]


def make_cancellation_prompt() -> None:
    """Have every connection of redis-py pass cancellations on. A second call changes nothing."""
    send: _Send = AbstractConnection.send_packed_command
    if sys.version_info < (3, 12) and not hasattr(send, "__wrapped__"):
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
