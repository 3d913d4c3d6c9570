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
from workroom.sockets import frame_reader
from workroom.sockets.close_codes import encode_goodbye
from workroom.sockets.connection import Connection
from workroom.sockets.endpoint import Endpoint
from workroom.sockets.frame_reader import (
    CONTROLS_AT_ONCE,
    CONTROLS_PER_SECOND,
    MOST_FRAGMENTS,
    FrameReader,
    split_text_frames,
)
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


def open_connection() -> tuple[Connection, Remembering]:
    session = Remembering()
    endpoint = Endpoint(TimingWheel(), Flusher(), encode_goodbye, max_frame_bytes=MAX_BYTES)
    connection = Connection(endpoint, session)
    connection.attach(session)
    return connection, session


def by_our_connection(pieces: list[bytes]) -> Outcome:
    connection, session = open_connection()
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
        assert reader.feed(b"x" * 1_000) == ([], b"", b"")
        assert not reader._partial


# -- how much ----------------------------------------------------------------------------------------------

PING = client_frame(b"", opcode=9)
CLOSE = client_frame(close_payload(1000), opcode=8)


class Slow:
    """Counts what the library was given to read, on a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = 0
        self.now = 1_000.0
        read = ServerProtocol.receive_data

        def receive_data(protocol: ServerProtocol, data: bytes) -> None:
            self.reads += 1
            read(protocol, data)

        monkeypatch.setattr(ServerProtocol, "receive_data", receive_data)
        monkeypatch.setattr(frame_reader, "monotonic_seconds", lambda: self.now)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


def test_more_control_frames_than_the_rate_allows_end_the_line(slow: Slow) -> None:
    connection, session = open_connection()
    connection.data_received(PING * CONTROLS_AT_ONCE)
    assert session.code is None
    slow.now += 1.0
    for _ in range(CONTROLS_PER_SECOND):
        connection.data_received(PING)
    assert session.code is None
    connection.data_received(PING)
    assert session.code == 4006


@pytest.mark.parametrize(
    "flood",
    [PING * 43_690, client_frame(b"", is_final=False) + client_frame(b"", 0, is_final=False) * 43_690],
)
@pytest.mark.parametrize("is_closed_before", [False, True])
def test_a_flood_is_not_read_to_its_end(slow: Slow, flood: bytes, is_closed_before: bool) -> None:
    connection, session = open_connection()
    if is_closed_before:
        connection.say_goodbye_and_close(4010, "sign_in_required")
    for _ in range(10):
        connection.data_received(flood)
    assert session.code in (1009, 4006, 4010)
    assert slow.reads <= CONTROLS_AT_ONCE + 1


def test_after_our_close_every_frame_counts_and_the_answer_is_found_before_there_are_too_many(
    slow: Slow,
) -> None:
    texts = client_frame(b"still talking") * (CONTROLS_AT_ONCE - 1)
    for late in (texts + PING, texts + client_frame(b"talking")):
        assert FrameReader(MAX_BYTES).find_close(late + CLOSE)
        assert not FrameReader(MAX_BYTES).find_close(late + PING + CLOSE)


@pytest.mark.parametrize("size", [2, 7, 100_000])
def test_plain_text_behind_what_is_not_plain_is_read_the_quick_way(slow: Slow, size: int) -> None:
    connection, session = open_connection()
    sent = [b"%d" % number for number in range(2_000)]
    stream = (
        PING + b"".join(map(client_frame, sent[:1_000])) + PING + b"".join(map(client_frame, sent[1_000:]))
    )
    connection.data_received(stream[:size])
    connection.data_received(stream[size:])
    assert session.messages == sent
    assert slow.reads <= 3


def test_a_message_has_so_many_fragments_and_no_more(slow: Slow) -> None:
    begin, more = client_frame(b"1", is_final=False), client_frame(b"0", opcode=0, is_final=False)
    end = client_frame(b"0", opcode=0)
    connection, session = open_connection()
    connection.data_received(begin + more * (MOST_FRAGMENTS - 2) + end)
    assert session.messages == [b"1" + b"0" * (MOST_FRAGMENTS - 1)]
    assert session.code is None
    connection.data_received(begin + more * (MOST_FRAGMENTS - 2))
    assert session.code is None
    connection.data_received(more)
    assert session.code == 1009
