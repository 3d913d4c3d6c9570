"""What a run destroyed is in its record: by which class, for which reason, how much, and a digest over the ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.deeds import Place, delete, open_place, post, read_all
from tests.holding import attach, make_officer, place_hold, release_hold, scope_of, write_everything
from tests.people import make_account
from tests.retaining import assign_room, label_file, label_message, make_class
from tests.uploading import disk_stores
from workroom import audit
from workroom.accounts import Account
from workroom.audit import Act, EntryFilter
from workroom.disposition import DispositionRun, Pace, is_run_due, list_runs, run_disposition
from workroom.expiry_rounds import tell_what_expired
from workroom.hold_scopes import ContentKind
from workroom.ids import MessageId
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores

MoveTime = Callable[[timedelta], Awaitable[None]]


@pytest.fixture
def stores(tmp_path: Path) -> FileStores:
    """A store of this test alone."""
    return disk_stores(tmp_path / "files")


async def dispose(database: Database, stores: FileStores) -> DispositionRun:
    """A run that does not rest."""
    return await run_disposition(database, stores, pace=Pace(rest=0.0))


async def a_room(database: Database) -> tuple[Account, Place]:
    author = await make_account(database)
    return author, await open_place(database, author)


async def counts_of(owner: asyncpg.Connection, run: DispositionRun, phase: str) -> set[tuple[Any, ...]]:
    """By class and reason, what the record of a run says of a phase."""
    return {
        tuple(record)
        for record in await owner.fetch(
            "select c.class_id, c.reason, sum(c.items) from disposition_counts as c "
            "join disposition_batches as b using (run_id, number) where b.run_id = $1 and b.phase = $2 group by 1, 2",
            run.run_id, phase,
        )
    }  # fmt: skip


async def assert_digest(owner: asyncpg.Connection, run: DispositionRun, ids: list[MessageId]) -> None:
    """The one batch of messages of a run, row by row or a whole month, is over exactly these."""
    [batch] = await owner.fetch(
        "select salt, digest from disposition_batches where run_id = $1 and phase in ('messages', 'month')",
        run.run_id,
    )
    assert batch["digest"] == sha256(batch["salt"] + b"".join(one.bytes for one in sorted(ids))).digest()


async def test_a_run_destroys_nothing_that_members_were_not_told_of(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    assert await owner.fetchval("select begin_disposition()") is None
    await tell_what_expired(database)
    posted = await post(database, author, place.shared)
    await move_time(timedelta(days=11))
    run_id = await owner.fetchval("select begin_disposition()")
    while await owner.fetchval("select dispose_batch($1, 1000)", run_id) != "done":
        continue
    assert await owner.fetchval("select count(*) from messages") == 1, "nobody was told that it goes"
    run = await dispose(database, stores)
    assert run.messages == 1
    told = [event for event in await read_all(database, place.shared) if event.kind == "messages_expired"]
    assert [(event.first_seq, event.last_seq) for event in told] == [(posted.seq, posted.seq)]
    async with database.read() as reading:
        assert not await is_run_due(reading, run.began_at.hour)


async def test_a_run_goes_no_further_than_a_round_that_was_just_finished(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await post(database, author, place.shared)
    await move_time(timedelta(days=10) - timedelta(seconds=20))
    await tell_what_expired(database)
    await move_time(timedelta(seconds=30))
    assert (await dispose(database, stores)).messages == 0
    await move_time(timedelta(minutes=2))
    assert (await dispose(database, stores)).messages == 1


async def test_every_batch_is_recorded_and_its_digest_can_be_told_from_the_events(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    class_id = await make_class(owner, destroy=10)
    await assign_room(owner, place.room_id, class_id)
    kept_long = [await post(database, author, place.shared, str(n)) for n in range(3)]
    await delete(database, author, place.shared, kept_long[0].message_id)
    await move_time(timedelta(days=11))
    await dispose(database, stores)
    batch = await owner.fetchrow("select * from disposition_batches where messages > 0")
    ids = sorted(
        record["subject_id"]
        for record in await owner.fetch("select subject_id from events where kind = 'message_posted'")
    )
    assert batch["digest"] == sha256(batch["salt"] + b"".join(one.bytes for one in ids)).digest()
    counts = await owner.fetch("select class_id, class_version, reason, items from disposition_counts")
    assert [tuple(record) for record in counts] == [(class_id, 1, "ended", 3)]
    async with database.read() as reading:
        entries = await audit.list_entries(reading, EntryFilter(act=Act.DISPOSITION_ENDED))
        runs = await list_runs(reading)
    assert entries[0].facts["messages"] == 3
    assert entries[0].facts["digest"] == runs[0].digest


async def test_a_file_is_recorded_under_the_class_and_the_reason_for_which_it_went(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    of_room, of_message, of_file = [await make_class(owner, destroy=100, removed=days) for days in (5, 3, 4)]
    ending = await make_class(owner, destroy=6, removed=30)
    for room_class, label, file_label, is_deleted in (
        (of_room, None, None, True),
        (of_room, of_message, None, True),
        (of_room, of_message, of_file, True),
        (ending, None, None, True),
        (ending, None, None, False),
    ):
        author, place = await a_room(database)
        await assign_room(owner, place.room_id, room_class)
        message_id = await write_everything(database, owner, author, place)
        if label is not None:
            await label_message(owner, message_id, label)
        if file_label is not None:
            file_id = await owner.fetchval("select file_id from files where message_id = $1", message_id)
            await label_file(owner, file_id, file_label)
        if is_deleted:
            await delete(database, author, place.shared, message_id)
    expected = {
        (of_room, "removed", 1), (of_message, "removed", 1), (of_file, "removed", 1), (ending, "ended", 2)
    }  # fmt: skip
    await move_time(timedelta(days=7))
    run = await dispose(database, stores)
    assert run.files == 5
    assert await counts_of(owner, run, "files") == expected


async def test_a_text_that_goes_alone_is_recorded_with_its_class_and_once(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    author, place = await a_room(database)
    class_id = await make_class(owner, destroy=10, removed=5)
    await assign_room(owner, place.room_id, class_id)
    posted = [(await post(database, author, place.shared)).message_id for _ in range(3)]
    await attach(owner, posted[0])
    await delete(database, author, place.shared, posted[1])
    officer = await make_officer(database)
    hold = await place_hold(database, officer, scope_of(place.room_id, kinds=[ContentKind.FILES]))
    await move_time(timedelta(days=6))
    run = await dispose(database, stores)
    assert (run.messages, run.revisions) == (0, 1)
    assert await counts_of(owner, run, "messages") == {(class_id, "removed", 1)}
    await assert_digest(owner, run, [posted[1]])
    await move_time(timedelta(days=6))
    run = await dispose(database, stores)
    assert (run.messages, run.revisions) == (0, 2)
    assert await counts_of(owner, run, "messages") == {(class_id, "ended", 2)}
    await assert_digest(owner, run, [posted[0], posted[2]])
    assert (await dispose(database, stores)).batches == 0
    await release_hold(database, officer, hold, grace_days=1)
    await move_time(timedelta(days=2))
    run = await dispose(database, stores)
    assert (run.messages, run.revisions, run.files) == (3, 0, 1)
    await assert_digest(owner, run, posted)
