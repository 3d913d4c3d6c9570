"""Large answers on a real line: whoever asked for one is not slow because of it, and what waits is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from websockets.frames import Opcode

from tests.sockets.line_server import (
    LineServer,
    RawClient,
    RememberingSession,
    client_frame,
    close_payload,
    open_raw_client,
    run_line_server,
)
from tests.sockets.test_connection import buffered_bytes, make_send_buffer_small
from workroom import metrics
from workroom.fanout.frames import websocket_text_frame
from workroom.sockets.connection import SILENT_PERIODS

OUTBOUND_BYTES = 100_000
LARGE = b"x" * 20 * OUTBOUND_BYTES
EVENT = websocket_text_frame(b"e" * 10_000)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[LineServer]:
    async with run_line_server(outbound_bytes=OUTBOUND_BYTES, close_seconds=0.3) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: LineServer) -> AsyncIterator[RawClient]:
    async with open_raw_client(server, receive_buffer_bytes=4_096) as opened:
        yield opened


@pytest_asyncio.fixture
async def session(server: LineServer, client: RawClient) -> RememberingSession:
    attached = await server.attached()
    make_send_buffer_small(attached)
    return attached


async def test_who_is_owed_much_is_not_behind_but_for_what_nobody_asked_for(
    server: LineServer, client: RawClient, session: RememberingSession
) -> None:
    client.stop_reading()
    assert not session.is_behind
    session.connection.send_owed(LARGE)
    server.flusher.flush()
    assert buffered_bytes(session) > OUTBOUND_BYTES
    assert not session.is_behind
    while buffered_bytes(session) <= len(LARGE) + OUTBOUND_BYTES // 4:
        session.write(EVENT)
    assert session.is_behind
    assert session.lost_codes == []


async def test_whoever_reads_gets_a_large_answer_whole_with_all_that_came_meanwhile(
    server: LineServer, client: RawClient, session: RememberingSession
) -> None:
    session.connection.send_owed(LARGE)
    session.connection.send_owed(LARGE)
    server.flusher.flush()
    assert buffered_bytes(session) > 10 * OUTBOUND_BYTES, "it was taken at once: this proves nothing"
    for _ in range(9):
        session.write(EVENT)
    session.connection.send_text(b"small answer")
    assert [len(await client.next_text()) for _ in range(11)] == [len(LARGE)] * 2 + [10_000] * 9
    assert await client.next_text() == "small answer"
    assert session.lost_codes == []


async def test_what_nobody_asked_for_has_the_same_limit_on_top_of_a_large_answer(
    server: LineServer, client: RawClient, session: RememberingSession
) -> None:
    client.stop_reading()
    session.connection.send_owed(LARGE)
    server.flusher.flush()
    written = 0
    while not session.lost_codes:
        session.write(EVENT)
        written += len(EVENT)
        await asyncio.sleep(0)
    assert session.lost_codes == [4008]
    assert written + len(EVENT) > OUTBOUND_BYTES
    assert buffered_bytes(session) < len(LARGE) + OUTBOUND_BYTES + 2 * len(EVENT)


async def test_once_an_answer_is_taken_the_usual_limit_holds_again(
    client: RawClient, session: RememberingSession
) -> None:
    owed = asyncio.create_task(session.connection.owes_nothing())
    session.connection.send_owed(LARGE)
    assert len(await client.next_text()) == len(LARGE)
    await owed
    client.stop_reading()
    while not session.lost_codes:
        session.write(EVENT)
        await asyncio.sleep(0)
    assert buffered_bytes(session) < OUTBOUND_BYTES + 2 * len(EVENT)


async def test_whoever_has_not_taken_an_answer_is_not_listened_to_until_it_has(
    server: LineServer, client: RawClient, session: RememberingSession
) -> None:
    client.stop_reading()
    session.connection.send_owed(LARGE)
    owed = asyncio.create_task(session.connection.owes_nothing())
    server.flusher.flush()
    session.connection.pause_reading()
    client.write(client_frame(b"and another"))
    await client.writer.drain()
    session.connection.resume_reading()  # the session is no longer busy; the line still owes
    await _turns_of_the_loop()
    assert session.received == []
    assert not owed.done()
    client.go_on_reading()
    assert len(await client.next_text()) == len(LARGE)
    assert await session.has_received(1) == [b"and another"]
    await owed


async def test_whoever_asks_and_does_not_read_is_closed_after_two_silent_heartbeats(
    server: LineServer, client: RawClient, session: RememberingSession
) -> None:
    closed_before = metrics.slow_consumers_closed._value.get()
    client.stop_reading()
    session.connection.send_owed(LARGE)
    owed = asyncio.create_task(session.connection.owes_nothing())
    server.flusher.flush()
    session.connection.expired()  # the first looks how much was taken since the answer was written
    for _ in range(SILENT_PERIODS):
        assert session.lost_codes == []
        session.connection.expired()
    assert session.lost_codes == [4008]
    assert metrics.slow_consumers_closed._value.get() - closed_before == 1
    await owed
    client.go_on_reading()
    assert (await client.read_to_end())[-1] == (Opcode.CLOSE, close_payload(4008, "slow_consumer"))


async def test_whoever_reads_slowly_what_it_asked_for_stays(
    server: LineServer, client: RawClient, session: RememberingSession
) -> None:
    session.connection.send_owed(LARGE)
    server.flusher.flush()
    left = len(LARGE) + 10
    for _ in range(3 * SILENT_PERIODS):
        waited = buffered_bytes(session)
        while buffered_bytes(session) == waited:
            left -= len(await client.reader.read(20_000))
        session.connection.expired()
    assert session.lost_codes == []
    assert left > 0, "it has read everything: this proves nothing"


async def test_an_answer_that_waits_leaves_before_the_goodbye(
    client: RawClient, session: RememberingSession
) -> None:
    session.connection.send_owed(LARGE)
    session.connection.say_goodbye_and_close(1012, "service_restart")
    [(_, answer), _, (opcode, payload)] = await client.read_to_end()
    assert len(answer) == len(LARGE)
    assert (opcode, payload) == (Opcode.CLOSE, close_payload(1012, "service_restart"))


async def _turns_of_the_loop() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
