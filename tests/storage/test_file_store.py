"""What every store of files has to do: the same rules for the disk and for S3."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from workroom.storage.file_store import (
    FileStore,
    FileStores,
    SegmentMissing,
    StoreUnavailable,
    segment_key,
)

pytestmark = pytest.mark.deadline(120)


def a_key(number: int = 0) -> str:
    return segment_key(uuid4(), number, 1)


async def write(store: FileStore, key: str, keep_bytes: int, *pieces: bytes) -> None:
    writer = await store.open_segment(key, keep_bytes)
    for piece in pieces:
        await writer.write(piece)
    await writer.make_durable()
    await writer.close()


async def test_what_was_made_durable_is_read_back(store: FileStore) -> None:
    key, content = a_key(), os.urandom(1_500_000)
    await write(store, key, 0, content[:600_000], content[600_000:])
    assert await store.read(key, 0, len(content)) == content
    assert await store.read(key, 599_990, 20) == content[599_990:600_010]
    assert await store.list_keys() == [key]


async def test_a_segment_goes_on_after_what_was_acknowledged(store: FileStore) -> None:
    key = a_key()
    await write(store, key, 0, b"acknowledged", b" and not")
    await write(store, key, 12, b" and more")
    assert await store.read(key, 0, 21) == b"acknowledged and more"
    with pytest.raises(SegmentMissing):
        await store.read(key, 0, 22)


async def test_trimming_never_takes_what_counts(store: FileStore) -> None:
    key = a_key()
    await write(store, key, 0, b"counts, does not")
    await store.trim(key, 6)
    assert await store.read(key, 0, 6) == b"counts"


async def test_bytes_that_are_not_there_are_missed_and_never_made_up(store: FileStore) -> None:
    key = a_key()
    with pytest.raises(SegmentMissing):
        await store.read(key, 0, 1)
    await write(store, key, 0, b"short")
    for start, size in ((0, 6), (4, 2), (5, 1), (100, 1)):
        with pytest.raises(SegmentMissing):
            await store.read(key, start, size)


async def test_a_deleted_segment_is_gone_and_may_be_deleted_again(store: FileStore) -> None:
    key, other = a_key(), a_key()
    await write(store, key, 0, b"one")
    await write(store, other, 0, b"two")
    await store.delete(key)
    await store.delete(key)
    assert await store.list_keys() == [other]


async def test_a_whole_segment_of_any_length_can_be_put(store: FileStore) -> None:
    content, key = os.urandom(12_000_000), a_key()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 700_000):
            yield content[start : start + 700_000]

    await store.put(key, pieces())
    assert await store.read(key, 5_000_000, 1_000_000) == content[5_000_000:6_000_000]
    assert await store.read(key, len(content) - 1, 1) == content[-1:]


async def test_free_bytes_are_told_where_they_are_known(store: FileStore) -> None:
    free = await store.count_free_bytes()
    assert (free is None) == (store.name == "s3")


def test_a_store_that_this_process_was_not_told_of_is_unavailable(store: FileStore) -> None:
    stores = FileStores({store.name: store}, store.name)
    assert stores.named(store.name) is stores.writing
    with pytest.raises(StoreUnavailable):
        stores.named("elsewhere")


def test_keys_of_one_file_differ_by_segment_and_by_lease() -> None:
    file_id = uuid4()
    keys = {segment_key(file_id, number, lease) for number in (-1, 0, 1) for lease in (1, 2)}
    assert len(keys) == 6
