"""Reading frames: whatever comes, cut wherever, our two roads give what the library alone gives."""

from __future__ import annotations

import asyncio
import struct
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tests.sockets.line_server import client_frame, close_payload
from workroom.fanout.flusher import Flusher
from workroom.sockets.close_codes import encode_goodbye
from workroom.sockets.connection import Connection
from workroom.sockets.endpoint import Endpoint
from workroom.sockets.frame_reader import FrameReader, split_text_frames
from workroom.sockets.heartbeat import TimingWheel

MAX_BYTES = 300

Outcome = tuple[list[bytes], int | None]


class Remembering:
    """Session and handshake in one, without a line."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.code: int | None = None
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.is_closing.return_value = False

    def receive(self, data: bytes) -> None:
        self.messages.append(data)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, code: int) -> None:
        self.code = code

    def give_away(self) -> tuple[Any, set[Any], bytes]:
        return self.transport, set(), b""


def by_our_connection(pieces: list[bytes]) -> Outcome:
    session = Remembering()
    endpoint = Endpoint(TimingWheel(), Flusher(), encode_goodbye, max_frame_bytes=MAX_BYTES)
    connection = Connection(endpoint, session)
    connection.attach(session)
    for piece in pieces:
        connection.data_received(piece)
    connection._endpoint.wheel.cancel(connection)
    return session.messages, session.code


def by_the_library(data: bytes) -> Outcome:
    protocol = ServerProtocol(state=OPEN, max_size=MAX_BYTES)
    protocol.receive_data(data)
    messages: list[bytes] = []
    fragments: list[bytes] = []
    for event in protocol.events_received():
        if event.opcode is Opcode.BINARY:  # type: ignore[union-attr]
            return messages, 4005
        if event.opcode is Opcode.CLOSE:  # type: ignore[union-attr]
            assert protocol.close_rcvd is not None
            return messages, protocol.close_rcvd.code
        if event.opcode in (Opcode.TEXT, Opcode.CONT):  # type: ignore[union-attr]
            fragments.append(bytes(event.data))  # type: ignore[union-attr]
            if event.fin:  # type: ignore[union-attr]
                message, fragments = b"".join(fragments), []
                try:
                    message.decode()
                except UnicodeDecodeError:
                    return messages, 1007
                messages.append(message)
    if protocol.parser_exc is not None:
        assert protocol.close_sent is not None
        return messages, protocol.close_sent.code
    return messages, None


def long_way_frame(payload: bytes) -> bytes:
    """A text frame that says its length in eight bytes, whatever it is: not as one should, but readable."""
    return b"\x81\xff" + struct.pack("!Q", len(payload)) + b"\0\0\0\0" + payload


ordinary = st.binary(max_size=MAX_BYTES) | st.text(max_size=100).map(str.encode)
frames = st.one_of(
    st.builds(client_frame, ordinary),
    st.builds(client_frame, ordinary),
    st.builds(client_frame, ordinary, st.sampled_from([0, 1]), is_final=st.booleans()),
    st.builds(client_frame, st.binary(max_size=130), st.sampled_from([9, 10])),
    st.builds(client_frame, st.binary(max_size=400), st.integers(0, 15), is_final=st.booleans()),
    st.builds(client_frame, ordinary, is_masked=st.booleans(), reserved=st.sampled_from([0, 0, 0, 4])),
    st.builds(client_frame, st.builds(close_payload, st.integers(990, 5_100)), st.just(8)),
    st.builds(long_way_frame, ordinary),
    st.binary(max_size=20),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(frames, max_size=8), st.lists(st.integers(1, 120), max_size=40))
@example([client_frame(b"\xc3", is_final=False), client_frame(b"\xa9", opcode=0)], [7])
@example([client_frame(b"x" * 200, is_final=False), client_frame(b"x" * 200, opcode=0)], [])
@example([client_frame(b"x" * 126), client_frame(b"x" * 125), long_way_frame(b"x")], [2, 2, 1])
def test_our_reading_is_the_librarys_reading(stream: list[bytes], cuts: list[int]) -> None:
    data = b"".join(stream)
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    pieces = [piece for piece in [*pieces, rest] if piece]
    assert by_our_connection(pieces) == by_the_library(data)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 299, 300])
def test_whole_text_frames_are_taken_apart_at_once(size: int) -> None:
    payload = b"x" * size
    data = client_frame(payload) + client_frame(b"next")
    assert split_text_frames(data, MAX_BYTES) == ([payload, b"next"], len(data))


def test_taking_apart_stops_before_what_is_not_plain() -> None:
    plain = client_frame(b"plain")
    for other in (
        client_frame(b"x" * 301),
        client_frame(b"cut")[:-1],
        client_frame(b"cut")[:3],
        client_frame(b"x" * 200)[:7],
        client_frame(b"", opcode=9),
        client_frame(b"part", is_final=False),
        client_frame(b"unmasked", is_masked=False),
    ):
        assert split_text_frames(plain + other, MAX_BYTES) == ([b"plain"], len(plain)), other


def test_after_the_end_nothing_is_kept() -> None:
    for last in (client_frame(b"x", opcode=3), client_frame(close_payload(1000), opcode=8)):
        reader = FrameReader(MAX_BYTES)
        reader.feed(last + b"x" * 1_000)
        assert reader.close_code is not None
        assert reader.feed(b"x" * 1_000) == ([], b"")
        assert not reader._partial
