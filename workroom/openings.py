"""The second door to what is written: an officer opens a room for a matter, with a reason.

Being compliance gives no right to read. An opening is an entry of the audit log, and it is committed before anything is
read: `open_for_compliance` in a transaction of its own, `read_opened` after it. Then everything is shown that is there:
every version, what was deleted or is due, internal notes, files. What was destroyed is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from workroom.abilities import Ability
from workroom.audit import Act, Initiator, Subject, clean_reason, record_act
from workroom.errors import NotFound
from workroom.ids import AccountId, FileId, MatterId, MessageId, RoomId
from workroom.matters import require_open_matter
from workroom.officers import require_officer
from workroom.records import require_room
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

PAGE_MESSAGES = 50
# For how long files can be fetched with an opening.
OPENING_STANDS_HOURS = 12

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Place:
    """How far up a room was read: everything below these numbers is still to come; None for all of a stream."""

    shared: int | None = None
    staff: int | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """What an officer may read, by the audit entry that says so."""

    entry_number: int
    room_id: RoomId
    matter_id: MatterId


@dataclass(frozen=True, slots=True)
class OpenedVersion:
    """One version of a message: who wrote it, and when."""

    revision: int
    text: str
    author_id: AccountId
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedReaction:
    """A reaction, standing or taken back."""

    emoji: str
    account_id: AccountId
    added_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file of a message. What it was called and how large it was is None once it was destroyed."""

    file_id: FileId
    alt_text: str
    name: str | None
    media_type: str | None
    byte_size: int | None
    scan_state: str | None


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message with everything that is left of it. `stream` is `shared`, or `staff` for an internal note."""

    message_id: MessageId
    stream: str
    seq: int
    author_id: AccountId
    sent_at: datetime
    recorded_at: datetime
    reply_to: MessageId | None
    deleted_at: datetime | None
    deleted_by: AccountId | None
    versions: list[OpenedVersion]
    files: list[OpenedFile]
    reactions: list[OpenedReaction]


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """Messages, oldest first; how many between them were destroyed; and the place that the next page goes on from."""

    messages: list[OpenedMessage]
    destroyed: int
    next_place: Place | None


@dataclass(frozen=True, slots=True)
class OpenedBytes:
    """A file whose bytes may be fetched."""

    file_id: FileId
    byte_size: int
    scan_state: str
    name: str
    media_type: str
    sha256: bytes


async def open_for_compliance(
    transaction: Transaction, by: Initiator, matter_id: MatterId, room_id: RoomId, reason: str, place: Place
) -> Opening:
    """Record that somebody is about to read a room from a place on. Commit before reading.

    Raises:
        NotFound: there is no such room or matter, or no such officer. Forbidden: not of this kind of account.
        Conflict: the matter is closed.
        InvalidInput: the reason is empty.
    """
    wording = clean_reason(reason)
    await require_officer(transaction, by, Ability.OPEN_FOR_COMPLIANCE)
    await require_open_matter(transaction, matter_id)
    await require_room(transaction, room_id)
    entry_number = await record_act(
        transaction,
        by,
        Act.CONTENT_OPENED,
        Subject("room", room_id),
        {"matter_id": matter_id, "below_shared": place.shared, "below_staff": place.staff},
        {"reason": wording},
    )
    return Opening(entry_number, room_id, matter_id)


async def read_opened(
    transaction: Transaction, opening: Opening, place: Place, limit: int = PAGE_MESSAGES
) -> OpenedPage:
    """What was posted in both streams of an opened room below a place, the latest of it, oldest first."""
    posted = await transaction.fetch(
        queries.openings.list_posted_backwards,
        room_id=opening.room_id,
        before_shared=place.shared,
        before_staff=place.staff,
        page_size=limit,
    )
    there = [record for record in posted if record["message_id"] is not None]
    message_ids = [record["message_id"] for record in there]
    versions = _by_message(
        await transaction.fetch(queries.openings.list_versions, message_ids=message_ids), OpenedVersion
    )
    reactions = _by_message(
        await transaction.fetch(queries.openings.list_reactions_ever, message_ids=message_ids), OpenedReaction
    )
    files = _by_message(
        await transaction.fetch(queries.openings.list_files_ever, message_ids=message_ids), OpenedFile
    )
    messages = [
        OpenedMessage(
            **record,
            versions=versions.get(record["message_id"], []),
            files=files.get(record["message_id"], []),
            reactions=reactions.get(record["message_id"], []),
        )
        for record in reversed(there)
    ]
    return OpenedPage(messages, len(posted) - len(there), _next_place(posted, place, limit))


async def require_opening(transaction: Transaction, account_id: AccountId, entry_number: int) -> Opening:
    """An opening that this officer made in the last twelve hours; NotFound for any other."""
    record = await transaction.fetch_one_or_none(
        queries.openings.find_opening,
        entry_number=entry_number,
        account_id=account_id,
        stands_hours=OPENING_STANDS_HOURS,
    )
    if record is None:
        raise NotFound("There is no such opening.")
    return Opening(**record)


async def open_file(
    transaction: Transaction, by: Initiator, opening: Opening, file_id: FileId
) -> OpenedBytes:
    """Record that a file of an opened room is about to be fetched. Commit before reading its bytes.

    Raises:
        NotFound: no message of the room has claimed such a file, or it was destroyed.
    """
    await require_officer(transaction, by, Ability.OPEN_FOR_COMPLIANCE)
    record = await transaction.fetch_one_or_none(
        queries.openings.find_file_in_room, file_id=file_id, room_id=opening.room_id
    )
    if record is None:
        raise NotFound("There is no such file.")
    await record_act(
        transaction,
        by,
        Act.FILE_OPENED,
        Subject("file", file_id),
        {"matter_id": opening.matter_id, "room_id": opening.room_id, "opening": opening.entry_number},
    )
    return OpenedBytes(**record)


def _by_message(records: Sequence[Record], shape: type[_Part]) -> dict[UUID, list[_Part]]:
    found: dict[UUID, list[_Part]] = {}
    for record in records:
        fields = dict(record)
        found.setdefault(fields.pop("message_id"), []).append(shape(**fields))
    return found


def _next_place(posted: Sequence[Record], place: Place, limit: int) -> Place | None:
    if len(posted) < limit:
        return None
    seqs: dict[str, list[int]] = {"shared": [], "staff": []}
    for record in posted:
        seqs[record["stream"]].append(record["seq"])
    return Place(
        shared=min(seqs["shared"], default=place.shared), staff=min(seqs["staff"], default=place.staff)
    )
