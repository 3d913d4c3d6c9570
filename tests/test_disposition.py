"""Expired is gone: what is due and free leaves every table and the store; what is held, or not due, stays."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.deeds import Place, add, delete, edit, open_place, page, post, react, rename, set_archived
from tests.holding import (
    CONTENT,
    attach,
    count_content,
    make_officer,
    place_hold,
    read_content,
    release_hold,
    scope_of,
    write_everything,
)
from tests.people import actor_of, make_account
from tests.retaining import assign_default, assign_room, label_file, label_message, make_class
from tests.servers import DatabaseUrls
from tests.uploading import claim, disk_and_bucket, disk_stores, make_receiver, upload, without_bucket
from workroom import audit, customers, room_overview
from workroom.accounts import Account
from workroom.disposition import DispositionRun, Pace, run_disposition
from workroom.errors import NotFound
from workroom.event_reading import Span, read_events
from workroom.expiry_rounds import tell_what_expired
from workroom.explanation import explain
from workroom.hold_scopes import ContentKind
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.storage.queries import queries

MoveTime = Callable[[timedelta], Awaitable[None]]
EVERYTHING = {table: (2 if table == "message_revisions" else 1) for table in CONTENT}


@pytest.fixture
def stores(tmp_path: Path) -> FileStores:
    """A store of this test alone."""
    return disk_stores(tmp_path / "files")


async def dispose(database: Database, stores: FileStores, most: int = 1000) -> DispositionRun:
    """A run that does not rest."""
    return await run_disposition(database, stores, pace=Pace(most=most, largest=most, rest=0.0))


async def a_room(database: Database) -> tuple[Account, Place]:
    author = await make_account(database)
    return author, await open_place(database, author)


async def test_what_is_due_leaves_every_table(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    await write_everything(database, owner, author, place)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    assert await count_content(owner) == EVERYTHING
    await move_time(timedelta(days=10) - timedelta(minutes=1))
    await dispose(database, stores)
    assert await count_content(owner) == EVERYTHING
    await move_time(timedelta(minutes=2))
    run = await dispose(database, stores)
    assert await count_content(owner) == {table: int(table == "room_names") for table in CONTENT}
    assert (run.messages, run.revisions, run.reactions, run.files, run.bytes) == (1, 2, 1, 1, 1000)
    assert run.ended_at is not None
    assert await owner.fetchval("select count(*) from events where kind = 'message_posted'") == 1


async def test_without_a_class_nothing_goes_but_what_was_deleted(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    kept = await write_everything(database, owner, author, place)
    gone = await post(database, author, place.shared, "A mistake")
    await delete(database, author, place.shared, gone.message_id)
    await move_time(timedelta(days=30, minutes=1))
    await dispose(database, stores)
    assert {record["message_id"] for record in await owner.fetch("select message_id from messages")} == {kept}
    await move_time(timedelta(days=4000))
    await dispose(database, stores)
    assert await owner.fetchval("select count(*) from messages") == 1


async def test_a_label_ends_what_its_room_keeps(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    plain, short, brief = [await post(database, author, place.shared, "First") for _ in range(3)]
    for posted in (plain, brief):
        await edit(database, author, place.shared, posted.message_id, "Second")
        await react(database, author, place.shared, posted.message_id, "🎉")
        await react(database, author, place.shared, posted.message_id, "🎉", is_added=False)
    await label_message(owner, short.message_id, await make_class(owner, destroy=10))
    await label_message(owner, brief.message_id, await make_class(owner, removed=5))
    await move_time(timedelta(days=5, minutes=1))
    run = await dispose(database, stores)
    assert (run.messages, run.revisions, run.reactions) == (0, 1, 1)
    left = await owner.fetch("select message_id from message_revisions where revision = 1")
    assert {record["message_id"] for record in left} == {plain.message_id, short.message_id}
    await move_time(timedelta(days=5))
    run = await dispose(database, stores)
    assert (run.messages, run.revisions, run.reactions) == (1, 1, 0)
    left = await owner.fetch("select message_id from messages")
    assert {record["message_id"] for record in left} == {plain.message_id, brief.message_id}


async def test_bytes_leave_the_store(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    file_id = await upload(make_receiver(database, stores), author, place, os.urandom(2000))
    await claim(database, author, place, file_id)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    assert len(await stores.writing.list_keys()) == 1
    await move_time(timedelta(days=11))
    run = await dispose(database, stores)
    assert (run.files, run.bytes) == (1, 2000)
    assert await stores.writing.list_keys() == []
    assert await owner.fetchval("select count(*) from bytes_to_remove") == 0
    assert await owner.fetchval("select count(*) from uploads") == 0


async def test_bytes_in_a_store_that_is_not_configured_wait_and_hold_up_no_run(
    database: Database,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    author, place = await a_room(database)
    stores = disk_and_bucket(tmp_path)
    disk_alone = without_bucket(stores)
    for each in (stores, disk_alone):
        receiver = make_receiver(database, each)
        await claim(database, author, place, await upload(receiver, author, place, os.urandom(2000)))
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await move_time(timedelta(days=11))
    run = await dispose(database, disk_alone)
    assert (run.files, run.phase) == (2, "done")
    assert await disk_alone.writing.list_keys() == []
    assert await owner.fetchval("select array_agg(store) from bytes_to_remove") == ["s3"]
    assert caplog.messages == ["destroyed_bytes_out_of_reach store=s3 segments=1"]
    await dispose(database, stores)
    assert await stores.writing.list_keys() == []
    assert await owner.fetchval("select count(*) from bytes_to_remove") == 0
    assert len(caplog.messages) == 1


async def test_superseded_revisions_and_reactions_taken_back_go_by_themselves(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    _, elsewhere = await a_room(database)
    await assign_room(owner, elsewhere.room_id, await make_class(owner, removed=300))
    author, place = await a_room(database)
    posted = await post(database, author, place.shared, "Frist")
    await edit(database, author, place.shared, posted.message_id, "First")
    await react(database, author, place.shared, posted.message_id, "🎉")
    await react(database, author, place.shared, posted.message_id, "👍")
    await react(database, author, place.shared, posted.message_id, "🎉", is_added=False)
    await rename(database, author, place.room_id, "Another name")
    await move_time(timedelta(days=29))
    assert (await dispose(database, stores)).batches == 0
    await move_time(timedelta(days=2))
    run = await dispose(database, stores)
    assert (run.messages, run.revisions, run.reactions, run.room_names) == (0, 1, 1, 1)
    assert [r["text"] for r in await owner.fetch("select text from message_revisions")] == ["First"]
    assert [r["emoji"] for r in await owner.fetch("select emoji from message_reactions")] == ["👍"]
    names = await owner.fetch("select name from room_names where room_id = $1", place.room_id)
    assert [r["name"] for r in names] == ["Another name"]


async def test_what_is_held_by_any_hold_survives_and_its_twin_does_not(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, held = await a_room(database)
    other, twin = await a_room(database)
    await write_everything(database, owner, author, held)
    await assign_default(owner, "shared", await make_class(owner, destroy=10))
    before = await read_content(owner)
    gone = await write_everything(database, owner, other, twin)
    officer = await make_officer(database)
    first = await place_hold(database, officer, held.room_id)
    second = await place_hold(database, officer, held.room_id)
    await move_time(timedelta(days=50))
    run = await dispose(database, stores)
    assert run.messages == 1
    assert await owner.fetchval("select count(*) from messages where message_id = $1", gone) == 0
    after = await read_content(owner)
    for table in CONTENT:
        if table != "room_names":
            assert after[table] == before[table]
    await release_hold(database, officer, first)
    await move_time(timedelta(days=50))
    assert (await dispose(database, stores)).messages == 0
    await release_hold(database, officer, second)
    await move_time(timedelta(days=29))
    assert (await dispose(database, stores)).messages == 0
    await move_time(timedelta(days=2))
    assert (await dispose(database, stores)).messages == 1


@pytest.mark.parametrize("kind", list(ContentKind))
async def test_a_hold_of_one_kind_keeps_that_kind_and_what_names_it(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores, kind: ContentKind
) -> None:
    author, place = await a_room(database)
    await write_everything(database, owner, author, place)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    officer = await make_officer(database)
    hold = await place_hold(database, officer, scope_of(place.room_id, kinds=[kind]))
    await move_time(timedelta(days=11))
    await dispose(database, stores)
    texts = {"message_revisions", "message_reactions"}
    files = {"files", "file_contents", "file_previews", "file_segments"}
    gone = texts if kind is ContentKind.FILES else files
    assert await count_content(owner) == EVERYTHING | dict.fromkeys(gone, 0)
    await release_hold(database, officer, hold)
    await move_time(timedelta(days=31))
    await dispose(database, stores)
    assert await owner.fetchval("select count(*) from messages") == 0
    assert await owner.fetchval("select count(*) from files") == 0


async def test_what_lost_its_text_is_never_shown_again(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    reader = await make_account(database)
    await add(database, author, place.room_id, reader)
    oldest = await post(database, author, place.shared, "Kept by its label")
    await label_message(owner, oldest.message_id, await make_class(owner, keep=1000))
    file_id = await upload(make_receiver(database, stores), author, place, os.urandom(2000))
    await claim(database, author, place, file_id)
    emptied = await owner.fetchval("select message_id from files")
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await place_hold(
        database, await make_officer(database), scope_of(place.room_id, kinds=[ContentKind.FILES])
    )
    await move_time(timedelta(days=11))
    assert (await dispose(database, stores)).revisions == 1
    newest = await post(database, author, place.shared, "Written after the run")
    await assign_room(owner, place.room_id, await make_class(owner, destroy=1000))

    page_of_one = await page(database, reader, place.shared, limit=1)
    assert ([each.text for each in page_of_one.messages], page_of_one.more_before) == (
        ["Written after the run"],
        True,
    )
    below = await page(database, reader, place.shared, before=newest.seq, limit=1)
    assert ([each.text for each in below.messages], below.more_before) == (["Kept by its label"], False)
    above = await page(database, reader, place.shared, after=oldest.seq, limit=1)
    assert ([each.text for each in above.messages], above.more_after) == (["Written after the run"], False)
    seq: int = await owner.fetchval("select seq from messages where message_id = $1", emptied)
    async with database.read() as reading:
        assert not await reading.fetch_value(
            queries.messages.has_message, stream_id=place.shared, from_seq=seq, to_seq=seq
        )
        line = next(each for each in await room_overview.list_rooms(reading, actor_of(reader)))
        told = await read_events(reading, [Span(place.shared, seq - 1, seq)], 1)
        explained = await explain(reading, [oldest.message_id, emptied])
    assert line.unread == 2
    assert [each.state for each in explained] == ["shown", "emptied"]
    assert [(each.message_id, each.files) for events in told.values() for each in events] == [(None, [])]
    assert await owner.fetchval("select count(*) from files") == 1
    assert await owner.fetchval("select count(*) from visible_files") == 0
    with pytest.raises(NotFound):
        await edit(database, author, place.shared, emptied, "Words for what has none")


async def test_a_changed_rule_destroys_nothing_for_a_day(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    class_id = await make_class(owner, destroy=300)
    await assign_room(owner, place.room_id, class_id)
    message_id = (await post(database, author, place.shared)).message_id
    await move_time(timedelta(days=100))
    for change in (
        f"update retention_classes set destroy_days = 20 where class_id = '{class_id}'",
        f"update room_classes set class_id = '{await make_class(owner, destroy=15)}'",
        f"update messages set label_class_id = '{await make_class(owner, destroy=5)}' "
        f"where message_id = '{message_id}'",
    ):
        await owner.execute(change)
        await move_time(timedelta(hours=23, minutes=59))
        assert (await dispose(database, stores)).messages == 0, change
    await move_time(timedelta(minutes=2))
    assert (await dispose(database, stores)).messages == 1


async def test_a_rule_cannot_be_made_old(database: Database, owner: asyncpg.Connection) -> None:
    _, place = await a_room(database)
    class_id = await make_class(owner, destroy=300)
    await assign_room(owner, place.room_id, class_id)
    await owner.execute("update retention_classes set destroy_days = 20, changed_at = '2001-01-01'")
    await owner.execute("update room_classes set class_id = null, changed_at = '2001-01-01'")
    for table in ("retention_classes", "room_classes"):
        age = await owner.fetchval(f"select current_instant() - changed_at from {table}")
        assert age < timedelta(minutes=1)


async def test_a_labelled_file_goes_before_its_message_and_keeps_it_longer(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=20))
    short, long = await make_class(owner, destroy=5), await make_class(owner, keep=100)
    sketch, contract = [(await post(database, author, place.shared)).message_id for _ in range(2)]
    for message_id, class_id in ((sketch, short), (contract, long)):
        await attach(owner, message_id)
        file_id = await owner.fetchval("select file_id from files where message_id = $1", message_id)
        await label_file(owner, file_id, class_id)
    await move_time(timedelta(days=6))
    run = await dispose(database, stores)
    assert (run.messages, run.files) == (0, 1)
    await move_time(timedelta(days=20))
    run = await dispose(database, stores)
    assert (run.messages, run.files) == (1, 0)
    assert await owner.fetchval("select message_id from messages") == contract
    await move_time(timedelta(days=75))
    run = await dispose(database, stores)
    assert (run.messages, run.files) == (1, 1)


async def test_what_a_room_or_a_customer_leaves_behind_goes_when_they_are_closed_long_enough(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author = await make_account(database)
    by_room, by_customer = await a_room(database), await make_account(database, "customer")
    other = await open_place(database, author, by_customer, kind="private")
    await post(database, by_room[0], by_room[1].shared)
    await post(database, author, other.shared)
    await assign_room(
        owner, by_room[1].room_id, await make_class(owner, counted_from="room_closed", destroy=10)
    )
    await assign_room(
        owner, other.room_id, await make_class(owner, counted_from="customer_closed", destroy=10)
    )
    await move_time(timedelta(days=1000))
    assert (await dispose(database, stores)).messages == 0
    await set_archived(database, by_room[0], by_room[1].room_id)
    assert by_customer.customer_id is not None
    async with database.transaction() as transaction:
        await customers.close_customer(transaction, audit.by_shell(), by_customer.customer_id)
    await set_archived(database, author, other.room_id)
    await move_time(timedelta(days=9))
    assert (await dispose(database, stores)).messages == 0
    await move_time(timedelta(days=2))
    assert (await dispose(database, stores)).messages == 2


def test_the_next_batch_is_as_large_as_a_quarter_of_a_second_allows() -> None:
    pace = Pace(most=1_000, largest=5_000)
    sizes = []
    for seconds in (
        0.02,
        0.2,
        0.25,
        0.3125,
        0.5,
        6.0,
        6.0,
        6.0,
        6.0,
        6.0,
        0.02,
        0.02,
        0.02,
        0.02,
        0.02,
        0.02,
    ):
        assert pace.took(seconds) == seconds * pace.rest
        sizes.append(pace.most)
    assert sizes == [
        2_000, 2_500, 2_500, 2_000, 1_000, 500, 250, 125, 100, 100, 200, 400, 800, 1_600, 3_200, 5_000,
    ]  # fmt: skip
    small = Pace(most=2, largest=2)
    small.took(3.0)
    small.took(0.01)
    assert small.most == 2


def test_what_comes_next_begins_small() -> None:
    pace = Pace(most=1_000)
    pace.took(0.01)
    pace.begin_again()
    assert pace.most == 1_000


async def test_a_slow_commit_makes_no_batch_smaller(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    posted = [await post(database, author, place.shared) for _ in range(15)]
    await label_message(owner, posted[-1].message_id, await make_class(owner, keep=1000))
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await owner.execute(
        "create function wait_for_the_disk() returns trigger language plpgsql as "
        "$$ begin perform pg_sleep(0.4); return null; end $$"
    )
    await owner.execute(
        "create constraint trigger slow after insert on disposition_batches deferrable initially deferred "
        "for each row execute function wait_for_the_disk()"
    )
    await move_time(timedelta(days=11))
    await run_disposition(database, stores, pace=Pace(most=2, rest=0.0))
    batches = await owner.fetch("select messages from disposition_batches order by number")
    assert [each["messages"] for each in batches] == [2, 4, 8]


async def test_small_batches_come_to_the_same_as_large_ones(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    for number in range(7):
        message_id = await write_everything(database, owner, author, place)
        if number == 3:
            await label_message(owner, message_id, await make_class(owner, keep=1000))
            kept = message_id
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await move_time(timedelta(days=11))
    run = await dispose(database, stores, most=2)
    assert (run.messages, run.revisions, run.files) == (6, 12, 6)
    assert await owner.fetchval("select message_id from messages") == kept
    assert run.batches > 6


async def test_a_run_in_two_workers_at_once_is_one_run(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    for _ in range(30):
        await post(database, author, place.shared)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await move_time(timedelta(days=11))
    first, second = await asyncio.gather(dispose(database, stores, 3), dispose(database, stores, 3))
    assert first.run_id == second.run_id
    assert await owner.fetchval("select sum(messages) from disposition_batches") == 30


async def test_what_is_written_while_a_run_is_on_its_way_is_not_of_this_run(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    await post(database, author, place.shared)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await move_time(timedelta(days=5))
    await tell_what_expired(database)
    run_id = await owner.fetchval("select begin_disposition()")
    await move_time(timedelta(days=6))
    run = await dispose(database, stores)
    assert (run.run_id, run.messages) == (run_id, 0)
    assert (await dispose(database, stores)).messages == 1


# -- whole months --------------------------------------------------------------------------------------------


async def in_the_past(owner: asyncpg.Connection, move_time: MoveTime) -> None:
    """Live half a year ago, with partitions for each month since."""
    await move_time(-timedelta(days=180))
    await owner.execute(
        "select ensure_partitions(current_instant()::date, (current_instant() + interval '6 months')::date)"
    )


async def list_parts(owner: asyncpg.Connection) -> set[str]:
    return {
        record["relname"]
        for record in await owner.fetch(r"select relname from pg_class where relname ~ '\d{4}_\d{2}$'")
    }


async def test_a_month_of_which_all_is_due_is_dropped_and_recorded_like_any_batch(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    await in_the_past(owner, move_time)
    author, place = await a_room(database)
    class_id = await make_class(owner, destroy=30)
    await assign_room(owner, place.room_id, class_id)
    for _ in range(5):
        await write_everything(database, owner, author, place)
    month = await owner.fetchval("select to_char(current_instant() at time zone 'utc', 'YYYY_MM')")
    assert f"messages_{month}" in await list_parts(owner)
    await move_time(timedelta(days=70))
    run = await dispose(database, stores)
    assert (run.messages, run.revisions, run.reactions, run.files) == (5, 10, 5, 5)
    assert not {name for name in await list_parts(owner) if name.endswith(month)}
    assert await owner.fetchval("select count(*) from disposition_batches where phase = 'month'") >= 1
    counted = await owner.fetchval(
        "select sum(items) from disposition_counts join disposition_batches using (run_id, number) "
        "where phase = 'month' and class_id = $1",
        class_id,
    )
    assert counted == 5
    assert await owner.fetchval("select count(*) from messages") == 0
    await post(database, author, place.shared)


@pytest.mark.parametrize("reason", ["held", "labelled", "not due", "not settled", "deleted, but kept"])
async def test_a_month_is_not_dropped_while_anything_in_it_stays(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores, reason: str
) -> None:
    await in_the_past(owner, move_time)
    author, place = await a_room(database)
    class_id = await make_class(owner, destroy=30)
    await assign_room(owner, place.room_id, class_id)
    posted = [await post(database, author, place.shared) for _ in range(3)]
    if reason == "not due":
        await post(database, author, (await open_place(database, author)).shared)
    if reason == "deleted, but kept":
        other = await open_place(database, author)
        await assign_room(owner, other.room_id, await make_class(owner, keep=1000))
        gone = await post(database, author, other.shared)
        await delete(database, author, other.shared, gone.message_id)
    if reason in ("not due", "deleted, but kept"):  # far from those that are looked at first
        for _ in range(100):
            await post(database, author, place.shared)
    month = await owner.fetchval("select to_char(current_instant() at time zone 'utc', 'YYYY_MM')")
    await move_time(timedelta(days=70))
    if reason == "held":
        await place_hold(database, await make_officer(database), scope_of(place.room_id, senders=[author]))
    if reason == "labelled":
        await label_message(owner, posted[1].message_id, await make_class(owner, keep=1000))
        await move_time(timedelta(days=2))
    if reason == "not settled":
        await assign_room(owner, place.room_id, await make_class(owner, destroy=20))
    run = await dispose(database, stores)
    assert f"messages_{month}" in await list_parts(owner)
    expected = {"held": 0, "labelled": 2, "not due": 103, "not settled": 0, "deleted, but kept": 103}
    assert run.messages == expected[reason]


async def test_this_month_is_never_dropped(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    before = await list_parts(owner)
    await dispose(database, stores)
    assert await list_parts(owner) == before


async def test_a_month_that_somebody_reads_is_left_for_later(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, database_urls: DatabaseUrls
) -> None:
    await in_the_past(owner, move_time)
    author, place = await a_room(database)
    await post(database, author, place.shared)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=30))
    await move_time(timedelta(days=70))
    await tell_what_expired(database)
    run_id = await owner.fetchval("select begin_disposition()")
    month = await owner.fetchval("select min(sent_at)::date from messages")
    reader = await asyncpg.connect(database_urls.service_url)
    async with reader.transaction():
        await reader.fetch("select count(*) from workroom.messages")
        assert await owner.fetchval("select drop_due_month($1, $2)", run_id, month) == "busy"
    await reader.close()
    assert await owner.fetchval("select drop_due_month($1, $2)", run_id, month) == "dropped"
