"""Members are told what is not shown any more, so that what a browser holds is what it would fetch afresh."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.deeds import Place, add, delete, open_place, page, post, read_all, set_archived
from tests.holding import attach, make_officer, place_hold
from tests.people import actor_of, make_account
from tests.retaining import assign_room, import_messages, label_file, label_message, make_class
from workroom import expiry, room_overview
from workroom.accounts import Account
from workroom.errors import InternalError
from workroom.event_frames import ToldEvent
from workroom.expiry import Round
from workroom.expiry_rounds import tell_what_expired
from workroom.ids import NOBODY
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]
KINDS = ("messages_expired", "messages_restored", "file_expired")


async def a_room(database: Database, owner: asyncpg.Connection, **days: Any) -> tuple[Account, Place]:
    author = await make_account(database)
    place = await open_place(database, author)
    await assign_room(owner, place.room_id, await make_class(owner, **days))
    return author, place


async def told(database: Database, place: Place) -> list[ToldEvent]:
    """What members of a room were told about expiry."""
    return [event for event in await read_all(database, place.shared) if event.kind in KINDS]


def spans(events: list[ToldEvent]) -> list[tuple[str, int | None, int | None]]:
    return [(event.kind, event.first_seq, event.last_seq) for event in events]


async def expired_before(database: Database, reader: Account, place: Place) -> datetime | None:
    async with database.read() as reading:
        opened = await room_overview.open_room(reading, actor_of(reader), place.room_id)
    return opened.streams["shared"].expired_before


@pytest.mark.parametrize("is_held", [False, True])
async def test_one_event_says_which_numbers_are_gone_whether_held_or_not(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_held: bool
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    if is_held:
        await place_hold(database, await make_officer(database), place.room_id)
    posted = [await post(database, author, place.shared) for _ in range(3)]
    await tell_what_expired(database)
    await move_time(timedelta(days=5))
    later = await post(database, author, place.shared)
    await move_time(timedelta(days=4))
    assert await tell_what_expired(database) == 0
    await move_time(timedelta(days=2))
    assert await tell_what_expired(database) == 1
    assert await tell_what_expired(database) == 0
    events = await told(database, place)
    assert spans(events) == [("messages_expired", posted[0].seq, posted[2].seq)]
    assert events[0].actor_id == NOBODY
    assert events[0].expired_before is not None
    assert posted[2].recorded_at < events[0].expired_before < later.recorded_at
    assert await expired_before(database, author, place) == events[0].expired_before


async def test_both_streams_of_a_room_are_told(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    await post(database, author, place.shared)
    await post(database, author, place.staff)
    await tell_what_expired(database)
    await move_time(timedelta(days=11))
    assert await tell_what_expired(database) == 2


async def test_a_stretch_ends_where_a_message_is_still_shown(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    posted = [await post(database, author, place.shared) for _ in range(5)]
    await label_message(owner, posted[2].message_id, await make_class(owner, keep=100))
    await tell_what_expired(database)
    await move_time(timedelta(days=11))
    await tell_what_expired(database)
    seqs = [one.seq for one in posted]
    assert spans(await told(database, place)) == [
        ("messages_expired", seqs[0], seqs[1]),
        ("messages_expired", seqs[3], seqs[4]),
    ]
    await move_time(timedelta(days=90))
    await tell_what_expired(database)
    assert spans(await told(database, place))[2:] == [("messages_expired", seqs[2], seqs[2])]


async def test_a_tombstone_that_goes_is_told_and_is_no_history(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=1000)
    posted = [await post(database, author, place.shared) for _ in range(3)]
    await delete(database, author, place.shared, posted[1].message_id)
    await tell_what_expired(database)
    await move_time(timedelta(days=31))
    assert await tell_what_expired(database) == 1
    events = await told(database, place)
    assert spans(events) == [("messages_expired", posted[1].seq, posted[1].seq)]
    assert events[0].expired_before is None
    assert await expired_before(database, author, place) is None


async def test_a_class_that_is_changed_back_shows_again_what_was_gone(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=1000)
    posted = [await post(database, author, place.shared) for _ in range(3)]
    await tell_what_expired(database)
    await move_time(timedelta(days=20))
    await owner.execute("update retention_classes set destroy_days = 10")
    assert len((await page(database, author, place.shared)).messages) == 0
    await tell_what_expired(database)
    assert await expired_before(database, author, place) is not None
    await owner.execute("update retention_classes set destroy_days = 1000")
    assert await tell_what_expired(database) == 1
    seqs = (posted[0].seq, posted[2].seq)
    assert spans(await told(database, place)) == [("messages_expired", *seqs), ("messages_restored", *seqs)]
    assert len((await page(database, author, place.shared)).messages) == 3
    assert await expired_before(database, author, place) is None


async def test_a_rule_that_changes_while_a_round_is_under_way_is_told_by_the_next(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, place = await a_room(database, owner, destroy=1000)
    posted = await post(database, author, place.shared)
    await tell_what_expired(database)
    await move_time(timedelta(days=20))
    await owner.execute("update retention_classes set removed_days = 31")

    async def change_after_looking(transaction: Any, rule: Any, told: Any) -> Any:
        stretches = await look_through_room(transaction, rule, told)
        await owner.execute("update retention_classes set destroy_days = 10")
        return stretches

    look_through_room = expiry.look_through_room
    monkeypatch.setattr(expiry, "look_through_room", change_after_looking)
    assert await tell_what_expired(database) == 0
    monkeypatch.undo()
    await tell_what_expired(database)
    assert spans(await told(database, place)) == [("messages_expired", posted.seq, posted.seq)]


async def test_a_room_whose_closing_ends_it_is_told_all_at_once(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, counted_from="room_closed", destroy=10)
    posted = [await post(database, author, place.shared) for _ in range(3)]
    await tell_what_expired(database)
    await set_archived(database, author, place.room_id)
    await move_time(timedelta(days=9))
    await tell_what_expired(database)
    assert await told(database, place) == []
    await move_time(timedelta(days=2))
    await tell_what_expired(database)
    assert spans(await told(database, place)) == [("messages_expired", posted[0].seq, posted[2].seq)]
    await set_archived(database, author, place.room_id, archived=False)
    await tell_what_expired(database)
    assert spans(await told(database, place))[1:] == [("messages_restored", posted[0].seq, posted[2].seq)]


async def test_a_label_shows_again_what_was_gone_and_taking_it_away_hides_it(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    posted = await post(database, author, place.shared)
    await tell_what_expired(database)
    await move_time(timedelta(days=11))
    await tell_what_expired(database)
    await label_message(owner, posted.message_id, await make_class(owner, keep=100))
    await tell_what_expired(database)
    await label_message(owner, posted.message_id, None)
    await tell_what_expired(database)
    assert [event.kind for event in await told(database, place)] == [
        "messages_expired",
        "messages_restored",
        "messages_expired",
    ]


async def test_a_file_whose_time_comes_before_its_message_is_told_by_itself(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=100)
    posted = await post(database, author, place.shared)
    await attach(owner, posted.message_id)
    file_id = await owner.fetchval("select file_id from files")
    await label_file(owner, file_id, await make_class(owner, destroy=5))
    await tell_what_expired(database)
    await move_time(timedelta(days=6))
    assert await tell_what_expired(database) == 1
    event = (await told(database, place))[0]
    assert (event.kind, event.file_id, event.subject_seq) == ("file_expired", file_id, posted.seq)
    assert await tell_what_expired(database) == 0


async def test_what_is_labelled_is_told_once_whatever_else_changes(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, counted_from="room_closed", destroy=100)
    first = await post(database, author, place.shared)
    second = await post(database, author, place.shared)
    await attach(owner, second.message_id)
    file_id = await owner.fetchval("select file_id from files")
    await label_message(owner, first.message_id, await make_class(owner, destroy=5))
    await label_file(owner, file_id, await make_class(owner, destroy=5))
    await tell_what_expired(database)
    await move_time(timedelta(days=6))
    assert await tell_what_expired(database) == 2
    await set_archived(database, author, place.room_id)
    assert await tell_what_expired(database) == 0
    await owner.execute("update retention_classes set removed_days = 31")
    assert await tell_what_expired(database) == 0
    await owner.execute("update retention_classes set destroy_days = 50 where counted_from = 'sent'")
    assert await tell_what_expired(database) == 2
    assert spans(await told(database, place))[2:] == [
        ("messages_restored", first.seq, first.seq),
        ("messages_restored", second.seq, second.seq),
    ]
    assert await tell_what_expired(database) == 0


@pytest.mark.parametrize("is_class", [True, False])
async def test_a_label_that_changes_while_a_round_is_under_way_is_told_by_the_next(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_class: bool
) -> None:
    author, place = await a_room(database, owner, destroy=1000)
    posted = await post(database, author, place.shared)
    long, short = await make_class(owner, destroy=1000), await make_class(owner, destroy=10)
    await label_message(owner, posted.message_id, long)
    await tell_what_expired(database)
    await move_time(timedelta(days=20))
    async with owner.transaction():
        if is_class:
            await owner.execute("update retention_classes set destroy_days = 10 where class_id = $1", long)
        else:
            await label_message(owner, posted.message_id, short)
        assert await tell_what_expired(database) == 0
    await tell_what_expired(database)
    assert spans(await told(database, place)) == [("messages_expired", posted.seq, posted.seq)]


async def test_a_room_is_looked_through_without_asking_of_each_message_whether_it_is_gone(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    gone, due = [await post(database, author, place.shared) for _ in range(2)]
    await owner.execute("insert into gone_content values ($1, 'infinity')", gone.message_id)
    await owner.execute("insert into gone_content values ($1, current_instant())", due.message_id)
    await owner.execute(
        "create or replace function workroom.is_gone(of_content_id uuid, part_removed_at timestamptz default "
        "'infinity') returns boolean language plpgsql stable as $$ begin raise exception 'asked for'; end $$"
    )
    now = await owner.fetchval("select current_instant()")
    told = Round(None, now + timedelta(days=11))
    async with database.read() as reading:
        (rule,) = await expiry.list_rooms_to_look_through(reading, told)
        (stretch,) = await expiry.look_through_room(reading, rule, told)
    assert (stretch.is_gone, stretch.first_seq, stretch.last_seq) == (True, due.seq, due.seq)


async def test_a_file_that_is_shown_again_takes_back_nothing_that_was_said_of_messages(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    kept = await post(database, author, place.shared)
    await attach(owner, kept.message_id)
    await post(database, author, place.shared)
    file_id = await owner.fetchval("select file_id from files")
    short = await make_class(owner, destroy=5)
    await label_message(owner, kept.message_id, await make_class(owner, destroy=1000))
    await label_file(owner, file_id, short)
    await tell_what_expired(database)
    await move_time(timedelta(days=11))
    await tell_what_expired(database)
    marks = await owner.fetchrow("select * from stream_expiries")
    assert marks["expired_before"] is not None, "nothing was said: this proves nothing"
    await owner.execute("update retention_classes set destroy_days = 500 where class_id = $1", short)
    assert await tell_what_expired(database) == 1
    assert spans(await told(database, place))[-1] == ("messages_restored", kept.seq, kept.seq)
    assert await owner.fetchrow("select * from stream_expiries") == marks


async def test_messages_of_labelled_files_are_asked_for_only_where_there_is_something_to_tell(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, place = await a_room(database, owner, destroy=1000)
    posted = await post(database, author, place.shared)
    await attach(owner, posted.message_id)
    file_id = await owner.fetchval("select file_id from files")
    await label_file(owner, file_id, await make_class(owner, destroy=10))
    await owner.execute(
        "create or replace function workroom.has_text(of_message_id uuid) returns boolean language plpgsql stable "
        "as $$ begin raise exception 'asked for'; end $$"
    )
    now = await owner.fetchval("select current_instant()")
    async with database.read() as reading:
        assert await expiry.list_files_to_tell(reading, Round(now, now)) == ([], [])
        with pytest.raises(InternalError):
            await expiry.list_files_to_tell(reading, Round(now, now + timedelta(days=11)))


async def test_who_joined_later_is_told_of_no_removal_before(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    newcomer = await make_account(database, "customer")
    await post(database, author, place.shared)
    await move_time(timedelta(days=5))
    await add(database, author, place.room_id, newcomer)
    await tell_what_expired(database)
    await move_time(timedelta(days=6))
    await tell_what_expired(database)
    assert await expired_before(database, author, place) is not None
    assert await expired_before(database, newcomer, place) is None


async def test_a_page_is_not_looked_for_below_what_is_shown(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    for _ in range(4):
        last_gone = await post(database, author, place.shared)
    await tell_what_expired(database)
    await move_time(timedelta(days=11))
    await post(database, author, place.shared)
    await tell_what_expired(database)
    visible_from = await owner.fetchval(
        "select visible_from_seq from stream_expiries where stream_id = $1", place.shared
    )
    assert visible_from == last_gone.seq + 1


async def test_a_round_that_died_is_told_by_the_next(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=10)
    await post(database, author, place.shared)
    await tell_what_expired(database)
    progress = await owner.fetchval("select told_until from expiry_progress")
    await move_time(timedelta(days=11))
    await tell_what_expired(database)
    await owner.execute("update expiry_progress set told_until = $1", progress)
    await tell_what_expired(database)
    first, second = await told(database, place)
    assert spans([first]) == spans([second])


async def test_an_import_of_what_is_long_due_is_never_shown_and_one_that_will_be_is_told_in_time(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database, owner, destroy=100)
    now = (await post(database, author, place.shared, "today")).recorded_at
    await tell_what_expired(database)
    ages = {"due long ago": 300, "due soon": 95}
    lines = [(author.account_id, now - timedelta(days=days), text) for text, days in ages.items()]
    await import_messages(owner, place.shared, place.room_id, lines)
    soon = await owner.fetchval("select max(seq) from messages")
    found = await page(database, author, place.shared)
    assert [message.text for message in found.messages] == ["today", "due soon"]
    await move_time(timedelta(days=6))
    await tell_what_expired(database)
    assert spans(await told(database, place)) == [("messages_expired", soon, soon)]
