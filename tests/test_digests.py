"""Salted digests: the byte form of version 1 is what the module says, and nothing else has the same one."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workroom.digests import BLOCK_BYTES, FileDigester, digest_message, digest_room_name, mint_salt
from workroom.ids import RoomId, StreamId

SALT = bytes(range(32))
STREAM = StreamId(UUID("00112233-4455-6677-8899-aabbccddeeff"))
ROOM = RoomId(UUID("ffeeddcc-bbaa-9988-7766-554433221100"))
FILE, OTHER_FILE = sha256(b"one file").digest(), sha256(b"another").digest()

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


@given(TEXTS, st.integers(1, 2**62), st.integers(1, 2**31 - 1), st.lists(st.sampled_from([FILE, OTHER_FILE])))
def test_a_message_has_the_byte_form_that_is_written_down(
    text: str, seq: int, revision: int, files: list[bytes]
) -> None:
    form = b"workroom.message.v1\0" + STREAM.bytes + number(seq, 8) + number(revision, 4)
    form += number(len(text.encode()), 8) + text.encode() + number(len(files), 4) + b"".join(files)
    assert digest_message(SALT, STREAM, seq, revision, text, tuple(files)) == sha256(SALT + form).digest()


@given(TEXTS, st.integers(1, 2**31 - 1))
def test_a_rooms_name_has_the_byte_form_that_is_written_down(name: str, revision: int) -> None:
    form = b"workroom.room_name.v1\0" + ROOM.bytes + number(revision, 4) + number(len(name.encode()), 8)
    expected = sha256(SALT + form + name.encode()).digest()
    assert digest_room_name(SALT, ROOM, revision, name) == expected


def test_digests_of_long_ago_are_still_the_same() -> None:
    # Whoever holds an export made with version 1 must be able to check it: these two never change.
    assert digest_message(SALT, STREAM, 12, 1, "Guten Morgen, 日本", (FILE,)).hex() == (
        "0204df6692e56a8ef3210f0a06aea70280eae07497e0800032f03fbd43e907ab"
    )
    assert digest_room_name(SALT, ROOM, 1, "Annual accounts").hex() == (
        "11c1079940ccc02d6c130f68f7db62250a7346eb85f0c47b2812319701234824"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"salt": bytes(32)},
        {"stream_id": StreamId(UUID(int=1))},
        {"seq": 13},
        {"revision": 2},
        {"text": "Guten Morgen "},
        {"attachments": ()},
        {"attachments": (OTHER_FILE, FILE)},
    ],
)
def test_whatever_is_changed_changes_the_digest(changed: dict[str, Any]) -> None:
    original: dict[str, Any] = {
        "salt": SALT,
        "stream_id": STREAM,
        "seq": 12,
        "revision": 1,
        "text": "Guten Morgen",
        "attachments": (FILE, OTHER_FILE),
    }
    assert digest_message(**original) != digest_message(**(original | changed))


def test_every_salt_is_32_fresh_bytes() -> None:
    salts = {mint_salt() for _ in range(1000)}
    assert {len(salt) for salt in salts} == {32}
    assert len(salts) == 1000


def test_a_file_hashes_the_same_in_whatever_pieces_it_comes() -> None:
    content = os.urandom(2 * BLOCK_BYTES + 12_345)
    expected = b"".join(
        sha256(content[start : start + BLOCK_BYTES]).digest() for start in range(0, len(content), BLOCK_BYTES)
    )
    for size in (1000, 65_536, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES):
        digester = FileDigester()
        for start in range(0, len(content), size):
            digester.take(content[start : start + size])
        assert digester.finish() == (sha256(content).digest(), expected), size


def test_an_empty_file_has_no_blocks() -> None:
    assert FileDigester().finish() == (sha256(b"").digest(), b"")
