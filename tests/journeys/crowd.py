"""A thousand who listen, each with a line of its own to a running node, cheap enough for one test process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

from tests.client import Json

CONNECTING_AT_ONCE = 50
TEXT_FRAME = 0x81


class Listener(asyncio.Protocol):
    """One line: it subscribes to a stream, and counts what it hears. A number that is not the next one is kept."""

    def __init__(self, url: str, cookie: str, stream: object) -> None:
        self._url = url
        self._cookie = cookie
        self._stream = stream
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._has_opened = False
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.seq = 0
        self.faults: list[tuple[int, int]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /socket HTTP/1.1\r\nHost: {urlsplit(self._url).netloc}\r\nOrigin: {self._url}\r\n"
            f"Cookie: {self._cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._has_opened:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._received, self._has_opened = rest, True
            command = {"ref": 1, "command": "subscribe", "streams": [{"stream": self._stream}]}
            self._send(json.dumps(command, default=str).encode())
        payloads, self._received = take_frames(self._received)
        for payload in payloads:
            self._take(json.loads(payload))

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self.subscribed, *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the line was closed"))

    async def wait_for_seq(self, seq: int) -> None:
        """Return when everything up to `seq` was heard."""
        if self.seq < seq:
            await self._waiting.setdefault(seq, asyncio.get_running_loop().create_future())

    def close(self) -> None:
        """End the line without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _send(self, payload: bytes) -> None:
        assert self._transport is not None
        assert len(payload) < 126
        # Masked with zeros: what a client sends must be masked, with whatever.
        self._transport.write(bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    def _take(self, frame: Json) -> None:
        if frame["type"] == "reply":
            self.seq = frame["result"]["streams"][0]["seq"]
            self.subscribed.set_result(None)
        elif frame["type"] == "events" and frame["stream"] == str(self._stream):
            for event in frame["events"]:
                if event["seq"] != self.seq + 1:
                    self.faults.append((self.seq, event["seq"]))
                self.seq = event["seq"]
            if (waiting := self._waiting.get(self.seq)) is not None and not waiting.done():
                waiting.set_result(None)


def take_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The payloads of the whole text frames that data begins with, without the pings between them, and the rest."""
    payloads, start = [], 0
    while len(data) - start >= 2:
        size, head = data[start + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[start + 2 : start + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[start + 2 : start + 10], "big"), 10
        end = start + head + size
        if len(data) < end:
            break
        if data[start] == TEXT_FRAME:
            payloads.append(data[start + head : end])
        start = end
    return payloads, data[start:]


@asynccontextmanager
async def crowd(url: str, cookie: str, stream: object, size: int) -> AsyncIterator[list[Listener]]:
    """So many lines of one account, all subscribed to a stream."""
    at_once = asyncio.Semaphore(CONNECTING_AT_ONCE)
    parts = urlsplit(url)

    async def open_one() -> Listener:
        async with at_once:
            _, listener = await asyncio.get_running_loop().create_connection(
                lambda: Listener(url, cookie, stream), parts.hostname or "127.0.0.1", parts.port or 80
            )
            await listener.subscribed
        return listener

    listeners = await asyncio.gather(*(open_one() for _ in range(size)))
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()
