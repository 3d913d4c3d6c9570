"""Messages: posted, edited, taken back. Written once: an edit adds a revision, a delete sets a time.

Posts are written many at once (`post_messages`), the rest one by one; all under the room's lock, which the caller
has taken in an earlier statement (`lock_rooms_of`). Whether somebody may write is read under that lock, so that a
message by someone who was removed while it waited is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from workroom import events
from workroom.digests import SALT_BYTES, digest_message, mint_salt
from workroom.errors import CommandIdReused, Forbidden, NotFound, RoomArchived, WorkroomError
from workroom.event_frames import ToldEvent
from workroom.events import NewEvent, OpenStream, RecordedEvent
from workroom.ids import (
    RANDOM_BYTES_OF_MESSAGE_ID,
    AccountId,
    ClientCommandId,
    MessageId,
    RoomId,
    StreamId,
    mint_message_id,
)
from workroom.memberships import PROVIDER_IN_ROOMS
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

# Structs and not dataclasses: there is one for every message, and msgspec makes them in a fifth of the time.


class NewMessage(msgspec.Struct, frozen=True, gc=False):
    """A message that is to be posted."""

    stream_id: StreamId
    author_id: AccountId
    client_command_id: ClientCommandId
    text: str
    reply_to: MessageId | None = None
    mentions: tuple[AccountId, ...] = ()


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
    author_kind: str
    revision: int


async def lock_rooms_of(transaction: Transaction, stream_ids: Iterable[StreamId]) -> None:
    """Lock the rooms that streams belong to, in id order."""
    await transaction.fetch(queries.rooms.lock_rooms_of_streams, stream_ids=list(set(stream_ids)))


async def post_messages(transaction: Transaction, new: Sequence[NewMessage]) -> list[Posted | WorkroomError]:
    """Post messages into rooms whose locks are held, in the order given, with two statements for all.

    Gives for each, in order, what was posted or why it was refused; one that is refused takes nothing from the others.
    Several messages may be the same command: the later ones are answered as the first.
    """
    records = await transaction.fetch(
        queries.messages.check_posts,
        stream_ids=[message.stream_id for message in new],
        actor_ids=[message.author_id for message in new],
        client_command_ids=[message.client_command_id for message in new],
        reply_to_ids=[message.reply_to for message in new],
    )
    checks: list[Record | None] = [None] * len(new)
    for record in records:
        checks[record["n"] - 1] = record
    batch = _Batch(len(new))
    outcomes = [batch.take(message, check) for message, check in zip(new, checks, strict=True)]
    await batch.write(transaction)
    return outcomes


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
    event = stream.number(
        NewEvent(
            stream_id,
            "message_edited",
            actor_id,
            message_id,
            subject_seq=message.seq,
            subject_detail=revision,
            client_command_id=client_command_id,
            content_digest=digest_message(salt, stream_id, message.seq, revision, text),
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


class _Batch:
    """Posts being numbered: everything the one inserting statement needs."""

    def __init__(self, most: int) -> None:
        self._streams: dict[StreamId, OpenStream] = {}
        self._first_of_command: dict[
            tuple[StreamId, AccountId, ClientCommandId], tuple[NewMessage, Posted]
        ] = {}
        self._rows: list[tuple[Any, ...]] = []
        # Asked of the system once for all: each time is a system call.
        self._randomness = os.urandom(most * (RANDOM_BYTES_OF_MESSAGE_ID + SALT_BYTES))

    def take(self, message: NewMessage, check: Record | None) -> Posted | WorkroomError:
        """Number one post, or say why not."""
        if check is None or not check["may_post"]:
            return NotFound("There is no such stream.")
        if check["done_seq"] is not None:
            return _repeat(message, check)
        command = (message.stream_id, message.author_id, message.client_command_id)
        if command in self._first_of_command:
            first, posted = self._first_of_command[command]
            if first != message:
                return CommandIdReused("This client_command_id was used with other content.")
            return Posted(posted.message_id, posted.seq, posted.recorded_at, None)
        if check["archived_at"] is not None:
            return RoomArchived("The room is archived.")
        if message.reply_to is not None and not _may_quote(check):
            return NotFound("There is no such message to reply to.")
        posted = self._number(message, check)
        self._first_of_command[command] = (message, posted)
        return posted

    def _number(self, message: NewMessage, check: Record) -> Posted:
        stream = self._streams.get(message.stream_id)
        if stream is None:
            stream = self._streams[message.stream_id] = OpenStream(
                stream_id=check["stream_id"],
                kind=check["stream_kind"],
                room_id=check["room_id"],
                last_seq=check["last_seq"],
                last_message_seq=check["last_message_seq"],
                waiting_since=check["waiting_since"],
                recorded_at=check["recorded_at"],
            )
        stream.last_seq += 1
        stream.last_message_seq = stream.last_seq
        if check["actor_kind"] != "customer":
            stream.waiting_since = None
        elif stream.waiting_since is None:
            stream.waiting_since = stream.recorded_at
        message_id, salt = self._mint(stream.recorded_at)
        seq, text = stream.last_seq, message.text
        # In the order of the type `new_message`.
        self._rows.append(
            (
                stream.stream_id,
                seq,
                message.author_id,
                message_id,
                message.client_command_id,
                message.reply_to,
                text,
                message.mentions,
                salt,
                digest_message(salt, stream.stream_id, seq, 1, text),
            )
        )
        told = ToldEvent(
            seq=seq,
            kind="message_posted",
            actor_id=message.author_id,
            at=stream.recorded_at,
            message_id=message_id,
            text=text,
            mentions=list(message.mentions),
            reply_to=message.reply_to,
            client_command_id=message.client_command_id,
        )
        return Posted(message_id, seq, stream.recorded_at, told)

    def _mint(self, sent_at: datetime) -> tuple[MessageId, bytes]:
        start = len(self._rows) * (RANDOM_BYTES_OF_MESSAGE_ID + SALT_BYTES)
        middle = start + RANDOM_BYTES_OF_MESSAGE_ID
        message_id = mint_message_id(sent_at, self._randomness[start:middle])
        return message_id, self._randomness[middle : middle + SALT_BYTES]

    async def write(self, transaction: Transaction) -> None:
        """Insert everything that was numbered; nothing when nothing was."""
        if not self._rows:
            return
        streams = list(self._streams.values())
        await transaction.execute(
            queries.messages.insert_posts,
            posts=self._rows,
            stream_ids=[stream.stream_id for stream in streams],
            room_ids=[stream.room_id for stream in streams],
            last_seqs=[stream.last_seq for stream in streams],
            recorded_ats=[stream.recorded_at for stream in streams],
            waiting_sinces=[stream.waiting_since for stream in streams],
        )


def _repeat(message: NewMessage, check: Record) -> Posted | WorkroomError:
    is_post = check["done_kind"] == "message_posted"
    before = (check["done_text"], check["done_mentions"], check["done_reply_to"])
    is_destroyed = check["done_text"] is None
    if not is_post or not (
        is_destroyed or before == (message.text, list(message.mentions), message.reply_to)
    ):
        return CommandIdReused("This client_command_id was used with other content.")
    return Posted(MessageId(check["done_message_id"]), check["done_seq"], check["done_at"], None)


def _may_quote(check: Record) -> bool:
    seq: int | None = check["reply_to_seq"]
    reads_from_seq: int = 1 if check["stream_kind"] == "staff" else check["reads_from_seq"]
    return seq is not None and seq >= reads_from_seq
