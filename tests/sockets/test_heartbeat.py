"""The wheel, and what it does with lines on which nothing is heard."""

from __future__ import annotations

import asyncio

from websockets.frames import Opcode

from tests.sockets.line_server import RawClient, client_frame, close_payload, open_raw_client, run_line_server
from workroom.sockets.heartbeat import NOT_ON_WHEEL, TimingWheel


class Entry:
    """Remembers when it expired."""

    def __init__(self) -> None:
        self.wheel_slot = NOT_ON_WHEEL
        self.expired_at: float | None = None
        self.has_expired = asyncio.Event()

    def expired(self) -> None:
        self.expired_at = asyncio.get_running_loop().time()
        self.has_expired.set()


async def test_an_entry_expires_when_its_time_has_come() -> None:
    wheel = TimingWheel(0.01, 1.0)
    wheel.start()
    began_at = asyncio.get_running_loop().time()
    entries = {seconds: Entry() for seconds in (0.0, 0.05, 0.2)}
    for seconds, entry in entries.items():
        wheel.schedule(entry, seconds)
    for seconds, entry in entries.items():
        await entry.has_expired.wait()
        assert entry.expired_at is not None
        assert entry.expired_at - began_at >= seconds - 0.011
        assert entry.wheel_slot == NOT_ON_WHEEL
    wheel.stop()


async def test_an_entry_that_is_scheduled_again_has_only_its_last_deadline() -> None:
    wheel = TimingWheel(0.01, 1.0)
    wheel.start()
    early, moved, cancelled, last = Entry(), Entry(), Entry(), Entry()
    wheel.schedule(moved, 0.02)
    wheel.schedule(moved, 0.9)
    wheel.schedule(cancelled, 0.02)
    wheel.cancel(cancelled)
    wheel.cancel(cancelled)
    wheel.schedule(early, 0.03)
    wheel.schedule(last, 0.05)
    await last.has_expired.wait()
    assert early.has_expired.is_set()
    assert not moved.has_expired.is_set()
    assert not cancelled.has_expired.is_set()
    wheel.stop()


async def test_a_deadline_beyond_the_horizon_is_the_horizon() -> None:
    wheel = TimingWheel(0.01, 0.05)
    wheel.start()
    entry = Entry()
    wheel.schedule(entry, 1_000)
    await entry.has_expired.wait()
    wheel.stop()


async def test_an_entry_may_take_another_off_the_wheel_when_it_expires() -> None:
    wheel = TimingWheel(0.01, 1.0)
    wheel.start()

    class Taker(Entry):
        other: Entry

        def expired(self) -> None:
            super().expired()
            wheel.cancel(self.other)

    one, two, after = Taker(), Taker(), Entry()
    one.other, two.other = two, one
    for entry in (one, two):
        wheel.schedule(entry, 0.02)
    wheel.schedule(after, 0.05)
    await after.has_expired.wait()
    assert one.has_expired.is_set() != two.has_expired.is_set()
    wheel.stop()


async def test_a_wheel_that_was_held_up_does_not_hurry() -> None:
    wheel = TimingWheel(0.01, 1.0)
    wheel.start()
    first, second = Entry(), Entry()
    wheel.schedule(first, 0.02)
    wheel.schedule(second, 0.45)
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.5
    while loop.time() < until:  # a loop that does not turn, as when the machine slept
        pass
    await first.has_expired.wait()
    for _ in range(200):  # turns enough to make up for every tick that was missed
        await asyncio.sleep(0)
    assert not second.has_expired.is_set()
    wheel.stop()


async def test_a_line_that_answers_pings_stays_open() -> None:
    async with run_line_server(heartbeat_seconds=0.05) as server, open_raw_client(server) as client:
        session = await server.attached()
        for _ in range(6):
            ping = await client.next_frame()
            assert ping is not None
            assert (ping.opcode, bytes(ping.data)) == (Opcode.PING, b"")
            client.write(client_frame(b"", opcode=10))
        assert session.lost_codes == []


async def test_any_byte_counts_as_life() -> None:
    async with run_line_server(heartbeat_seconds=0.05) as server, open_raw_client(server) as client:
        session = await server.attached()
        message = client_frame(b"{}")
        for byte in message:
            await client.next_frame()
            client.write(bytes([byte]))
        assert await session.has_received(1) == [b"{}"]
        assert session.lost_codes == []


async def test_two_silent_periods_are_the_end() -> None:
    async with run_line_server(heartbeat_seconds=0.05) as server, open_raw_client(server) as client:
        session = await server.attached()
        frames = await _answer_close(client)
        assert [opcode for opcode, _ in frames[:-2]] == [Opcode.PING] * 2
        assert frames[-2] == (Opcode.TEXT, b'{"type":"goodbye","code":4009}')
        assert frames[-1] == (Opcode.CLOSE, close_payload(4009, "heartbeat_lost"))
        assert session.lost_codes == [4009]


async def test_whom_we_do_not_listen_to_is_not_silent() -> None:
    async with run_line_server(heartbeat_seconds=0.05) as server, open_raw_client(server) as client:
        session = await server.attached()
        session.pauses_after = 1
        client.write(client_frame(b"too much"))
        for _ in range(6):
            ping = await client.next_frame()
            assert ping is not None
            client.write(client_frame(b"", opcode=10))
        assert session.lost_codes == []


async def _answer_close(client: RawClient) -> list[tuple[Opcode, bytes]]:
    frames = []
    while (frame := await client.next_frame()) is not None:
        frames.append((frame.opcode, bytes(frame.data)))
        if frame.opcode is Opcode.CLOSE:
            client.write(client_frame(bytes(frame.data), opcode=8))
    return frames
