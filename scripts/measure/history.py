"""How long a page of an old conversation takes its reader: a million messages deep, and at the newest end."""

from __future__ import annotations

import random
import time

from scripts.measure.clients import closing, open_line
from scripts.measure.figures import number, percentile
from scripts.measure.line import Line
from scripts.measure.people import Room, make_people, make_rooms, write_history
from scripts.measure.run import Run

PAGE_MESSAGES = 50
SPREAD = 5_000
WARM_UP = 20
COMMANDS_PER_SECOND = "1000000"


async def measure_history(run: Run) -> None:
    """Pages at both ends of one room, taking turns."""
    people = await make_people(run.surroundings.owner, 1)
    room = (await make_rooms(run.surroundings.owner, [people]))[0]
    last_seq = await write_history(run.surroundings.owner, room, people[0], run.scale.history_messages)
    await run.surroundings.let_postgres_settle()
    run.page.raise_limit(f"commands a second of one connection: {COMMANDS_PER_SECOND} (history)")
    limits = {
        "WORKROOM_COMMANDS_PER_SECOND": COMMANDS_PER_SECOND,
        "WORKROOM_COMMANDS_BURST": COMMANDS_PER_SECOND,
    }
    async with run.surroundings.run_node("history", **limits) as node:
        line = await open_line(node, run.surroundings.cookie_name, people[0], [room])
        async with closing([line]):
            deep: list[float] = []
            newest: list[float] = []
            spread = min(SPREAD, last_seq // 2)
            choose = random.Random(1)
            with run.watch_load():
                for turn in range(WARM_UP + run.scale.history_pages):
                    before = choose.randint(PAGE_MESSAGES + 2, PAGE_MESSAGES + 2 + spread)
                    took = (await _read(line, room, before=before), await _read(line, room))
                    if turn >= WARM_UP:
                        deep.append(took[0])
                        newest.append(took[1])
    run.take(
        {
            "history_page_ms": percentile(deep, 99),
            "history_page_ratio": percentile(deep, 99) / percentile(newest, 99),
        },
        history_page_ms=f"median {percentile(deep, 50):.2f} ms, in a room of {number(last_seq)} messages",
        history_page_ratio=f"the newest page: {percentile(newest, 99):.2f} ms, median {percentile(newest, 50):.2f} ms",
    )


async def _read(line: Line, room: Room, **place: int) -> float:
    began = time.perf_counter()
    page = await line.ask("read_messages", stream=str(room.stream_id), limit=PAGE_MESSAGES, **place)
    took_ms = (time.perf_counter() - began) * 1000
    if len(page["messages"]) != PAGE_MESSAGES:
        raise RuntimeError(f"a page had {len(page['messages'])} messages")
    return took_ms
