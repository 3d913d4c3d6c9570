"""Deadlines of an HTTP connection: who does not get on is closed, who does is not."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest

from tests.sockets.line_server import LONG_ANSWER_BYTES, handshake_request, open_line, run_line_server
from workroom.web.http_protocol import KEEP_ALIVE_SECONDS, PROGRESS_BYTES, build_http_protocol

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEADER_SECONDS = 0.3
SOON = 2.0
TRICKLE_BYTES = 512


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """Write one byte after the other, slowly, until the server ends the line; give what it said."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    for byte in data:
        writer.write(bytes([byte]))
        with suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout(0.02):
                return await reader.read()
        if writer.transport.is_closing():
            return b""
        assert loop.time() < began_at + SOON
    raise AssertionError("it was read to its end")


async def ends(reader: asyncio.StreamReader) -> bytes:
    """What was said until the server ended the line, which must be soon."""
    said = b""
    async with asyncio.timeout(SOON):
        try:
            while data := await reader.read(1_000):
                said += data
        except ConnectionResetError:
            pass
    return said


async def test_a_connection_that_never_speaks_is_closed() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, _),
    ):
        assert await ends(reader) == b""
        assert server.open_lines == 0


async def test_a_head_that_trickles_in_is_closed() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        assert await trickle(reader, writer, b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 10_000) == b""


async def test_the_second_head_of_a_connection_has_a_deadline_too() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        writer.write(REQUEST)
        await reader.readuntil(b"page")
        assert await trickle(reader, writer, b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 10_000) == b""


async def test_bytes_that_begin_no_request_do_not_keep_a_connection_open() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        writer.write(REQUEST)
        await reader.readuntil(b"page")
        writer.write(b"\r\n")
        assert await ends(reader) == b""


async def test_a_body_that_stands_still_is_closed() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        writer.write(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        assert await ends(reader) == b""


async def test_a_body_that_trickles_in_is_closed() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        writer.write(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n")
        assert await trickle(reader, writer, b"x" * 10_000) == b""


async def test_a_long_body_that_comes_on_may_take_longer_than_a_head() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        pieces, size = 8, 40_000
        writer.write(
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (pieces * size)
        )
        for _ in range(pieces):
            with suppress(TimeoutError):
                async with asyncio.timeout(HEADER_SECONDS / 3):
                    assert await reader.read() == b"still open"
            writer.write(b"x" * size)
        assert str(pieces * size).encode() in await reader.readuntil(b"%d" % (pieces * size))


async def test_an_answer_that_nobody_reads_is_closed() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (_, writer),
    ):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(SOON + HEADER_SECONDS):
            await server.long_answer_ended.wait()
        writer.transport.abort()


async def test_an_answer_that_trickles_out_is_closed() -> None:
    async with run_line_server(header_seconds=HEADER_SECONDS) as server:
        listening = server._server.servers[0].sockets[0]
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TRICKLE_BYTES)
        async with open_line(server.port, TRICKLE_BYTES) as (reader, writer), asyncio.timeout(SOON):
            writer.write(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
            pauses = PROGRESS_BYTES / TRICKLE_BYTES / 2  # in a period: half of what is asked is read in it
            while not server.long_answer_ended.is_set():
                with suppress(ConnectionResetError):
                    await reader.read(TRICKLE_BYTES)
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEADER_SECONDS / pauses):
                        await server.long_answer_ended.wait()


async def test_a_long_answer_that_is_read_slowly_may_take_longer_than_a_head() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        writer.write(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        pieces = 16
        for number in range(1, pieces + 1):
            await reader.readexactly(LONG_ANSWER_BYTES // pieces)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(began_at + number * HEADER_SECONDS / 3):
                    await asyncio.Event().wait()
        assert loop.time() - began_at > 4 * HEADER_SECONDS


async def test_a_head_that_never_ends_is_refused_however_fast_it_comes() -> None:
    async with run_line_server() as server, open_line(server.port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 300_000)
        assert (await ends(reader)).startswith(b"HTTP/1.1 431 ")


async def test_many_requests_on_one_connection_are_not_one_long_head() -> None:
    async with run_line_server() as server, open_line(server.port) as (reader, writer):
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 30_000 + b"\r\n\r\n"
        for _ in range(5):
            writer.write(request[:20_000])
            for _ in range(20):  # turns of the loop in which the server reads it
                await asyncio.sleep(0)
            writer.write(request[20_000:])
            assert (await reader.readuntil(b"page")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("was", "becomes", "status"),
    [
        (b"GET ", b"POST ", b"405"),
        (b"HTTP/1.1", b"HTTP/1.0", b"505"),
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 12", b"400"),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Key: short", b"400"),
        (b"Host:", b"Content-Length: 4\r\nHost:", b"400"),
        (b"Host:", b"Transfer-Encoding: chunked\r\nHost:", b"400"),
        (b"/socket", b"/socket\xff", b"400"),
    ],
)
async def test_an_upgrade_that_is_none_is_refused(was: bytes, becomes: bytes, status: bytes) -> None:
    async with run_line_server() as server, open_line(server.port) as (reader, writer):
        writer.write(handshake_request("/socket").replace(was, becomes))
        assert (await ends(reader)).startswith(b"HTTP/1.1 " + status)
        assert server.sessions.empty()


async def test_an_upgraded_connection_has_no_head_to_wait_for() -> None:
    async with (
        run_line_server(header_seconds=HEADER_SECONDS) as server,
        open_line(server.port) as (reader, writer),
    ):
        writer.write(handshake_request("/socket"))
        await reader.readuntil(b"\r\n\r\n")
        session = await server.attached()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HEADER_SECONDS * 2):
                await session.is_lost()


async def test_keeping_alive_is_never_longer_than_five_seconds() -> None:
    async with run_line_server() as server:
        config = server._server.config
        config.timeout_keep_alive = 60
        protocol = build_http_protocol(server.wheel, 10.0)(config, server._server.server_state, {})
        assert protocol.timeout_keep_alive == KEEP_ALIVE_SECONDS == 5


async def test_the_keep_alive_timer_does_not_survive_a_reset_connection() -> None:
    async with run_line_server() as server, open_line(server.port) as (reader, writer):
        writer.write(REQUEST)
        await reader.readuntil(b"page")
        (protocol,) = server._server.server_state.connections
        timer = protocol.timeout_keep_alive_task  # type: ignore[union-attr]
        assert timer is not None
        protocol.connection_lost(ConnectionResetError())
        assert timer.cancelled()
