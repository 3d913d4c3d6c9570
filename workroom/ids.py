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

import msgspec

AccountId = NewType("AccountId", UUID)
CustomerId = NewType("CustomerId", UUID)
RoomId = NewType("RoomId", UUID)
StreamId = NewType("StreamId", UUID)
MessageId = NewType("MessageId", UUID)
InvitationId = NewType("InvitationId", UUID)
ClientCommandId = NewType("ClientCommandId", UUID)
FileId = NewType("FileId", UUID)
RetentionClassId = NewType("RetentionClassId", UUID)
SimulationId = NewType("SimulationId", UUID)
DispositionRunId = NewType("DispositionRunId", UUID)
MatterId = NewType("MatterId", UUID)
HoldId = NewType("HoldId", UUID)
ReleaseId = NewType("ReleaseId", UUID)

NOBODY = AccountId(UUID(int=0))
"""Who acts in events that nobody caused: a time came."""

RANDOM_BYTES_OF_MESSAGE_ID = 10

_VERSION_AND_VARIANT = 0x7 << 76 | 0x2 << 62
_RANDOM_BITS = ~(0xF << 76 | 0x3 << 62)
_UUID_IN_MESSAGEPACK = b"\xc4\x10"
_decoder = msgspec.msgpack.Decoder(UUID)


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


def mint_matter_id() -> MatterId:
    return MatterId(uuid4())


def mint_hold_id() -> HoldId:
    return HoldId(uuid4())


def mint_release_id() -> ReleaseId:
    return ReleaseId(uuid4())


def mint_retention_class_id() -> RetentionClassId:
    return RetentionClassId(uuid4())


def mint_simulation_id() -> SimulationId:
    return SimulationId(uuid4())


def mint_message_id(sent_at: datetime) -> MessageId:
    """Mint a UUIDv7 whose first 48 bits are `sent_at` in milliseconds since 1970; the rest is random."""
    return complete_message_id(message_id_base(sent_at), os.urandom(RANDOM_BYTES_OF_MESSAGE_ID))


def message_id_base(sent_at: datetime) -> int:
    """What all ids of messages of one instant have in common, for whoever mints many."""
    return (int(sent_at.timestamp() * 1000) & 0xFFFF_FFFF_FFFF) << 80 | _VERSION_AND_VARIANT


def complete_message_id(base: int, randomness: bytes) -> MessageId:
    """The id that has this base, and `RANDOM_BYTES_OF_MESSAGE_ID` random bytes behind it."""
    number = base | int.from_bytes(randomness, "big") & _RANDOM_BITS
    # A third of what UUID(int=number) takes, and there is one for every message.
    return MessageId(_decoder.decode(_UUID_IN_MESSAGEPACK + number.to_bytes(16, "big")))


def mint_file_id(begun_at: datetime) -> FileId:
    """Mint a UUIDv7 in the same way from the time at which the upload began."""
    return FileId(mint_message_id(begun_at))
