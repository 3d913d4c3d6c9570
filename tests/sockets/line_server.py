"""A web server of our own protocols on this loop, with sessions that only remember; and a client that writes bytes."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from workroom.fanout.flusher import Flusher
from workroom.ids import AccountId, StreamId
from workroom.sockets.connection import Connection
from workroom.sockets.endpoint import Endpoint
from workroom.sockets.heartbeat import TimingWheel
from workroom.sockets.websocket_protocol import SCOPE_EXTENSION, build_websocket_protocol
from workroom.web.http_protocol import build_http_protocol

TICK_SECONDS = 0.01
READ_LIMIT_BYTES = 65_536
LONG_ANSWER_BYTES = 16 * 1024 * 1024


class RememberingSession:
    """A session that keeps what it is told. `news` is put whenever something happened."""

    def __init__(self, connection: Connection) -> None:
        self.account_id = AccountId(uuid4())
        self.connection = connection
        self.received: list[bytes] = []
        self.lost_codes: list[int] = []
        self.pauses_after: int | None = None
        self._news = asyncio.Condition()
        self._announcing: set[asyncio.Task[None]] = set()

    def receive(self, data: bytes) -> None:
        self.received.append(data)
        if self.pauses_after == len(self.received):
            self.connection.pause_reading()
        if data == b"close me":
            self.connection.say_goodbye_and_close(1012, "service_restart")
        self._announce()

    def write(self, data: bytes) -> None:
        self.connection.write_frame(data)

    @property
    def is_behind(self) -> bool:
        return self.connection.is_behind

    def dropped(self, stream_id: StreamId, reason: str, heard_until_seq: int) -> None:
        pass

    def connection_lost(self, code: int) -> None:
        self.lost_codes.append(code)
        self._announce()

    async def has_received(self, count: int) -> list[bytes]:
        """Return what was received, when there is that much."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def is_lost(self) -> int:
        """Return the code, when the connection was lost."""
        async with self._news:
            await self._news.wait_for(lambda: bool(self.lost_codes))
        return self.lost_codes[0]

    def _announce(self) -> None:
        async def announce() -> None:
            async with self._news:
                self._news.notify_all()

        task = asyncio.get_running_loop().create_task(announce())
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)


class LineServer:
    """The running server. `sessions` come in the order in which they were attached, and say hello."""

    def __init__(self, header_seconds: float, options: dict[str, Any]) -> None:
        self.wheel = TimingWheel(TICK_SECONDS)
        self.flusher = Flusher()
        self.endpoint = Endpoint(
            self.wheel, self.flusher, lambda code: b'{"type":"goodbye","code":%d}' % code, **options
        )
        self.sessions: asyncio.Queue[RememberingSession] = asyncio.Queue()
        self.accepted: asyncio.Queue[RememberingSession] = asyncio.Queue()
        self.may_attach = asyncio.Event()
        self.may_attach.set()
        self.long_answer_ended = asyncio.Event()
        app = Starlette(
            routes=[
                WebSocketRoute("/socket", self._socket),
                WebSocketRoute("/never-attached", self._never_attached),
                WebSocketRoute("/refused", self._refused),
                WebSocketRoute("/broken", self._broken),
                Route("/", self._page),
                Route("/long", self._long),
                Route("/echo", self._echo, methods=["POST"]),
            ]
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                port=0,
                lifespan="off",
                log_config=None,
                http=build_http_protocol(self.wheel, header_seconds),
                ws=build_websocket_protocol(self.endpoint),
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def port(self) -> int:
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def open_lines(self) -> int:
        """How many connections of any kind the server counts."""
        return len(self._server.server_state.connections)

    async def attached(self) -> RememberingSession:
        """The next session."""
        return await self.sessions.get()

    def shut_down_connections(self) -> None:
        """What uvicorn does to every connection when it ends."""
        for connection in list(self._server.server_state.connections):
            connection.shutdown()

    async def start(self) -> None:
        self.wheel.start()
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup()

    async def stop(self) -> None:
        await self._server.shutdown()
        self.wheel.stop()

    async def _socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        connection = websocket.scope["extensions"][SCOPE_EXTENSION]
        session = RememberingSession(connection)
        self.accepted.put_nowait(session)
        await self.may_attach.wait()
        self.sessions.put_nowait(session)
        connection.attach(session, b"hello")

    async def _never_attached(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await asyncio.Event().wait()

    async def _refused(self, websocket: WebSocket) -> None:
        await websocket.close()

    async def _broken(self, websocket: WebSocket) -> None:
        raise RuntimeError("a defect in the route")

    async def _page(self, request: Request) -> Response:
        return PlainTextResponse("page")

    async def _long(self, request: Request) -> Response:
        """More than lies in the buffers of a line."""

        async def pieces() -> AsyncIterator[bytes]:
            try:
                for _ in range(LONG_ANSWER_BYTES // READ_LIMIT_BYTES):
                    yield b"x" * READ_LIMIT_BYTES
            finally:
                self.long_answer_ended.set()

        return StreamingResponse(pieces(), headers={"Content-Length": str(LONG_ANSWER_BYTES)})

    async def _echo(self, request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))


@asynccontextmanager
async def run_line_server(*, header_seconds: float = 5.0, **options: Any) -> AsyncIterator[LineServer]:
    """A server on this loop. `options` are those of an Endpoint."""
    server = LineServer(header_seconds, options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class RawClient:
    """A WebSocket client that writes whatever bytes it likes, and reads frames with the library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._protocol = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
        self._frames: list[Frame] = []

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def next_frame(self) -> Frame | None:
        """The next frame, of any kind; None at the end of the line."""
        while not self._frames:
            data = await self.reader.read(65_536)
            if not data:
                return None
            self._protocol.receive_data(data)
            self._frames = [each for each in self._protocol.events_received() if isinstance(each, Frame)]
        return self._frames.pop(0)

    async def read_to_end(self) -> list[tuple[Opcode, bytes]]:
        """All frames until the server ends the line."""
        frames = []
        while (frame := await self.next_frame()) is not None:
            frames.append((frame.opcode, bytes(frame.data)))
        return frames

    async def next_text(self) -> str:
        """The next text; pings and pongs before it are passed over."""
        while (frame := await self.next_frame()) is not None:
            if frame.opcode is Opcode.TEXT:
                return bytes(frame.data).decode()
        raise AssertionError("the line has ended")

    def stop_reading(self) -> None:
        """Take nothing from the kernel any more."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]

    def go_on_reading(self) -> None:
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]

    def close(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def open_line(
    port: int, receive_buffer_bytes: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection, aborted at the end; with a small receive buffer it is slow soon."""
    end = socket.socket()
    if receive_buffer_bytes is not None:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=end, limit=receive_buffer_bytes or READ_LIMIT_BYTES)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def open_raw_client(
    server: LineServer, path: str = "/socket", receive_buffer_bytes: int | None = None
) -> AsyncIterator[RawClient]:
    """A client after its handshake."""
    async with open_line(server.port, receive_buffer_bytes) as (reader, writer):
        writer.write(handshake_request(path))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101"), answer
        assert b"sec-websocket-extensions" not in answer.lower(), "no compression"
        client = RawClient(reader, writer)
        if path == "/socket" and server.may_attach.is_set():
            assert await client.next_text() == "hello"
        yield client


def handshake_request(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    ).encode()


def client_frame(
    payload: bytes, opcode: int = 1, *, is_final: bool = True, is_masked: bool = True, reserved: int = 0
) -> bytes:
    """A frame as a client sends it (RFC 6455, section 5.2), or as it must not."""
    head = bytes([is_final << 7 | reserved << 4 | opcode])
    size, mask_bit = len(payload), is_masked << 7
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += bytes([mask_bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", size)
    if not is_masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def close_payload(code: int, reason: str = "") -> bytes:
    return struct.pack("!H", code) + reason.encode()
