"""Receiving bytes: what is acknowledged is durable, one writes at a time, and nothing grows with the file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.deeds import open_place
from tests.people import make_account
from tests.uploading import chunks, disk_stores, make_receiver, upload
from workroom import uploads
from workroom.digests import BLOCK_BYTES
from workroom.errors import UploadLocked
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.stored_bytes import StoredBytes
from workroom.uploads import LeaseLost


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
        segment = uploads.Segment(begun.file_id, 9, 40_000, 0, "disk", f"{key}-dead")
        await uploads.begin_segment(transaction, lease, segment)
    (tmp_path / f"{key}-dead").write_bytes(b"never acknowledged either")
    await move_time(timedelta(seconds=31))
    assert (await receiver.receive(begun, 40_000, chunks(content[40_000:]), None)).is_received
    assert await whole(database, stores, begun.file_id, len(content)) == content
    lying = sum((tmp_path / key).stat().st_size for key in await stores.writing.list_keys())
    assert lying == len(content)
    assert await owner.fetchval("select sum(byte_size) from file_segments") == len(content)


async def test_a_scan_is_wanted_where_there_is_one(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path)
    await upload(make_receiver(database, stores), author, place, b"a")
    await upload(make_receiver(database, stores, is_scanned=True), author, place, b"b")
    states = await owner.fetch("select scan_state from files order by file_id")
    assert [record["scan_state"] for record in states] == ["not_scanned", "unchecked"]
