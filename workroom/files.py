"""Files: claimed by messages, listed, fetched. Content begins when a message claims a file, in its own transaction.

Whoever asks for a file asks for the message that claimed it: who may read the message may fetch its files, as long as
it stands, and nobody else ever. What is found out about a file later (a scan, a preview) is told as an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workroom import audit
from workroom.audit import Act, Subject
from workroom.errors import Conflict, FileChecking, NotFound, NotReceived
from workroom.event_frames import PictureSize, ToldFile
from workroom.ids import AccountId, FileId, MessageId, StreamId
from workroom.memberships import Readership, find_readable
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

SERVED_STATES = frozenset({"not_scanned", "clean"})
_TOLD_STATES = {"not_scanned": "ready", "clean": "ready", "unchecked": "checking", "infected": "infected"}
_DIGEST_BYTES = 32
_LAST_POSITION = 32_767


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file that a message is to claim, and what it shows to somebody who cannot see it."""

    file_id: FileId
    alt_text: str = ""


@dataclass(frozen=True, slots=True)
class ClaimableFile:
    """A received file as a message that wants it finds it, locked."""

    stream_id: StreamId
    uploader_id: AccountId
    message_id: MessageId | None
    sha256: bytes
    record: Record


@dataclass(frozen=True, slots=True)
class ReadableFile:
    """A file that its reader may have now."""

    file_id: FileId
    stream_id: StreamId
    message_id: MessageId
    message_seq: int
    byte_size: int
    scan_state: str
    name: str
    media_type: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of a file, and where it lies."""

    byte_size: int
    sha256: bytes
    media_type: str
    store: str
    store_key: str


@dataclass(frozen=True, slots=True)
class FileRequest:
    """Which files of a stream: of a kind, with a name that contains something, below a place; None for any."""

    kind: str | None = None
    name: str | None = None
    before: tuple[int, int] | None = None
    limit: int = 50


class ListedFile(ToldFile, frozen=True, kw_only=True):
    """A file in a room's list, with the message that has it."""

    message_id: MessageId
    seq: int
    position: int
    author_id: AccountId
    sent_at: datetime


# -- fetching --------------------------------------------------------------------------------------------------------


async def require_readable_file(
    transaction: Transaction, account_id: AccountId, file_id: FileId
) -> ReadableFile:
    """The file, where the account may read the message that has it, and that message stands.

    Raises NotFound for everything else alike, also for a file that is infected; FileChecking until it was scanned.
    """
    record = await transaction.fetch_one_or_none(queries.files.find_claimed_file, file_id=file_id)
    if record is None:
        raise NotFound("There is no such file.")
    file = ReadableFile(**record)
    asked = (account_id, file.stream_id)
    readership = (await find_readable(transaction, [asked])).get(asked)
    if readership is None or file.message_seq < readership.reads_from_seq or file.scan_state == "infected":
        raise NotFound("There is no such file.")
    if file.scan_state not in SERVED_STATES:
        raise FileChecking("The file is being checked.", retry_after_seconds=2)
    return file


async def is_still_readable(transaction: Transaction, account_id: AccountId, file: ReadableFile) -> bool:
    """Whether a fetch that is under way may go on."""
    readable: bool = await transaction.fetch_value(
        queries.files.is_still_readable,
        account_id=account_id,
        stream_id=file.stream_id,
        file_id=file.file_id,
    )
    return readable


async def require_preview(transaction: Transaction, file_id: FileId) -> Preview:
    """The preview of a file whose reader was asked already; NotFound when there is none."""
    record = await transaction.fetch_one_or_none(queries.files.find_file_preview, file_id=file_id)
    if record is None:
        raise NotFound("There is no such file.")
    return Preview(**record)


async def read_block_digests(
    transaction: Transaction, file_id: FileId, first_block: int, block_count: int
) -> list[bytes]:
    """The SHA-256 of some blocks of 1 MiB."""
    together: bytes | None = await transaction.fetch_value(
        queries.files.read_block_digests, file_id=file_id, first_block=first_block, block_count=block_count
    )
    if together is None or len(together) != block_count * _DIGEST_BYTES:
        raise NotFound("There is no such file.")
    return [together[place : place + _DIGEST_BYTES] for place in range(0, len(together), _DIGEST_BYTES)]


async def record_damage(
    transaction: Transaction, file_id: FileId, block: int, reader_id: AccountId | None
) -> None:
    """Record that a block (-1: the preview) was not as it was received; the first time, in the audit log as well."""
    is_first = await transaction.fetch_value(
        queries.files.record_damage, file_id=file_id, block=block, reader_id=reader_id
    )
    if is_first:
        facts = {"block": block, "reader_id": reader_id}
        await audit.record_act(
            transaction, audit.BY_WORKER, Act.FILE_DAMAGE_FOUND, Subject("file", file_id), facts
        )


# -- claiming --------------------------------------------------------------------------------------------------------


async def find_claimable(transaction: Transaction, file_ids: Iterable[FileId]) -> dict[FileId, ClaimableFile]:
    """Received files by id, locked in the order of ids until the transaction ends."""
    records = await transaction.fetch(queries.files.check_files, file_ids=list(set(file_ids)))
    return {
        record["file_id"]: ClaimableFile(
            record["stream_id"], record["uploader_id"], record["message_id"], record["sha256"], record
        )
        for record in records
    }


async def find_unreceived(
    transaction: Transaction, uploader_id: AccountId, file_ids: Iterable[FileId]
) -> set[FileId]:
    """Which of the ids are uploads of the account that are not whole yet."""
    records = await transaction.fetch(
        queries.files.list_unreceived, file_ids=list(set(file_ids)), uploader_id=uploader_id
    )
    return {record["file_id"] for record in records}


def require_claimable(
    known: dict[FileId, ClaimableFile],
    unreceived: set[FileId],
    attachment: NewAttachment,
    stream_id: StreamId,
    author_id: AccountId,
) -> ClaimableFile:
    """The file that a message of this author in this stream may claim; NotFound, NotReceived, Conflict."""
    file = known.get(attachment.file_id)
    if file is None and attachment.file_id in unreceived:
        raise NotReceived("The file is not whole yet.", retry_after_seconds=1)
    if file is None or file.uploader_id != author_id or file.stream_id != stream_id:
        raise NotFound("There is no such file.")
    if file.message_id is not None:
        raise Conflict("Another message has this file.", problem="claimed")
    return file


async def claim_files(
    transaction: Transaction, claims: Sequence[tuple[MessageId, int, int, NewAttachment]]
) -> None:
    """Write claims (message, its number, position, file) of files that `find_claimable` has locked."""
    await transaction.fetch(
        queries.files.claim_files,
        message_ids=[message_id for message_id, _, _, _ in claims],
        message_seqs=[seq for _, seq, _, _ in claims],
        positions=[position for _, _, position, _ in claims],
        file_ids=[attachment.file_id for _, _, _, attachment in claims],
        alt_texts=[attachment.alt_text for _, _, _, attachment in claims],
    )


# -- telling ---------------------------------------------------------------------------------------------------------


async def list_of_messages(
    transaction: Transaction, message_ids: Sequence[MessageId]
) -> dict[MessageId, list[ToldFile]]:
    """The files of messages as they stand, each message's in order. Whoever asks has seen to who may read them."""
    told: dict[MessageId, list[ToldFile]] = {}
    if not message_ids:
        return told
    for message_id, placed in (await list_by_position(transaction, message_ids)).items():
        told[message_id] = list(placed.values())
    return told


async def list_by_position(
    transaction: Transaction, message_ids: Sequence[MessageId]
) -> dict[MessageId, dict[int, ToldFile]]:
    """The same by the position that each has in its message: one whose own time has come leaves a gap."""
    placed: dict[MessageId, dict[int, ToldFile]] = {}
    if not message_ids:
        return placed
    records = await transaction.fetch(queries.files.list_of_messages, message_ids=list(message_ids))
    for record in records:
        told = tell_file(record, record["alt_text"])
        placed.setdefault(record["message_id"], {})[record["position"]] = told
    return placed


async def list_claims(
    transaction: Transaction, message_ids: Sequence[MessageId]
) -> dict[MessageId, list[tuple[NewAttachment, bytes]]]:
    """What messages have claimed, with the SHA-256 of each, in order: to know a command again, to digest an edit."""
    claims: dict[MessageId, list[tuple[NewAttachment, bytes]]] = {}
    records = await transaction.fetch(queries.files.list_of_messages, message_ids=list(message_ids))
    for record in records:
        attachment = NewAttachment(record["file_id"], record["alt_text"])
        claims.setdefault(record["message_id"], []).append((attachment, record["sha256"]))
    return claims


async def list_files(
    transaction: Transaction, readership: Readership, request: FileRequest
) -> tuple[list[ListedFile], bool]:
    """A page of the files of a stream that `require_member` has opened, newest first, and whether there are more."""
    before_seq, before_position = request.before or (2**62, _LAST_POSITION)
    pattern = None
    if request.name:
        escaped = request.name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
    records = await transaction.fetch(
        queries.files.list_of_stream,
        stream_id=readership.stream_id,
        reads_from_seq=readership.reads_from_seq,
        before_seq=before_seq,
        before_position=min(before_position, _LAST_POSITION),
        kind=request.kind,
        name_pattern=pattern,
        page_size=request.limit + 1,
    )
    listed = [
        ListedFile(
            **_shape(record, record["alt_text"]),
            message_id=record["message_id"],
            seq=record["message_seq"],
            position=record["position"],
            author_id=record["author_id"],
            sent_at=record["sent_at"],
        )
        for record in records[: request.limit]
    ]
    return listed, len(records) > request.limit


def tell_file(record: Record, alt_text: str) -> ToldFile:
    """A file as the readers of its message see it."""
    return ToldFile(**_shape(record, alt_text))


def _shape(record: Record, alt_text: str) -> dict[str, Any]:
    preview = None
    if record["preview_width"] is not None and record["scan_state"] in SERVED_STATES:
        preview = PictureSize(record["preview_width"], record["preview_height"])
    return {
        "file_id": record["file_id"],
        "name": record["name"],
        "byte_size": record["byte_size"],
        "type": record["media_type"],
        "kind": record["kind"],
        "state": _TOLD_STATES[record["scan_state"]],
        "alt_text": alt_text,
        "width": record["shown_width"] or record["width"],
        "height": record["shown_height"] or record["height"],
        "preview": preview,
        "preparing": preview is None
        and record["preview_state"] == "wanted"
        and record["scan_state"] != "infected",
    }
