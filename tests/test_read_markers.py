"""Read markers: only up, only where one reads, told to one's other devices by number."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.deeds import Place, add, leave, mark, open_place, post, read_all, remove
from tests.people import make_account, make_accounts
from workroom import read_markers
from workroom.accounts import Account
from workroom.errors import InvalidInput, NotFound, WorkroomError
from workroom.ids import AccountId, StreamId
from workroom.read_markers import Mark, Moved
from workroom.storage.database import Database


async def room_with_messages(database: Database) -> tuple[Account, Account, Place, list[int]]:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    return staff, customer, place, [(await post(database, staff, place.shared)).seq for _ in range(3)]


async def markers_of(database: Database, stream_id: StreamId) -> dict[AccountId, int]:
    async with database.read() as reading:
        return dict(await read_markers.list_markers(reading, stream_id))


async def test_a_marker_moves_up_and_never_down(database: Database) -> None:
    _, customer, place, seqs = await room_with_messages(database)
    for seq, expected in ((seqs[0], seqs[0]), (seqs[2], seqs[2]), (seqs[1], seqs[2]), (seqs[2], seqs[2])):
        await mark(database, customer, place.shared, seq)
        assert (await markers_of(database, place.shared))[customer.account_id] == expected


async def test_a_move_is_an_event_for_the_accounts_other_devices(database: Database) -> None:
    _, customer, place, seqs = await room_with_messages(database)
    before = len(await read_all(database, customer.stream_id))
    moved = await mark(database, customer, place.shared, seqs[0])
    assert (await mark(database, customer, place.shared, seqs[0])).event is None
    (event,) = await read_all(database, customer.stream_id, before)
    assert moved.event is not None
    assert (event.seq, event.kind, event.stream, event.read_seq) == (
        moved.event.seq,
        "read_marker_moved",
        place.shared,
        seqs[0],
    )
    assert [event.kind for event in await read_all(database, place.shared)].count("read_marker_moved") == 0


async def test_reading_begins_at_joining(database: Database) -> None:
    # Below it there is nothing unread, also for somebody who was given the history.
    staff, _, place, seqs = await room_with_messages(database)
    newcomer = await make_account(database, "customer")
    joined, _ = await add(database, staff, place.room_id, newcomer, grants_history=True)
    for seq in (0, seqs[0], joined):
        assert (await mark(database, newcomer, place.shared, seq)).event is None
    assert newcomer.account_id not in await markers_of(database, place.shared)
    later = await post(database, staff, place.shared)
    assert (await mark(database, newcomer, place.shared, later.seq)).event is not None


async def test_nothing_is_read_before_it_was_said(database: Database) -> None:
    _, customer, place, seqs = await room_with_messages(database)
    with pytest.raises(InvalidInput) as refused:
        await mark(database, customer, place.shared, seqs[-1] + 1)
    assert refused.value.params["maximum"] == seqs[-1]


async def test_only_who_reads_marks(database: Database) -> None:
    staff, customer, place, _ = await room_with_messages(database)
    stranger = await make_account(database, "customer")
    refusals = set()
    for account, stream_id in (
        (stranger, place.shared),
        (customer, place.staff),
        (customer, customer.stream_id),
        (customer, staff.stream_id),
        (customer, StreamId(uuid4())),
    ):
        with pytest.raises(NotFound) as refused:
            await mark(database, account, stream_id, 1)
        refusals.add(refused.value.message)
    assert len(refusals) == 1
    await mark(database, staff, place.staff, 1)


async def test_markers_of_standing_members_are_shown(database: Database) -> None:
    staff, customer, place, seqs = await room_with_messages(database)
    for account in (staff, customer):
        await mark(database, account, place.shared, seqs[1])
    await remove(database, staff, place.room_id, customer)
    assert await markers_of(database, place.shared) == {staff.account_id: seqs[1]}


async def test_markers_of_the_internal_notes_stay_among_the_provider(database: Database) -> None:
    staff, _, place, _ = await room_with_messages(database)
    note = await post(database, staff, place.staff)
    await mark(database, staff, place.staff, note.seq)
    assert await markers_of(database, place.staff) == {staff.account_id: note.seq}
    assert await markers_of(database, place.shared) == {}


async def test_many_marks_are_answered_one_by_one_in_their_order(database: Database) -> None:
    staff, customer, place, seqs = await room_with_messages(database)
    wanted = [
        Mark(customer.account_id, place.shared, seqs[0]),
        Mark(customer.account_id, place.staff, 1),
        Mark(staff.account_id, place.shared, seqs[2]),
        Mark(customer.account_id, place.shared, seqs[1]),
        Mark(customer.account_id, place.shared, 10_000),
    ]
    async with database.transaction() as transaction:
        outcomes = await read_markers.move_markers(transaction, wanted)
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "Moved", "NotFound", "Moved", "Moved", "InvalidInput",
    ]  # fmt: skip
    assert [outcome.mark for outcome in outcomes if isinstance(outcome, Moved)] == [
        wanted[0], wanted[2], wanted[3],
    ]  # fmt: skip
    # One event for each marker that moved, to the highest number asked for.
    told = [
        outcome.event.subject_detail for outcome in outcomes if isinstance(outcome, Moved) and outcome.event
    ]
    assert sorted(map(str, told)) == sorted(map(str, [seqs[1], seqs[2]]))
    assert await markers_of(database, place.shared) == {
        staff.account_id: seqs[2], customer.account_id: seqs[1],
    }  # fmt: skip


async def test_marks_of_many_accounts_at_once_never_wait_for_each_other_for_ever(database: Database) -> None:
    staff, customer, place, seqs = await room_with_messages(database)
    other = await open_place(database, staff, customer)
    await post(database, staff, other.shared)

    async def move(accounts: list[Account], seq: int) -> list[Moved | WorkroomError]:
        async with database.transaction() as transaction:
            return await read_markers.move_markers(
                transaction,
                [Mark(each.account_id, place.shared, seq) for each in accounts]
                + [Mark(each.account_id, other.shared, 1) for each in reversed(accounts)],
            )

    async with asyncio.TaskGroup() as group:
        for seq in seqs * 2:
            group.create_task(move([staff, customer], seq))
            group.create_task(move([customer, staff], seq))
    assert set((await markers_of(database, place.shared)).values()) == {seqs[-1]}


async def test_a_marker_outlives_leaving_and_counts_again_after_coming_back(database: Database) -> None:
    staff, customer, place, seqs = await room_with_messages(database)
    await mark(database, customer, place.shared, seqs[0])
    await leave(database, customer, place.room_id)
    again, _ = await add(database, staff, place.room_id, customer)
    assert (await mark(database, customer, place.shared, again)).event is None
