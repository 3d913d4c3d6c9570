"""How long one message takes from the sender's write to each listener's read, at a calm 20 messages a second.

The message says in its text when it was written; sender and listeners are in this process and share its clock. What
this process itself needs to read a thousand sockets is part of the figure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import uuid4

from scripts.measure.clients import closing, do_all, open_line
from scripts.measure.figures import median, percentile
from scripts.measure.line import Line
from scripts.measure.people import Person, Room, make_people, make_rooms
from scripts.measure.run import Run

MESSAGES_PER_SECOND = 20
TEXT_MARK = b'"text":"'
FILLER = "a" * 180
SETTLE_SECONDS = 1.0


class Ears:
    """All listeners together: how old each message was when each of them read it, in nanoseconds."""

    def __init__(self) -> None:
        self.ages: list[int] = []

    def hear(self, payload: bytes) -> None:
        """Take one events frame, which may bring several messages."""
        now = time.perf_counter_ns()
        at = payload.find(TEXT_MARK)
        while at >= 0:
            self.ages.append(now - int(payload[at + 8 : at + 27]))
            at = payload.find(TEXT_MARK, at + 27)


async def measure_delivery(run: Run) -> None:
    """First with everybody on one node, then with the sender on another."""
    people = await make_people(run.surroundings.owner, run.scale.hot_members + 1)
    room = (await make_rooms(run.surroundings.owner, [people]))[0]
    here = await _measure_one(run, room, people, node_count=1)
    run.take(
        {"deliver_p50_ms": here[0], "deliver_p99_ms": here[1]},
        deliver_p99_ms=f"the very slowest {here[2]:.1f} ms",
    )
    there = await _measure_one(run, room, people, node_count=2)
    run.take(
        {"deliver_other_node_p99_ms": there[1]},
        deliver_other_node_p99_ms=f"median {there[0]:.1f} ms; both nodes share the server's core",
    )


async def _measure_one(
    run: Run, room: Room, people: Sequence[Person], *, node_count: int
) -> tuple[float, float, float]:
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(run.surroundings.run_node(f"delivery-{number}"))
            for number in range(node_count)
        ]
        ears = Ears()

        async def sit_down(person: Person) -> Line:
            return await open_line(nodes[-1], run.surroundings.cookie_name, person, [room], ears.hear)

        lines = await do_all(sit_down, people[1:])
        await stack.enter_async_context(closing(lines))
        sender = await open_line(nodes[0], run.surroundings.cookie_name, people[0], [room])
        await stack.enter_async_context(closing([sender]))
        await asyncio.sleep(2 * SETTLE_SECONDS)
        rounds = []
        for number in range(run.scale.rounds + 1):
            ears.ages.clear()
            with run.watch_load():
                sent = await send_calmly(
                    sender, room, run.scale.deliver_seconds if number else SETTLE_SECONDS
                )
                await wait_for_deliveries(ears, sent * len(lines))
            if number:  # the first one warms up
                ages_ms = [age / 1e6 for age in ears.ages]
                rounds.append((percentile(ages_ms, 50), percentile(ages_ms, 99), max(ages_ms)))
    return (
        median([round_[0] for round_ in rounds]),
        median([round_[1] for round_ in rounds]),
        max(round_[2] for round_ in rounds),
    )


async def send_calmly(sender: Line, room: Room, seconds: float) -> int:
    """Send at a calm pace, and say how many messages that were."""
    began = time.perf_counter()
    count = max(1, round(seconds * MESSAGES_PER_SECOND))
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / MESSAGES_PER_SECOND - time.perf_counter()))
        sender.write(
            f'{{"ref":{1_000_000 + number},"command":"post_message","client_command_id":"{uuid4()}",'
            f'"stream":"{room.stream_id}","text":"{time.perf_counter_ns():019d} {FILLER}"}}'.encode()
        )
    return count


async def wait_for_deliveries(ears: Ears, count: int) -> None:
    """Return when so many deliveries were heard, and not one more."""
    give_up_at = time.perf_counter() + 15
    while len(ears.ages) < count:
        if time.perf_counter() > give_up_at:
            raise RuntimeError(f"{len(ears.ages)} deliveries came of {count}")
        await asyncio.sleep(0.02)
    if len(ears.ages) > count:
        raise RuntimeError(f"{len(ears.ages)} deliveries came of {count}: some came twice")
