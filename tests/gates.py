"""Gates: a transaction stands still at one of its statements until the test lets it go on.

A trigger of the test waits there for a lock that the test has. What stands at a gate has done all statements before,
and none after.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from tests.looking import take_breath, until_yes

_KEY = 4713
_MAKE = f"""
    create or replace function workroom.stand_at_the_gate() returns trigger language plpgsql security definer as
        'begin perform pg_advisory_xact_lock_shared({_KEY}); return null; end'
"""
_STANDS = (
    f"select exists (select from pg_locks where locktype = 'advisory' and objid = {_KEY} and not granted)"
)
_WAITS_ELSEWHERE = f"""
    select exists (
        select from pg_locks as l
        join pg_stat_activity as a on a.pid = l.pid
        where a.datname = current_database() and not l.granted
            and not (l.locktype = 'advisory' and l.objid = {_KEY})
    )
"""
Open = Callable[[], Awaitable[None]]


@asynccontextmanager
async def gate(owner: asyncpg.Connection, table: str, operation: str) -> AsyncIterator[Open]:
    """Whoever comes to such a statement on the table stands there until `await open_gate()`, which is given."""
    await owner.execute(_MAKE)
    await owner.execute(
        f"create trigger stand_at_the_gate before {operation} on {table} "
        "for each statement execute function workroom.stand_at_the_gate()"
    )
    await owner.execute("select pg_advisory_lock($1)", _KEY)

    async def open_gate() -> None:
        await owner.execute("select pg_advisory_unlock_all()")

    try:
        yield open_gate
    finally:
        await open_gate()
        await owner.execute(f"drop trigger stand_at_the_gate on {table}")


async def until_at_the_gate(owner: asyncpg.Connection) -> None:
    """Return as soon as somebody stands there."""
    await until_yes(owner, _STANDS)


async def ends_or_waits(owner: asyncpg.Connection, task: asyncio.Task[object]) -> bool:
    """Return when a task has ended (True), or somebody waits for another lock than the gate's (False)."""
    while not task.done():
        if await owner.fetchval(_WAITS_ELSEWHERE) and not task.done():
            return False
        await take_breath()
    return True
