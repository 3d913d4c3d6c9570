"""The worker keeps house: months ahead, and nothing left of sessions that ended; any number of times, by any number."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.deeds import open_place, post
from tests.looking import take_breath, until_yes
from tests.people import make_account
from tests.programs import run_program
from tests.retaining import assign_room, make_class
from tests.test_file_previews import a_photograph
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import disposition, integrity, sessions, worker
from workroom.errors import StorageFull
from workroom.expiry_rounds import tell_what_expired
from workroom.settings import Settings
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]

PARTITIONS = "select count(*) from pg_inherits where inhparent = 'workroom.messages'::regclass"


async def test_a_round_makes_the_months_to_come(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    before = await owner.fetchval(PARTITIONS)
    await move_time(timedelta(days=62))
    await worker.do_round(database)
    made = await owner.fetchval(PARTITIONS)
    assert made == before + 2
    await worker.do_round(database)
    assert await owner.fetchval(PARTITIONS) == made


async def test_two_workers_at_once_do_no_harm(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    before = await owner.fetchval(PARTITIONS)
    await move_time(timedelta(days=62))
    await asyncio.gather(*(worker.do_round(database) for _ in range(3)))
    assert await owner.fetchval(PARTITIONS) == before + 2


async def test_a_round_forgets_sessions_that_ended_and_keeps_those_that_stand(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    account = await make_account(database)
    async with database.transaction() as transaction:
        await sessions.start_session(transaction, account.account_id, days=1)
        standing = await sessions.start_session(transaction, account.account_id, days=30)
    await move_time(timedelta(days=3))
    await worker.do_round(database)
    assert [row["session_id"] for row in await owner.fetch("select session_id from sessions")] == [
        standing.session_id
    ]


async def test_it_stops_when_it_is_told_to(database: Database) -> None:
    stop = asyncio.Event()
    keeping = asyncio.create_task(worker.keep_house(database, stop))
    stop.set()
    await keeping


@pytest.mark.parametrize("lack", ["no process", "a full disk"])
async def test_a_worker_that_can_make_no_preview_does_everything_else(
    database: Database,
    owner: asyncpg.Connection,
    settings: Settings,
    move_time: MoveTime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    lack: str,
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    receiver = make_receiver(database, stores)
    await upload(receiver, author, place, b"nobody claims this")
    await move_time(timedelta(hours=25))
    await claim(database, author, place, await upload(receiver, author, place, a_photograph()))

    def refuse(*arguments: object, **options: object) -> None:
        raise BlockingIOError(11, "no process") if lack == "no process" else StorageFull("The disk is full.")

    lacking: object = asyncio if lack == "no process" else stores.writing
    monkeypatch.setattr(lacking, "create_subprocess_exec" if lack == "no process" else "open_segment", refuse)
    caplog.set_level("INFO", logger="workroom")
    stop = asyncio.Event()
    keeping = asyncio.create_task(worker.keep_everything(database, stores, settings, stop))
    async with asyncio.timeout(20):
        while "preview_put_off" not in caplog.text and not keeping.done():
            await take_breath()
        while len(await stores.writing.list_keys()) > 1 and not keeping.done():
            await take_breath()
    assert not keeping.done()
    assert await owner.fetchval("select preview_state from files") == "wanted"
    stop.set()
    await keeping


async def test_a_scanner_that_hangs_holds_up_neither_previews_nor_the_sweep(
    database: Database, owner: asyncpg.Connection, settings: Settings, move_time: MoveTime, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    receiver = make_receiver(database, stores)
    await upload(receiver, author, place, b"nobody claims this")
    await move_time(timedelta(hours=25))
    await claim(database, author, place, await upload(receiver, author, place, a_photograph()))
    await upload(make_receiver(database, stores, is_scanned=True), author, place, b"to be scanned")
    lines: list[asyncio.StreamWriter] = []
    is_asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        is_asked.set()

    address = str(tmp_path / "clamd")
    stop = asyncio.Event()
    async with await asyncio.start_unix_server(hang, address):
        scanned = dataclasses.replace(settings, clamd=f"unix:{address}")
        keeping = asyncio.create_task(worker.keep_everything(database, stores, scanned, stop))
        async with asyncio.timeout(20):
            await is_asked.wait()
            await until_yes(owner, "select exists (select from files where preview_state = 'made')")
            await until_yes(
                owner, "select not exists (select from uploads where expires_at <= current_instant())"
            )
        assert await owner.fetchval("select count(*) from files where scan_state = 'unchecked'") == 1
        stop.set()
        for line in lines:
            line.close()
        await keeping


async def test_a_run_is_due_once_a_day_from_an_hour_on_and_while_one_has_not_ended(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    async def is_due(hour: int) -> bool:
        async with database.read() as reading:
            return await disposition.is_run_due(reading, hour)

    now = await owner.fetchval("select current_instant() at time zone 'utc'")
    await move_time(now.replace(hour=12, minute=0) - now)
    assert await is_due(11)
    await tell_what_expired(database)
    await owner.execute("select begin_disposition()")
    assert await is_due(11)
    await owner.execute("update disposition_runs set phase = 'done', ended_at = current_instant()")
    assert not await is_due(11)
    assert not await is_due(13)
    await move_time(timedelta(hours=2))
    assert await is_due(13)
    assert not await is_due(11)
    await move_time(timedelta(hours=22))
    assert await is_due(11)


async def test_the_worker_tells_what_expired_and_destroys_it(
    environment: dict[str, str],
    database: Database,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    await post(database, author, place.shared)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await tell_what_expired(database)
    await move_time(timedelta(days=11))
    async with run_program(environment, tmp_path / "worker.log", "worker"):
        await until_yes(owner, "select exists (select from events where kind = 'messages_expired')")
        await until_yes(owner, "select not exists (select from messages)")


async def test_the_worker_verifies_by_itself_and_raises_an_alarm_that_officers_see(
    environment: dict[str, str], database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await owner.execute("alter table message_revisions disable trigger guard_after_delete")
    log_file = tmp_path / "worker.log"
    async with run_program(environment, log_file, "worker"):
        await until_yes(owner, "select exists (select from integrity_alarms)")
        async with asyncio.timeout(10):
            while "integrity_verified" not in log_file.read_text():
                await take_breath()
    async with database.read() as reading:
        alarms = await integrity.list_alarms(reading)
    assert [(alarm.problem, alarm.subject) for alarm in alarms] == [
        ("schema_part_altered", "trigger message_revisions.guard_after_delete")
    ]
