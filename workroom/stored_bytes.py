"""Reading files back: block by block, each verified before it leaves.

A block that is not what was received never goes out: it is recorded, and whoever reads is told at once. Reading looks
no further ahead than one block.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256

from workroom import files, uploads
from workroom.digests import BLOCK_BYTES
from workroom.errors import FileDamaged
from workroom.ids import AccountId, FileId
from workroom.logs import log_event
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores, SegmentMissing
from workroom.uploads import Segment

PREVIEW_BLOCK = -1


class StoredBytes:
    """The bytes of received files, as one process reads them."""

    def __init__(self, database: Database, stores: FileStores) -> None:
        self._database = database
        self._stores = stores

    async def read(
        self, file_id: FileId, byte_size: int, start: int, until: int, reader_id: AccountId | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` until before `until`, in pieces of at most 1 MiB.

        Args:
            byte_size: of the whole file.
            reader_id: who is going to see them; stands beside a damage that is found. None for the program itself.

        Raises FileDamaged before the first byte of a block that is not as it was.
        """
        if start >= until:
            return
        first = start // BLOCK_BYTES
        async with self._database.read() as reading:
            digests = await files.read_block_digests(
                reading, file_id, first, (until - 1) // BLOCK_BYTES - first + 1
            )
        segments = await self._list_segments(file_id)
        for number, digest in enumerate(digests, start=first):
            block_start = number * BLOCK_BYTES
            block_until = min(block_start + BLOCK_BYTES, byte_size)
            block = await self._read_block(segments, block_start, block_until)
            if block is None:
                # `workroom files move` may have put them elsewhere since they were listed.
                segments = await self._list_segments(file_id)
                block = await self._read_block(segments, block_start, block_until)
            if block is None or await asyncio.to_thread(_digest, block) != digest:
                raise await report_damage(self._database, file_id, number, reader_id)
            if start <= block_start and block_until <= until:
                yield block
            else:
                yield block[max(0, start - block_start) : until - block_start]

    async def read_preview(self, preview: files.Preview, file_id: FileId, reader_id: AccountId) -> bytes:
        """A preview, whole; FileDamaged when it is not as it was made."""
        content = await self._read_place(preview)
        if content is None:
            async with self._database.read() as reading:
                content = await self._read_place(await files.require_preview(reading, file_id))
        if content is None or sha256(content).digest() != preview.sha256:
            raise await report_damage(self._database, file_id, PREVIEW_BLOCK, reader_id)
        return content

    async def _read_place(self, preview: files.Preview) -> bytes | None:
        try:
            return await self._stores.named(preview.store).read(preview.store_key, 0, preview.byte_size)
        except SegmentMissing:
            return None

    async def _list_segments(self, file_id: FileId) -> list[Segment]:
        async with self._database.read() as reading:
            segments = await uploads.list_segments(reading, [file_id])
        return [segment for segment in segments if segment.number >= 0]

    async def _read_block(self, segments: Sequence[Segment], start: int, until: int) -> bytes | None:
        """The bytes of a block; None when they are not all where the segments say."""
        parts: list[bytes] = []
        for segment in segments:
            begin = max(start, segment.byte_offset)
            end = min(until, segment.byte_offset + segment.byte_size)
            if begin < end:
                store = self._stores.named(segment.store)
                try:
                    parts.append(
                        await store.read(segment.store_key, begin - segment.byte_offset, end - begin)
                    )
                except SegmentMissing:
                    return None
        return parts[0] if len(parts) == 1 else b"".join(parts)


async def report_damage(
    database: Database, file_id: FileId, block: int, reader_id: AccountId | None
) -> FileDamaged:
    """Leave the mark of a block that is not what was received, and give the error that says so.

    Every damage is told here and nowhere else: a row that stays, in a transaction of its own, whatever becomes of the
    request, and a warning in the log, whose reference the reader is given.
    """
    reference = secrets.token_hex(6)
    async with database.transaction() as transaction:
        await files.record_damage(transaction, file_id, block, reader_id)
    log_event(
        "file_damaged",
        level=logging.WARNING,
        file=file_id,
        block=block,
        reader=reader_id,
        reference=reference,
    )
    return FileDamaged("The file is not as it was received.", reference=reference)


def _digest(block: bytes) -> bytes:
    return sha256(block).digest()
