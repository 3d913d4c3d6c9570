"""The worker keeps house: months ahead, and nothing left of sessions that ended; any number of times, by any number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg

from tests.people import make_account
from workroom import sessions, worker
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]

PARTITIONS = "select count(*) from pg_inherits where inhparent = 'workroom.messages'::regclass"


async def test_a_round_makes_the_months_to_come(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    before = await owner.fetchval(PARTITIONS)
    await move_time(timedelta(days=62))
    await worker.do_round(database)
    made = await owner.fetchval(PARTITIONS)
    assert made == before + 2
    await worker.do_round(database)
    assert await owner.fetchval(PARTITIONS) == made


async def test_two_workers_at_once_do_no_harm(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    before = await owner.fetchval(PARTITIONS)
    await move_time(timedelta(days=62))
    await asyncio.gather(*(worker.do_round(database) for _ in range(3)))
    assert await owner.fetchval(PARTITIONS) == before + 2


async def test_a_round_forgets_sessions_that_ended_and_keeps_those_that_stand(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    account = await make_account(database)
    async with database.transaction() as transaction:
        await sessions.start_session(transaction, account.account_id, days=1)
        standing = await sessions.start_session(transaction, account.account_id, days=30)
    await move_time(timedelta(days=3))
    await worker.do_round(database)
    assert [row["session_id"] for row in await owner.fetch("select session_id from sessions")] == [
        standing.session_id
    ]


async def test_it_stops_when_it_is_told_to(database: Database) -> None:
    stop = asyncio.Event()
    keeping = asyncio.create_task(worker.keep_house(database, stop))
    stop.set()
    await keeping
