"""Events: numbered without gaps, never earlier than the one before, each command once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import a_command, open_place, post, read_all
from tests.people import make_account
from workroom import events
from workroom.accounts import Account
from workroom.errors import CommandIdReused, TryAgain
from workroom.events import NewEvent, RecordedEvent
from workroom.ids import AccountId, StreamId
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]


def a_change(account: Account) -> NewEvent:
    return NewEvent(account.stream_id, "account_changed", account.account_id, account.account_id)


async def record(database: Database, *new: NewEvent) -> list[RecordedEvent]:
    async with database.transaction() as transaction:
        await events.lock_streams(transaction, sorted({each.stream_id for each in new}))
        return await events.record_events(transaction, new)


async def test_a_stream_counts_from_one_without_gaps(database: Database) -> None:
    account = await make_account(database)
    seqs = [(await record(database, a_change(account)))[0].seq for _ in range(5)]
    seqs += [event.seq for event in await record(database, *[a_change(account)] * 3)]
    assert seqs == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_each_stream_counts_for_itself(database: Database) -> None:
    one, other = await make_account(database), await make_account(database)
    recorded = await record(database, a_change(one), a_change(other), a_change(one))
    assert [event.seq for event in recorded] == [1, 1, 2]


async def test_what_is_rolled_back_leaves_no_gap(database: Database) -> None:
    account = await make_account(database)
    await record(database, a_change(account))
    with pytest.raises(TryAgain):
        async with database.transaction() as transaction:
            await events.lock_streams(transaction, [account.stream_id])
            await events.record_events(transaction, [a_change(account)])
            raise TryAgain("changed our mind")
    assert (await record(database, a_change(account)))[0].seq == 2


async def test_many_at_once_take_different_numbers(database: Database, owner: asyncpg.Connection) -> None:
    account = await make_account(database)
    async with asyncio.TaskGroup() as group:
        writes = [group.create_task(record(database, a_change(account))) for _ in range(40)]
    assert sorted(write.result()[0].seq for write in writes) == list(range(1, 41))
    last = await owner.fetchval("select last_seq from streams where stream_id = $1", account.stream_id)
    assert last == 40


async def test_no_event_is_earlier_than_the_one_before_whatever_the_clock_does(
    database: Database, move_time: MoveTime
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    await move_time(timedelta(hours=1))
    ahead = (await post(database, staff, place.shared)).recorded_at
    await move_time(timedelta(hours=-2))
    behind = (await post(database, staff, place.shared)).recorded_at
    assert behind == ahead
    ats = [event.at for event in await read_all(database, place.shared)]
    assert ats == sorted(ats)


async def test_a_command_is_found_by_stream_actor_and_id_together(database: Database) -> None:
    one, other = await make_account(database), await make_account(database)
    place = await open_place(database, one, other)
    command = a_command()
    posted = await post(database, one, place.shared, command=command)
    async with database.read() as reading:
        found = await events.find_command(reading, place.shared, one.account_id, command)
        assert found is not None
        assert (found.seq, found.kind, found.subject_id) == (posted.seq, "message_posted", posted.message_id)
        assert await events.find_command(reading, place.shared, other.account_id, command) is None
        assert await events.find_command(reading, place.staff, one.account_id, command) is None
        assert await events.find_command(reading, place.shared, one.account_id, a_command()) is None


async def test_the_database_itself_refuses_the_same_command_twice(
    database: Database, owner: asyncpg.Connection
) -> None:
    account = await make_account(database)
    command = a_command()
    with pytest.raises(TryAgain):
        await record(
            database,
            *[
                NewEvent(
                    account.stream_id,
                    "account_changed",
                    account.account_id,
                    uuid4(),
                    client_command_id=command,
                )
                for _ in range(2)
            ],
        )
    assert await owner.fetchval("select count(*) from events where stream_id = $1", account.stream_id) == 0


def test_a_command_is_the_same_by_kind_and_subject() -> None:
    subject = uuid4()
    done = RecordedEvent(
        StreamId(uuid4()),
        "message_edited",
        AccountId(uuid4()),
        subject,
        seq=3,
        recorded_at=None,  # type: ignore[arg-type]
    )
    assert events.require_same_command(done, "message_edited", subject) is done
    for kind, other in (("message_deleted", subject), ("message_edited", uuid4())):
        with pytest.raises(CommandIdReused):
            events.require_same_command(done, kind, other)


def test_content_is_the_same_or_was_destroyed() -> None:
    events.require_same_content("a", "a")
    events.require_same_content(None, "a")
    with pytest.raises(CommandIdReused):
        events.require_same_content("a", "b")


async def test_an_event_has_no_text_and_no_name(owner: asyncpg.Connection) -> None:
    columns = await owner.fetch(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'workroom' and table_name = 'events'"
    )
    texts = {column["column_name"] for column in columns if column["data_type"] in ("text", "jsonb", "json")}
    assert texts == {"kind"}
