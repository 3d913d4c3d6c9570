"""Everybody is cut off, messages are posted, all come back at once: how long until all have all, and at what price.

Queries are counted by Postgres itself: every statement outside a transaction is one. Whatever else the node asks in
that time (its position check) is counted with them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from uuid import uuid4

from scripts.measure.clients import closing, do_all, open_line
from scripts.measure.figures import number
from scripts.measure.line import Line
from scripts.measure.people import Person, Room, make_people, make_rooms
from scripts.measure.run import Run
from scripts.measure.surroundings import MeasuredNode

MEMBERS_OF_ROOM = 20
# Postgres counts for others to see at most a second after a connection has come to rest.
STATISTICS_SECONDS = 1.5


async def measure_catch_up(run: Run) -> None:
    """Each client listens to one room."""
    scale = run.scale
    people = await make_people(run.surroundings.owner, scale.catch_up_connections)
    groups = [people[start : start + MEMBERS_OF_ROOM] for start in range(0, len(people), MEMBERS_OF_ROOM)]
    rooms = await make_rooms(run.surroundings.owner, groups)
    seats = [(person, room) for room, group in zip(rooms, groups, strict=True) for person in group]
    async with run.surroundings.run_node("catching-up") as node:

        async def sit_down(seat: tuple[Person, Room]) -> Line:
            return await open_line(node, run.surroundings.cookie_name, seat[0], [seat[1]])

        for line in await do_all(sit_down, seats):
            line.cut()
        await _post_into_all(node, run, rooms, groups)
        await asyncio.sleep(STATISTICS_SECONDS)
        before = await run.surroundings.count_transactions()
        back: list[Line] = []
        async with closing(back):
            began = time.perf_counter()
            with run.watch_load():
                await _come_back(node, run, seats, back)
            seconds = time.perf_counter() - began
            await asyncio.sleep(STATISTICS_SECONDS)
            counted = await run.surroundings.count_transactions() - before
    run.take(
        {"catch_up_s": seconds, "catch_up_queries": counted / len(seats)},
        catch_up_s=f"{number(len(seats))} clients, {number(len(seats) * scale.missed_messages)} messages read",
        catch_up_queries=f"{counted} in all, what the node asks by itself included",
    )


async def _post_into_all(
    node: MeasuredNode, run: Run, rooms: Sequence[Room], groups: Sequence[Sequence[Person]]
) -> None:
    async def post(number_of_room: int) -> None:
        room = rooms[number_of_room]
        line = await open_line(node, run.surroundings.cookie_name, groups[number_of_room][0], [])
        for number_of_message in range(run.scale.missed_messages):
            await line.ask(
                "post_message",
                stream=str(room.stream_id),
                text=f"{number_of_message:06d} {'missed ' * 27}",
                client_command_id=str(uuid4()),
            )
        line.cut()

    await do_all(post, range(len(rooms)))


async def _come_back(
    node: MeasuredNode, run: Run, seats: Sequence[tuple[Person, Room]], back: list[Line]
) -> None:
    """All at once, as after a restart without jitter: the worst that can happen."""

    async def return_and_read(seat: tuple[Person, Room]) -> None:
        person, room = seat
        line = await open_line(node, run.surroundings.cookie_name, person, [])
        back.append(line)
        subscribed = await line.ask("subscribe", streams=[{"stream": str(room.stream_id), "seq": 1}])
        until, have, texts = subscribed["streams"][0]["seq"], 1, []
        while have < until:
            page = await line.ask("read_since", stream=str(room.stream_id), seq=have)
            texts += [event["text"] for event in page["events"]]
            have = page["seq"]
        expected = [f"{number_of_message:06d}" for number_of_message in range(run.scale.missed_messages)]
        if [text[:6] for text in texts] != expected:
            raise RuntimeError(f"somebody came back to {json.dumps(texts)[:200]}")

    await do_all(return_and_read, seats, at_once=len(seats))
