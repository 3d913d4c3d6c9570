"""Posting: many messages of many authors written at once, with the files they claim.

Two statements for all of them, and more only where any quotes, repeats or has files. All that decides is read under
the rooms' locks, which the caller has taken; numbers, ids, salts and digests are made here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from workroom import files
from workroom.digests import SALT_BYTES, digest_message
from workroom.errors import Conflict, InvalidInput, NotFound, RoomArchived, WorkroomError
from workroom.event_frames import ToldEvent, ToldFile
from workroom.events import OpenStream
from workroom.files import ClaimableFile, NewAttachment
from workroom.ids import RANDOM_BYTES_OF_MESSAGE_ID, FileId, MessageId, StreamId, complete_message_id
from workroom.messages import NewMessage, Posted
from workroom.post_checks import Checks, Done, Seat, check_posts
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


async def post_messages(transaction: Transaction, new: Sequence[NewMessage]) -> list[Posted | WorkroomError]:
    """Post messages into rooms whose locks are held, in the order given.

    Gives for each, in order, what was posted or why it was refused; one that is refused takes nothing from the others.
    Several messages may be the same command: the later ones are answered as the first.
    """
    batch = _Batch(len(new), await check_posts(transaction, new))
    outcomes = [batch.take(message) for message in new]
    await batch.write(transaction)
    return outcomes


class _Batch:
    """Posts being numbered: everything the one inserting statement needs."""

    def __init__(self, most: int, checks: Checks) -> None:
        self._checks = checks
        self._claimed: set[FileId] = set()
        self._claims: list[tuple[MessageId, int, int, NewAttachment]] = []
        self._streams: dict[StreamId, OpenStream] = {}
        self._rows: list[tuple[Any, ...]] = []
        # Asked of the system once for all: each time is a system call.
        self._randomness = os.urandom(most * (RANDOM_BYTES_OF_MESSAGE_ID + SALT_BYTES))

    def take(self, message: NewMessage) -> Posted | WorkroomError:
        """Number one post, or say why not."""
        seat = self._checks.seats.get((message.stream_id, message.author_id))
        if seat is None:
            return NotFound("There is no such stream.")
        done = seat.done.get(message.client_command_id)
        if done is not None:
            return done.answer(message)
        if seat.is_archived:
            return RoomArchived("The room is archived.")
        if message.reply_to is not None and not self._may_quote(seat, message):
            return NotFound("There is no such message to reply to.")
        if not message.text and not message.files:
            return InvalidInput("A message has words or files.", field="text", problem="missing")
        try:
            claimed = [self._claim(message, attachment) for attachment in message.files]
        except WorkroomError as refusal:
            return refusal
        posted = self._number(message, seat, claimed)
        seat.done[message.client_command_id] = Done(message, posted)
        return posted

    def _may_quote(self, seat: Seat, message: NewMessage) -> bool:
        assert message.reply_to is not None
        seq = self._checks.quoted.get((message.stream_id, message.reply_to))
        return seq is not None and seq >= seat.quotes_from_seq

    def _claim(self, message: NewMessage, attachment: NewAttachment) -> ClaimableFile:
        if attachment.file_id in self._claimed:
            raise Conflict("Another message has this file.", problem="claimed")
        return files.require_claimable(
            self._checks.known_files,
            self._checks.unreceived_files,
            attachment,
            message.stream_id,
            message.author_id,
        )

    def _number(self, message: NewMessage, seat: Seat, claimed: list[ClaimableFile]) -> Posted:
        stream = seat.stream
        self._streams[stream.stream_id] = stream
        seq = stream.last_seq = stream.last_message_seq = stream.last_seq + 1
        if not seat.is_customer:
            stream.waiting_since = None
        elif stream.waiting_since is None:
            stream.waiting_since = stream.recorded_at
        message_id, salt = self._mint(seat.id_base)
        text = message.text
        attached = tuple(file.sha256 for file in claimed) if claimed else ()
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
            files=_tell_files(message, claimed) if claimed else [],
        )
        return Posted(message_id, seq, stream.recorded_at, told)

    def _mint(self, id_base: int) -> tuple[MessageId, bytes]:
        start = len(self._rows) * (RANDOM_BYTES_OF_MESSAGE_ID + SALT_BYTES)
        middle = start + RANDOM_BYTES_OF_MESSAGE_ID
        message_id = complete_message_id(id_base, self._randomness[start:middle])
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


def _tell_files(message: NewMessage, claimed: Sequence[ClaimableFile]) -> list[ToldFile]:
    return [
        files.tell_file(file.record, attachment.alt_text)
        for file, attachment in zip(claimed, message.files, strict=True)
    ]
