"""Fan-out: how many deliveries a second one core makes, each committed first, against the obvious program.

Both servers stand at the same time, and the rounds alternate, so that a change of weather on the machine meets both.
Every listener of a room must have got the same bytes at the end: most lines are counted by their bytes alone, a few are
read frame by frame to know how many messages those bytes were.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from scripts.measure.clients import BaselineSender, Sender, closing, do_all, open_line
from scripts.measure.figures import median, number
from scripts.measure.line import REPLY, Line, Tally, connect_line, upgrade_request
from scripts.measure.people import Person, Room, make_people, make_rooms
from scripts.measure.run import Run, waiting_seconds
from scripts.measure.surroundings import MeasuredNode, pin, python_program

COMMANDS_PER_SECOND = "1000000"
HOT_SENDERS = 50
HOT_IN_FLIGHT = 16
BASELINE_IN_FLIGHT = 1
"""It gathers nothing: more would only wait."""
ROOM_SENDERS = 4
ROOM_IN_FLIGHT = 6
PING_BYTES = 2
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """Everybody in one room: lines that send, one that is read, and those that are only counted."""

    senders: Sequence[Sender | BaselineSender]
    reader: Reader
    counted: Sequence[Line]

    @property
    def size(self) -> int:
        """How many receive each message."""
        return len(self.senders) + 1 + len(self.counted)


class Reader:
    """Reads everything one listener gets: how many messages, and in how many bytes."""

    def __init__(self, line: Line, message_mark: bytes | None) -> None:
        self._mark = message_mark
        self.messages = 0
        self.byte_size = 0
        line.on_text = self.take

    def take(self, payload: bytes) -> None:
        """Count one frame; `message_mark` is there once for each message, None means that every frame is one."""
        if payload.startswith(REPLY):
            return
        self.messages += 1 if self._mark is None else payload.count(self._mark)
        size = len(payload)
        self.byte_size += size + (2 if size < 126 else 4 if size < 65536 else 10)


class Server:
    """A server with its crowds, and what one round of it is."""

    def __init__(self, node: MeasuredNode, crowds: Sequence[Crowd], tally: Tally) -> None:
        self._node = node
        self._crowds = crowds
        self._tally = tally

    async def play(self, seconds: float) -> tuple[float, float, float]:
        """Send as fast as it is taken. Gives deliveries a second, CPU for each in us, and the share spent waiting."""
        for crowd in self._crowds:
            for sender in crowd.senders:
                sender.start()
        await asyncio.sleep(min(0.5, seconds / 4))
        before = self._delivered()
        began, cpu, waited = time.perf_counter(), self._node.cpu_seconds(), waiting_seconds(self._node.pid)
        await asyncio.sleep(seconds)
        delivered = self._delivered() - before
        elapsed = time.perf_counter() - began
        cpu = self._node.cpu_seconds() - cpu
        waited = waiting_seconds(self._node.pid) - waited
        async with asyncio.TaskGroup() as stopping:
            for crowd in self._crowds:
                for sender in crowd.senders:
                    stopping.create_task(sender.stop())
        await self._require_all_taken()
        return delivered / elapsed, cpu / max(delivered, 1) * 1e6, waited / elapsed

    def _delivered(self) -> float:
        delivered = 0.0
        for crowd in self._crowds:
            delivered += crowd.reader.messages * (len(crowd.senders) + 1)
        byte_size = sum(crowd.reader.byte_size for crowd in self._crowds)
        messages = sum(crowd.reader.messages for crowd in self._crowds)
        return delivered + self._tally.byte_size * messages / max(byte_size, 1)

    async def _require_all_taken(self) -> None:
        """Wait until everybody has everything; a listener that got more or less than the others ends the run."""
        give_up_at = time.perf_counter() + 20
        while wrong := [crowd for crowd in self._crowds if not _is_complete(crowd)]:
            if time.perf_counter() > give_up_at:
                crowd = wrong[0]
                received = sorted({line.received for line in crowd.counted})
                raise RuntimeError(f"listeners got {received} bytes where {crowd.reader.byte_size} were sent")
            await asyncio.sleep(0.01)


def _is_complete(crowd: Crowd) -> bool:
    expected = crowd.reader.byte_size
    # A ping that came together with other bytes was counted with them.
    return all(0 <= line.received - expected <= 8 * PING_BYTES for line in crowd.counted)


async def measure_hot_room(run: Run) -> None:
    """One room in which everybody is."""
    people = await make_people(run.surroundings.owner, run.scale.hot_members)
    senders = min(HOT_SENDERS, run.scale.hot_members // 2)
    ours, baseline = await _compare(run, [people], senders, HOT_IN_FLIGHT)
    rate = median([round_[0] for round_ in ours])
    run.take(
        {
            "fanout_hot_per_s": rate,
            "fanout_hot_ratio": median([a[0] / b[0] for a, b in zip(ours, baseline, strict=True)]),
            "fanout_hot_cpu_us": median([round_[1] for round_ in ours]),
        },
        fanout_hot_per_s=f"{number(rate / run.scale.hot_members)} messages/s committed; the server waited "
        f"{median([round_[2] for round_ in ours]):.0%} of the time for its core",
        fanout_hot_ratio=f"the obvious program: {number(median([round_[0] for round_ in baseline]))}/s",
        fanout_hot_cpu_us=f"the obvious program: {median([round_[1] for round_ in baseline]):.3g}",
    )


async def measure_rooms(run: Run) -> None:
    """Many rooms with few members each."""
    people = await make_people(run.surroundings.owner, run.scale.rooms * run.scale.members_of_room)
    size = run.scale.members_of_room
    groups = [people[start : start + size] for start in range(0, len(people), size)]
    ours, baseline = await _compare(run, groups, min(ROOM_SENDERS, size - 2), ROOM_IN_FLIGHT)
    rate = median([round_[0] for round_ in ours])
    run.take(
        {"fanout_rooms_ratio": median([a[0] / b[0] for a, b in zip(ours, baseline, strict=True)])},
        fanout_rooms_ratio=f"{number(rate)} deliveries/s of {number(rate / size)} messages/s committed; "
        f"the obvious program: {number(median([round_[0] for round_ in baseline]))}/s",
    )


async def _compare(
    run: Run, groups: Sequence[Sequence[Person]], senders: int, in_flight: int
) -> tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]]:
    rooms = await make_rooms(run.surroundings.owner, groups)
    run.page.raise_limit(f"commands a second of one connection: {COMMANDS_PER_SECOND} (fan-out, sending)")
    async with (
        _our_server(run, groups, rooms, senders, in_flight) as ours,
        _baseline_server(run, groups, senders) as baseline,
    ):
        measured: tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]] = ([], [])
        await asyncio.sleep(SETTLE_SECONDS)  # what is told of arrivals has been told
        for server in (ours, baseline):
            await server.play(run.scale.round_seconds / 3)
        for _ in range(run.scale.rounds):
            with run.watch_load():
                measured[0].append(await ours.play(run.scale.round_seconds))
            measured[1].append(await baseline.play(run.scale.round_seconds))
        return measured


@asynccontextmanager
async def _our_server(
    run: Run, groups: Sequence[Sequence[Person]], rooms: Sequence[Room], senders: int, in_flight: int
) -> AsyncIterator[Server]:
    limits = {
        "WORKROOM_COMMANDS_PER_SECOND": COMMANDS_PER_SECOND,
        "WORKROOM_COMMANDS_BURST": COMMANDS_PER_SECOND,
    }
    async with run.surroundings.run_node("fan-out", **limits) as node:
        seats = [(person, room) for room, group in zip(rooms, groups, strict=True) for person in group]

        async def sit_down(seat: tuple[Person, Room]) -> Line:
            return await open_line(node, run.surroundings.cookie_name, seat[0], [seat[1]])

        lines = await do_all(sit_down, seats)
        async with closing(lines):
            await asyncio.sleep(SETTLE_SECONDS)

            def make_sender(line: Line, room_number: int, number: int) -> Sender:
                return Sender(line, rooms[room_number], in_flight)

            yield _crowds(node, groups, lines, senders, make_sender, b'"kind":"message_posted"')


@asynccontextmanager
async def _baseline_server(
    run: Run, groups: Sequence[Sequence[Person]], senders: int
) -> AsyncIterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    port = listener.getsockname()[1]
    log = (run.surroundings.folder / "baseline.log").open("ab")
    with listener, log:
        program = await asyncio.create_subprocess_exec(
            *python_program("scripts.measure.baseline_server", str(listener.fileno())),
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
        )
        pin(program.pid, run.surroundings.cores.server)
        try:
            seats = [number for number, group in enumerate(groups) for _ in group]
            lines = await do_all(partial(_sit_at_baseline, port), seats)
            async with closing(lines):
                node = MeasuredNode(f"http://127.0.0.1:{port}", program.pid)

                def make_sender(line: Line, room_number: int, number: int) -> BaselineSender:
                    return BaselineSender(line, number, BASELINE_IN_FLIGHT)

                yield _crowds(node, groups, lines, senders, make_sender, None)
        finally:
            program.kill()
            await program.wait()


async def _sit_at_baseline(port: int, room_number: int) -> Line:
    line = await connect_line(port)
    await line.shake_hands(upgrade_request(port, f"/{room_number}"))
    return line


def _crowds(
    node: MeasuredNode,
    groups: Sequence[Sequence[Person]],
    lines: Sequence[Line],
    senders: int,
    make_sender: Callable[[Line, int, int], Sender | BaselineSender],
    message_mark: bytes | None,
) -> Server:
    tally = Tally()
    crowds = []
    at = 0
    for room_number, group in enumerate(groups):
        seated = lines[at : at + len(group)]
        at += len(group)
        # Senders sit among the others, so that what they have been told says how far all are.
        step = max(1, len(seated) // senders)
        sending = list(seated[::step])[:senders]
        rest = [line for line in seated if line not in sending]
        for line in rest[1:]:
            line.count_only(tally)
        made = [make_sender(line, room_number, number) for number, line in enumerate(sending)]
        crowds.append(Crowd(made, Reader(rest[0], message_mark), rest[1:]))
    return Server(node, crowds, tally)
