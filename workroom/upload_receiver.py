"""Receives the bytes of uploads: streamed into the store with bounded memory, acknowledged when they are durable.

Between doors and domain, as the command writer is: it opens the transactions. Bytes go on in pieces of 512 KiB, are
hashed beside, and are acknowledged every 32 MiB or 5 seconds, and at the end whatever the end is. A file that came in
one go is hashed on its way; one that came in parts, perhaps at several nodes, is read back and hashed whole: a hash
that was begun cannot be carried anywhere. Only then is it received.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from workroom import strays, uploads
from workroom.clock import monotonic_seconds
from workroom.digests import BLOCK_BYTES, FileDigester
from workroom.errors import ChecksumMismatch, TooLarge, TryAgain, UploadLocked, WorkroomError
from workroom.file_types import HEAD_BYTES
from workroom.ids import AccountId, FileId, StreamId
from workroom.logs import log_event
from workroom.quotas import FileLimits, require_reserve
from workroom.storage.database import Database
from workroom.storage.file_store import PIECE_BYTES, FileStores, SegmentWriter, segment_key
from workroom.strays import Stray
from workroom.uploads import Lease, Received, Segment, Upload

ACKNOWLEDGE_BYTES = 32 * 1024 * 1024
ACKNOWLEDGE_SECONDS = 5.0


CHECKSUM_ALGORITHMS = ("sha256", "sha1")
"""sha1 because tus asks for it (Checksum); it finds errors of a line, and nothing else is trusted to it."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request have to hash to."""

    algorithm: str
    digest: bytes


class UploadReceiver:
    """Uploads of one node.

    Args:
        stores: where bytes go, and where those of before lie.
        is_scanned: whether files wait for a virus scan before they are served.
        is_ending: asked now and then; true ends what is under way in good order, to go on at another node.
    """

    def __init__(
        self,
        database: Database,
        stores: FileStores,
        limits: FileLimits,
        *,
        is_scanned: bool,
        is_ending: Callable[[], bool],
    ) -> None:
        self.limits = limits
        self._database = database
        self._stores = stores
        self._is_scanned = is_scanned
        self._is_ending = is_ending

    async def begin(
        self,
        uploader_id: AccountId,
        stream_id: StreamId,
        name: str,
        metadata: str,
        byte_size: int,
        *,
        is_named: bool = False,
    ) -> Upload:
        """Begin an upload; every limit is asked before a byte is taken. See `uploads.begin_upload`, and StorageFull."""
        require_reserve(self.limits, await self._stores.writing.count_free_bytes(), byte_size)
        async with self._database.transaction() as transaction:
            return await uploads.begin_upload(
                transaction,
                self.limits,
                uploader_id=uploader_id,
                stream_id=stream_id,
                name=name,
                metadata=metadata,
                byte_size=byte_size,
                is_named=is_named,
            )

    async def find(self, uploader_id: AccountId, file_id: FileId) -> Upload:
        """One's own upload as it stands. One that has all its bytes but was never received is received now."""
        async with self._database.read() as reading:
            upload = await uploads.require_upload(reading, uploader_id, file_id)
        if upload.is_received or upload.received_bytes < upload.byte_size or upload.is_leased:
            return upload
        try:
            return await self.receive(upload, upload.byte_size, _nothing(), None)
        except UploadLocked:
            return upload

    async def receive(
        self,
        upload: Upload,
        offset: int,
        chunks: AsyncIterator[bytes],
        checksum: Checksum | None,
    ) -> Upload:
        """Take bytes from `offset` on, and give the upload as it stands after them.

        Args:
            checksum: of these bytes together; other bytes do not count. None: not said.

        Raises:
            UploadLocked, OffsetMismatch: nothing was taken.
            ChecksumMismatch, LeaseLost: nothing of it counts.
            TooLarge, StorageFull, TryAgain, and whatever `chunks` raises: what came before counts.
        """
        async with self._database.transaction() as transaction:
            lease = await uploads.take_lease(transaction, upload)
        reception = _Reception(self._database, self._stores, self.limits, upload, lease)
        try:
            uploads.require_offset(lease, offset)
            received_bytes = await reception.take(chunks, checksum, self._is_ending)
            if received_bytes == upload.byte_size and not upload.is_received:
                await self._receive_file(reception)
        except uploads.LeaseLost:
            reception.is_lost = True
            raise
        finally:
            await reception.end()
        async with self._database.read() as reading:
            return await uploads.require_upload(reading, upload.uploader_id, upload.file_id)

    async def abandon(self, upload: Upload) -> None:
        """Give up an upload; its bytes go with the next sweep."""
        async with self._database.transaction() as transaction:
            await uploads.abandon_upload(transaction, upload)

    async def _receive_file(self, reception: _Reception) -> None:
        received = reception.whole() or await reception.read_back()
        async with self._database.transaction() as transaction:
            empty = await uploads.receive_file(
                transaction, reception.lease, received, is_scanned=self._is_scanned
            )
            left = [Stray(segment.store, segment.store_key) for segment in empty]
            for stray in left:
                await strays.leave_behind(transaction, stray)
        # The file is received, whatever becomes of these: the sweep finds what stays by its row.
        for stray in left:
            try:
                await self._remove(stray)
            except WorkroomError as error:
                log_event(
                    "stray_left_behind", level=logging.WARNING, file=reception.lease.file_id, code=error.code
                )

    async def _remove(self, stray: Stray) -> None:
        await self._stores.named(stray.store).delete(stray.store_key)
        async with self._database.transaction() as transaction:
            await strays.forget_strays(transaction, [stray])


class _Reception:
    """One writer's time with an upload."""

    def __init__(
        self, database: Database, stores: FileStores, limits: FileLimits, upload: Upload, lease: Lease
    ) -> None:
        self.lease = lease
        self.is_lost = False
        self._database = database
        self._stores = stores
        self._limits = limits
        self._upload = upload
        self._offset = self._acknowledged = lease.received_bytes
        self._acknowledged_at = monotonic_seconds()
        self._next_number = 0
        self._segment: Segment | None = None
        self._writer: SegmentWriter | None = None
        self._sizes: dict[int, int] = {}
        self._begun: list[Segment] = []  # since the last acknowledgement: nothing of them counts yet
        self._digester = FileDigester() if lease.received_bytes == 0 else None
        self._head = b""
        self._is_clean = True

    async def take(
        self, chunks: AsyncIterator[bytes], checksum: Checksum | None, is_ending: Callable[[], bool]
    ) -> int:
        """Write what comes, and give how many bytes are durable in the end."""
        gathered = bytearray()
        summed = hashlib.new(checksum.algorithm) if checksum else None
        also = summed.update if summed else None
        try:
            async for chunk in chunks:
                gathered += chunk
                if self._offset + len(gathered) > self._upload.byte_size:
                    raise TooLarge("More came than was declared.", limit=self._upload.byte_size)
                is_due = self._is_due()
                if is_due or len(gathered) >= PIECE_BYTES:
                    # Let go of first: a piece that a full disk took half of is never tried a second time.
                    piece, gathered = gathered, bytearray()
                    await self._write(piece, also)
                if is_due:
                    # What needs a checksum does not count before it is whole.
                    await (self._acknowledge() if checksum is None else self._renew())
                    require_reserve(self._limits, await self._stores.writing.count_free_bytes(), 0)
                if is_ending():
                    raise TryAgain("The node is shutting down.")
            piece, gathered = gathered, bytearray()
            await self._write(piece, also)
            if checksum and summed and summed.digest() != checksum.digest:
                raise ChecksumMismatch("The bytes are not those of the checksum.")
        except uploads.LeaseLost:
            raise
        except BaseException as error:
            await self._keep(gathered, error, is_checked=checksum is not None)
            raise
        await self._acknowledge()
        return self._acknowledged

    def whole(self) -> Received | None:
        """What the file was found to be, where all of it passed by here in one go."""
        if self._digester is None or self._digester.byte_size != self._upload.byte_size:
            return None
        return Received(self._head, *self._digester.finish())

    async def read_back(self) -> Received:
        """Hash what the store has, and drop what it has beyond; the lease is renewed meanwhile."""
        async with self._database.read() as reading:
            segments = await uploads.list_segments(reading, [self.lease.file_id])
        digester, head = FileDigester(), bytearray()
        for segment in segments:
            if segment.number < 0:
                continue
            store = self._stores.named(segment.store)
            await store.trim(segment.store_key, segment.byte_size)
            for start in range(0, segment.byte_size, BLOCK_BYTES):
                size = min(BLOCK_BYTES, segment.byte_size - start)
                piece = await store.read(segment.store_key, start, size)
                await asyncio.to_thread(digester.take, piece)
                head += piece[: HEAD_BYTES - len(head)]
                if monotonic_seconds() - self._acknowledged_at > ACKNOWLEDGE_SECONDS:
                    await self._renew()
        if digester.byte_size != self._upload.byte_size:
            raise TryAgain("The store does not have all that was acknowledged.")
        return Received(bytes(head), *digester.finish())

    async def end(self) -> None:
        """Let go of segment and lease. Where something may still be under way, the lease runs out instead."""
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        if self.is_lost:
            # Who took over has looked for what was left before this may have been written: nobody else knows of it.
            for segment in self._begun:
                await self._stores.named(segment.store).delete(segment.store_key)
        elif self._is_clean:
            # The last segment of a writer that died stays its own: whoever wrote nothing of its own passes that on.
            in_order = self.lease.was_released or self._acknowledged > self.lease.received_bytes
            async with self._database.transaction() as transaction:
                await uploads.release_lease(transaction, self.lease, in_order=in_order)

    async def _keep(self, gathered: bytearray, error: BaseException, *, is_checked: bool) -> None:
        """Acknowledge what came before the end, unless it needed a checksum that it does not have."""
        if is_checked or isinstance(error, asyncio.CancelledError):
            self._is_clean = is_checked and not isinstance(error, asyncio.CancelledError)
            return
        try:
            if not isinstance(error, TooLarge):
                await self._write(gathered, None)
            await self._acknowledge()
        except uploads.LeaseLost:
            self.is_lost = True
        except WorkroomError:
            self._is_clean = False  # what was acknowledged before stands

    async def _write(self, piece: bytearray, also: Callable[[bytearray], None] | None) -> None:
        """Write a piece, into as many segments as the store needs."""
        if len(self._head) < HEAD_BYTES and self._digester is not None:
            self._head += piece[: HEAD_BYTES - len(self._head)]
        if also is not None and piece:
            await asyncio.to_thread(also, piece)
        rest = memoryview(piece)
        while rest:
            writer, room = await self._open()
            part = rest[:room]
            if self._digester is None:
                await writer.write(part)
            else:
                await asyncio.gather(writer.write(part), asyncio.to_thread(self._digester.take, part))
            self._offset += len(part)
            assert self._segment is not None
            self._sizes[self._segment.number] += len(part)
            rest = rest[len(part) :]

    async def _open(self) -> tuple[SegmentWriter, int]:
        """The segment to write into, and how many bytes it still takes."""
        if self._writer is None:
            await self._go_on_or_begin()
        assert self._segment is not None
        longest = self._stores.named(self._segment.store).longest_segment
        if self._sizes[self._segment.number] >= longest:
            assert self._writer is not None
            await self._writer.make_durable()
            await self._writer.close()
            await self._begin_segment()
        assert self._writer is not None
        return self._writer, longest - self._sizes[self._segment.number]

    async def _go_on_or_begin(self) -> None:
        async with self._database.read() as reading:
            segments = await uploads.list_segments(reading, [self.lease.file_id])
        self._next_number = max((segment.number + 1 for segment in segments), default=0)
        last = max((s for s in segments if s.byte_size), key=lambda s: s.byte_offset, default=None)
        # A writer that did not end in order may still be writing: nothing of it is touched.
        if last is not None and self.lease.was_released and last.store == self._stores.writing.name:
            store = self._stores.writing
            if last.byte_size < store.longest_segment:
                self._segment, self._sizes[last.number] = last, last.byte_size
                self._writer = await store.open_segment(last.store_key, last.byte_size)
                return
        await self._begin_segment()

    async def _begin_segment(self) -> None:
        require_reserve(self._limits, await self._stores.writing.count_free_bytes(), 0)
        store, number = self._stores.writing, max(self._next_number, 0)
        key = segment_key(self.lease.file_id, number, self.lease.number)
        segment = Segment(self.lease.file_id, number, self._offset, 0, store.name, key)
        async with self._database.transaction() as transaction:
            await uploads.begin_segment(transaction, self.lease, segment)
        self._next_number = number + 1
        self._begun.append(segment)
        self._segment, self._sizes[number] = segment, 0
        self._writer = await store.open_segment(key, 0)

    def _is_due(self) -> bool:
        return (
            self._offset - self._acknowledged >= ACKNOWLEDGE_BYTES
            or monotonic_seconds() - self._acknowledged_at >= ACKNOWLEDGE_SECONDS
        )

    async def _acknowledge(self) -> None:
        """Make what was written durable, and say so; other writers are kept out for longer."""
        if self._writer is not None:
            await self._writer.make_durable()
        if self._offset > self._acknowledged:
            begun, self._begun = (
                self._begun,
                [],
            )  # from here on they may count, whatever becomes of the answer
            try:
                async with self._database.transaction() as transaction:
                    await uploads.acknowledge_bytes(transaction, self.lease, self._offset, self._sizes)
            except uploads.LeaseLost:
                self._begun = begun
                raise
            self._acknowledged, self._acknowledged_at = self._offset, monotonic_seconds()

    async def _renew(self) -> None:
        async with self._database.transaction() as transaction:
            await uploads.renew_lease(transaction, self.lease)
        self._acknowledged_at = monotonic_seconds()


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for chunk in nothing:
        yield chunk
