"""What nobody claimed goes, bytes and rows; what a message claimed stays."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.deeds import delete, open_place
from tests.people import make_account
from tests.uploading import chunks, claim, disk_and_bucket, disk_stores, make_receiver, upload, without_bucket
from workroom.errors import NotFound, WorkroomError
from workroom.file_sweep import sweep_files
from workroom.ids import FileId
from workroom.storage.database import Database

TABLES = ("uploads", "files", "file_contents", "file_segments")


async def count_rows(owner: asyncpg.Connection) -> set[int]:
    return {await owner.fetchval(f"select count(*) from {table}") for table in TABLES}


async def test_a_day_later_nothing_is_left_of_what_nobody_claimed(
    database: Database, owner: asyncpg.Connection, move_time: Any, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    receiver = make_receiver(database, stores)
    await upload(receiver, author, place, os.urandom(2000))
    half = await receiver.begin(author.account_id, place.shared, "half", "", 5000)
    await receiver.receive(half, 0, chunks(bytes(2000)), None)
    await receiver.begin(author.account_id, place.shared, "begun", "", 5000)
    assert await sweep_files(database, stores) == 0
    assert len(await stores.writing.list_keys()) == 2
    await move_time(timedelta(hours=24, seconds=1))
    assert await sweep_files(database, stores) == 3
    assert await stores.writing.list_keys() == []
    assert await count_rows(owner) == {0}


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_what_a_message_claimed_stays_whatever_became_of_the_message(
    database: Database, owner: asyncpg.Connection, move_time: Any, tmp_path: Path, is_deleted: bool
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    file_id = await upload(make_receiver(database, stores), author, place, os.urandom(2000))
    posted = await claim(database, author, place, file_id)
    if is_deleted:
        await delete(database, author, place.shared, posted.message_id)
    await move_time(timedelta(days=400))
    await sweep_files(database, stores)
    assert len(await stores.writing.list_keys()) == 1
    assert await owner.fetchval("select count(*) from file_contents") == 1
    assert await owner.fetchval("select count(*) from uploads") == 0


async def test_what_lies_in_a_store_that_is_not_configured_waits_and_holds_up_nothing_else(
    database: Database,
    owner: asyncpg.Connection,
    move_time: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_and_bucket(tmp_path)
    disk_alone = without_bucket(stores)
    in_bucket = await upload(make_receiver(database, stores), author, place, os.urandom(2000))
    await upload(make_receiver(database, disk_alone), author, place, os.urandom(2000))
    await move_time(timedelta(hours=25))
    assert await sweep_files(database, disk_alone) == 1
    assert await disk_alone.writing.list_keys() == []
    assert await owner.fetchval("select array_agg(file_id) from uploads") == [in_bucket]
    assert caplog.messages == ["uploads_out_of_reach store=s3 segments=1"]
    assert await sweep_files(database, stores) == 1
    assert await stores.writing.list_keys() == []
    assert await count_rows(owner) == {0}
    assert len(caplog.messages) == 1


class DiesOnce(Exception):
    """A kill in the middle of a sweep."""


@pytest.mark.parametrize("step", ["before the bytes", "after the bytes"])
async def test_a_sweep_that_died_is_finished_by_the_next(
    database: Database,
    owner: asyncpg.Connection,
    move_time: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    await upload(make_receiver(database, stores), author, place, os.urandom(2000))
    await move_time(timedelta(hours=25))
    delete_bytes = stores.writing.delete

    async def die(key: str) -> None:
        if step == "after the bytes":
            await delete_bytes(key)
        raise DiesOnce

    with monkeypatch.context() as broken:
        broken.setattr(stores.writing, "delete", die)
        with pytest.raises(DiesOnce):
            await sweep_files(database, stores)
    assert await sweep_files(database, stores) == 1
    assert await stores.writing.list_keys() == []
    assert await count_rows(owner) == {0}


async def test_what_was_given_up_cannot_be_claimed(
    database: Database, move_time: Any, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    file_id = await upload(make_receiver(database, stores), author, place, b"late")
    await move_time(timedelta(hours=25))
    await sweep_files(database, stores)
    with pytest.raises(NotFound):
        await claim(database, author, place, file_id)


async def test_claim_and_sweep_at_the_same_time_leave_all_or_nothing(
    database: Database, owner: asyncpg.Connection, move_time: Any, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    receiver = make_receiver(database, stores)
    file_ids = [await upload(receiver, author, place, b"paper") for _ in range(8)]
    await move_time(timedelta(hours=25))

    async def try_to_claim(file_id: FileId) -> bool:
        try:
            await claim(database, author, place, file_id)
        except WorkroomError:
            return False
        return True

    async with asyncio.TaskGroup() as together:
        claims = [together.create_task(try_to_claim(file_id)) for file_id in file_ids]
        together.create_task(sweep_files(database, stores))
    claimed = sum(claim.result() for claim in claims)
    await sweep_files(database, stores)
    assert await owner.fetchval("select count(*) from files where message_id is not null") == claimed
    assert await owner.fetchval("select count(*) from file_contents") == claimed
    assert len(await stores.writing.list_keys()) == claimed
