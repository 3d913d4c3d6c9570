"""Uploads: what is on its way into a room, who may write into it just now, and how much of it is durable.

One writer at a time, over all nodes: a lease in the upload's row, with a number that rises each time it is taken.
Everything a writer says carries its number, so that one who was thought dead changes nothing any more. Content does not
begin here: that is a message's to do (`files.py`). What nobody claims within a day is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from workroom.digests import mint_salt
from workroom.errors import Conflict, NotFound, OffsetMismatch, RoomArchived, UploadLocked
from workroom.file_names import clean_file_name
from workroom.file_types import PREVIEWED_TYPES, detect_type, kind_of
from workroom.ids import AccountId, FileId, RoomId, StreamId, mint_file_id
from workroom.memberships import require_member
from workroom.picture_sizes import find_picture_size
from workroom.quotas import FileLimits, require_quota, require_size
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

KEEP_HOURS = 24
PREVIEW_NUMBER = -1
LEASE_SECONDS = 30


class LeaseLost(UploadLocked):
    """Another writer holds the upload: what was not acknowledged does not count."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as its uploader finds it. `is_received`: it is whole, hashed and can be posted."""

    file_id: FileId
    stream_id: StreamId
    room_id: RoomId
    uploader_id: AccountId
    name: str
    metadata: str
    byte_size: int
    received_bytes: int
    expires_at: datetime
    is_received: bool
    is_claimed: bool
    is_leased: bool | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write into an upload, until it ends or somebody else has to be given it."""

    file_id: FileId
    number: int
    received_bytes: int
    was_released: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a file and where it lies; `byte_size` is what counts of it. Number -1 is the preview."""

    file_id: FileId
    number: int
    byte_offset: int
    byte_size: int
    store: str
    store_key: str


@dataclass(frozen=True, slots=True)
class Received:
    """What a whole file was found to be."""

    head: bytes
    sha256: bytes
    block_digests: bytes


async def begin_upload(
    transaction: Transaction,
    limits: FileLimits,
    *,
    uploader_id: AccountId,
    stream_id: StreamId,
    name: str,
    metadata: str,
    byte_size: int,
    is_named: bool = False,
) -> Upload:
    """Begin an upload into a stream one may write into.

    Args:
        is_named: the metadata tells the upload from every other of its uploader. One that stands already under the same
            metadata and size is the answer then: whoever lost the first answer asks again, and nothing counts twice.

    Raises NotFound, RoomArchived, TooLarge, QuotaExceeded, LimitReached.
    """
    require_size(limits, byte_size)
    place = await transaction.fetch_one_or_none(queries.uploads.find_place, stream_id=stream_id)
    # Asked after the room's lock, so that nobody is removed meanwhile.
    await require_member(transaction, uploader_id, stream_id)
    if place is None:
        raise NotFound("There is no such stream.")  # the stream of an account
    if is_named and (begun := await _find_named(transaction, uploader_id, metadata, byte_size)):
        return begun
    if place["archived_at"] is not None:
        raise RoomArchived("The room is archived.")
    room_id: RoomId = place["room_id"]
    await require_quota(transaction, limits, room_id, uploader_id, byte_size)
    file_id, cleaned = mint_file_id(place["begun_at"]), clean_file_name(name)
    expires_at: datetime = await transaction.fetch_value(
        queries.uploads.insert_upload,
        file_id=file_id,
        stream_id=stream_id,
        room_id=room_id,
        uploader_id=uploader_id,
        name=cleaned,
        metadata=metadata,
        byte_size=byte_size,
        begun_at=place["begun_at"],
        keep_hours=KEEP_HOURS,
    )
    return Upload(
        file_id,
        stream_id,
        room_id,
        uploader_id,
        cleaned,
        metadata,
        byte_size,
        0,
        expires_at,
        False,
        False,
        None,
    )


async def require_upload(transaction: Transaction, uploader_id: AccountId, file_id: FileId) -> Upload:
    """One's own upload; NotFound when it ended, is somebody else's, or one is no member of the room any more."""
    record = await transaction.fetch_one_or_none(
        queries.uploads.find_upload, file_id=file_id, uploader_id=uploader_id
    )
    if record is None:
        raise NotFound("There is no such upload.")
    return Upload(**record)


async def take_lease(transaction: Transaction, upload: Upload) -> Lease:
    """Become the only writer; UploadLocked while another one is."""
    record = await transaction.fetch_one_or_none(
        queries.uploads.take_lease, file_id=upload.file_id, lease_seconds=LEASE_SECONDS
    )
    if record is None:
        raise UploadLocked("Another request writes into this upload.", retry_after_seconds=1)
    return Lease(upload.file_id, record["lease_number"], record["received_bytes"], record["was_released"])


def require_offset(lease: Lease, offset: int) -> None:
    """Raise OffsetMismatch unless the bytes that are to come follow those that are there (tus 1.0, PATCH)."""
    if offset != lease.received_bytes:
        raise OffsetMismatch("The upload stands elsewhere.", offset=lease.received_bytes)


async def renew_lease(transaction: Transaction, lease: Lease) -> None:
    """Go on being the writer; LeaseLost when one is not any more."""
    _require_held(
        await transaction.fetch_value(
            queries.uploads.renew_lease,
            file_id=lease.file_id,
            lease_number=lease.number,
            lease_seconds=LEASE_SECONDS,
        )
    )


async def release_lease(transaction: Transaction, lease: Lease, *, in_order: bool) -> None:
    """Let the next writer begin at once. Only when nothing is being written under this lease.

    Args:
        in_order: whether the next may go on with the last segment: nobody before this lease writes into it either.
    """
    await transaction.execute(
        queries.uploads.release_lease,
        file_id=lease.file_id,
        lease_number=lease.number,
        in_order=in_order,
    )


async def begin_segment(transaction: Transaction, lease: Lease, segment: Segment) -> None:
    """Record where bytes are going to lie, before they do; LeaseLost."""
    _require_held(
        await transaction.fetch_value(
            queries.uploads.insert_segment,
            file_id=lease.file_id,
            lease_number=lease.number,
            number=segment.number,
            byte_offset=segment.byte_offset,
            store=segment.store,
            store_key=segment.store_key,
        )
    )


async def acknowledge_bytes(
    transaction: Transaction, lease: Lease, received_bytes: int, sizes: dict[int, int]
) -> None:
    """Record how many bytes are durable, and how many in each segment (`sizes`, by number); LeaseLost."""
    _require_held(
        await transaction.fetch_value(
            queries.uploads.acknowledge_bytes,
            file_id=lease.file_id,
            lease_number=lease.number,
            received_bytes=received_bytes,
            numbers=list(sizes.keys()),
            byte_sizes=list(sizes.values()),
            lease_seconds=LEASE_SECONDS,
        )
    )


async def list_segments(transaction: Transaction, file_ids: Sequence[FileId]) -> list[Segment]:
    """Where the bytes of files lie, each file's in order, previews first."""
    records = await transaction.fetch(queries.uploads.list_segments, file_ids=list(file_ids))
    return [Segment(**record) for record in records]


async def receive_file(
    transaction: Transaction, lease: Lease, received: Received, *, is_scanned: bool
) -> list[Segment]:
    """Turn a whole upload into a file that a message can claim; gives the segments that were begun and hold nothing.

    Their rows are gone, and bytes that nobody acknowledged may lie there: leave them behind as strays.

    Args:
        is_scanned: whether nothing may be served before the virus scan has seen it.
    """
    media_type = detect_type(received.head)
    width, height = find_picture_size(received.head, media_type) or (None, None)
    _require_held(
        await transaction.fetch_value(
            queries.uploads.insert_received_file,
            file_id=lease.file_id,
            lease_number=lease.number,
            kind=kind_of(media_type),
            scan_state="unchecked" if is_scanned else "not_scanned",
            preview_state="wanted" if media_type in PREVIEWED_TYPES else "none",
            media_type=media_type,
            sha256=received.sha256,
            block_digests=received.block_digests,
            salt=mint_salt(),
            width=width,
            height=height,
        )
    )
    empty = await transaction.fetch(queries.uploads.forget_empty_segments, file_id=lease.file_id)
    return [Segment(**record) for record in empty]


async def abandon_upload(transaction: Transaction, upload: Upload) -> None:
    """Give up an upload that no message has claimed (tus 1.0, Termination); Conflict, UploadLocked."""
    abandoned = await transaction.fetch_one_or_none(
        queries.uploads.abandon_upload, file_id=upload.file_id, uploader_id=upload.uploader_id
    )
    if abandoned is None:
        if upload.is_claimed:
            raise Conflict("A message has this file.", problem="claimed")
        raise UploadLocked("Another request writes into this upload.", retry_after_seconds=1)


async def abandon_expired_uploads(transaction: Transaction, batch_size: int) -> int:
    """Give up what nobody claimed in time, in one room; gives how many. Locks the room."""
    return len(await transaction.fetch(queries.uploads.abandon_expired_uploads, batch_size=batch_size))


async def list_abandoned_uploads(
    transaction: Transaction, stores: Sequence[str], batch_size: int
) -> list[FileId]:
    """What was given up and is not forgotten yet, because its bytes may still lie in stores that can be reached."""
    records = await transaction.fetch(
        queries.uploads.list_abandoned_uploads, stores=list(stores), batch_size=batch_size
    )
    return [record["file_id"] for record in records]


async def count_segments_out_of_reach(transaction: Transaction, stores: Sequence[str]) -> dict[str, int]:
    """How many segments of given up uploads lie in stores other than these, by store."""
    records = await transaction.fetch(queries.uploads.count_segments_out_of_reach, stores=list(stores))
    return {record["store"]: record["segments"] for record in records}


async def forget_claimed_uploads(transaction: Transaction) -> None:
    """Forget the uploads of files that messages have: nothing more is to come."""
    await transaction.fetch(queries.uploads.forget_claimed_uploads)


async def forget_abandoned_uploads(
    transaction: Transaction, file_ids: Sequence[FileId], emptied_keys: Sequence[str]
) -> int:
    """Forget given up uploads whose bytes, under these keys, are gone; gives how many were forgotten."""
    forgotten: int = await transaction.fetch_value(
        queries.uploads.forget_abandoned_uploads, file_ids=list(file_ids), emptied_keys=list(emptied_keys)
    )
    return forgotten


async def _find_named(
    transaction: Transaction, uploader_id: AccountId, metadata: str, byte_size: int
) -> Upload | None:
    file_id = await transaction.fetch_value(
        queries.uploads.find_named, uploader_id=uploader_id, metadata=metadata, byte_size=byte_size
    )
    return None if file_id is None else await require_upload(transaction, uploader_id, file_id)


def _require_held(answer: object) -> None:
    if answer is None:
        raise LeaseLost("Another request writes into this upload now.", retry_after_seconds=1)
