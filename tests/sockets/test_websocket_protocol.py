"""The handshake, and how the line is given away after it."""

from __future__ import annotations

import asyncio
import gc

from websockets.asyncio.client import connect
from websockets.frames import Opcode

from tests.sockets.line_server import (
    RememberingSession,
    client_frame,
    close_payload,
    handshake_request,
    open_line,
    open_raw_client,
    run_line_server,
)
from workroom.fanout.frames import websocket_text_frame
from workroom.sockets.connection import Connection
from workroom.sockets.websocket_protocol import WorkroomWebSocketProtocol
from workroom.web.http_protocol import WorkroomHTTPProtocol


async def test_a_session_speaks_with_an_ordinary_client() -> None:
    async with run_line_server() as server, connect(f"ws://127.0.0.1:{server.port}/socket") as client:
        session = await server.attached()
        await client.send('{"text":"Grüße"}')
        assert await client.recv() == "hello"
        assert await session.has_received(1) == ['{"text":"Grüße"}'.encode()]
        session.connection.send_text(b'{"type":"reply"}')
        assert await client.recv() == '{"type":"reply"}'
        assert client.protocol.extensions == []
        await client.close(1000, "bye")
        assert await session.is_lost() == 1000
        assert client.close_code == 1000


async def test_after_attaching_nothing_of_the_handshake_is_left() -> None:
    async with run_line_server() as server:
        gc.collect()
        gc.disable()
        try:
            async with open_raw_client(server) as client:
                session = await server.attached()
                client.write(client_frame(b"hello"))
                await session.has_received(1)
                left = (WorkroomWebSocketProtocol, WorkroomHTTPProtocol)
                remains = [each for each in gc.get_objects() if isinstance(each, left)]
                assert remains == [], "not even for the collector"
        finally:
            gc.enable()


async def test_a_connection_that_was_lost_leaves_nothing_for_the_collector() -> None:
    async with run_line_server() as server:
        gc.collect()
        gc.disable()
        try:
            async with open_raw_client(server) as client:
                session = await server.attached()
                client.close()
                await session.is_lost()
            del session
            server.accepted.get_nowait()
            assert [
                each for each in gc.get_objects() if isinstance(each, Connection | RememberingSession)
            ] == []
        finally:
            gc.enable()
        assert server.open_lines == 0
        assert server.endpoint.connections == set()


async def test_frames_that_overtake_the_session_are_not_lost() -> None:
    async with run_line_server() as server:
        server.may_attach.clear()
        async with open_raw_client(server) as client:
            second = client_frame(b"2")
            client.write(client_frame(b"1") + second[:3])
            for _ in range(50):  # turns of the loop in which the server reads it
                await asyncio.sleep(0)
            server.may_attach.set()
            session = await server.attached()
            client.write(second[3:] + client_frame(b"3"))
            assert await session.has_received(3) == [b"1", b"2", b"3"]


async def test_what_a_session_is_told_before_it_is_attached_follows_its_greeting() -> None:
    async with run_line_server() as server:
        server.may_attach.clear()
        async with open_raw_client(server) as client:
            session = await server.accepted.get()
            session.write(websocket_text_frame(b"1"))
            session.connection.send_text(b"2")
            server.may_attach.set()
            await server.attached()
            session.connection.send_text(b"3")
            assert [await client.next_text() for _ in range(4)] == ["hello", "1", "2", "3"]


async def test_a_session_that_is_closed_before_it_is_attached_never_receives() -> None:
    async with run_line_server() as server:
        server.may_attach.clear()
        async with open_raw_client(server) as client:
            session = await server.accepted.get()
            session.connection.say_goodbye_and_close(4001, "signed_out")
            session.connection.say_goodbye_and_close(4008, "slow_consumer")
            client.write(client_frame(b"a command"))
            for _ in range(50):  # turns of the loop in which the server reads it
                await asyncio.sleep(0)
            server.may_attach.set()
            assert await session.is_lost() == 4001
            assert (await client.read_to_end())[-1] == (Opcode.CLOSE, close_payload(4001, "signed_out"))
            assert session.received == []


async def test_a_session_that_is_told_too_much_before_it_is_attached_is_closed_as_slow() -> None:
    async with run_line_server(outbound_bytes=100_000) as server:
        server.may_attach.clear()
        async with open_raw_client(server) as client:
            session = await server.accepted.get()
            for _ in range(5):
                session.write(websocket_text_frame(b"x" * 30_000))
            server.may_attach.set()
            assert await session.is_lost() == 4008
            assert (await client.read_to_end())[-1] == (Opcode.CLOSE, close_payload(4008, "slow_consumer"))


async def test_a_connection_that_is_never_attached_is_ended() -> None:
    async with (
        run_line_server(handshake_seconds=0.1) as server,
        open_raw_client(server, "/never-attached") as client,
    ):
        assert await client.read_to_end() == []


async def test_a_client_that_goes_before_it_is_attached_is_lost_at_once() -> None:
    async with run_line_server() as server:
        server.may_attach.clear()
        async with open_raw_client(server) as client:
            client.close()
        async with open_line(server.port) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"page")
        server.may_attach.set()
        session = await server.attached()
        assert await session.is_lost() == 1006


async def test_a_handshake_that_the_route_refuses_is_answered_403() -> None:
    async with run_line_server() as server, open_line(server.port) as (reader, writer):
        writer.write(handshake_request("/refused"))
        assert (await reader.read()).startswith(b"HTTP/1.1 403")
        assert server.open_lines == 0


async def test_a_route_that_fails_is_answered_500() -> None:
    async with run_line_server() as server, open_line(server.port) as (reader, writer):
        writer.write(handshake_request("/broken"))
        assert (await reader.read()).startswith(b"HTTP/1.1 500")


async def test_a_server_that_ends_says_goodbye_to_who_is_left() -> None:
    async with run_line_server() as server, open_raw_client(server) as client:
        session = await server.attached()
        server.shut_down_connections()
        assert await session.is_lost() == 1012
        goodbye, close = await client.next_frame(), await client.next_frame()
        assert goodbye is not None
        assert bytes(goodbye.data) == b'{"type":"goodbye","code":1012}'
        assert close is not None
        assert close.opcode is Opcode.CLOSE
