"""Legal holds: what they cover, from when, for how long; and that nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import delete, edit, join, leave, open_place, post, react, set_archived
from tests.holding import (
    make_officer,
    open_matter,
    place_hold,
    release_hold,
    scope_of,
    write_everything,
)
from tests.people import by, make_account, make_accounts
from workroom import accounts, audit, holds
from workroom.accounts import Account
from workroom.audit import Act, EntryFilter
from workroom.errors import Conflict, Forbidden, InvalidInput, NotFound, WorkroomError
from workroom.hold_scopes import ContentKind, Covers, Custodian, HoldScope, count_coverage
from workroom.holds import Hold, HoldState, Widening
from workroom.ids import AccountId, HoldId, MatterId, MessageId, RoomId, StreamId
from workroom.storage.database import Database
from workroom.storage.database_errors import HELD
from workroom.storage.queries import Query

MoveTime = Callable[[timedelta], Awaitable[None]]


async def is_held(owner: asyncpg.Connection, message_id: MessageId) -> bool:
    """Whether Postgres refuses to delete the message's text; the deletion is undone where it does not."""
    attempt = owner.transaction()
    await attempt.start()
    try:
        await owner.execute("delete from message_revisions where message_id = $1", message_id)
        return False
    except asyncpg.PostgresError as error:
        assert error.sqlstate == HELD
        return True
    finally:
        await attempt.rollback()


async def holding(database: Database, message_id: MessageId) -> list[HoldId]:
    """Which holds keep the message, as compliance is told."""
    async with database.read() as reading:
        return (await holds.list_holds_of_messages(reading, [message_id])).get(message_id, [])


async def amend(database: Database, officer: Account, hold: Hold, widening: Widening) -> Hold:
    async with database.transaction() as transaction:
        return await holds.amend_hold(transaction, by(officer), hold.hold_id, widening, "The claim has grown")


async def say(database: Database, author: Account, stream_id: StreamId) -> MessageId:
    return (await post(database, author, stream_id)).message_id


# -- what is covered -----------------------------------------------------------------------------------------


async def test_a_room_is_held_from_the_commit_on_with_what_comes_later(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place, other = await open_place(database, author), await open_place(database, author)
    before, elsewhere = await say(database, author, place.shared), await say(database, author, other.shared)
    assert not await is_held(owner, before)
    hold = await place_hold(database, officer, place.room_id)
    later, note = await say(database, author, place.shared), await say(database, author, place.staff)
    assert [await is_held(owner, each) for each in (before, later, note, elsewhere)] == [
        True,
        True,
        True,
        False,
    ]
    assert await holding(database, later) == [hold.hold_id]
    assert await holding(database, elsewhere) == []


async def test_a_hold_that_was_not_committed_keeps_nothing(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    message, matter_id = await say(database, author, place.shared), await open_matter(database, officer)
    with pytest.raises(RuntimeError):
        async with database.transaction() as transaction:
            await holds.place_hold(
                transaction, by(officer), matter_id, scope_of(place.room_id), "A court asks"
            )
            raise RuntimeError("the line broke before the commit")
    assert not await is_held(owner, message)


async def test_a_custodians_rooms_are_held_while_they_were_members(
    database: Database, owner: asyncpg.Connection
) -> None:
    custodian, other, officer = await make_accounts(database, "staff", "staff", "compliance")
    place = await open_place(database, other)
    before = await say(database, other, place.shared)
    await join(database, custodian, place.room_id)
    during, note = await say(database, other, place.shared), await say(database, other, place.staff)
    await leave(database, custodian, place.room_id)
    between = await say(database, other, place.shared)
    await join(database, custodian, place.room_id)
    again = await say(database, other, place.shared)
    await place_hold(database, officer, scope_of(members=[custodian]))
    after_placing = await say(database, other, place.shared)
    await leave(database, custodian, place.room_id)
    afterwards = await say(database, other, place.shared)
    messages = (before, during, note, between, again, after_placing, afterwards)
    assert [await is_held(owner, each) for each in messages] == [False, True, True, False, True, True, False]
    assert [bool(await holding(database, each)) for each in messages] == [
        False, True, True, False, True, True, False
    ]  # fmt: skip


async def test_a_room_a_custodian_joins_later_is_held_as_well(
    database: Database, owner: asyncpg.Connection
) -> None:
    custodian, other, officer = await make_accounts(database, "staff", "staff", "compliance")
    await place_hold(database, officer, scope_of(members=[custodian]))
    place = await open_place(database, other)
    before = await say(database, other, place.shared)
    await join(database, custodian, place.room_id)
    after = await say(database, other, place.shared)
    assert [await is_held(owner, before), await is_held(owner, after)] == [False, True]


async def test_only_what_a_custodian_sent_is_held_where_the_hold_says_so(
    database: Database, owner: asyncpg.Connection
) -> None:
    custodian, other, officer = await make_accounts(database, "staff", "staff", "compliance")
    place = await open_place(database, other)
    await join(database, custodian, place.room_id)
    theirs, not_theirs = (
        await say(database, custodian, place.shared),
        await say(database, other, place.shared),
    )
    note = await say(database, custodian, place.staff)
    await place_hold(database, officer, scope_of(senders=[custodian]))
    later = await say(database, custodian, place.shared)
    await leave(database, custodian, place.room_id)
    messages = (theirs, not_theirs, note, later)
    assert [await is_held(owner, each) for each in messages] == [True, False, True, True]


async def test_the_span_counts_by_the_time_of_sending_from_inclusive_until_exclusive(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    messages = [await say(database, author, place.shared) for _ in range(3)]
    sent = [
        await owner.fetchval("select sent_at from messages where message_id = $1", each) for each in messages
    ]
    await place_hold(database, officer, scope_of(place.room_id, sent_from=sent[1], sent_until=sent[2]))
    assert [await is_held(owner, each) for each in messages] == [False, True, False]
    await place_hold(database, officer, scope_of(place.room_id, sent_from=sent[2]))
    later = await say(database, author, place.shared)
    assert [await is_held(owner, each) for each in (*messages, later)] == [False, True, True, True]
    await place_hold(database, officer, scope_of(place.room_id, sent_until=sent[1]))
    assert await is_held(owner, messages[0])


async def test_rooms_and_custodians_of_a_hold_add_up_and_its_span_limits_both(
    database: Database, owner: asyncpg.Connection
) -> None:
    custodian, other, officer = await make_accounts(database, "staff", "staff", "compliance")
    named, joined = await open_place(database, other), await open_place(database, custodian)
    early = [await say(database, other, named.shared), await say(database, custodian, joined.shared)]
    instant = await owner.fetchval("select clock_timestamp()")
    late = [await say(database, other, named.shared), await say(database, custodian, joined.shared)]
    await place_hold(database, officer, scope_of(named.room_id, members=[custodian], sent_from=instant))
    assert [await is_held(owner, each) for each in (*early, *late)] == [False, False, True, True]


async def test_overlapping_holds_add_up_and_each_has_to_end(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    message = await say(database, author, place.shared)
    one = await place_hold(database, officer, place.room_id)
    other = await place_hold(database, officer, scope_of(senders=[author]))
    assert set(await holding(database, message)) == {one.hold_id, other.hold_id}
    await release_hold(database, officer, one, grace_days=1)
    await move_time(timedelta(days=2))
    assert await is_held(owner, message)
    assert await holding(database, message) == [other.hold_id]
    await release_hold(database, officer, other, grace_days=1)
    await move_time(timedelta(days=2))
    assert not await is_held(owner, message)


async def test_every_revision_and_reaction_of_what_was_deleted_is_held(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    message = await write_everything(database, owner, author, place)
    await place_hold(database, officer, place.room_id)
    await edit(database, author, place.shared, message, "Something else")
    await react(database, author, place.shared, message, is_added=False)
    await delete(database, author, place.shared, message)
    texts = await owner.fetch(
        "select text from message_revisions where message_id = $1 order by revision", message
    )
    assert [record["text"] for record in texts] == ["Good morning", "Good evening", "Something else"]
    for table in ("message_revisions", "message_reactions", "messages", "files"):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await owner.execute(f"delete from {table} where message_id = $1", message)
        assert caught.value.sqlstate == HELD


# -- that goes on --------------------------------------------------------------------------------------------


async def test_a_hold_goes_on_over_what_is_closed_archived_and_deactivated(
    database: Database, owner: asyncpg.Connection
) -> None:
    admin, custodian, author, officer = await make_accounts(database, "admin", "staff", "staff", "compliance")
    place = await open_place(database, author)
    await join(database, custodian, place.room_id)
    message, theirs = await say(database, author, place.shared), await say(database, custodian, place.shared)
    await place_hold(database, officer, place.room_id)
    await place_hold(database, officer, scope_of(senders=[custodian]))
    await set_archived(database, author, place.room_id)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), custodian.account_id)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), officer.account_id)
    await owner.execute("delete from account_profiles where account_id = $1", custodian.account_id)
    assert [await is_held(owner, message), await is_held(owner, theirs)] == [True, True]


async def test_members_go_on_while_a_hold_is_being_placed_and_wait_for_nothing(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, other, officer = await make_accounts(database, "staff", "staff", "compliance")
    place, matter_id = await open_place(database, author), await open_matter(database, officer)
    message = await say(database, author, place.shared)
    async with database.transaction() as transaction:
        await holds.place_hold(transaction, by(officer), matter_id, scope_of(place.room_id), "A court asks")
        async with asyncio.timeout(2):  # the lock of holds is taken alone, and not given back yet
            await say(database, author, place.shared)
            await edit(database, author, place.shared, message, "Better")
            await react(database, author, place.shared, message)
            await delete(database, author, place.shared, message)
            await join(database, other, place.room_id)
            await leave(database, other, place.room_id)
            await set_archived(database, author, place.room_id)


async def test_placing_writes_no_row_of_content(database: Database, owner: asyncpg.Connection) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    message = await write_everything(database, owner, author, place)
    tables = ("messages", "message_revisions", "message_reactions", "files", "rooms", "streams", "events")
    versions = {table: await owner.fetch(f"select xmin::text, ctid::text from {table}") for table in tables}
    await place_hold(database, officer, place.room_id)
    assert {
        table: await owner.fetch(f"select xmin::text, ctid::text from {table}") for table in tables
    } == versions
    assert await is_held(owner, message)


SCANS_OF_MESSAGES = Query(
    "test.scans_of_messages",
    "select coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::integer from pg_stat_xact_all_tables "
    "where relname ~ '^(messages|message_|file)'",
    (),
    "How often this transaction looked into tables of content.",
    True,
)


async def test_placing_looks_at_no_message_and_so_takes_no_longer_in_a_large_room(database: Database) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place, matter_id = await open_place(database, author), await open_matter(database, officer)
    await say(database, author, place.shared)
    scope = scope_of(place.room_id, members=[author], senders=[author])
    async with database.transaction() as transaction:
        await holds.place_hold(transaction, by(officer), matter_id, scope, "A court asks")
        assert await transaction.fetch_value(SCANS_OF_MESSAGES) == 0
        await count_coverage(transaction, scope)
        assert await transaction.fetch_value(SCANS_OF_MESSAGES) > 0, "a look is seen"


# -- amending ------------------------------------------------------------------------------------------------


async def test_a_hold_is_widened_by_rooms_custodians_kinds_and_time(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, custodian, officer = await make_accounts(database, "staff", "staff", "compliance")
    place, other = await open_place(database, author), await open_place(database, author)
    early = [await say(database, author, place.shared), await say(database, author, other.shared)]
    instant = await owner.fetchval("select clock_timestamp()")
    late = [await say(database, author, place.shared), await say(database, author, other.shared)]
    hold = await place_hold(
        database, officer, scope_of(place.room_id, sent_from=instant, kinds=[ContentKind.MESSAGES])
    )
    assert [await is_held(owner, each) for each in (*early, *late)] == [False, False, True, False]
    custodian_part = Custodian(custodian.account_id, Covers.SENT)
    hold = await amend(
        database, officer, hold, Widening(frozenset([other.room_id]), frozenset([custodian_part]))
    )
    assert [await is_held(owner, each) for each in (*early, *late)] == [False, False, True, True]
    hold = await amend(
        database, officer, hold, Widening(sent_from=None, kinds=frozenset([ContentKind.FILES]))
    )
    assert [await is_held(owner, each) for each in (*early, *late)] == [True, True, True, True]
    assert hold.scope == scope_of(place.room_id, other.room_id, senders=[custodian])
    async with database.read() as reading:
        amendments = await holds.list_amendments(reading, hold.hold_id)
    assert [(each.number, each.reason) for each in amendments] == [
        (1, "A court asks"), (2, "The claim has grown"), (3, "The claim has grown"),
    ]  # fmt: skip
    assert [each.added.room_ids for each in amendments] == [{place.room_id}, {other.room_id}, set()]
    assert amendments[1].added.custodians == {custodian_part}
    assert [each.added.sent_from for each in amendments] == [instant, instant, None]


NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("widening", "error", "problem"),
    [
        (Widening(sent_from=NOON + timedelta(hours=1)), Conflict, "narrows_hold"),
        (Widening(sent_until=NOON + timedelta(hours=5)), Conflict, "narrows_hold"),
        (Widening(), InvalidInput, "nothing_new"),
        (Widening(sent_from=NOON), InvalidInput, "nothing_new"),
        (Widening(kinds=frozenset([ContentKind.FILES])), InvalidInput, "nothing_new"),
        (Widening(room_ids=frozenset([RoomId(uuid4())])), InvalidInput, "unknown"),
        (
            Widening(custodians=frozenset([Custodian(AccountId(uuid4()), Covers.SENT)])),
            InvalidInput,
            "unknown",
        ),
        (Widening(sent_from=NOON.replace(tzinfo=None) - timedelta(days=1)), InvalidInput, "wrong_type"),
    ],
)
async def test_a_hold_never_narrows_and_an_amendment_says_something_new(
    database: Database, widening: Widening, error: type[WorkroomError], problem: str
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    scope = scope_of(place.room_id, sent_from=NOON, sent_until=NOON + timedelta(hours=6))
    hold = await place_hold(database, officer, scope)
    with pytest.raises(error) as caught:
        await amend(database, officer, hold, widening)
    assert caught.value.params["problem"] == problem
    async with database.read() as reading:
        assert await holds.require_hold(reading, hold.hold_id) == hold
        assert len(await holds.list_amendments(reading, hold.hold_id)) == 1


async def test_an_end_that_is_open_is_not_closed_again(database: Database) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    hold = await place_hold(database, officer, place.room_id)
    for widening in (Widening(sent_from=NOON), Widening(sent_until=NOON)):
        with pytest.raises(Conflict):
            await amend(database, officer, hold, widening)


async def test_a_hold_that_was_released_is_not_amended(database: Database) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place, other = await open_place(database, author), await open_place(database, author)
    hold = await release_hold(database, officer, await place_hold(database, officer, place.room_id))
    with pytest.raises(Conflict) as caught:
        await amend(database, officer, hold, Widening(frozenset([other.room_id])))
    assert caught.value.params["problem"] == "released"


# -- who may, and what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["admin", "staff", "customer"])
async def test_nobody_but_an_officer_places_or_amends_a_hold(database: Database, kind: str) -> None:
    outsider, author, officer = await make_accounts(database, kind, "staff", "compliance")
    place = await open_place(database, author)
    hold = await place_hold(database, officer, place.room_id)
    with pytest.raises(Forbidden):
        await place_hold(database, outsider, place.room_id, hold.matter_id)
    with pytest.raises(Forbidden):
        await amend(database, outsider, hold, Widening(senders_of(author)))


def senders_of(account: Account) -> frozenset[RoomId]:
    """Some room: who asks has no right to learn whether there is such a one."""
    return frozenset([RoomId(account.account_id)])


async def test_an_officer_who_was_deactivated_places_no_hold(database: Database) -> None:
    admin, author, officer = await make_accounts(database, "admin", "staff", "compliance")
    place, matter_id = await open_place(database, author), await open_matter(database, officer)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), officer.account_id)
    with pytest.raises(NotFound):
        await place_hold(database, officer, place.room_id, matter_id)
    with pytest.raises(NotFound):
        async with database.transaction() as transaction:
            await holds.place_hold(
                transaction, audit.by_shell(), matter_id, scope_of(place.room_id), "Whoever has the shell"
            )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"room_ids": frozenset()}, "empty_scope"),
        ({"kinds": frozenset()}, "missing"),
        ({"room_ids": frozenset([RoomId(uuid4())])}, "unknown"),
        ({"custodians": frozenset([Custodian(AccountId(uuid4()), Covers.MEMBERSHIPS)])}, "unknown"),
        ({"sent_from": NOON, "sent_until": NOON}, "out_of_order"),
        ({"sent_from": NOON, "sent_until": NOON - timedelta(days=1)}, "out_of_order"),
        ({"sent_from": NOON.replace(tzinfo=None)}, "wrong_type"),
        ({"room_ids": frozenset(RoomId(uuid4()) for _ in range(2001))}, "too_many"),
    ],
)
async def test_a_scope_that_makes_no_sense_is_refused_and_nothing_is_half_done(
    database: Database, owner: asyncpg.Connection, change: dict[str, object], problem: str
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place, matter_id = await open_place(database, author), await open_matter(database, officer)
    entries = await owner.fetchval("select count(*) from audit_entries")
    scope = replace(scope_of(place.room_id), **change)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as caught:
        await place_hold(database, officer, scope, matter_id)
    assert caught.value.params["problem"] == problem
    assert await owner.fetchval("select count(*) from holds") == 0
    assert await owner.fetchval("select count(*) from audit_entries") == entries


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 4001, "a\x00b"])
async def test_a_hold_without_a_reason_is_refused(database: Database, reason: str) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place, matter_id = await open_place(database, author), await open_matter(database, officer)
    with pytest.raises(InvalidInput) as caught:
        async with database.transaction() as transaction:
            await holds.place_hold(transaction, by(officer), matter_id, scope_of(place.room_id), reason)
    assert caught.value.params["field"] == "reason"


async def test_a_hold_needs_a_matter(database: Database) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    with pytest.raises(NotFound):
        await place_hold(database, officer, place.room_id, MatterId(uuid4()))


# -- listing, recording --------------------------------------------------------------------------------------


async def test_holds_are_found_by_matter_room_and_state(database: Database, move_time: MoveTime) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place, other = await open_place(database, author), await open_place(database, author)
    by_room = await place_hold(database, officer, place.room_id)
    by_custodian = await place_hold(database, officer, scope_of(members=[author]))
    gone = await release_hold(
        database, officer, await place_hold(database, officer, other.room_id), grace_days=1
    )
    assert gone.state is HoldState.GRACE

    async def found(**wanted: object) -> set[HoldId]:
        async with database.read() as reading:
            return {each.hold_id for each in await holds.list_holds(reading, **wanted)}  # type: ignore[arg-type]

    assert await found() == {by_room.hold_id, by_custodian.hold_id, gone.hold_id}
    assert await found(matter_id=by_room.matter_id) == {by_room.hold_id}
    assert await found(room_id=place.room_id) == {by_room.hold_id, by_custodian.hold_id}
    assert await found(room_id=other.room_id) == {by_custodian.hold_id, gone.hold_id}
    assert await found(state=HoldState.GRACE) == {gone.hold_id}
    await move_time(timedelta(days=2))
    assert await found(state=HoldState.ENDED) == {gone.hold_id}
    assert await found(state=HoldState.STANDING) == {by_room.hold_id, by_custodian.hold_id}


async def test_a_hold_of_this_id_or_none(database: Database) -> None:
    with pytest.raises(NotFound):
        async with database.read() as reading:
            await holds.require_hold(reading, HoldId(uuid4()))


async def test_placing_and_amending_are_recorded_with_reason_before_and_after(database: Database) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place, other = await open_place(database, author), await open_place(database, author)
    hold = await place_hold(database, officer, place.room_id)
    await amend(database, officer, hold, Widening(frozenset([other.room_id])))
    async with database.read() as reading:
        amended, placed = await audit.list_entries(reading, EntryFilter(subject_id=hold.hold_id))
    assert (placed.act, placed.actor_id, placed.texts) == (
        Act.HOLD_PLACED, officer.account_id, {"reason": "A court asks"},
    )  # fmt: skip
    assert placed.facts["rooms"] == [str(place.room_id)]
    assert (amended.act, amended.texts) == (Act.HOLD_AMENDED, {"reason": "The claim has grown"})
    assert amended.facts["before"]["rooms"] == [str(place.room_id)]
    assert amended.facts["after"]["rooms"] == sorted([str(place.room_id), str(other.room_id)])


async def test_a_scope_reads_back_as_it_was_written(database: Database) -> None:
    author, custodian, officer = await make_accounts(database, "staff", "customer", "compliance")
    place = await open_place(database, author)
    scope = HoldScope(
        frozenset([place.room_id]),
        frozenset([Custodian(custodian.account_id, each) for each in Covers]),
        NOON,
        NOON + timedelta(days=9),
        frozenset([ContentKind.FILES]),
    )
    hold = await place_hold(database, officer, scope)
    assert hold.scope == scope
    async with database.read() as reading:
        assert (await holds.require_hold(reading, hold.hold_id)).scope == scope
