"""Reading files back: block by block, each verified before it leaves.

A block that is not what was received never goes out: it is recorded, and whoever reads is told at once. Reading looks
no further ahead than one block.
"""

from __future__ import annotations

import asyncio
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
            segments = await uploads.list_segments(reading, [file_id])
        segments = [segment for segment in segments if segment.number >= 0]
        for number, digest in enumerate(digests, start=first):
            block_start = number * BLOCK_BYTES
            block_until = min(block_start + BLOCK_BYTES, byte_size)
            block = await self._read_block(file_id, number, segments, block_start, block_until, reader_id)
            if await asyncio.to_thread(_digest, block) != digest:
                raise await self._damaged(file_id, number, reader_id)
            if start <= block_start and block_until <= until:
                yield block
            else:
                yield block[max(0, start - block_start) : until - block_start]

    async def read_preview(self, preview: files.Preview, file_id: FileId, reader_id: AccountId) -> bytes:
        """A preview, whole; FileDamaged when it is not as it was made."""
        try:
            store = self._stores.named(preview.store)
            content = await store.read(preview.store_key, 0, preview.byte_size)
        except SegmentMissing:
            raise await self._damaged(file_id, -1, reader_id) from None
        if sha256(content).digest() != preview.sha256:
            raise await self._damaged(file_id, -1, reader_id)
        return content

    async def _read_block(
        self,
        file_id: FileId,
        number: int,
        segments: Sequence[Segment],
        start: int,
        until: int,
        reader_id: AccountId | None,
    ) -> bytes:
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
                    raise await self._damaged(file_id, number, reader_id) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _damaged(self, file_id: FileId, number: int, reader_id: AccountId | None) -> FileDamaged:
        reference = secrets.token_hex(6)
        async with self._database.transaction() as transaction:
            await files.record_damage(transaction, file_id, number, reader_id)
        log_event("file_damaged", file=file_id, block=number, reference=reference)
        return FileDamaged("The file is not as it was received.", reference=reference)


def _digest(block: bytes) -> bytes:
    return sha256(block).digest()
