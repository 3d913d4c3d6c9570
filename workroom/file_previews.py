"""Has small pictures made of pictures and of first pages, by a child process that is told nothing and may do little.

Nobody waits for a preview, and a file that has none is a file all the same. One at a time: the machine is there for
conversations. What this machine could not do just now is tried again later, and says nothing of the file.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import sys
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from typing import IO

import msgspec

from workroom import file_findings, messages
from workroom.children.preview_painter import BROKEN, TOO_LARGE
from workroom.errors import FileDamaged, TryAgain, Unavailable, WorkroomError
from workroom.file_failures import Failure, FileFailures
from workroom.ids import FileId
from workroom.logs import log_event
from workroom.storage.database import Database, Transaction
from workroom.storage.file_store import FileStores, segment_key
from workroom.stored_bytes import StoredBytes
from workroom.uploads import PREVIEW_NUMBER

PAINTER = "workroom.children.preview_painter"
LARGEST_BYTES = 256 * 1024 * 1024
LARGEST_PREVIEW_BYTES = 2 * 1024 * 1024
PAINT_SECONDS = 30.0
PREVIEW_TYPE = "image/webp"
BATCH_SIZE = 20
FIRST_PAUSE_SECONDS = 30.0


class PaintedSizes(msgspec.Struct, frozen=True):
    """What the painter says of its picture, and of the one that it was made from."""

    width: int
    height: int
    shown_width: int | None = None
    shown_height: int | None = None


class PainterDied(TryAgain):
    """The painter was ended before it said anything: by a file that asks too much of it, or by a busy machine."""


@dataclass(frozen=True, slots=True)
class Painted:
    """A preview."""

    content: bytes
    sizes: PaintedSizes


async def make_previews(database: Database, stores: FileStores, failures: FileFailures | None = None) -> int:
    """Make the previews that are wanted, oldest first, and say of how many files is known now whether they have one.

    Args:
        failures: what failed in the rounds before, and is tried again later; None where none is to be known.
    """
    if failures is None:
        failures = FileFailures(FIRST_PAUSE_SECONDS)
    async with database.read() as reading:
        wanted = await file_findings.list_to_preview(reading, BATCH_SIZE, failures.begin_round())
    known = 0
    for file in wanted:
        try:
            await _make_preview(database, stores, file, failures.find_last(file.file_id))
        except WorkroomError as error:
            failures.add(file.file_id, error)
            log_event("preview_put_off", file=file.file_id, code=error.code, reason=error.message)
        except OSError as error:
            # No room for the copy, no memory or no process for the painter: it says nothing of the file.
            failures.add(file.file_id, error)
            code = errno.errorcode.get(error.errno or 0, "os_error")
            log_event("preview_put_off", file=file.file_id, code=code)
        else:
            known += 1
    return known


async def _make_preview(
    database: Database, stores: FileStores, file: file_findings.WaitingFile, last: Failure | None
) -> None:
    try:
        painted = await _paint(database, stores, file) if file.byte_size <= LARGEST_BYTES else None
    except FileDamaged as error:
        log_event("preview_not_made", file=file.file_id, code=error.code)
        painted = None
    except PainterDied as error:
        # Once may be the machine's fault; what came twice in a row is taken for the file's.
        if last is None or last.kind is not PainterDied:
            raise
        log_event("preview_not_made", file=file.file_id, code=error.code, reason=error.message)
        painted = None
    if painted is not None:
        await _keep(database, stores, file.file_id, painted)
        return
    async with database.transaction() as transaction:
        if await _lock_room_of(transaction, file.file_id):
            await file_findings.record_preview_state(transaction, file.file_id, is_made=False)


async def _paint(database: Database, stores: FileStores, file: file_findings.WaitingFile) -> Painted | None:
    """Have the painter look at a copy of the file; None when it could make nothing of it."""
    with tempfile.TemporaryFile(prefix="workroom-preview-") as copy:
        content = StoredBytes(database, stores).read(file.file_id, file.byte_size, 0, file.byte_size)
        async for piece in content:
            await asyncio.to_thread(copy.write, piece)
        await asyncio.to_thread(copy.seek, 0)
        return await paint(copy, file.media_type)


async def paint(content: IO[bytes], media_type: str) -> Painted | None:
    """Run the painter on an open file; None when it makes nothing of it, or writes too much.

    Raises PainterDied; Unavailable, when the painter does not run on this machine; OSError, when it cannot be started.
    """
    painter = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        PAINTER,
        media_type,
        stdin=content,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        limit=LARGEST_PREVIEW_BYTES,
    )
    assert painter.stdout is not None
    written = bytearray()
    try:
        async with asyncio.timeout(PAINT_SECONDS):
            while len(written) <= LARGEST_PREVIEW_BYTES and (piece := await painter.stdout.read(65_536)):
                written += piece
            if len(written) > LARGEST_PREVIEW_BYTES:
                return None
            status = await painter.wait()
    except TimeoutError:
        raise PainterDied("The painter took too long.") from None
    finally:
        if painter.returncode is None:
            painter.kill()
            await painter.wait()
    return _read_answer(bytes(written), status)


def _read_answer(written: bytes, status: int) -> Painted | None:
    if status < 0:
        raise PainterDied(f"Signal {-status} ended the painter.")
    if status not in (0, TOO_LARGE, BROKEN):
        raise Unavailable(f"The painter does not run here (status {status}).")
    line, _, picture = written.partition(b"\n")
    try:
        return Painted(picture, msgspec.json.decode(line, type=PaintedSizes)) if status == 0 else None
    except msgspec.MsgspecError:
        return None


async def _keep(database: Database, stores: FileStores, file_id: FileId, painted: Painted) -> None:
    """Store a preview, its row before its bytes; nothing when the file went, or another attempt took over."""
    store = stores.writing
    # A key of this attempt alone: another worker may be at the same file, and what is served is never written over.
    key = f"{segment_key(file_id, PREVIEW_NUMBER, 0)}-{secrets.token_hex(4)}"
    async with database.transaction() as transaction:
        if not await file_findings.begin_preview(transaction, file_id, store.name, key):
            return
    writer = await store.open_segment(key, 0)
    try:
        await writer.write(painted.content)
        await writer.make_durable()
    finally:
        await writer.close()
    async with database.transaction() as transaction:
        is_kept = await _lock_room_of(transaction, file_id) and await file_findings.add_preview(
            transaction, file_id, key, _describe(painted)
        )
        if is_kept:
            await file_findings.record_preview_state(transaction, file_id, is_made=True)
    if not is_kept:
        # Swept, or taken over, while it was being made: nobody else wants these bytes.
        await store.delete(key)


async def _lock_room_of(transaction: Transaction, file_id: FileId) -> bool:
    stream_id = await file_findings.find_stream(transaction, file_id)
    if stream_id is None:
        return False
    await messages.lock_rooms_of(transaction, [stream_id])
    return True


def _describe(painted: Painted) -> file_findings.NewPreview:
    sizes = painted.sizes
    return file_findings.NewPreview(
        PREVIEW_TYPE,
        len(painted.content),
        sha256(painted.content).digest(),
        sizes.width,
        sizes.height,
        sizes.shown_width,
        sizes.shown_height,
    )
