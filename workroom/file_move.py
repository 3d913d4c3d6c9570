"""Moves the files of a running installation from one store to the other, segment by segment.

Bytes are copied and read back, and their hashes compared; then the row says that they lie there; then they go from
where they were. It can be stopped anywhere and run again: where a row points, the bytes are. What is uploaded meanwhile
is for the next run: first tell every process where new files go (WORKROOM_FILE_STORE), then move.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from hashlib import sha256
from uuid import UUID

from workroom import file_findings
from workroom.errors import StartupError
from workroom.settings import Settings
from workroom.storage.database import CommitUnknown, Database, open_database
from workroom.storage.file_store import PIECE_BYTES, FileStore, FileStores, SegmentMissing, segment_key
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries
from workroom.uploads import Segment

BATCH_SIZE = 200


async def move_all(settings: Settings, to: str) -> str:
    """Move every file to the named store, and say in a sentence what was moved."""
    if settings.database_url is None:
        raise StartupError("WORKROOM_DATABASE_URL is not set: `workroom files move` needs it.")
    database = await open_database(settings.database_url, application_name="workroom files move")
    try:
        async with database.read() as reading:
            epoch = await reading.fetch_one(queries.events.read_epoch)
            has_files = await reading.fetch_value(queries.files.has_any)
        stores = await open_file_stores(settings, epoch["installation_id"], has_files=has_files)
        moved, byte_size = await move_segments(database, stores, "s3" if to == "disk" else "disk", to)
    finally:
        await database.close()
    return f"Moved {moved} segments ({byte_size} bytes) to {to}; each was read back and compared."


async def move_segments(database: Database, stores: FileStores, old: str, new: str) -> tuple[int, int]:
    """Move what lies in one store to another; gives how many segments and bytes."""
    after: tuple[UUID, int] = (UUID(int=0), -2)
    moved = byte_size = 0
    while True:
        async with database.read() as reading:
            segments = await file_findings.list_segments_of_store(reading, old, after, BATCH_SIZE)
        if not segments:
            return moved, byte_size
        for segment in segments:
            after = (segment.file_id, segment.number)
            if await _move(database, stores.named(old), stores.named(new), segment):
                moved, byte_size = moved + 1, byte_size + segment.byte_size


async def _move(database: Database, old: FileStore, new: FileStore, segment: Segment) -> bool:
    # A key of this run alone: another run may be moving the same segment, and one of the two comes first.
    key = f"{segment_key(segment.file_id, segment.number, 0)}-{secrets.token_hex(4)}"
    try:
        await _copy(old, new, segment, key)
        async with database.transaction() as transaction:
            is_moved = await file_findings.move_segment(transaction, segment, new.name, key)
    except CommitUnknown:
        raise  # the row may name either place: both stay, and the next run looks again
    except BaseException:
        await new.delete(key)
        raise
    await (old.delete(segment.store_key) if is_moved else new.delete(key))
    return is_moved


async def _copy(old: FileStore, new: FileStore, segment: Segment, key: str) -> None:
    before, after = sha256(), sha256()

    async def read_old() -> AsyncIterator[bytes]:
        async for piece in _pieces(old, segment.store_key, segment.byte_size):
            before.update(piece)
            yield piece

    await new.put(key, read_old())
    async for piece in _pieces(new, key, segment.byte_size):
        after.update(piece)
    if before.digest() != after.digest():
        raise SegmentMissing("A segment is not the same after it was copied.", reference=key)


async def _pieces(store: FileStore, key: str, byte_size: int) -> AsyncIterator[bytes]:
    for start in range(0, byte_size, PIECE_BYTES):
        yield await store.read(key, start, min(PIECE_BYTES, byte_size - start))
