"""What decides whether posts may be written, looked up for a whole batch at once, under the rooms' locks.

One statement for all; further ones only where something was posted before, quotes, or names files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from workroom import files
from workroom.errors import CommandIdReused, WorkroomError
from workroom.events import OpenStream
from workroom.files import ClaimableFile
from workroom.ids import AccountId, ClientCommandId, FileId, MessageId, StreamId, message_id_base
from workroom.messages import NewMessage, Posted
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries


@dataclass(slots=True)
class Seat:
    """One account in one stream, where it may post: what holds for all of its messages in this batch.

    `id_base` is what the ids of messages of this instant begin with; `done` are commands recorded already.
    """

    stream: OpenStream
    id_base: int
    is_archived: bool
    is_customer: bool
    quotes_from_seq: int
    done: dict[ClientCommandId, Done]


class Done(msgspec.Struct, frozen=True, gc=False):
    """A command that was recorded, before or by this batch.

    `message` is what was to be posted; None where it cannot be compared any more. `posted` is None where the command
    was another one.
    """

    message: NewMessage | None
    posted: Posted | None

    def answer(self, message: NewMessage) -> Posted | WorkroomError:
        """What the author of the same command is told once more."""
        first = self.posted
        if first is None or (self.message is not None and self.message != message):
            return CommandIdReused("This client_command_id was used with other content.")
        return Posted(first.message_id, first.seq, first.recorded_at, None)


@dataclass(slots=True)
class Checks:
    """What was found for a batch: the seats of those who may post, and what its messages quote and carry."""

    seats: dict[tuple[StreamId, AccountId], Seat] = field(default_factory=dict)
    quoted: dict[tuple[StreamId, MessageId], int] = field(default_factory=dict)
    known_files: dict[FileId, ClaimableFile] = field(default_factory=dict)
    unreceived_files: set[FileId] = field(default_factory=set)


async def check_posts(transaction: Transaction, new: Sequence[NewMessage]) -> Checks:
    """Look up everything that decides about posts into rooms whose locks are held."""
    checks = Checks()
    records = await transaction.fetch(
        queries.messages.check_posts,
        stream_ids=[message.stream_id for message in new],
        actor_ids=[message.author_id for message in new],
        client_command_ids=[message.client_command_id for message in new],
    )
    streams: dict[StreamId, OpenStream] = {}
    done: list[Record] = []
    for record in records:
        if record["may_post"]:
            checks.seats[record["stream_id"], record["actor_id"]] = _take_seat(streams, record)
            if record["done_command_ids"]:
                done.append(record)
    if done:
        await _find_done(transaction, checks, done)
    if quotes := [message for message in new if message.reply_to is not None]:
        found = await transaction.fetch(
            queries.messages.find_quoted,
            stream_ids=[message.stream_id for message in quotes],
            message_ids=[message.reply_to for message in quotes],
        )
        checks.quoted = {(record["stream_id"], record["message_id"]): record["seq"] for record in found}
    if carriers := [message for message in new if message.files]:
        await _find_files(transaction, checks, carriers)
    return checks


def _take_seat(streams: dict[StreamId, OpenStream], record: Record) -> Seat:
    stream = streams.get(record["stream_id"])
    if stream is None:
        stream = streams[record["stream_id"]] = OpenStream(
            stream_id=record["stream_id"],
            kind=record["stream_kind"],
            room_id=record["room_id"],
            last_seq=record["last_seq"],
            last_message_seq=record["last_message_seq"],
            waiting_since=record["waiting_since"],
            recorded_at=record["recorded_at"],
        )
    return Seat(
        stream=stream,
        id_base=message_id_base(stream.recorded_at),
        is_archived=record["archived_at"] is not None,
        is_customer=record["actor_kind"] == "customer",
        quotes_from_seq=1 if stream.kind == "staff" else record["reads_from_seq"],
        done={},
    )


async def _find_done(transaction: Transaction, checks: Checks, found: Sequence[Record]) -> None:
    commands = [
        (record["stream_id"], record["actor_id"], command_id)
        for record in found
        for command_id in record["done_command_ids"]
    ]
    stream_ids, actor_ids, command_ids = zip(*commands, strict=True)
    records = await transaction.fetch(
        queries.messages.find_done_posts,
        stream_ids=stream_ids,
        actor_ids=actor_ids,
        client_command_ids=command_ids,
    )
    carriers = [record["message_id"] for record in records if record["file_count"]]
    claims = await files.list_claims(transaction, carriers) if carriers else {}
    for record in records:
        stream_id, author_id = StreamId(record["stream_id"]), AccountId(record["actor_id"])
        command_id = ClientCommandId(record["client_command_id"])
        posted = message = None
        if record["kind"] == "message_posted":
            posted = Posted(record["message_id"], record["seq"], record["recorded_at"], None)
            attached = tuple(attachment for attachment, _ in claims.get(record["message_id"], ()))
            # What is not shown any more, or destroyed, cannot be compared; nor can files of which some are.
            if record["text"] is not None and len(attached) == record["file_count"]:
                message = NewMessage(
                    stream_id,
                    author_id,
                    command_id,
                    record["text"],
                    record["reply_to"],
                    tuple(record["mentions"]),
                    attached,
                )
        checks.seats[stream_id, author_id].done[command_id] = Done(message, posted)


async def _find_files(transaction: Transaction, checks: Checks, carriers: Sequence[NewMessage]) -> None:
    named = [attachment.file_id for message in carriers for attachment in message.files]
    checks.known_files = await files.find_claimable(transaction, named)
    unknown = [file_id for file_id in named if file_id not in checks.known_files]
    if unknown:
        for author_id in {message.author_id for message in carriers}:
            checks.unreceived_files |= await files.find_unreceived(transaction, author_id, unknown)
