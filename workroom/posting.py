"""Posting: many messages of many authors written at once, with the files they claim.

Two statements for all of them, and two more where any has files. All that decides is read under the rooms' locks, which
the caller has taken; numbers, ids, salts and digests are made here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workroom import files
from workroom.digests import SALT_BYTES, digest_message
from workroom.errors import CommandIdReused, Conflict, InvalidInput, NotFound, RoomArchived, WorkroomError
from workroom.event_frames import ToldEvent
from workroom.events import OpenStream
from workroom.files import ClaimableFile, NewAttachment
from workroom.ids import (
    RANDOM_BYTES_OF_MESSAGE_ID,
    AccountId,
    ClientCommandId,
    FileId,
    MessageId,
    StreamId,
    mint_message_id,
)
from workroom.messages import NewMessage, Posted
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries


@dataclass(slots=True)
class _Wanted:
    """What is known of the files that a batch names."""

    known: dict[FileId, ClaimableFile]
    unreceived: set[FileId]
    done: dict[MessageId, tuple[NewAttachment, ...]]


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
    batch = _Batch(len(new), await _find_wanted(transaction, new, checks))
    outcomes = [batch.take(message, check) for message, check in zip(new, checks, strict=True)]
    await batch.write(transaction)
    return outcomes


async def _find_wanted(
    transaction: Transaction, new: Sequence[NewMessage], checks: Sequence[Record | None]
) -> _Wanted:
    """What is known of files that posts name, and of those that repeated ones had; nothing is asked where none do."""
    wanted = _Wanted({}, set(), {})
    named = [attachment.file_id for message in new for attachment in message.files]
    if named:
        wanted.known = await files.find_claimable(transaction, named)
        for author_id in {message.author_id for message in new if message.files}:
            unknown = [file_id for file_id in named if file_id not in wanted.known]
            if unknown:
                wanted.unreceived |= await files.find_unreceived(transaction, author_id, unknown)
    repeated = [
        check["done_message_id"] for check in checks if check is not None and check["done_file_count"]
    ]
    if repeated:
        claims = await files.list_claims(transaction, repeated)
        wanted.done = {
            message_id: tuple(attachment for attachment, _ in claimed)
            for message_id, claimed in claims.items()
        }
    return wanted


class _Batch:
    """Posts being numbered: everything the one inserting statement needs."""

    def __init__(self, most: int, wanted: _Wanted) -> None:
        self._wanted = wanted
        self._claimed: set[FileId] = set()
        self._claims: list[tuple[MessageId, int, int, NewAttachment]] = []
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
            return _repeat(message, check, self._wanted.done.get(check["done_message_id"], ()))
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
        if not message.text and not message.files:
            return InvalidInput("A message has words or files.", field="text", problem="missing")
        try:
            claimed = [self._claim(message, attachment) for attachment in message.files]
        except WorkroomError as refusal:
            return refusal
        posted = self._number(message, check, claimed)
        self._first_of_command[command] = (message, posted)
        return posted

    def _claim(self, message: NewMessage, attachment: NewAttachment) -> ClaimableFile:
        if attachment.file_id in self._claimed:
            raise Conflict("Another message has this file.", problem="claimed")
        return files.require_claimable(
            self._wanted.known, self._wanted.unreceived, attachment, message.stream_id, message.author_id
        )

    def _number(self, message: NewMessage, check: Record, claimed: list[ClaimableFile]) -> Posted:
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
        attached = tuple(file.sha256 for file in claimed)
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
                digest_message(salt, stream.stream_id, seq, 1, text, attached),
                len(attached),
            )
        )
        for position, attachment in enumerate(message.files):
            self._claimed.add(attachment.file_id)
            self._claims.append((message_id, seq, position, attachment))
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
            files=[
                files.tell_file(file.record, attachment.alt_text)
                for file, attachment in zip(claimed, message.files, strict=True)
            ],
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
        if self._claims:
            await files.claim_files(transaction, self._claims)


def _repeat(
    message: NewMessage, check: Record, done_files: tuple[NewAttachment, ...]
) -> Posted | WorkroomError:
    is_post = check["done_kind"] == "message_posted"
    before = (check["done_text"], check["done_mentions"], check["done_reply_to"], done_files)
    # What is not shown any more, or destroyed, cannot be compared; nor can files of which some are.
    is_gone = check["done_text"] is None or len(done_files) < check["done_file_count"]
    if not is_post or not (
        is_gone or before == (message.text, list(message.mentions), message.reply_to, message.files)
    ):
        return CommandIdReused("This client_command_id was used with other content.")
    return Posted(MessageId(check["done_message_id"]), check["done_seq"], check["done_at"], None)


def _may_quote(check: Record) -> bool:
    seq: int | None = check["reply_to_seq"]
    reads_from_seq: int = 1 if check["stream_kind"] == "staff" else check["reads_from_seq"]
    return seq is not None and seq >= reads_from_seq
