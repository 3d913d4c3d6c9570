"""Receiving bytes: what is acknowledged is durable, one writes at a time, and nothing grows with the file."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import open_place
from tests.people import make_account
from tests.uploading import NO_LIMITS, chunks, disk_stores, make_receiver, upload
from workroom import upload_receiver, uploads
from workroom.digests import BLOCK_BYTES
from workroom.errors import ChecksumMismatch, OffsetMismatch, StorageFull, UploadLocked
from workroom.file_sweep import sweep_files
from workroom.settings import load_settings
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores, StoreUnavailable, segment_key
from workroom.storage.object_store import open_object_store
from workroom.stored_bytes import StoredBytes
from workroom.upload_receiver import Checksum, UploadReceiver
from workroom.uploads import LeaseLost, Segment


class Lost(Exception):
    """The line is gone."""


async def breaking_off(content: bytes) -> AsyncIterator[bytes]:
    async for chunk in chunks(content):
        yield chunk
    raise Lost


async def whole(database: Database, stores: FileStores, file_id: Any, byte_size: int) -> bytes:
    read = StoredBytes(database, stores).read(file_id, byte_size, 0, byte_size)
    return b"".join([piece async for piece in read])


async def test_what_came_before_the_line_was_lost_counts(database: Database, tmp_path: Path) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    receiver, content = make_receiver(database, stores), os.urandom(3_000_001)
    begun = await receiver.begin(author.account_id, place.shared, "a", "", len(content))
    with pytest.raises(Lost):
        await receiver.receive(begun, 0, breaking_off(content[:1_234_567]), None)
    stands = await receiver.find(author.account_id, begun.file_id)
    assert (stands.received_bytes, stands.is_received) == (1_234_567, False)
    done = await receiver.receive(stands, 1_234_567, chunks(content[1_234_567:]), None)
    assert done.is_received
    assert await whole(database, stores, begun.file_id, len(content)) == content


async def test_parts_of_several_nodes_are_one_file_with_the_digests_of_the_whole(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    content = os.urandom(2 * BLOCK_BYTES + 77)
    begun = await make_receiver(database, stores).begin(
        author.account_id, place.shared, "a", "", len(content)
    )
    offset = 0
    for size in (1, 700_000, BLOCK_BYTES, len(content)):
        part = content[offset : offset + size]
        stood = await make_receiver(database, stores).receive(begun, offset, chunks(part), None)
        offset = stood.received_bytes
    digests = await owner.fetchrow("select sha256, block_digests from file_contents")
    assert digests["sha256"] == sha256(content).digest()
    blocks = [content[at : at + BLOCK_BYTES] for at in range(0, len(content), BLOCK_BYTES)]
    assert digests["block_digests"] == b"".join(sha256(block).digest() for block in blocks)
    assert len(await stores.writing.list_keys()) == 1


async def test_who_lost_the_lease_changes_nothing_any_more(
    database: Database, move_time: Any, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    content, wrong = b"the right bytes", b"the wrong bytes"
    begun = await make_receiver(database, stores).begin(
        author.account_id, place.shared, "a", "", len(content)
    )

    async def overtaken() -> AsyncIterator[bytes]:
        yield wrong[:4]
        await move_time(timedelta(seconds=31))
        other = make_receiver(database, stores)
        assert (await other.receive(begun, 0, chunks(content), None)).is_received
        yield wrong[4:]

    with pytest.raises(LeaseLost):
        await make_receiver(database, stores).receive(begun, 0, overtaken(), None)
    assert await whole(database, stores, begun.file_id, len(content)) == content


async def test_who_lost_the_lease_takes_away_what_it_wrote_where_nobody_looks_any_more(
    database: Database, owner: asyncpg.Connection, move_time: Any, object_server: dict[str, str]
) -> None:
    author = await make_account(database)
    place, bucket = await open_place(database, author), await open_object_store(load_settings(object_server))
    stores, content = FileStores({"s3": bucket}, "s3"), os.urandom(1_000_000)
    begun = await make_receiver(database, stores).begin(
        author.account_id, place.shared, "a", "", len(content)
    )

    async def overtaken() -> AsyncIterator[bytes]:
        yield content[:600_000]
        await move_time(timedelta(seconds=31))
        other = make_receiver(database, stores)
        assert (await other.receive(begun, 0, chunks(content), None)).is_received
        yield content[600_000:]

    with pytest.raises(LeaseLost):
        await make_receiver(database, stores).receive(begun, 0, overtaken(), None)
    assert await bucket.list_keys() == [await owner.fetchval("select store_key from file_segments")]
    assert await whole(database, stores, begun.file_id, len(content)) == content
    await bucket.delete(await owner.fetchval("select store_key from file_segments"))


@pytest.fixture(params=["disk", "s3"])
def bucket_settings(request: pytest.FixtureRequest) -> dict[str, str] | None:
    """The settings of a bucket, or None for the disk: each in turn."""
    found: dict[str, str] | None = None
    if request.param == "s3":
        found = request.getfixturevalue("object_server")
    return found


@pytest_asyncio.fixture
async def stores(bucket_settings: dict[str, str] | None, tmp_path: Path) -> AsyncIterator[FileStores]:
    """Each of the two stores in turn, emptied at the end."""
    if bucket_settings is None:
        yield disk_stores(tmp_path)
        return
    bucket = await open_object_store(load_settings(bucket_settings))
    yield FileStores({"s3": bucket}, "s3")
    for key in await bucket.list_keys():
        await bucket.delete(key)


@pytest.mark.parametrize("comes_to_nothing", ["wrong_offset", "broken_line", "wrong_checksum"])
async def test_a_dead_writers_segment_stays_its_own_also_after_one_that_wrote_nothing(
    database: Database,
    move_time: Any,
    stores: FileStores,
    monkeypatch: pytest.MonkeyPatch,
    comes_to_nothing: str,
) -> None:
    author = await make_account(database)
    place, content = await open_place(database, author), b"the right bytes"
    begun = await make_receiver(database, stores).begin(
        author.account_id, place.shared, "a", "", len(content)
    )
    monkeypatch.setattr(upload_receiver, "ACKNOWLEDGE_SECONDS", 0.0)

    async def write_nothing() -> None:
        receive = make_receiver(database, stores).receive
        if comes_to_nothing == "wrong_offset":
            await receive(begun, 3, chunks(content[3:]), None)
        elif comes_to_nothing == "broken_line":
            await receive(begun, 4, breaking_off(b""), None)
        else:
            await receive(begun, 4, chunks(content[4:]), Checksum("sha256", bytes(32)))

    async def thought_dead() -> AsyncIterator[bytes]:
        yield content[:4]
        await move_time(timedelta(seconds=31))
        with pytest.raises((OffsetMismatch, Lost, ChecksumMismatch)):
            await write_nothing()
        done = await make_receiver(database, stores).receive(begun, 4, chunks(content[4:]), None)
        assert done.is_received, "who wrote nothing kept the next one waiting"
        yield b"wrong"

    with pytest.raises(LeaseLost):
        await make_receiver(database, stores).receive(begun, 0, thought_dead(), None)
    assert await whole(database, stores, begun.file_id, len(content)) == content


async def test_a_second_writer_is_told_to_wait(database: Database, tmp_path: Path) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    begun = await make_receiver(database, stores).begin(author.account_id, place.shared, "a", "", 8)
    locked: list[bool] = []

    async def first() -> AsyncIterator[bytes]:
        yield b"1234"
        with pytest.raises(UploadLocked):
            await make_receiver(database, stores).receive(begun, 0, chunks(b"xxxx"), None)
        locked.append(True)
        yield b"5678"

    assert (await make_receiver(database, stores).receive(begun, 0, first(), None)).is_received
    assert locked
    assert await whole(database, stores, begun.file_id, 8) == b"12345678"


@pytest.mark.parametrize("is_checked", [False, True])
async def test_who_writes_slowly_keeps_the_lease(
    database: Database, move_time: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_checked: bool
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    begun = await make_receiver(database, stores).begin(author.account_id, place.shared, "a", "", 8)
    monkeypatch.setattr(upload_receiver, "ACKNOWLEDGE_SECONDS", 0.0)

    async def slowly() -> AsyncIterator[bytes]:
        for piece in (b"12", b"34", b"56"):
            yield piece
            await move_time(timedelta(seconds=20))
        with pytest.raises(UploadLocked):
            await make_receiver(database, stores).receive(begun, 0, chunks(b"xxxxxxxx"), None)
        yield b"78"

    checksum = Checksum("sha256", sha256(b"12345678").digest()) if is_checked else None
    assert (await make_receiver(database, stores).receive(begun, 0, slowly(), checksum)).is_received
    assert await whole(database, stores, begun.file_id, 8) == b"12345678"


async def test_what_a_dead_writer_left_is_neither_read_nor_kept(
    database: Database, owner: asyncpg.Connection, move_time: Any, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    content = os.urandom(100_000)
    receiver = make_receiver(database, stores)
    begun = await receiver.begin(author.account_id, place.shared, "a", "", len(content))
    with pytest.raises(Lost):
        await receiver.receive(begun, 0, breaking_off(content[:40_000]), None)
    # It had written more than it acknowledged, and had begun another segment, when it died with the lease in its hand.
    (key,) = await stores.writing.list_keys()
    with (tmp_path / key).open("ab") as file:
        file.write(b"never acknowledged")
    async with database.transaction() as transaction:
        lease = await uploads.take_lease(transaction, begun)
        segment = Segment(begun.file_id, 9, 40_000, 0, "disk", f"{key}-dead")
        await uploads.begin_segment(transaction, lease, segment)
    (tmp_path / f"{key}-dead").write_bytes(b"never acknowledged either")
    await move_time(timedelta(seconds=31))
    assert (await receiver.receive(begun, 40_000, chunks(content[40_000:]), None)).is_received
    assert await whole(database, stores, begun.file_id, len(content)) == content
    lying = sum((tmp_path / key).stat().st_size for key in await stores.writing.list_keys())
    assert lying == len(content)
    assert await owner.fetchval("select sum(byte_size) from file_segments") == len(content)
    assert await owner.fetchval("select count(*) from stray_segments") == 0


class Dies(BaseException):
    """A kill of the process."""


@pytest.mark.parametrize("ends_by", [Dies(), StoreUnavailable("It does not answer.")], ids=["kill", "outage"])
async def test_what_a_dead_writer_left_is_known_until_it_is_gone(
    database: Database,
    owner: asyncpg.Connection,
    move_time: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ends_by: BaseException,
) -> None:
    author = await make_account(database)
    place, stores, content = await open_place(database, author), disk_stores(tmp_path), os.urandom(1000)
    receiver = make_receiver(database, stores)
    begun = await receiver.begin(author.account_id, place.shared, "a", "", len(content))
    async with database.transaction() as transaction:
        lease = await uploads.take_lease(transaction, begun)
        dead = segment_key(begun.file_id, 0, lease.number)
        await uploads.begin_segment(transaction, lease, Segment(begun.file_id, 0, 0, 0, "disk", dead))
    await (await stores.writing.open_segment(dead, 0)).close()
    (tmp_path / dead).write_bytes(b"never acknowledged")
    await move_time(timedelta(seconds=31))

    async def end(key: str) -> None:
        raise ends_by

    with monkeypatch.context() as broken:
        broken.setattr(stores.writing, "delete", end)
        if isinstance(ends_by, Dies):
            with pytest.raises(Dies):
                await receiver.receive(begun, 0, chunks(content), None)
        else:
            assert (await receiver.receive(begun, 0, chunks(content), None)).is_received
    assert len(await stores.writing.list_keys()) == 2, "it is gone already: this proves nothing"
    await sweep_files(database, stores)
    assert await stores.writing.list_keys() == [await owner.fetchval("select store_key from file_segments")]
    assert await owner.fetchval("select count(*) from stray_segments") == 0
    assert await whole(database, stores, begun.file_id, len(content)) == content


@pytest.mark.parametrize("synced", ["fdatasync", "fsync"])
async def test_what_the_disk_did_not_take_is_never_acknowledged(
    database: Database,
    owner: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    synced: str,
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    receiver, content = make_receiver(database, stores), os.urandom(3_000_000)
    begun = await receiver.begin(author.account_id, place.shared, "a", "", len(content))
    monkeypatch.setattr(upload_receiver, "ACKNOWLEDGE_BYTES", 1024 * 1024)
    sync, failures = getattr(os, synced), iter([True])

    def fail_once(descriptor: int) -> None:
        if next(failures, False):
            raise OSError(errno.EIO, "the disk is failing")
        sync(descriptor)

    with monkeypatch.context() as failing:
        failing.setattr(os, synced, fail_once)
        with pytest.raises(StoreUnavailable):
            await receiver.receive(begun, 0, chunks(content), None)
    assert next(failures, None) is None, "nothing was synced"
    record = await owner.fetchrow("select received_bytes, leased_until from uploads")
    assert record["received_bytes"] == 0
    if synced == "fdatasync":
        assert record["leased_until"] is not None, "the next writer would go on in what the disk has lost"


async def test_an_upload_stops_before_the_disks_reserve_is_touched_and_goes_on_when_there_is_room(
    database: Database, owner: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    limits = replace(NO_LIMITS, reserve_bytes=1_000_000)
    receiver = UploadReceiver(database, stores, limits, is_scanned=False, is_ending=lambda: False)
    content = os.urandom(6_000_000)
    begun = await receiver.begin(author.account_id, place.shared, "a", "", len(content))
    monkeypatch.setattr(upload_receiver, "ACKNOWLEDGE_BYTES", 1024 * 1024)

    async def taken_by_others() -> int:
        written = sum((tmp_path / key).stat().st_size for key in await stores.writing.list_keys())
        return 999_999 if written > 3_000_000 else 2**40

    with monkeypatch.context() as full:
        full.setattr(stores.writing, "count_free_bytes", taken_by_others)
        with pytest.raises(StorageFull):
            await receiver.receive(begun, 0, chunks(content), None)
        stands = await receiver.find(author.account_id, begun.file_id)
        assert 3_000_000 < stands.received_bytes < 5_000_000
        with pytest.raises(StorageFull):
            await receiver.begin(author.account_id, place.shared, "b", "", 1)
    assert await owner.fetchval("select leased_until from uploads") is None
    done = await receiver.receive(
        stands, stands.received_bytes, chunks(content[stands.received_bytes :]), None
    )
    assert done.is_received
    assert await whole(database, stores, begun.file_id, len(content)) == content


async def test_a_disk_that_is_full_in_the_middle_of_a_write_keeps_what_was_written_before(
    database: Database, tmp_path: Path
) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if not await run_quietly("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)):
        pytest.skip("a small disk cannot be mounted here")
    try:
        author = await make_account(database)
        place, stores = await open_place(database, author), disk_stores(mount / "files")
        receiver, content = make_receiver(database, stores), os.urandom(3_000_000)
        begun = await receiver.begin(author.account_id, place.shared, "a", "", len(content))
        ballast = mount / "ballast"
        ballast.write_bytes(bytes(2_000_000))
        with pytest.raises(StorageFull):
            await receiver.receive(begun, 0, chunks(content), None)
        stands = await receiver.find(author.account_id, begun.file_id)
        assert 1_000_000 < stands.received_bytes < 2_200_000
        ballast.unlink()
        rest = content[stands.received_bytes :]
        assert (await receiver.receive(stands, stands.received_bytes, chunks(rest), None)).is_received
        assert await whole(database, stores, begun.file_id, len(content)) == content
    finally:
        assert await run_quietly("umount", str(mount))


async def run_quietly(*command: str) -> bool:
    """Whether a program of the system did what it was asked."""
    try:
        ran = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    except FileNotFoundError:
        return False
    return await ran.wait() == 0


async def test_a_scan_is_wanted_where_there_is_one(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    await upload(make_receiver(database, stores), author, place, b"a")
    await upload(make_receiver(database, stores, is_scanned=True), author, place, b"b")
    states = await owner.fetch("select scan_state from files order by file_id")
    assert [record["scan_state"] for record in states] == ["not_scanned", "unchecked"]
