"""A line after its handshake: what comes in, what goes out, and every way in which it ends."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from websockets.frames import Opcode

from tests.fanout.listeners import STREAM, StoredEvents
from tests.sockets.line_server import (
    LineServer,
    RawClient,
    RememberingSession,
    client_frame,
    close_payload,
    open_raw_client,
    run_line_server,
)
from workroom import metrics
from workroom.fanout.frames import StreamFrame, websocket_text_frame
from workroom.fanout.hub import Hub
from workroom.sockets.frame_reader import MOST_FRAGMENTS

MAX_FRAME_BYTES = 5_000
OUTBOUND_BYTES = 100_000
SOON = 8.0


@pytest_asyncio.fixture(scope="module")
async def server() -> AsyncIterator[LineServer]:
    options = {"max_frame_bytes": MAX_FRAME_BYTES, "outbound_bytes": OUTBOUND_BYTES, "close_seconds": 0.3}
    async with run_line_server(**options) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: LineServer) -> AsyncIterator[RawClient]:
    async with open_raw_client(server) as opened:
        yield opened


@pytest_asyncio.fixture
async def session(server: LineServer, client: RawClient) -> RememberingSession:
    return await server.attached()


def farewell(code: int) -> bytes:
    return b'{"type":"goodbye","code":%d}' % code


# -- what comes in -----------------------------------------------------------------------------------------


async def test_many_messages_in_one_piece_come_in_order(
    client: RawClient, session: RememberingSession
) -> None:
    sent = [b"%d" % number + b"x" * (number % 300) for number in range(500)]
    client.write(b"".join(client_frame(each) for each in sent))
    assert await session.has_received(500) == sent


async def test_messages_cut_anywhere_come_whole(client: RawClient, session: RememberingSession) -> None:
    chance = random.Random(3)
    sent = [b"%d" % number + b"y" * chance.choice([0, 3, 120, 126, 4_000]) for number in range(60)]
    stream = b"".join(client_frame(each) for each in sent)
    while stream:
        size = chance.choice([1, 2, 5, 50, 3_000])
        piece, stream = stream[:size], stream[size:]
        client.write(piece)
        await asyncio.sleep(0)
    assert await session.has_received(60) == sent


async def test_a_fragmented_message_with_a_ping_between_comes_whole(
    client: RawClient, session: RememberingSession
) -> None:
    client.write(client_frame(b"Gr\xc3", is_final=False))
    client.write(client_frame(b"there?", opcode=9))
    client.write(client_frame(b"\xbc\xc3\x9fe", opcode=0) + client_frame(b"next"))
    assert await session.has_received(2) == ["Grüße".encode(), b"next"]
    pong = await client.next_frame()
    assert pong is not None
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"there?")


async def test_a_line_at_rest_keeps_no_parser(client: RawClient, session: RememberingSession) -> None:
    connection = session.connection
    client.write(client_frame(b"1"))
    await session.has_received(1)
    assert connection._reader is None
    client.write(client_frame(b"2", is_final=False) + client_frame(b"", opcode=0))
    await session.has_received(2)
    assert connection._reader is None
    assert connection._held is None


async def test_who_pauses_gets_the_rest_when_it_goes_on(
    client: RawClient, session: RememberingSession
) -> None:
    session.pauses_after = 2
    sent = [b"%d" % number for number in range(10)]
    whole = b"".join(client_frame(each) for each in sent)
    client.write(whole[:-3])
    await session.has_received(2)
    client.write(whole[-3:])
    await client.writer.drain()
    assert session.received == sent[:2]
    session.pauses_after = 5
    session.connection.resume_reading()
    await session.has_received(5)
    assert session.received == sent[:5]
    session.pauses_after = None
    session.connection.resume_reading()
    assert await session.has_received(10) == sent


async def test_messages_after_a_close_are_not_for_the_session(
    client: RawClient, session: RememberingSession
) -> None:
    echo = client_frame(close_payload(1012), opcode=8)
    client.write(client_frame(b"1") + client_frame(b"close me") + client_frame(b"3") + echo)
    await client.read_to_end()
    assert session.received == [b"1", b"close me"]
    assert session.lost_codes == [1012]


@pytest.mark.parametrize("is_fragmented", [False, True])
async def test_an_answered_close_ends_the_line_without_waiting(is_fragmented: bool) -> None:
    echo = client_frame(close_payload(1012), opcode=8)
    piece = client_frame(b"close ", is_final=False) + client_frame(b"me", opcode=0)
    async with run_line_server(close_seconds=60) as server, open_raw_client(server) as client:
        client.write((piece if is_fragmented else client_frame(b"close me")) + echo)
        await client.read_to_end()
    async with run_line_server(close_seconds=60) as server, open_raw_client(server) as client:
        client.write(piece if is_fragmented else client_frame(b"close me"))
        await client.next_frame()
        client.write(echo)
        await client.read_to_end()


# -- what goes out -----------------------------------------------------------------------------------------


async def test_messages_of_one_turn_arrive_in_order(client: RawClient, session: RememberingSession) -> None:
    for number in range(20):
        session.connection.send_text(b"%d" % number)
    assert [await client.next_text() for _ in range(20)] == [str(number) for number in range(20)]


async def test_what_waited_leaves_before_the_goodbye(client: RawClient, session: RememberingSession) -> None:
    session.connection.send_text(b"last reply")
    session.connection.say_goodbye_and_close(4001, "signed_out")
    session.connection.send_text(b"too late")
    session.write(websocket_text_frame(b"too late"))
    client.write(client_frame(close_payload(4001), opcode=8))
    assert await client.read_to_end() == [
        (Opcode.TEXT, b"last reply"),
        (Opcode.TEXT, farewell(4001)),
        (Opcode.CLOSE, close_payload(4001, "signed_out")),
    ]
    assert session.lost_codes == [4001]


async def test_a_reader_that_stops_is_closed_as_slow_and_can_still_read_why(
    client: RawClient, session: RememberingSession
) -> None:
    make_send_buffer_small(session)
    closed_before = metrics.slow_consumers_closed._value.get()
    piece = websocket_text_frame(b"x" * 50_000)
    written = 0
    while not session.lost_codes:
        session.write(piece)
        written += 1
        await asyncio.sleep(0)
    assert session.lost_codes == [4008]
    assert metrics.slow_consumers_closed._value.get() - closed_before == 1
    assert buffered_bytes(session) < OUTBOUND_BYTES + 2 * len(piece)
    frames = await client.read_to_end()
    assert frames[-2:] == [
        (Opcode.TEXT, farewell(4008)),
        (Opcode.CLOSE, close_payload(4008, "slow_consumer")),
    ]
    assert written - 1 <= len(frames) - 2 <= written


async def test_a_reader_that_is_behind_by_less_than_the_limit_stays(server: LineServer) -> None:
    async with open_raw_client(server, receive_buffer_bytes=4_096) as client:
        session = await server.attached()
        make_send_buffer_small(session)
        client.stop_reading()
        for _ in range(9):
            session.write(websocket_text_frame(b"x" * 10_000))
            await asyncio.sleep(0)
        assert buffered_bytes(session) > 65_536
        client.go_on_reading()
        assert [len(await client.next_text()) for _ in range(9)] == [10_000] * 9
        assert session.lost_codes == []


async def test_a_reader_that_stops_does_not_hold_up_a_thousand_others() -> None:
    async with (
        asyncio.TaskGroup() as tasks,
        AsyncExitStack() as lines,
        run_line_server(outbound_bytes=65_536) as server,
    ):
        hub = Hub(StoredEvents().read_gap, lambda _: None, lambda _: None, tasks, server.flusher)
        stuck_line = await lines.enter_async_context(open_raw_client(server, receive_buffer_bytes=4_096))
        stuck = await server.attached()
        make_send_buffer_small(stuck)
        clients = [await lines.enter_async_context(open_raw_client(server)) for _ in range(1_000)]
        readers = [await server.attached() for _ in clients]
        for each in (stuck, *readers):
            pin = hub.open_channel(STREAM)
            hub.add_listener(pin, each, 1, 0)
            hub.release(pin)
        payload = b"z" * 20_000
        seq = 0
        while not stuck.lost_codes:
            seq += 1
            hub.deliver(StreamFrame(STREAM, seq, seq, payload))
            server.flusher.flush()
            await asyncio.gather(*(each.reader.readexactly(len(payload) + 4) for each in clients))
        assert stuck.lost_codes == [4008]
        hub.deliver(StreamFrame(STREAM, seq + 1, seq + 1, b"after"))
        assert [await each.next_text() for each in clients] == ["after"] * 1_000
        assert not any(each.lost_codes for each in readers)
        hub.remove_listener(STREAM, stuck)
        assert (await stuck_line.read_to_end())[-1] == (Opcode.CLOSE, close_payload(4008, "slow_consumer"))


async def test_a_reader_of_a_large_gap_that_reads_stays() -> None:
    stored = StoredEvents()
    payload = b"z" * 60_000
    stored.store(*(StreamFrame(STREAM, seq, seq, payload) for seq in range(1, 101)))
    async with (
        asyncio.TaskGroup() as tasks,
        run_line_server() as server,
        open_raw_client(server, receive_buffer_bytes=16_384) as client,
    ):
        session = await server.attached()
        make_send_buffer_small(session)
        hub = Hub(stored.read_gap, lambda _: None, lambda _: None, tasks, server.flusher)
        pin = hub.open_channel(STREAM)
        hub.add_listener(pin, session, 1, 0)
        hub.catch_up(STREAM, 100)
        assert [len(await client.next_text()) for _ in range(100)] == [60_000] * 100
        assert session.lost_codes == []
        hub.remove_listener(STREAM, session)
        hub.release(pin)


def buffered_bytes(session: RememberingSession) -> int:
    """How much waits in the process because the other side does not read."""
    transport = session.connection._transport
    assert transport is not None
    return transport.get_write_buffer_size()


def make_send_buffer_small(session: RememberingSession) -> None:
    """Keep the kernel from taking megabytes for a reader that does not read."""
    transport = session.connection._transport
    assert transport is not None
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)


# -- how it ends -------------------------------------------------------------------------------------------


async def test_the_clients_close_is_answered_and_told(client: RawClient, session: RememberingSession) -> None:
    client.write(client_frame(close_payload(1001, "going"), opcode=8))
    assert await client.read_to_end() == [(Opcode.CLOSE, close_payload(1001, "going"))]
    assert session.lost_codes == [1001]


async def test_a_close_without_a_code_is_told_as_1005(client: RawClient, session: RememberingSession) -> None:
    client.write(client_frame(b"", opcode=8))
    assert await client.read_to_end() == [(Opcode.CLOSE, b"")]
    assert session.lost_codes == [1005]


async def test_a_line_that_ends_without_a_word_is_told_as_1006(
    client: RawClient, session: RememberingSession
) -> None:
    client.close()
    assert await session.is_lost() == 1006


async def test_half_a_line_is_no_line(client: RawClient, session: RememberingSession) -> None:
    client.writer.write_eof()
    assert await session.is_lost() == 1006
    assert await client.read_to_end() == []


async def test_who_never_answers_a_close_is_cut_off(client: RawClient, session: RememberingSession) -> None:
    session.connection.say_goodbye_and_close(1012, "service_restart")
    for _ in range(5):
        client.write(client_frame(b"still talking"))
    async with asyncio.timeout(SOON):
        frames = await client.read_to_end()
    assert [opcode for opcode, _ in frames] == [Opcode.TEXT, Opcode.CLOSE]
    assert session.received == []


async def test_closing_twice_says_goodbye_once(client: RawClient, session: RememberingSession) -> None:
    session.connection.say_goodbye_and_close(1012, "service_restart")
    session.connection.say_goodbye_and_close(4001, "signed_out")
    client.write(client_frame(close_payload(1012), opcode=8))
    assert len(await client.read_to_end()) == 2
    assert session.lost_codes == [1012]


async def test_a_long_reason_is_cut_to_what_a_close_frame_holds(
    client: RawClient, session: RememberingSession
) -> None:
    session.connection.say_goodbye_and_close(1012, "ü" * 100)
    client.write(client_frame(close_payload(1012), opcode=8))
    _, (_, payload) = await client.read_to_end()
    assert payload == close_payload(1012, "ü" * 61)


BREACHES = {
    "text that is not UTF-8": (client_frame(b"\xff\xfe"), 1007),
    "text that is not UTF-8, in fragments": (
        client_frame(b"Gr\xc3", is_final=False) + client_frame(b"x", opcode=0),
        1007,
    ),
    "a surrogate in UTF-8": (client_frame(b'{"text":"\xed\xa0\x80"}'), 1007),
    "a frame one byte too long": (client_frame(b"x" * (MAX_FRAME_BYTES + 1)), 1009),
    "the head of a huge frame": (b"\x81\xff" + struct.pack("!Q", 2**62) + b"mask", 1009),
    "fragments that are too long together": (
        client_frame(b"x" * 4_000, is_final=False) + client_frame(b"x" * 4_000, opcode=0),
        1009,
    ),
    "a frame without a mask": (client_frame(b"hello", is_masked=False), 1002),
    "a reserved bit": (client_frame(b"hello", reserved=4), 1002),
    "an unknown opcode": (client_frame(b"hello", opcode=3), 1002),
    "a continuation of nothing": (client_frame(b"hello", opcode=0), 1002),
    "a message within a message": (client_frame(b"a", is_final=False) + client_frame(b"b"), 1002),
    "a long ping": (client_frame(b"x" * 126, opcode=9), 1002),
    "a fragmented ping": (client_frame(b"x", opcode=9, is_final=False), 1002),
    "a close of one byte": (client_frame(b"x", opcode=8), 1002),
    "a close with a forbidden code": (client_frame(close_payload(1006), opcode=8), 1002),
    "a close that is not UTF-8": (client_frame(close_payload(1000) + b"\xff", opcode=8), 1007),
    "a binary frame": (client_frame(b"hello", opcode=2), 4005),
    "a message in too many fragments": (
        client_frame(b"", is_final=False) + client_frame(b"", opcode=0, is_final=False) * MOST_FRAGMENTS,
        1009,
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
@pytest.mark.parametrize("piece_bytes", [1_000_000, 1])
async def test_a_breach_of_the_rules_is_closed_with_its_code(
    client: RawClient, session: RememberingSession, breach: str, piece_bytes: int
) -> None:
    data, code = BREACHES[breach]
    data = client_frame(b"before") + data + client_frame(b"after")
    for start in range(0, min(len(data), 9_000), piece_bytes):
        client.write(data[start : start + piece_bytes])
        if piece_bytes == 1 and start < 40:
            await asyncio.sleep(0)
    (_, goodbye), (opcode, payload) = await client.read_to_end()
    assert goodbye == farewell(code)
    assert opcode is Opcode.CLOSE
    assert payload[:2] == close_payload(code)
    assert session.received == [b"before"]
    assert session.lost_codes == [code]


async def test_a_flood_of_pings_is_closed_with_its_code(
    client: RawClient, session: RememberingSession
) -> None:
    client.write(client_frame(b"", opcode=9) * 40_000)
    assert await session.is_lost() == 4006
    *_, (_, goodbye), (opcode, payload) = await client.read_to_end()
    assert (goodbye, opcode, payload[:2]) == (farewell(4006), Opcode.CLOSE, close_payload(4006))


async def test_who_broke_the_rules_and_never_goes_is_cut_off(
    client: RawClient, session: RememberingSession, server: LineServer
) -> None:
    client.write(client_frame(b"hello", is_masked=False))
    assert await session.is_lost() == 1002
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(SOON):
            while True:
                client.write(b"x" * 1_000)
                await client.writer.drain()
                await asyncio.sleep(0)
    assert server.endpoint.connections == set()
