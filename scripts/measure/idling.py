"""What a connection costs that does nothing, and how fast connections come in: from cookie to listening to five rooms.

Memory is everything the process grew by (VmRSS), CPU everything it used while nobody said anything, heartbeats
included.
"""

from __future__ import annotations

import asyncio
import time

from scripts.measure.clients import closing, do_all, open_line
from scripts.measure.figures import median, number
from scripts.measure.line import Line
from scripts.measure.people import Person, Room, make_people, make_rooms
from scripts.measure.run import Run

ROOMS_EACH = 5
MEMBERS_OF_ROOM = 25
WARM_UP = 50
CHUNKS = 5
SETTLE_SECONDS = 4.0


async def measure_idle(run: Run) -> None:
    """Open connections in chunks, with the clock running for each; then let them be."""
    count = run.scale.idle_connections
    people = await make_people(run.surroundings.owner, count)
    room_count = max(ROOMS_EACH, count * ROOMS_EACH // MEMBERS_OF_ROOM)
    rooms_of: list[list[int]] = [
        [(person * ROOMS_EACH + step) % room_count for step in range(ROOMS_EACH)] for person in range(count)
    ]
    members: list[list[Person]] = [[] for _ in range(room_count)]
    for person, chosen in zip(people, rooms_of, strict=True):
        for room_number in chosen:
            members[room_number].append(person)
    rooms = await make_rooms(run.surroundings.owner, members)
    seats = [
        (person, [rooms[room_number] for room_number in chosen])
        for person, chosen in zip(people, rooms_of, strict=True)
    ]
    async with run.surroundings.run_node("idling") as node:

        async def sit_down(seat: tuple[Person, list[Room]]) -> Line:
            return await open_line(node, run.surroundings.cookie_name, seat[0], seat[1])

        for line in await do_all(sit_down, seats[:WARM_UP]):
            line.cut()
        await asyncio.sleep(SETTLE_SECONDS if run.scale.idle_seconds > 1 else 0)
        memory = node.memory_kib()
        lines: list[Line] = []
        rates, cpu_us = [], []
        async with closing(lines):
            step = max(1, count // CHUNKS)
            for start in range(0, count, step):
                began, cpu = time.perf_counter(), node.cpu_seconds()
                with run.watch_load():
                    opened = await do_all(sit_down, seats[start : start + step])
                rates.append(len(opened) / (time.perf_counter() - began))
                cpu_us.append((node.cpu_seconds() - cpu) / len(opened) * 1e6)
                lines += opened
            run.take(
                {"handshakes_per_s": median(rates)},
                handshakes_per_s=f"{number(median(cpu_us))} us of server CPU for each",
            )
            await asyncio.sleep(SETTLE_SECONDS)
            grown = node.memory_kib() - memory
            began, cpu = time.perf_counter(), node.cpu_seconds()
            with run.watch_load():
                await asyncio.sleep(run.scale.idle_seconds)
            cpu_each = (node.cpu_seconds() - cpu) / (time.perf_counter() - began) / count * 1e6
            lost = sum(line.close_code is not None for line in lines)
            if lost:
                raise RuntimeError(f"{lost} of {count} idle connections were lost")
            run.take(
                {"idle_kib_per_connection": grown / count, "idle_cpu_us_per_connection_s": cpu_each},
                idle_kib_per_connection=f"{number(grown / 1024)} MiB more for {number(count)} connections",
                idle_cpu_us_per_connection_s=f"over {run.scale.idle_seconds:g} s, with a heartbeat every 25 s",
            )
