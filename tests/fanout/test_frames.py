"""The forms of a frame on its way."""

from __future__ import annotations

import contextlib
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fanout.listeners import STREAM, text_payloads
from workroom.fanout.frames import (
    Hint,
    StreamFrame,
    decode_message,
    encode_frame,
    encode_hint,
    is_from_node,
    websocket_text_frame,
)
from workroom.ids import AccountId

EPOCH, NODE = uuid4(), uuid4()


def test_a_frame_comes_out_of_redis_as_it_went_in() -> None:
    frame = StreamFrame(STREAM, 7, 9, b'{"a":1}', 3, b"{}", AccountId(uuid4()), 1_700_000_000_000)
    assert decode_message(encode_frame(frame, EPOCH, NODE), EPOCH) == frame


def test_a_hint_comes_out_of_redis_as_it_went_in() -> None:
    hint = Hint(STREAM, b'{"type":"typing"}', AccountId(uuid4()))
    assert decode_message(encode_hint(hint, NODE), EPOCH) == hint


def test_a_frame_of_another_epoch_is_nothing() -> None:
    message = encode_frame(StreamFrame(STREAM, 1, 1, b"{}"), EPOCH, NODE)
    assert decode_message(message, uuid4()) is None


def test_a_node_knows_what_it_published_itself() -> None:
    message = encode_frame(StreamFrame(STREAM, 1, 1, b"{}"), EPOCH, NODE)
    assert is_from_node(message, NODE)
    assert not is_from_node(message, uuid4())


@given(st.binary(max_size=200))
def test_bytes_that_are_not_ours_are_refused_with_one_error(message: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_message(b"X" + message, EPOCH)
    with contextlib.suppress(msgspec.DecodeError):
        decode_message(b"F" + message, EPOCH)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_frame_says_its_length_as_the_standard_wants(size: int) -> None:
    payload = b"x" * size
    assert text_payloads(websocket_text_frame(payload)) == [payload.decode()]
