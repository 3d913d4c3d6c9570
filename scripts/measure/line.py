"""One WebSocket of the load generator: as little work for a frame as Python allows, so that the server is the limit.

All lines read into one shared buffer. Frames are taken apart by hand and masked with zeros (allowed by RFC 6455,
section 5.3, as far as a server can tell); a line that only counts does not even look at what it gets.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

PONG = b"\x8a\x80\x00\x00\x00\x00"
REPLY = b'{"type":"reply"'
HEAD_END = b"\r\n\r\n"
ANSWER_SECONDS = 60.0

_buffer = bytearray(1 << 18)
_view = memoryview(_buffer)


class Tally:
    """What many lines that only count have received together."""

    __slots__ = ("byte_size",)

    def __init__(self) -> None:
        self.byte_size = 0


class Line(asyncio.BufferedProtocol):
    """Made by `open_line`, or by `Line()` and an own request.

    Attributes:
        on_text: takes each text frame that is no reply to `ask`.
        received: bytes since `count_only`.
        close_code: the code of the server's close frame, or 1006 when the line was lost without one; None while open.
    """

    __slots__ = (
        "_asked", "_head", "_read", "_refs", "_rest", "_tally", "close_code", "on_text", "received", "transport",
    )  # fmt: skip

    def __init__(self, on_text: Callable[[bytes], None] | None = None) -> None:
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.on_text = on_text or _ignore
        self.received = 0
        self.close_code: int | None = None
        self._tally = Tally()
        self._asked: dict[int, asyncio.Future[Json]] = {}
        self._head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._read = self._read_head
        self._refs = itertools.count(1)
        self._rest = b""

    # -- what a scenario does

    async def shake_hands(self, request: bytes) -> None:
        """Send the upgrade and return when it was answered with 101."""
        self.transport.write(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            status = await self._head
        if b" 101 " not in status.partition(b"\r\n")[0]:
            raise ConnectionError(f"the handshake was refused: {status[:300]!r}")

    async def ask(self, command: str, **fields: Any) -> Json:
        """Send a command and give its result."""
        ref = next(self._refs)
        answer = self._asked[ref] = asyncio.get_running_loop().create_future()
        self.write(json.dumps({"ref": ref, "command": command, **fields}).encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            reply = await answer
        if "error" in reply:
            raise RuntimeError(f"{command} was refused: {reply['error']}")
        result: Json = reply["result"]
        return result

    def write(self, payload: bytes) -> None:
        """Send one text frame."""
        self.transport.write(text_frame(payload))

    def count_only(self, tally: Tally) -> None:
        """From now on only count bytes, here and in the tally; pings that come alone are answered."""
        self._tally = tally
        self.received = 0
        self._read = self._count

    def read_on(self) -> None:
        """Read frames again, after `count_only`; nothing may be half read."""
        self._read = self._read_frames

    def cut(self) -> None:
        """Lose the line without a word."""
        self.transport.abort()

    # -- what the loop does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def get_buffer(self, sizehint: int) -> memoryview:
        return _view

    def buffer_updated(self, nbytes: int) -> None:
        self._read(nbytes)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.close_code is None:
            self.close_code = 1006
        lost = ConnectionResetError(f"the line was lost ({self.close_code})")
        _fail(self._head, lost)
        for answer in self._asked.values():
            _fail(answer, lost)

    # -- private

    def _count(self, size: int) -> None:
        if size == 2:
            self.transport.write(PONG)
            return
        self.received += size
        self._tally.byte_size += size

    def _read_head(self, size: int) -> None:
        self._rest += bytes(_view[:size])
        head, found, rest = self._rest.partition(HEAD_END)
        if not found:
            return
        self._rest = b""
        self._read = self._read_frames
        if not self._head.done():
            self._head.set_result(head)
        if rest:
            self._take_frames(rest)

    def _read_frames(self, size: int) -> None:
        received = bytes(_view[:size])
        self._take_frames(self._rest + received if self._rest else received)

    def _take_frames(self, received: bytes) -> None:
        at, size = 0, len(received)
        while size - at >= 2:
            length, start = received[at + 1], at + 2
            if length == 126:
                start = at + 4
                if start > size:
                    break
                length = received[at + 2] << 8 | received[at + 3]
            elif length == 127:
                start = at + 10
                if start > size:
                    break
                length = int.from_bytes(received[at + 2 : start], "big")
            if start + length > size:
                break
            opcode = received[at]
            if opcode == 0x81:
                self._take_text(received[start : start + length])
            elif opcode == 0x89:
                self.transport.write(PONG)
            elif opcode == 0x88:
                self.close_code = int.from_bytes(received[start : start + 2], "big")
            at = start + length
        self._rest = received[at:]

    def _take_text(self, payload: bytes) -> None:
        if self._asked and payload.startswith(REPLY):
            reply = json.loads(payload)
            answer = self._asked.pop(reply["ref"], None)
            if answer is not None:
                if not answer.done():
                    answer.set_result(reply)
                return
        self.on_text(payload)


async def connect_line(port: int, on_text: Callable[[bytes], None] | None = None) -> Line:
    """A line to a port of this machine, before its handshake."""
    line = Line(on_text)
    await asyncio.get_running_loop().create_connection(lambda: line, "127.0.0.1", port)
    return line


def upgrade_request(port: int, path: str, *headers: str) -> bytes:
    """The request that opens a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Origin: http://127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join(lines).encode() + HEAD_END


def text_frame(payload: bytes) -> bytes:
    """One masked text frame whose mask is zero."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, 0x80 | size, 0, 0, 0, 0)) + payload
    if size < 65536:
        return b"\x81\xfe" + size.to_bytes(2, "big") + b"\x00\x00\x00\x00" + payload
    return b"\x81\xff" + size.to_bytes(8, "big") + b"\x00\x00\x00\x00" + payload


def _fail(waiting: asyncio.Future[Any], error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)
        waiting.exception()  # whoever waits no more need not hear of it


def _ignore(payload: bytes) -> None:
    pass
