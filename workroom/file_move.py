"""Moves the files of a running installation from one store to the other, file by file, segment by segment.

A copy is read back, and compared, before the segment's row says that it lies there; then the bytes go from where they
were. It can be stopped anywhere and run again: where a row points, the bytes are, and what a dead run left is a stray,
which the worker's sweep removes. Each file is held to the digests of its reception on the way: what is damaged is moved
as it is, and told. What is uploaded meanwhile is for the next run: first tell every process where new files go
(WORKROOM_FILE_STORE), then move.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from workroom import file_findings, strays, uploads
from workroom.clock import monotonic_seconds
from workroom.digests import BLOCK_BYTES, FileDigester
from workroom.errors import StartupError, TryAgain
from workroom.ids import FileId
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.storage.file_store import PIECE_BYTES, FileStores, SegmentMissing, StoreUnavailable, segment_key
from workroom.storage.migrate import open_migrated_database
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries
from workroom.stored_bytes import PREVIEW_BLOCK, report_damage
from workroom.strays import Stray
from workroom.uploads import Segment

BATCH_SIZE = 200
KEEP_EVERY_SECONDS = 60.0


class CopyDiffers(StoreUnavailable):
    """What was read back is not what was written: the store is not to be trusted with it."""


@dataclass(slots=True)
class Moved:
    """What a run has done so far."""

    segments: int = 0
    byte_size: int = 0
    damaged_files: int = 0


async def move_all(settings: Settings, to: str) -> str:
    """Move every file to the named store, and say in a sentence what was moved."""
    if settings.database_url is None:
        raise StartupError("WORKROOM_DATABASE_URL is not set: `workroom files move` needs it.")
    database = await open_migrated_database(settings.database_url, application_name="workroom files move")
    try:
        async with database.read() as reading:
            epoch = await reading.fetch_one(queries.events.read_epoch)
            has_files = await reading.fetch_value(queries.files.has_any)
        stores = await open_file_stores(settings, epoch["installation_id"], has_files=has_files)
        moved = await FileMove(database, stores, "s3" if to == "disk" else "disk", to).run()
    finally:
        await database.close()
    sentence = (
        f"Moved {moved.segments} segments ({moved.byte_size} bytes) to {to}; each was read back and compared."
    )
    if moved.damaged_files:
        sentence += (
            f" {moved.damaged_files} files are not as they were received: see the log and file_damages."
        )
    return sentence


class FileMove:
    """One run from one store to another."""

    def __init__(self, database: Database, stores: FileStores, old: str, new: str) -> None:
        self._database = database
        self._stores = stores
        self._old = stores.named(old)
        self._new = stores.named(new)
        self._moved = Moved()

    async def run(self) -> Moved:
        """Move everything that lies in the old store and was received."""
        after = FileId(UUID(int=0))
        while True:
            async with self._database.read() as reading:
                file_ids = await file_findings.list_files_of_store(reading, self._old.name, after, BATCH_SIZE)
            if not file_ids:
                return self._moved
            for after in file_ids:
                await self._move_file(after)

    async def _move_file(self, file_id: FileId) -> None:
        async with self._database.read() as reading:
            digests = await file_findings.find_digests(reading, file_id)
            segments = await uploads.list_segments(reading, [file_id])
        digester = FileDigester()
        for segment in segments:
            is_preview = segment.number == uploads.PREVIEW_NUMBER
            try:
                if segment.store == self._old.name and segment.byte_size:
                    await self._move(segment, None if is_preview else digester)
                elif not is_preview:
                    async for piece in self._pieces(segment.store, segment.store_key, segment.byte_size):
                        await asyncio.to_thread(digester.take, piece)
            except SegmentMissing:
                if await self._lies_there(segment):
                    await self._tell_damage(
                        file_id, PREVIEW_BLOCK if is_preview else segment.byte_offset // BLOCK_BYTES
                    )
                return  # or another run moved it just now: then that one sees to the file
        if digests is not None:
            await self._compare(file_id, digester, *digests)

    async def _move(self, segment: Segment, digester: FileDigester | None) -> None:
        # A key of this run alone: another run may be moving the same segment, and one of the two comes first. Where it
        # ends in the middle, or cannot know whether its commit was one, the sweep finds the stray by its row.
        key = f"{segment_key(segment.file_id, segment.number, 0)}-{secrets.token_hex(4)}"
        copy = Stray(self._new.name, key)
        async with self._database.transaction() as transaction:
            await strays.begin_copy(transaction, copy)
        try:
            await self._copy(segment, copy, digester)
            async with self._database.transaction() as transaction:
                is_moved = await file_findings.move_segment(transaction, segment, copy)
        except (SegmentMissing, CopyDiffers):
            await self._remove(copy)
            raise
        if not is_moved:
            await self._remove(copy)
            return
        self._moved.segments += 1
        self._moved.byte_size += segment.byte_size
        await self._remove(Stray(self._old.name, segment.store_key))

    async def _remove(self, stray: Stray) -> None:
        await self._stores.named(stray.store).delete(stray.store_key)
        async with self._database.transaction() as transaction:
            await strays.forget_strays(transaction, [stray])

    async def _copy(self, segment: Segment, copy: Stray, digester: FileDigester | None) -> None:
        before, after = sha256(), sha256()
        kept_at = monotonic_seconds()

        async def read_old() -> AsyncIterator[bytes]:
            nonlocal kept_at
            async for piece in self._pieces(self._old.name, segment.store_key, segment.byte_size):
                await asyncio.to_thread(before.update, piece)
                yield piece
                if monotonic_seconds() - kept_at > KEEP_EVERY_SECONDS:
                    await self._keep(copy)
                    kept_at = monotonic_seconds()

        await self._new.put(copy.store_key, read_old())
        try:
            async for piece in self._pieces(copy.store, copy.store_key, segment.byte_size):
                await asyncio.to_thread(after.update, piece)
                if digester is not None:
                    await asyncio.to_thread(digester.take, piece)
                if monotonic_seconds() - kept_at > KEEP_EVERY_SECONDS:
                    await self._keep(copy)
                    kept_at = monotonic_seconds()
        except SegmentMissing:
            raise CopyDiffers("A copy is not there; nothing was moved.") from None
        if before.digest() != after.digest():
            raise CopyDiffers("A copy is not what was copied; nothing was moved.")

    async def _keep(self, copy: Stray) -> None:
        async with self._database.transaction() as transaction:
            if not await strays.keep_copy(transaction, copy):
                raise TryAgain("A copy took too long and was given up: run it again.")

    async def _lies_there(self, segment: Segment) -> bool:
        async with self._database.read() as reading:
            return segment in await uploads.list_segments(reading, [segment.file_id])

    async def _compare(self, file_id: FileId, digester: FileDigester, whole: bytes, blocks: bytes) -> None:
        found_whole, found_blocks = digester.finish()
        if (found_whole, found_blocks) == (whole, blocks):
            return
        wrong = (
            place for place in range(0, len(blocks), 32) if blocks[place:][:32] != found_blocks[place:][:32]
        )
        await self._tell_damage(file_id, next(wrong, 0) // 32)

    async def _tell_damage(self, file_id: FileId, block: int) -> None:
        await report_damage(self._database, file_id, block, None)
        self._moved.damaged_files += 1

    async def _pieces(self, store: str, key: str, byte_size: int) -> AsyncIterator[bytes]:
        for start in range(0, byte_size, PIECE_BYTES):
            yield await self._stores.named(store).read(key, start, min(PIECE_BYTES, byte_size - start))
