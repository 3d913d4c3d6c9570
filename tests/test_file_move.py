"""Moving a live installation from one store to the other, and back; stopped anywhere, and run again."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import Place, open_place
from tests.people import make_account
from tests.servers import DatabaseUrls
from tests.uploading import chunks, claim, make_receiver, upload
from workroom.accounts import Account
from workroom.file_move import CopyDiffers, FileMove, Moved
from workroom.file_sweep import sweep_files
from workroom.ids import FileId
from workroom.settings import load_settings
from workroom.storage.database import Database
from workroom.storage.disk_store import open_disk_store
from workroom.storage.file_store import FileStores
from workroom.storage.object_store import open_object_store
from workroom.storage.open_stores import open_file_stores
from workroom.stored_bytes import StoredBytes

pytestmark = pytest.mark.deadline(120)

Move = Callable[[timedelta], Awaitable[None]]
WAITING = """
    select exists (
        select from pg_stat_activity as a join pg_locks as l using (pid)
        where a.datname = current_database() and a.application_name = 'workroom files move' and not l.granted
    )
"""


@pytest_asyncio.fixture
async def stores(tmp_path: Path, object_server: dict[str, str]) -> AsyncIterator[FileStores]:
    """The disk, to which new files go, and a bucket, emptied at the end."""
    bucket = await open_object_store(load_settings(object_server))
    yield FileStores({"disk": open_disk_store(tmp_path / "files", uuid4(), True), "s3": bucket}, "disk")
    for key in await bucket.list_keys():
        await bucket.delete(key)


@pytest_asyncio.fixture
async def author(database: Database) -> Account:
    return await make_account(database)


@pytest_asyncio.fixture
async def place(database: Database, author: Account) -> Place:
    return await open_place(database, author)


async def move(database: Database, stores: FileStores, old: str = "disk", new: str = "s3") -> Moved:
    return await FileMove(database, stores, old, new).run()


async def read(database: Database, stores: FileStores, file_id: FileId, byte_size: int) -> bytes:
    reading = StoredBytes(database, stores).read(file_id, byte_size, 0, byte_size)
    return b"".join([piece async for piece in reading])


async def count_strays(owner: asyncpg.Connection) -> int:
    count: int = await owner.fetchval("select count(*) from stray_segments")
    return count


async def test_files_move_to_the_bucket_and_back_and_stay_the_same(
    database: Database, owner: asyncpg.Connection, author: Account, place: Place, stores: FileStores
) -> None:
    contents = [os.urandom(size) for size in (0, 10, 7_000_000)]
    receiver = make_receiver(database, stores)
    file_ids = [await upload(receiver, author, place, content) for content in contents]
    await claim(database, author, place, *file_ids)
    for old, new in (("disk", "s3"), ("s3", "disk")):
        assert await move(database, stores, old, new) == Moved(2, 7_000_010, 0)
        assert await stores.named(old).list_keys() == []
        for file_id, content in zip(file_ids, contents, strict=True):
            assert await read(database, stores, file_id, len(content)) == content
        assert await move(database, stores, old, new) == Moved(0, 0, 0)
    assert await count_strays(owner) == 0


async def test_a_copy_that_is_not_the_same_moves_nothing(
    database: Database,
    owner: asyncpg.Connection,
    author: Account,
    place: Place,
    stores: FileStores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await upload(make_receiver(database, stores), author, place, b"paper")
    bucket = stores.named("s3")

    async def read_wrongly(key: str, start: int, byte_size: int) -> bytes:
        return b"paqer"[start : start + byte_size]

    with monkeypatch.context() as broken:
        broken.setattr(bucket, "read", read_wrongly)
        with pytest.raises(CopyDiffers):
            await move(database, stores)
    assert await owner.fetchval("select store from file_segments") == "disk"
    assert len(await stores.named("disk").list_keys()) == 1
    assert await bucket.list_keys() == []


async def test_what_is_damaged_is_moved_as_it_is_and_told(
    database: Database,
    owner: asyncpg.Connection,
    author: Account,
    place: Place,
    stores: FileStores,
    tmp_path: Path,
) -> None:
    receiver = make_receiver(database, stores)
    whole = await upload(receiver, author, place, os.urandom(3000))
    damaged = await upload(receiver, author, place, os.urandom(2_500_000))
    missing = await upload(receiver, author, place, os.urandom(3000))
    segments = {
        record["file_id"]: tmp_path / "files" / record["store_key"]
        for record in await owner.fetch("select file_id, store_key from file_segments")
    }
    with segments[damaged].open("r+b") as file:
        file.seek(1_500_000)
        file.write(b"something else")
    segments[missing].unlink()
    assert (await move(database, stores)).damaged_files == 2
    found = await owner.fetch("select file_id, block, reader_id from file_damages order by file_id")
    assert [tuple(record) for record in found] == [(damaged, 1, None), (missing, 0, None)]
    assert len(await stores.named("s3").list_keys()) == 2
    assert len(await read(database, stores, whole, 3000)) == 3000
    assert await owner.fetchval("select store from file_segments where file_id = $1", missing) == "disk"


async def test_who_reads_while_files_move_notices_nothing(
    database: Database, owner: asyncpg.Connection, author: Account, place: Place, stores: FileStores
) -> None:
    content = os.urandom(3_500_000)
    file_id = await upload(make_receiver(database, stores), author, place, content)
    received = b""
    async for piece in StoredBytes(database, stores).read(file_id, len(content), 0, len(content)):
        if not received:
            assert (await move(database, stores)).segments == 1
        received += piece
    assert received == content
    assert await owner.fetchval("select count(*) from file_damages") == 0


async def test_two_runs_at_once_move_each_file_once_and_leave_nothing(
    database: Database, owner: asyncpg.Connection, author: Account, place: Place, stores: FileStores
) -> None:
    receiver = make_receiver(database, stores)
    contents = {
        await upload(receiver, author, place, content): content for content in map(os.urandom, [9] * 12)
    }
    runs = await asyncio.gather(move(database, stores), move(database, stores))
    assert sum(run.segments for run in runs) == len(contents)
    assert sum(run.damaged_files for run in runs) == 0
    assert await stores.named("disk").list_keys() == []
    assert len(await stores.named("s3").list_keys()) == len(contents)
    assert await count_strays(owner) == 0
    for file_id, content in contents.items():
        assert await read(database, stores, file_id, len(content)) == content


async def test_a_file_that_is_given_up_while_it_moves_is_left_nowhere(
    database: Database,
    owner: asyncpg.Connection,
    author: Account,
    place: Place,
    stores: FileStores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver = make_receiver(database, stores)
    file_id = await upload(receiver, author, place, b"nobody's")
    bucket = stores.named("s3")
    put = bucket.put

    async def put_and_sweep(key: str, pieces: AsyncIterator[bytes]) -> None:
        await put(key, pieces)
        await receiver.abandon(await receiver.find(author.account_id, file_id))
        assert await sweep_files(database, stores) == 1

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(bucket, "put", put_and_sweep)
        await move(database, stores)
    for store in ("disk", "s3"):
        assert await stores.named(store).list_keys() == []
    assert await owner.fetchval("select count(*) from file_segments") == await count_strays(owner) == 0


async def test_a_file_that_moves_while_it_is_swept_is_swept_where_it_lies_then(
    database: Database,
    owner: asyncpg.Connection,
    author: Account,
    place: Place,
    stores: FileStores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver = make_receiver(database, stores)
    file_id = await upload(receiver, author, place, b"nobody's")
    disk, bucket = stores.named("disk"), stores.named("s3")
    put, delete = bucket.put, disk.delete
    sweep_has_looked, has_moved = asyncio.Event(), asyncio.Event()

    async def put_and_wait(key: str, pieces: AsyncIterator[bytes]) -> None:
        await put(key, pieces)
        await receiver.abandon(await receiver.find(author.account_id, file_id))
        together.create_task(sweep_files(database, stores))
        await sweep_has_looked.wait()

    async def wait_and_delete(key: str) -> None:
        if not sweep_has_looked.is_set():
            sweep_has_looked.set()  # this is the sweep; what comes next is the run that moves
            await has_moved.wait()
        await delete(key)
        has_moved.set()

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(bucket, "put", put_and_wait)
        meanwhile.setattr(disk, "delete", wait_and_delete)
        async with asyncio.TaskGroup() as together:
            moved = together.create_task(move(database, stores))
    assert moved.result().segments == 1, "it was swept before it moved: this proves nothing"
    for store in (disk, bucket):
        assert await store.list_keys() == []
    assert await owner.fetchval("select count(*) from file_segments") == await count_strays(owner) == 0


class DiesOnce(BaseException):
    """A kill of the moving process."""


@pytest.mark.parametrize("store", ["disk", "s3"])
async def test_a_run_that_died_before_it_cleared_up_is_cleared_up_after(
    database: Database,
    owner: asyncpg.Connection,
    author: Account,
    place: Place,
    stores: FileStores,
    move_time: Move,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
) -> None:
    """Between the commit and the removal of what lies where the segment lay; or before the copy could be looked at."""
    content = os.urandom(2000)
    file_id = await upload(make_receiver(database, stores), author, place, content)

    async def die(*arguments: object) -> None:
        raise DiesOnce

    with monkeypatch.context() as broken:
        broken.setattr(stores.named(store), "delete", die)
        if store == "s3":
            broken.setattr(stores.named(store), "read", die)
        with pytest.raises(DiesOnce):
            await move(database, stores)
    assert len(await stores.named("disk").list_keys()) == len(await stores.named("s3").list_keys()) == 1
    await sweep_files(database, stores)
    await move(database, stores)
    await move_time(timedelta(minutes=16))
    await sweep_files(database, stores)
    assert await stores.named("disk").list_keys() == []
    assert len(await stores.named("s3").list_keys()) == 1
    assert await count_strays(owner) == 0
    assert await read(database, stores, file_id, len(content)) == content


async def test_a_run_that_was_killed_is_run_again(
    database: Database,
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    author: Account,
    place: Place,
    move_time: Move,
    environment: dict[str, str],
    object_server: dict[str, str],
) -> None:
    environment = {**environment, **object_server}
    installation_id = await owner.fetchval("select installation_id from installation")
    stores = await open_file_stores(load_settings(environment), installation_id, has_files=False)
    receiver = make_receiver(database, stores)
    contents = {
        await upload(receiver, author, place, content): content for content in map(os.urandom, (7, 2_000_000))
    }
    locks = await asyncpg.connect(database_urls.owner_url, server_settings={"search_path": "workroom"})
    # Each run gets as far as one more file; then it waits for a lock, with a copy that no row names, and is killed.
    for row in await owner.fetch("select file_id from file_segments order by file_id"):
        async with locks.transaction():
            await locks.execute("select from file_segments where file_id = $1 for update", row["file_id"])
            run = await start_move(environment)
            while not await owner.fetchval(WAITING):
                await owner.execute("select pg_stat_clear_snapshot()")
            run.kill()
            await run.wait()
    await locks.close()
    assert await count_strays(owner) == 2
    run = await start_move(environment)
    said, _ = await run.communicate()
    assert (run.returncode, said) == (
        0, b"Moved 1 segments (2000000 bytes) to s3; each was read back and compared.\n",
    )  # fmt: skip
    await move_time(timedelta(minutes=16))
    await sweep_files(database, stores)
    assert await stores.named("disk").list_keys() == []
    bucket = stores.named("s3")
    rows = await owner.fetch("select store_key from file_segments order by store_key")
    assert await bucket.list_keys() == [row["store_key"] for row in rows]
    assert await count_strays(owner) == 0
    for file_id, content in contents.items():
        assert await read(database, stores, file_id, len(content)) == content
    for key in await bucket.list_keys():
        await bucket.delete(key)


async def start_move(environment: dict[str, str]) -> asyncio.subprocess.Process:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WORKROOM_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workroom", "files", "move", "--to", "s3",
        env={**plain, **environment}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_an_upload_in_parts_goes_on_in_a_bucket(
    database: Database, owner: asyncpg.Connection, author: Account, place: Place, stores: FileStores
) -> None:
    stores = FileStores({"s3": stores.named("s3")}, "s3")
    receiver, content = make_receiver(database, stores), os.urandom(13_000_000)
    begun = await receiver.begin(author.account_id, place.shared, "a", "", len(content))
    offset = 0
    for size in (1000, 6_000_000, 10, len(content)):
        await receiver.receive(begun, offset, chunks(content[offset : offset + size]), None)
        offset = min(offset + size, len(content))
    sizes = [
        record[0] for record in await owner.fetch("select byte_size from file_segments order by byte_offset")
    ]
    assert sizes == [5 * 1024 * 1024, 5 * 1024 * 1024, len(content) - 10 * 1024 * 1024]
    assert await read(database, stores, begun.file_id, len(content)) == content
