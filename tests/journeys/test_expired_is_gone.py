"""Expired is gone, and held is not, wherever the run is killed: `kill -9` at every step, as a process of its own.

A trigger of the test holds the run at a statement; there it is killed. Then everything has to be as before its batch or
after it, and the next run has to come to the same end as one that nobody disturbed.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.deeds import edit, open_place, post, react, rename
from tests.gates import gate, until_at_the_gate
from tests.holding import CONTENT, count_content, make_officer, place_hold, read_content
from tests.looking import until_yes
from tests.people import make_account
from tests.programs import run_program
from tests.retaining import assign_default, make_class
from tests.uploading import claim, make_receiver, upload
from workroom.accounts import Account
from workroom.settings import load_settings
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.storage.open_stores import open_file_stores

MoveTime = Callable[[timedelta], Awaitable[None]]
OFFICER = "olga@example.org"

# Every statement of a run that changes something, in the order in which they come.
STEPS = [
    ("disposition_runs", "insert"),
    ("file_previews", "delete"),
    ("file_contents", "delete"),
    ("file_segments", "delete"),
    ("bytes_to_remove", "insert"),
    ("files", "delete"),
    ("uploads", "delete"),
    ("message_files", "delete"),
    ("disposition_batches", "insert"),
    ("disposition_counts", "insert"),
    ("disposition_months", "insert"),
    ("disposition_runs", "update"),
    ("bytes_to_remove", "delete"),
    ("message_revisions", "delete"),
    ("message_reactions", "delete"),
    ("messages", "delete"),
    ("room_names", "delete"),
    ("audit_entries", "insert"),
]
GATE = 4711
STAND_AT_THE_GATE = """
    create function workroom.stand_at_the_gate() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(4711); return null; end'
"""
IS_AT_THE_GATE = (
    "select exists (select from pg_locks where locktype = 'advisory' and objid = 4711 and not granted)"
)
NOBODY_AT_WORK = """
    select not exists (
        select from pg_stat_activity
        where application_name = 'workroom disposition' and datname = current_database()
    )
"""


@dataclass
class Office:
    """What was there before the run: one room that is free, one on hold, both long due."""

    held: dict[str, list[dict[str, object]]]
    stores: FileStores
    held_keys: set[str]
    expected: dict[str, int]


async def name_officer(owner: asyncpg.Connection, officer: Account) -> None:
    """Give the officer the address under which the shell knows them."""
    await owner.execute(
        "update account_profiles set email = $1, email_key = $1 where account_id = $2",
        OFFICER, officer.account_id,
    )  # fmt: skip


async def an_office(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, environment: dict[str, str]
) -> Office:
    officer = await make_officer(database)
    await name_officer(owner, officer)
    installation_id = await owner.fetchval("select installation_id from installation")
    stores = await open_file_stores(load_settings(environment), installation_id, has_files=False)
    receiver = make_receiver(database, stores)
    author = await make_account(database)
    await assign_default(owner, "shared", await make_class(owner, destroy=10))
    held_keys: set[str] = set()
    for is_held in (True, False):
        place = await open_place(database, author)
        if is_held:
            await place_hold(database, officer, place.room_id)
        for _ in range(3):
            posted = await claim(
                database, author, place, await upload(receiver, author, place, os.urandom(500))
            )
            words = await post(database, author, place.shared)
            await edit(database, author, place.shared, words.message_id, "Other words")
            await react(database, author, place.shared, words.message_id)
            await owner.execute(
                "insert into file_previews (file_id, media_type, byte_size, sha256, width, height) "
                "select file_id, 'image/webp', 1, sha256('x'), 1, 1 from files where message_id = $1",
                posted.message_id,
            )
        await rename(database, author, place.room_id, "Another name")
        if is_held:
            held_keys = set(await stores.writing.list_keys())
            before = await read_content(owner)
            held = {table: list(before[table]) for table in CONTENT}
            expected = await count_content(owner)
    await move_time(timedelta(days=50))
    return Office(held, stores, held_keys, expected | {"room_names": 3})


async def run_to_the_end(environment: dict[str, str], log: Path) -> None:
    async with run_program(environment, log, "disposition", "run", "--as", OFFICER) as program:
        assert await program.wait() == 0, f"see {log}"


async def assert_whole(owner: asyncpg.Connection) -> None:
    """No message is half destroyed: its words are there with its row, its files' rows with their names and places."""
    halves = await owner.fetchval(
        """
        select count(*)
        from messages as m
        where not exists (select from message_revisions as r where r.message_id = m.message_id)
        """
    )
    orphans = await owner.fetchval(
        """
        select count(*)
        from files as f
        full join file_contents as c on c.file_id = f.file_id
        full join file_segments as s on s.file_id = coalesce(f.file_id, c.file_id)
        where f.file_id is null or c.file_id is null or s.file_id is null
        """
    )
    assert (halves, orphans) == (0, 0)


async def assert_gone(owner: asyncpg.Connection, office: Office) -> None:
    """What was free is gone, from the store as well; what is held is untouched; each was recorded once."""
    content = await read_content(owner)
    for table in CONTENT:
        if table != "room_names":
            assert content[table] == office.held[table], table
    assert await count_content(owner) == office.expected
    assert set(await office.stores.writing.list_keys()) == office.held_keys
    assert await owner.fetchval("select count(*) from bytes_to_remove") == 0
    summed = await owner.fetchrow(
        "select sum(messages), sum(revisions), sum(reactions), sum(files), sum(room_names) from disposition_batches"
    )
    assert tuple(summed) == (6, 9, 3, 3, 1)
    assert await owner.fetchval("select count(*) from disposition_runs where ended_at is null") == 0


@pytest.mark.deadline(240)
async def test_a_run_that_is_killed_at_every_step_comes_to_the_same_end(
    environment: dict[str, str],
    database: Database,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
) -> None:
    """Each process is killed one step further than the one before, which it goes on from."""
    office = await an_office(database, owner, move_time, environment)
    log = tmp_path / "disposition.log"
    await owner.execute(STAND_AT_THE_GATE)
    for table, operation in STEPS:
        await owner.execute(
            f"create trigger stand_at_the_gate before {operation} on {table} "
            "for each statement execute function workroom.stand_at_the_gate()"
        )
        await owner.execute("select pg_advisory_lock($1)", GATE)
        async with run_program(environment, log, "disposition", "run", "--as", OFFICER) as program:
            await until_yes(owner, IS_AT_THE_GATE)
            program.kill()
            await program.wait()
        await owner.execute("select pg_advisory_unlock($1)", GATE)
        await until_yes(owner, NOBODY_AT_WORK)
        await owner.execute(f"drop trigger stand_at_the_gate on {table}")
        await assert_whole(owner)
    await run_to_the_end(environment, log)
    await assert_gone(owner, office)
    assert await owner.fetchval("select count(*) from disposition_runs") == 1


async def test_a_run_that_is_killed_while_it_drops_a_month_leaves_it_whole(
    environment: dict[str, str],
    database: Database,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
) -> None:
    await move_time(-timedelta(days=180))
    await owner.execute(
        "select ensure_partitions(current_instant()::date, (current_instant() + interval '6 months')::date)"
    )
    officer, author = await make_officer(database), await make_account(database)
    await name_officer(owner, officer)
    await assign_default(owner, "shared", await make_class(owner, destroy=30))
    place = await open_place(database, author)
    for _ in range(5):
        posted = await post(database, author, place.shared)
        await react(database, author, place.shared, posted.message_id)
    month = await owner.fetchval("select tableoid::regclass::text from messages limit 1")
    await move_time(timedelta(days=70))
    before, log = await read_content(owner), tmp_path / "disposition.log"
    for table, operation in (("disposition_batches", "insert"), ("disposition_months", "insert")):
        async with gate(owner, table, operation) as open_gate:
            async with run_program(environment, log, "disposition", "run", "--as", OFFICER) as program:
                await until_at_the_gate(owner)
                program.kill()
                await program.wait()
            await open_gate()
            await until_yes(owner, NOBODY_AT_WORK)
        assert await read_content(owner) == before
    assert await owner.fetchval("select to_regclass($1)::text", month) == month
    await run_to_the_end(environment, log)
    assert await owner.fetchval("select to_regclass($1)", month) is None, "it was dropped, not emptied"
    recorded = await owner.fetch("select messages, reactions from disposition_batches where phase = 'month'")
    assert [tuple(each) for each in recorded if each["messages"]] == [(5, 5)]
    assert await owner.fetchval("select count(*) from disposition_runs") == 1


async def test_a_store_that_fails_between_the_commit_and_the_bytes_is_asked_again(
    environment: dict[str, str],
    database: Database,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
) -> None:
    office = await an_office(database, owner, move_time, environment)
    log, folder = tmp_path / "disposition.log", Path(environment["WORKROOM_DATA_DIR"]) / "files"
    shut = [path for path in folder.iterdir() if path.is_dir()]
    for path in shut:
        path.rename(path.with_name(path.name + ".away"))
        path.write_bytes(b"not a folder")
    async with run_program(environment, log, "disposition", "run", "--as", OFFICER) as program:
        assert await program.wait() == 1
    assert await owner.fetchval("select count(*) from bytes_to_remove") == 3
    for path in shut:
        path.unlink()
        path.with_name(path.name + ".away").rename(path)
    await run_to_the_end(environment, log)
    await assert_gone(owner, office)
