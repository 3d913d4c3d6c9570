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

A file has the plain SHA-256 of the whole and of each block of 1 MiB: they lie with its name, and are destroyed with it.
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


BLOCK_BYTES = 1024 * 1024


class FileDigester:
    """Hashes a file that comes piece by piece: the whole, and each block of 1 MiB (the last one may be shorter)."""

    def __init__(self) -> None:
        self.byte_size = 0
        self._whole = sha256()
        self._block = sha256()
        self._block_digests = bytearray()

    def take(self, piece: bytes | memoryview) -> None:
        """Hash the next bytes. Takes milliseconds for a large piece: call it in a thread."""
        self._whole.update(piece)
        view = memoryview(piece)
        while view:
            part = view[: BLOCK_BYTES - self.byte_size % BLOCK_BYTES]
            self._block.update(part)
            self.byte_size += len(part)
            view = view[len(part) :]
            if self.byte_size % BLOCK_BYTES == 0:
                self._end_block()

    def finish(self) -> tuple[bytes, bytes]:
        """The SHA-256 of the whole, and those of the blocks one after the other."""
        if self.byte_size % BLOCK_BYTES:
            self._end_block()
        return self._whole.digest(), bytes(self._block_digests)

    def _end_block(self) -> None:
        self._block_digests += self._block.digest()
        self._block = sha256()
