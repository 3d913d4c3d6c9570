"""What was posted is there or was destroyed on record: who removes content past the guard is found by the numbers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import Place, delete, edit, open_place, post, react
from tests.holding import make_officer, place_hold, release_hold, scope_of
from tests.people import make_account
from tests.retaining import assign_room, label_message, make_class
from tests.servers import DatabaseUrls
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import integrity
from workroom.accounts import Account
from workroom.audit_chain import Finding, Problem
from workroom.disposition import Pace, run_disposition
from workroom.hold_scopes import ContentKind
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores

MoveTime = Callable[[timedelta], Awaitable[None]]
PARTS = ("messages", "message_revisions", "message_reactions", "message_files")


@pytest.fixture
def stores(tmp_path: Path) -> FileStores:
    """A store of this test alone."""
    return disk_stores(tmp_path / "files")


@pytest_asyncio.fixture
async def superuser(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody who can do everything."""
    connection = await asyncpg.connect(
        database_urls.superuser_url,
        server_settings={"search_path": "workroom", "session_replication_role": "replica"},
    )
    yield connection
    await connection.close()


async def find_missing(database: Database) -> list[Finding]:
    async with database.transaction() as transaction:
        return await integrity.find_missing_content(transaction)


async def find_all(database: Database) -> set[Problem]:
    """Problems of every kind but those that moving time makes itself."""
    async with database.transaction() as transaction:
        found = (await integrity.verify_database(transaction)).findings
    return {finding.problem for finding in found if finding.subject != "function current_instant()"}


async def get_past_the_guard(superuser: asyncpg.Connection, table: str, statement: str) -> None:
    """Take the table's triggers away, do it, and put them back as they were."""
    triggers = await superuser.fetch(
        "select tgname from pg_trigger where tgrelid = $1::text::regclass and tgenabled = 'A'", table
    )
    assert triggers
    for each in triggers:
        await superuser.execute(f"alter table {table} disable trigger {each['tgname']}")
    await superuser.execute(statement)
    for each in triggers:
        await superuser.execute(f"alter table {table} enable always trigger {each['tgname']}")


async def dispose(database: Database, stores: FileStores) -> None:
    await run_disposition(database, stores, pace=Pace(most=2, largest=2, rest=0.0))


async def write_in(database: Database, stores: FileStores, author: Account, place: Place) -> None:
    """A message with a reaction and two revisions, and one with a file."""
    posted = await post(database, author, place.shared)
    await edit(database, author, place.shared, posted.message_id, "Good evening")
    await react(database, author, place.shared, posted.message_id)
    file_id = await upload(make_receiver(database, stores), author, place, os.urandom(1000))
    await claim(database, author, place, file_id)


async def live_half_a_year_ago(owner: asyncpg.Connection, move_time: MoveTime) -> str:
    """Give the month of then, as partitions are called; there is one for each month since."""
    await move_time(-timedelta(days=180))
    await owner.execute(
        "select ensure_partitions(current_instant()::date, (current_instant() + interval '6 months')::date)"
    )
    month: str = await owner.fetchval("select to_char(current_instant() at time zone 'utc', 'YYYY_MM')")
    return month


async def test_what_is_written_and_destroyed_by_batch_and_by_month_is_all_accounted_for(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    await live_half_a_year_ago(owner, move_time)
    author, officer = await make_account(database), await make_officer(database)
    short, kept, held = [await open_place(database, author) for _ in range(3)]
    await assign_room(owner, short.room_id, await make_class(owner, destroy=30))
    await assign_room(owner, held.room_id, await make_class(owner, destroy=30))
    hold = await place_hold(database, officer, scope_of(held.room_id, kinds=[ContentKind.FILES]))
    assert await find_missing(database) == [], "nothing was written yet"
    for place in (short, kept, held):
        await write_in(database, stores, author, place)
    taken_back = await post(database, author, kept.shared)
    await delete(database, author, kept.shared, taken_back.message_id)
    labelled = await post(database, author, kept.shared)
    await label_message(owner, labelled.message_id, await make_class(owner, destroy=10))
    assert await find_all(database) == set()
    for days in (35, 35):
        await move_time(timedelta(days=days))
        await post(database, author, short.shared)
        await dispose(database, stores)
        assert await find_all(database) == set()
    assert await owner.fetchval("select count(*) from message_revisions") == 3
    await release_hold(database, officer, hold)
    await assign_room(owner, kept.room_id, await make_class(owner, destroy=30))
    await move_time(timedelta(days=40))
    await dispose(database, stores)
    assert await find_all(database) == set()
    phases = {record["phase"] for record in await owner.fetch("select phase from disposition_batches")}
    assert {"files", "messages", "month"} <= phases
    assert await owner.fetchval("select count(*) from messages") == 0


async def test_a_month_that_is_dropped_whole_is_on_record(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    month = await live_half_a_year_ago(owner, move_time)
    author = await make_account(database)
    place = await open_place(database, author)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=30))
    await write_in(database, stores, author, place)
    await move_time(timedelta(days=70))
    await dispose(database, stores)
    assert await owner.fetchval("select to_regclass('messages_' || $1)", month) is None
    on_record = await owner.fetch(
        "select kind, sum(items)::integer as items from disposition_months group by kind"
    )
    assert {record["kind"]: record["items"] for record in on_record} == {
        "messages": 2, "revisions": 3, "reactions": 1, "listed_files": 1, "files": 1,
    }  # fmt: skip
    assert await find_all(database) == set()


async def test_nothing_is_found_while_people_write_and_a_run_destroys(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, stores: FileStores
) -> None:
    month = await live_half_a_year_ago(owner, move_time)
    author = await make_account(database)
    due, place = await open_place(database, author), await open_place(database, author)
    await assign_room(owner, due.room_id, await make_class(owner, destroy=30))
    for _ in range(5):
        await post(database, author, due.shared)
    await move_time(timedelta(days=70))

    async def write() -> None:
        for _ in range(20):
            posted = await post(database, author, place.shared)
            await edit(database, author, place.shared, posted.message_id, "Good evening")

    at_work = [asyncio.ensure_future(write()), asyncio.ensure_future(dispose(database, stores))]
    looks = 0
    while not all(each.done() for each in at_work):
        assert await find_missing(database) == []
        looks += 1
    await asyncio.gather(*at_work)
    assert looks > 2
    assert await owner.fetchval("select to_regclass('messages_' || $1)", month) is None
    assert await find_all(database) == set()


async def test_a_month_that_somebody_drops_is_found(
    database: Database,
    owner: asyncpg.Connection,
    superuser: asyncpg.Connection,
    move_time: MoveTime,
    stores: FileStores,
) -> None:
    month = await live_half_a_year_ago(owner, move_time)
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    await write_in(database, stores, author, place)
    await place_hold(database, officer, scope_of(place.room_id))
    await move_time(timedelta(days=100))
    await post(database, author, place.shared)
    assert await find_missing(database) == []
    await superuser.execute("drop table " + ", ".join(f"{part}_{month}" for part in PARTS))
    name = month.replace("_", "-")
    assert set(await find_missing(database)) == {
        Finding(Problem.CONTENT_MISSING, f"messages of {name} (2)"),
        Finding(Problem.CONTENT_MISSING, f"revisions of {name} (3)"),
        Finding(Problem.CONTENT_MISSING, f"reactions of {name} (1)"),
        Finding(Problem.CONTENT_UNEXPECTED, f"files of {name} (1)"),
    }
    assert Problem.CONTENT_MISSING in await find_all(database)


@pytest.mark.parametrize(
    ("table", "condition", "kind"),
    [
        ("messages", "file_count = 0", "messages"),
        ("message_revisions", "revision = 2", "revisions"),
        ("message_reactions", "true", "reactions"),
        ("files", "true", "files"),
        ("file_contents", "true", "names of files"),
    ],
)
async def test_a_held_row_that_is_removed_past_the_guard_is_found_when_the_guard_is_back(
    database: Database,
    superuser: asyncpg.Connection,
    stores: FileStores,
    table: str,
    condition: str,
    kind: str,
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    await write_in(database, stores, author, place)
    await place_hold(database, officer, scope_of(place.room_id))
    assert await find_all(database) == set()
    month = await superuser.fetchval("select to_char(now() at time zone 'utc', 'YYYY-MM')")
    await get_past_the_guard(superuser, table, f"delete from {table} where {condition}")
    async with database.transaction() as transaction:
        found = (await integrity.verify_database(transaction)).findings
    assert Finding(Problem.CONTENT_MISSING, f"{kind} of {month} (1)") in found
    assert {finding.problem for finding in found} <= {Problem.CONTENT_MISSING, Problem.CONTENT_UNEXPECTED}


async def test_content_that_nobody_posted_is_found(database: Database, superuser: asyncpg.Connection) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    await post(database, author, place.shared)
    month = await superuser.fetchval("select to_char(now() at time zone 'utc', 'YYYY-MM')")
    await superuser.execute(
        "insert into message_revisions select message_id, 9, text, mentions, salt, author_id, recorded_at "
        "from message_revisions"
    )
    assert await find_missing(database) == [Finding(Problem.CONTENT_UNEXPECTED, f"revisions of {month} (1)")]


@pytest.mark.parametrize("chosen", [0, 2], ids=["the first", "the last"])
async def test_whoever_removes_the_event_as_well_is_found_by_its_number(
    database: Database, superuser: asyncpg.Connection, chosen: int
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    posted = [await post(database, author, place.shared) for _ in range(3)]
    assert await find_missing(database) == []
    for table, column in (
        ("messages", "message_id"),
        ("message_revisions", "message_id"),
        ("events", "subject_id"),
    ):
        await get_past_the_guard(
            superuser, table, f"delete from {table} where {column} = '{posted[chosen].message_id}'"
        )
    assert await find_missing(database) == [Finding(Problem.EVENTS_MISSING, f"stream {place.shared}")]


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        (
            "disposition_months",
            "insert into disposition_months select run_id, 1, '1999-01-01', 'messages', 1 from disposition_runs",
        ),
        ("disposition_batches", "update disposition_batches set digest = sha256('another')"),
        ("disposition_runs", "update disposition_runs set run_id = gen_random_uuid()"),
        (
            "disposition_batches",
            "insert into disposition_batches (run_id, number, phase, messages, salt, digest) "
            "select run_id, 99, 'messages', 1, '', '' from disposition_runs; "
            "insert into disposition_months select run_id, 99, '1999-01-01', 'messages', 1 from disposition_runs",
        ),
    ],
)
async def test_a_record_of_destruction_that_was_written_by_hand_is_found(
    database: Database,
    owner: asyncpg.Connection,
    superuser: asyncpg.Connection,
    move_time: MoveTime,
    stores: FileStores,
    table: str,
    statement: str,
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=1))
    await post(database, author, place.shared)
    await move_time(timedelta(days=2))
    await dispose(database, stores)
    assert await find_all(database) == set()
    await get_past_the_guard(superuser, table, statement)
    assert Problem.ACT_WITHOUT_ENTRY in await find_all(database)
