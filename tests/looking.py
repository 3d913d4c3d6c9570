"""Looking again and again at what tells nobody (a row, a file, a process), with a breath between two looks.

Looking without one takes a core from what is looked at, and from the tests beside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

BREATH_SECONDS = 0.002

_Found = TypeVar("_Found")


async def take_breath() -> None:
    """What comes between two looks."""
    await asyncio.sleep(BREATH_SECONDS)


async def until(find: Callable[[], Awaitable[_Found]]) -> _Found:
    """What `find` gives as soon as it is true."""
    while not (found := await find()):
        await take_breath()
    return found


async def until_yes(connection: asyncpg.Connection, question: str, *values: object) -> None:
    """Return as soon as Postgres answers a question with yes."""
    await until(lambda: ask_anew(connection, question, *values))


async def ask_anew(connection: asyncpg.Connection, question: str, *values: object) -> object:
    """The answer as of now: within a transaction `pg_stat_activity` stays as it was first seen."""
    await connection.execute("select pg_stat_clear_snapshot()")
    return await connection.fetchval(question, *values)
