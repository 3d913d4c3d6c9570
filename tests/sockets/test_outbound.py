"""The last frames of a connection, byte by byte."""

from __future__ import annotations

import pytest
from websockets.client import ClientProtocol
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from workroom.fanout.frames import websocket_text_frame
from workroom.sockets.outbound import MAX_REASON_BYTES, close_frame, last_words


@pytest.mark.parametrize("reason", ["", "service_restart", "x" * 123, "x" * 200, "ü" * 100, "x" * 122 + "ü"])
def test_a_close_frame_is_one_the_library_reads(reason: str) -> None:
    protocol = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
    protocol.receive_data(close_frame(4001, reason))
    assert protocol.parser_exc is None
    assert protocol.close_rcvd is not None
    assert protocol.close_rcvd.code == 4001
    assert reason.startswith(protocol.close_rcvd.reason)
    assert len(protocol.close_rcvd.reason.encode()) >= min(len(reason.encode()), MAX_REASON_BYTES - 1)


def test_goodbye_is_said_before_the_close_frame() -> None:
    assert last_words(1012, "restart", b"{}") == websocket_text_frame(b"{}") + close_frame(1012, "restart")


def test_without_a_goodbye_there_is_only_the_close_frame() -> None:
    assert last_words(1012, "restart", None) == close_frame(1012, "restart")
