"""How many sends a second are acknowledged, that is committed; and what the same inserts cost without our server.

Everybody who sends also listens to the room, as people do. Both sides use the same Postgres, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from scripts.measure.clients import Sender, closing, do_all, open_line
from scripts.measure.fan_out import COMMANDS_PER_SECOND
from scripts.measure.figures import median, number
from scripts.measure.line import Line
from scripts.measure.people import Person, Room, make_people, make_rooms
from scripts.measure.run import Run
from scripts.measure.surroundings import MeasuredNode, pin, python_program

IN_FLIGHT = 4
HOT_SENDERS = 50
HOT_IN_FLIGHT = 10
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sent:
    """Acknowledged sends a second (the median of some rounds), how many of them one transaction wrote on average, and
    the CPU for each, of the server and of Postgres, in microseconds."""

    per_second: float
    mean_batch: float
    server_us: float
    postgres_us: float


async def measure_many_rooms(run: Run) -> None:
    """Senders spread over rooms; then the same inserts alone."""
    scale = run.scale
    people = await make_people(run.surroundings.owner, scale.senders)
    size = max(1, scale.senders // scale.rooms)
    groups = [people[start : start + size] for start in range(0, len(people), size)]
    rooms = await make_rooms(run.surroundings.owner, groups)
    sent = await _send(run, groups, rooms, IN_FLIGHT)
    bare = await _insert_bare(run, "batches", round(sent.mean_batch), len(rooms))
    whole = await _insert_bare(run, "checked", round(sent.mean_batch), len(rooms))
    run.take(
        {"send_acks_per_s": sent.per_second, "send_acks_ratio": sent.per_second / bare},
        send_acks_per_s=f"{sent.mean_batch:.0f} in one transaction; CPU for each: server {sent.server_us:.0f} us, "
        f"Postgres {sent.postgres_us:.0f} us",
        send_acks_ratio=f"bare inserts of {sent.mean_batch:.0f}: {number(bare)}/s; "
        f"with the locks and checks of a post: {number(whole)}/s",
    )


async def measure_hot_room(run: Run) -> None:
    """All senders in one room; then one transaction for each message."""
    people = await make_people(run.surroundings.owner, min(HOT_SENDERS, run.scale.senders))
    rooms = await make_rooms(run.surroundings.owner, [people])
    sent = await _send(run, [people], rooms, HOT_IN_FLIGHT)
    alone = await _insert_bare(run, "single", 1, 1)
    run.take(
        {"send_hot_room_ratio": sent.per_second / alone},
        send_hot_room_ratio=f"{number(sent.per_second)}/s, {sent.mean_batch:.0f} in one transaction; "
        f"one by one {number(alone)}/s",
    )


@asynccontextmanager
async def open_senders(
    run: Run, groups: Sequence[Sequence[Person]], rooms: Sequence[Room], in_flight: int
) -> AsyncIterator[tuple[MeasuredNode, list[Sender]]]:
    """A fresh node, and senders who listen to their rooms; none has begun to send."""
    limits = {
        "WORKROOM_COMMANDS_PER_SECOND": COMMANDS_PER_SECOND,
        "WORKROOM_COMMANDS_BURST": COMMANDS_PER_SECOND,
    }
    run.page.raise_limit(f"commands a second of one connection: {COMMANDS_PER_SECOND} (fan-out, sending)")
    async with run.surroundings.run_node("sending", **limits) as node:
        seats = [(person, room) for room, group in zip(rooms, groups, strict=True) for person in group]

        async def sit_down(seat: tuple[Person, Room]) -> Line:
            return await open_line(node, run.surroundings.cookie_name, seat[0], [seat[1]])

        lines = await do_all(sit_down, seats)
        async with closing(lines):
            await asyncio.sleep(SETTLE_SECONDS)
            yield node, [Sender(line, room, in_flight) for line, (_, room) in zip(lines, seats, strict=True)]


async def stop_all(senders: Sequence[Sender]) -> None:
    """Have nobody send any more, and wait for what is on its way."""
    async with asyncio.TaskGroup() as stopping:
        for sender in senders:
            stopping.create_task(sender.stop())


async def count_acknowledged(senders: Sequence[Sender], seconds: float) -> float:
    """How many sends a second are acknowledged in so many seconds."""
    before = sum(sender.acknowledged for sender in senders)
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    acknowledged = sum(sender.acknowledged for sender in senders) - before
    return acknowledged / (time.perf_counter() - began)


async def _send(run: Run, groups: Sequence[Sequence[Person]], rooms: Sequence[Room], in_flight: int) -> Sent:
    async with open_senders(run, groups, rooms, in_flight) as (node, senders):
        for sender in senders:
            sender.start()
        await asyncio.sleep(min(SETTLE_SECONDS, run.scale.round_seconds))
        rates = []
        before = await node.read_metrics()
        server_cpu, postgres_cpu = node.cpu_seconds(), run.surroundings.postgres_cpu_seconds()
        for _ in range(run.scale.rounds):
            with run.watch_load():
                rates.append(await count_acknowledged(senders, run.scale.round_seconds))
        server_cpu = node.cpu_seconds() - server_cpu
        postgres_cpu = run.surroundings.postgres_cpu_seconds() - postgres_cpu
        after = await node.read_metrics()
        await stop_all(senders)
    written = after["workroom_commit_batch_commands_sum"] - before["workroom_commit_batch_commands_sum"]
    batches = after["workroom_commit_batch_commands_count"] - before["workroom_commit_batch_commands_count"]
    written = max(written, 1)
    return Sent(
        median(rates), written / max(batches, 1), server_cpu / written * 1e6, postgres_cpu / written * 1e6
    )


async def _insert_bare(run: Run, way: str, batch_size: int, room_count: int) -> float:
    """Inserts a second by a program of its own on the server's core; see bare_inserts.py."""
    people = await make_people(run.surroundings.owner, room_count)
    rooms = await make_rooms(run.surroundings.owner, [[person] for person in people])
    plan = {
        "url": run.surroundings.servers.service_url,
        "way": way,
        "batch_size": max(1, batch_size),
        "rounds": run.scale.rounds,
        "seconds": run.scale.round_seconds,
        "rooms": [
            [str(room.room_id), str(room.stream_id), str(person.account_id)]
            for room, person in zip(rooms, people, strict=True)
        ],
    }
    program = await asyncio.create_subprocess_exec(
        *python_program("scripts.measure.bare_inserts"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ},
    )
    pin(program.pid, run.surroundings.cores.server)
    output, _ = await program.communicate(json.dumps(plan).encode())
    if program.returncode != 0:
        raise RuntimeError("the bare inserts failed")
    return median([float(line) for line in output.decode().split()])
