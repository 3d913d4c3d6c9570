"""Moving a live installation from one store to the other, and back."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import open_place
from tests.people import make_account
from tests.uploading import chunks, claim, make_receiver, upload
from workroom.file_move import move_segments
from workroom.settings import load_settings
from workroom.storage.database import Database
from workroom.storage.disk_store import open_disk_store
from workroom.storage.file_store import FileStores, SegmentMissing
from workroom.storage.object_store import open_object_store
from workroom.stored_bytes import StoredBytes

pytestmark = pytest.mark.deadline(120)


async def both_stores(tmp_path: Path, object_server: dict[str, str], writing: str = "disk") -> FileStores:
    disk = open_disk_store(tmp_path / "files", uuid4(), True)
    bucket = await open_object_store(load_settings(object_server))
    return FileStores({"disk": disk, "s3": bucket}, writing)


async def test_files_move_to_the_bucket_and_back_and_stay_the_same(
    database: Database, tmp_path: Path, object_server: dict[str, str]
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), await both_stores(tmp_path, object_server)
    contents = [os.urandom(size) for size in (0, 10, 7_000_000)]
    receiver = make_receiver(database, stores)
    file_ids = [await upload(receiver, author, place, content) for content in contents]
    await claim(database, author, place, *file_ids)
    reader = StoredBytes(database, stores)
    for old, new in (("disk", "s3"), ("s3", "disk")):
        assert (await move_segments(database, stores, old, new))[1] == 7_000_010
        assert await stores.named(old).list_keys() == []
        for file_id, content in zip(file_ids, contents, strict=True):
            pieces = [piece async for piece in reader.read(file_id, len(content), 0, len(content))]
            assert b"".join(pieces) == content


async def test_a_copy_that_is_not_the_same_moves_nothing(
    database: Database,
    owner: asyncpg.Connection,
    tmp_path: Path,
    object_server: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), await both_stores(tmp_path, object_server)
    await upload(make_receiver(database, stores), author, place, b"paper")
    bucket = stores.named("s3")

    async def read_wrongly(key: str, start: int, byte_size: int) -> bytes:
        return b"paqer"[start : start + byte_size]

    with monkeypatch.context() as broken:
        broken.setattr(bucket, "read", read_wrongly)
        with pytest.raises(SegmentMissing):
            await move_segments(database, stores, "disk", "s3")
    assert await owner.fetchval("select store from file_segments") == "disk"
    assert len(await stores.named("disk").list_keys()) == 1
    assert await bucket.list_keys() == []


async def test_an_upload_in_parts_goes_on_in_a_bucket(
    database: Database, owner: asyncpg.Connection, tmp_path: Path, object_server: dict[str, str]
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    stores = await both_stores(tmp_path, object_server, writing="s3")
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
    read = StoredBytes(database, stores).read(begun.file_id, len(content), 0, len(content))
    assert b"".join([piece async for piece in read]) == content
    for key in await stores.named("s3").list_keys():
        await stores.named("s3").delete(key)
