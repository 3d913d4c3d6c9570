"""Months of content: made ahead of time, never in the way, and what lies outside is found just the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import asyncpg
import pytest

from tests.deeds import open_place, page, post
from tests.people import make_account
from tests.servers import DatabaseUrls
from workroom import partitions
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]
PARENTS = (
    "messages", "message_revisions", "message_reactions", "message_files", "files", "file_contents", "file_previews"
)  # fmt: skip


async def partitions_of(owner: asyncpg.Connection, parent: str) -> set[str]:
    rows = await owner.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::regclass", parent
    )
    return {row["name"].removeprefix("workroom.").removeprefix(f"{parent}_") for row in rows}


def months(first: date, count: int) -> set[str]:
    numbers = [first.year * 12 + first.month - 1 + n for n in range(count)]
    return {f"{number // 12:04}_{number % 12 + 1:02}" for number in numbers}


async def ensure(database: Database, **how: int) -> int:
    async with database.transaction() as transaction:
        return await partitions.ensure_partitions(transaction, **how)


async def test_this_month_and_three_more_are_there_from_the_first_migration(
    database: Database, owner: asyncpg.Connection
) -> None:
    today = await owner.fetchval("select (current_instant() at time zone 'utc')::date")
    for parent in PARENTS:
        assert await partitions_of(owner, parent) == months(today, 4) | {"default"}
    assert await ensure(database) == 0


async def test_later_months_are_made_when_their_time_comes_near(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    await move_time(timedelta(days=31 * 2))
    today = await owner.fetchval("select (current_instant() at time zone 'utc')::date")
    made = await ensure(database)
    assert made in (len(PARENTS) * 2, len(PARENTS) * 3)
    for parent in PARENTS:
        assert await partitions_of(owner, parent) >= months(today, 4)
    assert await ensure(database) == 0


async def test_a_message_lies_in_the_month_it_was_sent_or_in_the_default(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    now = await post(database, staff, place.shared, "Now")
    await move_time(timedelta(days=400))
    later = await post(database, staff, place.shared, "Later")
    where = "select tableoid::regclass::text from messages where message_id = $1"
    assert str(await owner.fetchval(where, now.message_id)).endswith(f"messages_{now.recorded_at:%Y_%m}")
    assert str(await owner.fetchval(where, later.message_id)).endswith("messages_default")
    assert [message.text for message in (await page(database, staff, place.shared)).messages] == [
        "Now", "Later",
    ]  # fmt: skip


async def test_a_month_that_has_content_in_the_default_is_left_there(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    await move_time(timedelta(days=400))
    late = await post(database, staff, place.shared, "Late")
    month = f"{late.recorded_at:%Y_%m}"
    made = await ensure(database, months_ahead=0)
    # Messages and revisions of that month stay where they are; of the others there was nothing yet.
    assert made == len(PARENTS) - 2
    assert month not in await partitions_of(owner, "messages")
    assert month in await partitions_of(owner, "message_reactions")
    assert [message.text for message in (await page(database, staff, place.shared)).messages] == ["Late"]


async def test_two_workers_at_once_make_each_month_once(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    await move_time(timedelta(days=100))
    made = await asyncio.gather(*(ensure(database) for _ in range(4)))
    assert sorted(made)[:3] == [0, 0, 0]
    assert max(made) > 0


@pytest.mark.parametrize(
    "statement",
    [
        "create table workroom.messages_evil partition of workroom.messages for values from "
        "('00000000-0000-0000-0000-000000000000') to ('00000000-0000-0000-0000-000000000001')",
        "alter table workroom.messages detach partition workroom.messages_default",
        "drop table workroom.messages_default",
        "truncate workroom.messages_default",
        "delete from workroom.messages_default",
        "insert into workroom.messages_default select * from workroom.messages_default",
        "update workroom.messages_default set deleted_at = now()",
        "select workroom.ensure_partitions('2026-01-01', '2100-01-01')",
        "select workroom.ensure_partitions('2026-02-01', '2026-01-01')",
    ],
)
async def test_the_service_makes_no_partition_of_its_own_and_touches_none(
    database_urls: DatabaseUrls, statement: str
) -> None:
    connection = await asyncpg.connect(database_urls.service_url)
    try:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RaiseError)):
            await connection.execute(statement)
    finally:
        await connection.close()
