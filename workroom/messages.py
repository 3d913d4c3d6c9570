"""Messages: posted, edited, taken back. Written once: an edit adds a revision, a delete sets a time.

Posts are written many at once (`posting.py`), the rest one by one; all under the room's lock, which the caller
has taken in an earlier statement (`lock_rooms_of`). Whether somebody may write is read under that lock, so that a
message by someone who was removed while it waited is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from workroom import events, files
from workroom.digests import digest_message, mint_salt
from workroom.errors import Forbidden, NotFound, RoomArchived
from workroom.event_frames import ToldEvent
from workroom.events import NewEvent, RecordedEvent
from workroom.files import NewAttachment
from workroom.ids import AccountId, ClientCommandId, MessageId, RoomId, StreamId
from workroom.memberships import PROVIDER_IN_ROOMS
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

# Structs and not dataclasses: there is one for every message, and msgspec makes them in a fifth of the time.


class NewMessage(msgspec.Struct, frozen=True, gc=False):
    """A message that is to be posted. One with files may be without words."""

    stream_id: StreamId
    author_id: AccountId
    client_command_id: ClientCommandId
    text: str
    reply_to: MessageId | None = None
    mentions: tuple[AccountId, ...] = ()
    files: tuple[NewAttachment, ...] = ()


class Posted(msgspec.Struct, frozen=True, gc=False):
    """What the author is told: the message is committed under this id and number.

    `told` is what the listeners are told; None when the command had been done before.
    """

    message_id: MessageId
    seq: int
    recorded_at: datetime
    told: ToldEvent | None


@dataclass(frozen=True, slots=True)
class Written:
    """What an edit, a delete or a reaction recorded; `told` is None when nothing was: done before, or no change."""

    seq: int
    revision: int | None
    told: ToldEvent | None


@dataclass(frozen=True, slots=True)
class Writer:
    """An account's standing in a stream, read under the room's lock."""

    account_id: AccountId
    kind: str
    stream_kind: str
    reads_from_seq: int


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message as an edit, a delete or a reaction finds it."""

    message_id: MessageId
    stream_id: StreamId
    room_id: RoomId
    seq: int
    author_id: AccountId
    deleted_at: datetime | None
    file_count: int
    author_kind: str
    revision: int


async def lock_rooms_of(transaction: Transaction, stream_ids: Iterable[StreamId]) -> None:
    """Lock the rooms that streams belong to, in id order."""
    await transaction.fetch(queries.rooms.lock_rooms_of_streams, stream_ids=list(set(stream_ids)))


async def edit_message(
    transaction: Transaction,
    *,
    stream_id: StreamId,
    actor_id: AccountId,
    message_id: MessageId,
    text: str,
    mentions: Sequence[AccountId],
    client_command_id: ClientCommandId,
) -> Written:
    """Give one's own message another text, as one more revision."""
    done = await events.find_command(transaction, stream_id, actor_id, client_command_id)
    if done is not None:
        await _require_same_edit(transaction, done, message_id, text, mentions)
        return Written(done.seq, done.subject_detail, None)
    writer = await require_writer(transaction, stream_id, actor_id)
    message = await require_standing_message(transaction, writer, stream_id, message_id)
    if message.author_id != actor_id:
        raise Forbidden("Only the author edits a message.")
    stream = (await events.open_streams(transaction, [stream_id]))[stream_id]
    salt, revision = mint_salt(), message.revision + 1
    attached: tuple[bytes, ...] = ()
    if message.file_count:
        claims = await files.list_claims(transaction, [message_id])
        attached = tuple(sha256 for _, sha256 in claims.get(message_id, []))
    event = stream.number(
        NewEvent(
            stream_id,
            "message_edited",
            actor_id,
            message_id,
            subject_seq=message.seq,
            subject_detail=revision,
            client_command_id=client_command_id,
            content_digest=digest_message(salt, stream_id, message.seq, revision, text, attached),
        )
    )
    await events.write_events(transaction, [event], [stream])
    await transaction.execute(
        queries.messages.insert_revision,
        message_id=message_id,
        revision=revision,
        text=text,
        mentions=list(mentions),
        salt=salt,
        author_id=actor_id,
        recorded_at=event.recorded_at,
    )
    told = ToldEvent(
        seq=event.seq,
        kind=event.kind,
        actor_id=actor_id,
        at=event.recorded_at,
        message_id=message_id,
        subject_seq=message.seq,
        text=text,
        mentions=list(mentions),
        revision=revision,
    )
    return Written(event.seq, revision, told)


async def delete_message(
    transaction: Transaction,
    *,
    stream_id: StreamId,
    actor_id: AccountId,
    message_id: MessageId,
    client_command_id: ClientCommandId,
) -> Written:
    """Take a message back: one's own, or as the provider a customer's. The same statements for every message."""
    done = await events.find_command(transaction, stream_id, actor_id, client_command_id)
    if done is not None:
        events.require_same_command(done, "message_deleted", message_id)
        return Written(done.seq, None, None)
    writer = await require_writer(transaction, stream_id, actor_id)
    message = await require_standing_message(transaction, writer, stream_id, message_id)
    is_moderating = writer.kind in PROVIDER_IN_ROOMS and message.author_kind == "customer"
    if message.author_id != actor_id and not is_moderating:
        raise Forbidden("Only the author takes a message back.")
    stream = (await events.open_streams(transaction, [stream_id]))[stream_id]
    event = stream.number(
        NewEvent(
            stream_id,
            "message_deleted",
            actor_id,
            message_id,
            subject_seq=message.seq,
            client_command_id=client_command_id,
        )
    )
    await events.write_events(transaction, [event], [stream])
    await transaction.execute(
        queries.messages.mark_deleted,
        message_id=message_id,
        deleted_at=event.recorded_at,
        deleted_by=actor_id,
    )
    told = ToldEvent(
        seq=event.seq,
        kind=event.kind,
        actor_id=actor_id,
        at=event.recorded_at,
        message_id=message_id,
        subject_seq=message.seq,
    )
    return Written(event.seq, None, told)


async def require_writer(transaction: Transaction, stream_id: StreamId, actor_id: AccountId) -> Writer:
    """Give an account's standing in a stream it may write into; NotFound where it may not even read, RoomArchived."""
    record = await transaction.fetch_one_or_none(
        queries.messages.find_writer, stream_id=stream_id, actor_id=actor_id
    )
    if record is None:
        raise NotFound("There is no such stream.")
    if record["archived_at"] is not None:
        raise RoomArchived("The room is archived.")
    reads_from_seq = 1 if record["stream_kind"] == "staff" else record["reads_from_seq"]
    return Writer(actor_id, record["actor_kind"], record["stream_kind"], reads_from_seq)


async def require_standing_message(
    transaction: Transaction, writer: Writer, stream_id: StreamId, message_id: MessageId
) -> FoundMessage:
    """A message that the writer may read and that was not taken back; NotFound otherwise."""
    record = await transaction.fetch_one_or_none(
        queries.messages.find_message, stream_id=stream_id, message_id=message_id
    )
    if record is None or record["seq"] < writer.reads_from_seq or record["deleted_at"] is not None:
        raise NotFound("There is no such message.")
    return FoundMessage(**record)


async def _require_same_edit(
    transaction: Transaction,
    done: RecordedEvent,
    message_id: MessageId,
    text: str,
    mentions: Sequence[AccountId],
) -> None:
    events.require_same_command(done, "message_edited", message_id)
    before = await transaction.fetch_one_or_none(
        queries.messages.find_revision, message_id=message_id, revision=done.subject_detail
    )
    if before is not None:
        events.require_same_content((before["text"], before["mentions"]), (text, list(mentions)))
