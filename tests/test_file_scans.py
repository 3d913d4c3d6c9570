"""Files are looked at by a real clamd before anybody may fetch them."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import asyncpg
import pytest

from tests.deeds import open_place, read_all
from tests.people import make_account
from tests.uploading import chunks, claim, disk_stores, make_receiver, upload
from tests.virus_scanner import EICAR, LONGEST_BYTES, LONGEST_UNPACKED_BYTES, VIRUS
from workroom import file_failures, file_scans
from workroom.clamd import ScannerAway, find_virus
from workroom.clock import monotonic_seconds
from workroom.errors import FileChecking, NotFound, Unavailable
from workroom.file_scans import FileScans
from workroom.files import require_readable_file
from workroom.storage.database import Database

pytestmark = pytest.mark.deadline(90)


def zipped(content: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", content)
    return written.getvalue()


async def test_a_virus_is_found_wherever_it_lies_and_nothing_else_is(clamd: str) -> None:
    assert await find_virus(clamd, chunks(VIRUS))
    assert await find_virus(clamd, chunks(bytes(500_000) + VIRUS))
    assert await find_virus(clamd, chunks(zipped(VIRUS + b" " * 1000)))
    assert await find_virus(clamd, chunks(EICAR))
    assert await find_virus(clamd, chunks(zipped(zipped(EICAR))))
    assert not await find_virus(clamd, chunks(zipped(b" " * 1000)))
    assert not await find_virus(clamd, chunks(os.urandom(500_000)))
    assert not await find_virus(clamd, chunks(b""))


async def test_what_cannot_be_looked_at_whole_is_not_taken_for_clean(clamd: str) -> None:
    with pytest.raises(Unavailable):
        await find_virus(clamd, chunks(os.urandom(LONGEST_BYTES * 3)))


async def test_an_archive_of_more_than_can_be_looked_at_is_not_taken_for_clean(clamd: str) -> None:
    assert await find_virus(clamd, chunks(zipped(bytes(LONGEST_UNPACKED_BYTES + 1_000_000))))
    assert not await find_virus(clamd, chunks(zipped(bytes(1_000_000))))


async def test_a_scanner_that_is_not_there_is_away(tmp_path: Path) -> None:
    for address in (f"unix:{tmp_path}/none", "127.0.0.1:1"):
        with pytest.raises(ScannerAway):
            await find_virus(address, chunks(b"x"))


async def test_a_message_is_posted_at_once_and_clearing_its_file_is_an_event(
    database: Database, owner: asyncpg.Connection, clamd: str, tmp_path: Path
) -> None:
    author, reader = await make_account(database), await make_account(database)
    place, stores = await open_place(database, author, reader), disk_stores(tmp_path / "files")
    receiver = make_receiver(database, stores, is_scanned=True)
    clean = await upload(receiver, author, place, b"an honest paper")
    infected = await upload(receiver, author, place, b"a paper with " + VIRUS)
    posted = await claim(database, author, place, clean, infected)
    assert posted.told is not None
    assert [told.state for told in posted.told.files] == ["checking", "checking"]
    async with database.read() as reading:
        for file_id in (clean, infected):
            with pytest.raises(FileChecking):
                await require_readable_file(reading, reader.account_id, file_id)
    assert await FileScans(database, stores, clamd).scan_waiting() == 2
    changes = [told for told in await read_all(database, place.shared) if told.kind == "file_changed"]
    assert [(told.file.file_id, told.file.state) for told in changes if told.file] == [
        (clean, "ready"),
        (infected, "infected"),
    ]
    async with database.read() as reading:
        await require_readable_file(reading, reader.account_id, clean)
        with pytest.raises(NotFound):
            await require_readable_file(reading, reader.account_id, infected)
    assert len(await stores.writing.list_keys()) == 2, "infected bytes stay, sealed"


async def test_while_the_scanner_is_away_files_wait_and_are_looked_at_as_soon_as_it_is_there(
    database: Database, owner: asyncpg.Connection, clamd: str, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    receiver = make_receiver(database, stores, is_scanned=True)
    for _ in range(3):
        await upload(receiver, author, place, b"paper")
    scans = FileScans(database, stores, f"unix:{tmp_path}/clamd")
    for _ in range(2):
        with pytest.raises(ScannerAway):
            await scans.scan_waiting()
    assert await owner.fetchval("select array_agg(distinct scan_state) from files") == ["unchecked"]
    (tmp_path / "clamd").symlink_to(clamd.removeprefix("unix:"))
    assert await scans.scan_waiting() == 3
    assert await owner.fetchval("select array_agg(distinct scan_state) from files") == ["clean"]


async def test_however_many_files_cannot_be_looked_at_the_others_do_not_wait_for_them(
    database: Database,
    owner: asyncpg.Connection,
    clamd: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_scans, "BATCH_SIZE", 3)
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    receiver = make_receiver(database, stores, is_scanned=True)
    for _ in range(4):
        await upload(receiver, author, place, os.urandom(LONGEST_BYTES * 3))
    clean = "select count(*) from files where scan_state = 'clean'"
    scans = FileScans(database, stores, clamd)
    assert await scans.scan_waiting() == 0
    await upload(receiver, author, place, b"the first that came after them")
    assert await scans.scan_waiting() == 1
    assert await owner.fetchval(clean) == 1
    # Nor when all of their pauses are over.
    later = monotonic_seconds() + 1000
    monkeypatch.setattr(file_failures, "monotonic_seconds", lambda: later)
    await upload(receiver, author, place, b"the second")
    assert await scans.scan_waiting() == 1
    assert await owner.fetchval(clean) == 2
