"""Salted digests of content: what is gone stays provable and gives nothing away.

Version 1 of the byte form, all integers big-endian:

    "workroom.message.v1" 0x00
    stream id       16 bytes
    seq of the message's own event  8
    revision         4
    length of text   8, then the text in UTF-8
    attachments      4, then for each, in order, its 32-byte SHA-256

The digest is SHA-256 over salt (32 bytes) and that form. A room's name has "workroom.room_name.v1", the room id, the
revision and the name in the same way. The salt lies with the content and dies with it.
"""

from __future__ import annotations

import os
from hashlib import sha256
from struct import Struct

from workroom.ids import RoomId, StreamId

SALT_BYTES = 32

_MESSAGE = b"workroom.message.v1\x00"
_ROOM_NAME = b"workroom.room_name.v1\x00"
_message_head = Struct(">16sQIQ")
_room_name_head = Struct(">16sIQ")
_count = Struct(">I")


def mint_salt() -> bytes:
    """32 random bytes, fresh for each revision."""
    return os.urandom(SALT_BYTES)


def digest_message(
    salt: bytes, stream_id: StreamId, seq: int, revision: int, text: str, attachments: tuple[bytes, ...] = ()
) -> bytes:
    """The digest of one revision of a message; `attachments` are the SHA-256 of its files, in their order."""
    encoded = text.encode()
    head = _message_head.pack(stream_id.bytes, seq, revision, len(encoded))
    tail = _count.pack(len(attachments)) + b"".join(attachments)
    return sha256(salt + _MESSAGE + head + encoded + tail).digest()


def digest_room_name(salt: bytes, room_id: RoomId, revision: int, name: str) -> bytes:
    """The digest of one name of a room."""
    encoded = name.encode()
    return sha256(
        salt + _ROOM_NAME + _room_name_head.pack(room_id.bytes, revision, len(encoded)) + encoded
    ).digest()
