"""Typed identifiers. All are UUIDs; a signature that takes one says which.

Ids of messages and files are UUIDv7 (RFC 9562, section 5.7), minted from the time the message was sent or the upload
began, so that content can be partitioned by id and what is due together lies together. All other ids are random
(UUIDv4) and tell nothing.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import NewType
from uuid import UUID, uuid4

AccountId = NewType("AccountId", UUID)
CustomerId = NewType("CustomerId", UUID)
RoomId = NewType("RoomId", UUID)
StreamId = NewType("StreamId", UUID)
MessageId = NewType("MessageId", UUID)
InvitationId = NewType("InvitationId", UUID)
ClientCommandId = NewType("ClientCommandId", UUID)
FileId = NewType("FileId", UUID)


def mint_account_id() -> AccountId:
    return AccountId(uuid4())


def mint_customer_id() -> CustomerId:
    return CustomerId(uuid4())


def mint_room_id() -> RoomId:
    return RoomId(uuid4())


def mint_stream_id() -> StreamId:
    return StreamId(uuid4())


def mint_invitation_id() -> InvitationId:
    return InvitationId(uuid4())


def mint_message_id(sent_at: datetime) -> MessageId:
    """Mint a UUIDv7 whose first 48 bits are `sent_at` in milliseconds since 1970; the rest is random."""
    return MessageId(_mint_timed(sent_at))


def mint_file_id(begun_at: datetime) -> FileId:
    """Mint a UUIDv7 from the time at which the upload began."""
    return FileId(_mint_timed(begun_at))


def _mint_timed(instant: datetime) -> UUID:
    milliseconds = int(instant.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    tail = int.from_bytes(os.urandom(10), "big")
    number = milliseconds << 80 | tail
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=number)
