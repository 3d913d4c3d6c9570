"""Events read back: with today's content, the same as they were told live, page by page of many streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from tests.deeds import (
    accept,
    add,
    delete,
    edit,
    invite,
    join,
    leave,
    mark,
    open_place,
    post,
    react,
    read_all,
    remove,
    rename,
    set_archived,
)
from tests.people import by, make_account, make_accounts
from workroom import accounts, event_reading
from workroom.event_frames import ToldEvent
from workroom.event_reading import Span
from workroom.events import RecordedEvent
from workroom.ids import StreamId
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]


async def read(database: Database, spans: list[Span], page_size: int = 100) -> dict[Span, list[ToldEvent]]:
    async with database.read() as reading:
        return await event_reading.read_events(reading, spans, page_size)


async def test_what_is_told_live_is_what_is_read_later(database: Database) -> None:
    """As long as nothing has happened since: the same event, whether it was heard or read."""
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    quoted = await post(database, staff, place.shared)

    async def is_read_as_told(told: ToldEvent | None) -> None:
        assert told is not None
        (later,) = await read_all(database, place.shared, told.seq - 1)
        if told.kind == "message_edited":
            assert later.edited_at == told.at  # live, the event's own time says it
            later = msgspec.structs.replace(later, edited_at=None)
        assert later == told

    await is_read_as_told(quoted.told)
    mentions = (staff.account_id,)
    reply = await post(
        database, customer, place.shared, "Reply", reply_to=quoted.message_id, mentions=mentions
    )
    await is_read_as_told(reply.told)
    for is_added in (True, False):
        changed = await react(database, customer, place.shared, quoted.message_id, is_added=is_added)
        await is_read_as_told(changed.told)
    edited = await edit(database, staff, place.shared, quoted.message_id, "Two", mentions=mentions)
    await is_read_as_told(edited.told)
    await is_read_as_told((await delete(database, staff, place.shared, quoted.message_id)).told)


async def test_a_past_event_is_read_with_todays_content(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared, "One")
    await edit(database, staff, place.shared, posted.message_id, "Two")
    last = await edit(database, staff, place.shared, posted.message_id, "Three", mentions=(staff.account_id,))
    told = await read_all(database, place.shared, posted.seq - 1)
    assert last.told is not None
    assert {(event.text, event.revision, event.edited_at) for event in told} == {
        ("Three", 3, last.told.at),
    }  # fmt: skip
    assert "One" not in str(told)
    assert "Two" not in str(told)
    taken = await delete(database, staff, place.shared, posted.message_id)
    told = await read_all(database, place.shared, posted.seq - 1)
    assert "Three" not in str(told)
    assert taken.told is not None
    for event in told[:-1]:
        assert (event.text, event.mentions, event.deleted_at, event.deleted_by) == (
            "", [], taken.told.at, staff.account_id,
        )  # fmt: skip


async def test_content_that_was_destroyed_is_withheld(database: Database, owner: asyncpg.Connection) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared, "One")
    await edit(database, staff, place.shared, posted.message_id, "Two")
    await react(database, staff, place.shared, posted.message_id)
    await rename(database, staff, place.room_id, "Second name")
    for table in ("message_reactions", "message_revisions", "messages", "room_names"):
        await owner.execute(f"delete from {table}")
    told = await read_all(database, place.shared, posted.seq - 1)
    assert [(event.kind, event.withheld) for event in told[:3]] == [
        ("message_posted", True), ("message_edited", True), ("reaction_added", True),
    ]  # fmt: skip
    assert (told[3].kind, told[3].name) == ("room_renamed", None)


async def test_each_name_of_a_room_is_told_with_its_own_event(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    await rename(database, staff, place.room_id, "Second name")
    await rename(database, staff, place.room_id, "Third name")
    names = [event.name for event in await read_all(database, place.shared) if event.name]
    assert names == ["The room", "Second name", "Third name"]


async def test_when_a_message_was_sent_is_told_only_where_it_was_another_time(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared)
    assert (await read_all(database, place.shared, posted.seq - 1))[0].sent_at is None
    earlier = posted.recorded_at - timedelta(days=400)
    await owner.execute("alter table messages disable trigger guard_written")
    await owner.execute("update messages set sent_at = $1", earlier)  # as if it had been imported so
    assert (await read_all(database, place.shared, posted.seq - 1))[0].sent_at == earlier


async def test_spans_of_many_streams_are_read_together_each_within_its_bounds(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    one, other = await open_place(database, staff, customer), await open_place(database, staff)
    for n in range(5):
        await post(database, staff, one.shared, f"one {n}")
        await post(database, staff, other.staff, f"other {n}")
    spans = [
        Span(other.staff, 2),
        Span(one.shared, 4, 6),
        Span(one.shared, 4),
        Span(one.shared, 10_000),
        Span(StreamId(uuid4()), 0),
        Span(one.shared, 4, 6),
    ]
    told = await read(database, spans)
    assert [event.seq for event in told[spans[0]]] == [3, 4, 5, 6]
    assert [event.seq for event in told[spans[1]]] == [5, 6]
    assert [event.seq for event in told[spans[2]]] == list(range(5, 9))
    assert told[spans[3]] == told[spans[4]] == []
    short = await read(database, spans[:3], page_size=2)
    assert [[event.seq for event in short[span]] for span in spans[:3]] == [[3, 4], [5, 6], [5, 6]]
    assert await read(database, []) == {}


async def test_every_kind_says_what_the_document_says(database: Database) -> None:
    staff, customer, admin = await make_accounts(database, "staff", "customer", "admin")
    invited, colleague = await make_accounts(database, "customer", "staff")
    place = await open_place(database, staff, customer)
    await join(database, colleague, place.room_id)
    await accept(database, invited, (await invite(database, staff, place.room_id)).token)
    await rename(database, staff, place.room_id, "Second name")
    await set_archived(database, staff, place.room_id)
    await set_archived(database, staff, place.room_id, archived=False)
    await remove(database, staff, place.room_id, invited)
    await leave(database, colleague, place.room_id)
    await mark(database, customer, place.shared, 4)
    async with database.transaction() as transaction:
        await accounts.change_name(transaction, customer.account_id, "Another name")
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), customer.account_id)
    async with database.transaction() as transaction:
        await accounts.reactivate_account(transaction, by(admin), customer.account_id)
    await add(database, staff, place.room_id, invited)
    fields = {}
    for stream_id in (place.shared, customer.stream_id, invited.stream_id):
        for event in await read_all(database, stream_id):
            told = msgspec.to_builtins(event)
            fields[event.kind] = set(told) - {"seq", "kind", "actor_id", "at", "client_command_id"}
            if event.member is not None:
                assert event.member.account_id == event.account_id
                assert set(told["member"]) == {
                    "account_id", "kind", "display_name", "customer_id", "customer_name", "deactivated",
                }  # fmt: skip
    assert fields == {
        "room_created": {"name"},
        "room_renamed": {"name"},
        "room_archived": set(),
        "room_reopened": set(),
        "member_joined": {"member", "account_id"},
        "member_left": {"account_id"},
        "member_removed": {"account_id"},
        "member_changed": {"member", "account_id"},
        "room_entered": {"room_id"},
        "room_exited": {"room_id"},
        "read_marker_moved": {"stream", "read_seq"},
        "account_changed": {"account_id"},
        "account_deactivated": {"account_id"},
        "account_reactivated": {"account_id"},
    }


async def test_a_person_who_was_erased_has_no_name(database: Database, owner: asyncpg.Connection) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await owner.execute("delete from account_profiles where account_id = $1", customer.account_id)
    joined = (await read_all(database, place.shared))[-1]
    assert joined.member is not None
    assert (joined.member.display_name, joined.member.account_id) == (None, customer.account_id)


async def test_what_was_just_recorded_is_read_by_stream_in_order(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    _, recorded = await remove(database, staff, place.room_id, customer)
    async with database.read() as reading:
        told = await event_reading.read_recorded(reading, recorded)
    assert {stream_id: [event.kind for event in events] for stream_id, events in told.items()} == {
        place.shared: ["member_removed"],
        place.staff: ["member_removed"],
        customer.stream_id: ["room_exited"],
    }


@pytest.mark.parametrize("count", [0, 3])
async def test_nothing_recorded_is_nothing_told(database: Database, count: int) -> None:
    staff = await make_account(database)
    event = RecordedEvent(
        staff.stream_id, "account_changed", staff.account_id, staff.account_id,
        seq=1, recorded_at=staff.created_at,
    )  # fmt: skip
    async with database.read() as reading:
        told = await event_reading.read_recorded(reading, [replace(event, seq=n + 1) for n in range(count)])
    assert [event for events in told.values() for event in events] == []
