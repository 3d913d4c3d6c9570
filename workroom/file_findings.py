"""What is found out about files after they were received: a virus or none, a preview, a better place to lie.

Where a message has the file, what was found is an event in its stream, recorded under the room's lock like any other;
the bytes of the file itself never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workroom import events, strays
from workroom.events import NewEvent, RecordedEvent
from workroom.ids import FileId, StreamId
from workroom.storage.database import Transaction
from workroom.storage.queries import queries
from workroom.strays import Stray
from workroom.uploads import Segment


@dataclass(frozen=True, slots=True)
class NewPreview:
    """A preview whose bytes are durable. `shown_*`: the picture itself, upright; None for documents."""

    media_type: str
    byte_size: int
    sha256: bytes
    width: int
    height: int
    shown_width: int | None
    shown_height: int | None


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file that is to be looked at."""

    file_id: FileId
    byte_size: int
    media_type: str = ""


async def find_stream(transaction: Transaction, file_id: FileId) -> StreamId | None:
    """The stream of a file, whose room is to be locked before `record_change`."""
    stream_id: StreamId | None = await transaction.fetch_value(queries.files.find_stream_of, file_id=file_id)
    return stream_id


async def record_scan(transaction: Transaction, file_id: FileId, *, is_infected: bool) -> list[RecordedEvent]:
    """What the virus scan said; told where a message has the file. The room is locked."""
    state = "infected" if is_infected else "clean"
    changed = await transaction.execute(queries.files.mark_scanned, file_id=file_id, scan_state=state)
    return await _record_change(transaction, file_id) if changed else []


async def record_preview_state(
    transaction: Transaction, file_id: FileId, *, is_made: bool
) -> list[RecordedEvent]:
    """That a preview was made, or cannot be; told where a message has the file. The room is locked."""
    state = "made" if is_made else "failed"
    changed = await transaction.execute(queries.files.mark_preview, file_id=file_id, preview_state=state)
    return await _record_change(transaction, file_id) if changed else []


async def list_to_scan(
    transaction: Transaction, batch_size: int, left_out: Sequence[FileId]
) -> list[WaitingFile]:
    """Files that wait for the virus scan, oldest first, without some of them."""
    records = await transaction.fetch(
        queries.files.list_to_scan, batch_size=batch_size, left_out=list(left_out)
    )
    return [WaitingFile(**record) for record in records]


async def list_to_preview(
    transaction: Transaction, batch_size: int, left_out: Sequence[FileId]
) -> list[WaitingFile]:
    """Files that wait for a preview, oldest first, without some of them."""
    records = await transaction.fetch(
        queries.files.list_to_preview, batch_size=batch_size, left_out=list(left_out)
    )
    return [WaitingFile(**record) for record in records]


async def begin_preview(transaction: Transaction, file_id: FileId, store: str, store_key: str) -> bool:
    """Record where a preview is going to lie, before it does.

    False when the file is gone, has one by now, or another attempt began at this moment. What an earlier attempt wrote
    is a stray from here on.
    """
    earlier = await transaction.fetch_one_or_none(queries.files.lock_preview_segment, file_id=file_id)
    begin = queries.files.insert_preview_segment if earlier is None else queries.files.take_preview_segment
    begun = await transaction.fetch_value(begin, file_id=file_id, store=store, store_key=store_key)
    if begun is not None and earlier is not None:
        await strays.leave_behind(transaction, Stray(**earlier))
    return begun is not None


async def add_preview(transaction: Transaction, file_id: FileId, store_key: str, preview: NewPreview) -> bool:
    """Record a preview whose bytes are durable; False when the file is gone, or another attempt took over.

    To be told (`record_preview_state`) in the same transaction: who finds the file still wanting a preview may rely on
    there being none.
    """
    added = await transaction.fetch_value(
        queries.files.insert_preview,
        file_id=file_id,
        store_key=store_key,
        media_type=preview.media_type,
        byte_size=preview.byte_size,
        sha256=preview.sha256,
        width=preview.width,
        height=preview.height,
        shown_width=preview.shown_width,
        shown_height=preview.shown_height,
    )
    return added is not None


async def list_files_of_store(
    transaction: Transaction, store: str, after: FileId, batch_size: int
) -> list[FileId]:
    """Received files of which something lies in a store, in the order of ids, after one: for moving them."""
    records = await transaction.fetch(
        queries.files.list_files_of_store, store=store, after_file_id=after, batch_size=batch_size
    )
    return [record["file_id"] for record in records]


async def find_digests(transaction: Transaction, file_id: FileId) -> tuple[bytes, bytes] | None:
    """The SHA-256 of a file, and those of its blocks one after the other; None when it is no file any more."""
    record = await transaction.fetch_one_or_none(queries.files.find_digests, file_id=file_id)
    return (record["sha256"], record["block_digests"]) if record is not None else None


async def move_segment(transaction: Transaction, segment: Segment, copy: Stray) -> bool:
    """Record that a segment lies in its copy, and that where it lay is a stray's place.

    False: it was not where it was any more, or the copy was given up. Then the copy is a stray still.
    """
    if not await strays.lock_copy(transaction, copy):
        return False
    moved = await transaction.fetch_value(
        queries.files.move_segment,
        file_id=segment.file_id,
        number=segment.number,
        store=copy.store,
        store_key=copy.store_key,
        old_store=segment.store,
        old_store_key=segment.store_key,
    )
    if moved is None:
        return False
    await strays.forget_strays(transaction, [copy])
    await strays.leave_behind(transaction, Stray(segment.store, segment.store_key))
    return True


async def _record_change(transaction: Transaction, file_id: FileId) -> list[RecordedEvent]:
    record = await transaction.fetch_one_or_none(queries.files.find_changing, file_id=file_id)
    if record is None or record["message_id"] is None:
        return []
    event = NewEvent(
        record["stream_id"],
        "file_changed",
        record["uploader_id"],
        record["message_id"],
        subject_seq=record["message_seq"],
        subject_detail=record["position"],
    )
    return await events.record_events(transaction, [event])
