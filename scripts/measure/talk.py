"""Talk in a room at a steady pace while something else happens: how long messages wait for their acknowledgement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import uuid4

from scripts.measure.clients import closing, open_line
from scripts.measure.fan_out import COMMANDS_PER_SECOND
from scripts.measure.line import Line
from scripts.measure.people import Room, make_people, make_rooms
from scripts.measure.surroundings import Surroundings

MESSAGES_PER_SECOND = 100
WARM_UP_SECONDS = 1.0
TEXT = (
    "In this workroom we talk about the closing of the year, and about who sends which papers to whom. " * 2
)

Result = TypeVar("Result")


class Talk:
    """One line into one room."""

    def __init__(self, line: Line, room: Room) -> None:
        self._line = line
        self._room = room

    async def during(self, act: Coroutine[Any, Any, Result]) -> tuple[Result, list[float]]:
        """Talk until something is done; gives what came of it, and the waits in milliseconds.

        A message leaves when its time has come, whether or not those before it were acknowledged.
        """
        waits: list[float] = []
        async with asyncio.TaskGroup() as talking:
            doing = talking.create_task(act)
            began, number = time.perf_counter(), 0
            while not doing.done():
                talking.create_task(self._say(waits))
                number += 1
                pause = began + number / MESSAGES_PER_SECOND - time.perf_counter()
                await asyncio.wait([doing], timeout=max(0.0, pause))
        return doing.result(), waits

    async def alone(self, seconds: float) -> list[float]:
        """Talk for some time, while nothing else happens."""
        return (await self.during(asyncio.sleep(seconds)))[1]

    async def _say(self, waits: list[float]) -> None:
        began = time.perf_counter()
        await self._line.ask(
            "post_message", stream=str(self._room.stream_id), text=TEXT, client_command_id=str(uuid4())
        )
        waits.append((time.perf_counter() - began) * 1000)


@asynccontextmanager
async def open_talk(surroundings: Surroundings) -> AsyncIterator[Talk]:
    """Talk in a fresh room, over a node of its own."""
    people = await make_people(surroundings.owner, 1)
    room = (await make_rooms(surroundings.owner, [people]))[0]
    limits = {
        "WORKROOM_COMMANDS_PER_SECOND": COMMANDS_PER_SECOND,
        "WORKROOM_COMMANDS_BURST": COMMANDS_PER_SECOND,
    }
    async with surroundings.run_node("talk", **limits) as node:
        line = await open_line(node, surroundings.cookie_name, people[0], [room])
        async with closing([line]):
            talk = Talk(line, room)
            await talk.alone(WARM_UP_SECONDS)
            yield talk
