"""What guard and roles cost those who send: the same sends with both, and with neither, in turns.

Without them, the triggers of the guard are off and the node's own connections have no right looked up, because their
role is a superuser's for so long. The node, its lines and its rooms stay the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from scripts.measure.clients import Sender
from scripts.measure.figures import median, number
from scripts.measure.people import make_people, make_rooms
from scripts.measure.run import Run
from scripts.measure.sending import IN_FLIGHT, SETTLE_SECONDS, count_acknowledged, open_senders, stop_all

PAIRS_OF_A_ROUND = 2
# Every trigger that is enabled always is one of the guard's.
GUARDS = """
    select 'workroom.' || quote_ident(c.relname) as relation, quote_ident(t.tgname) as name
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    where c.relnamespace = 'workroom'::regnamespace
        and t.tgenabled = 'A'
        and t.tgparentid = 0
"""


async def measure_guard(run: Run) -> None:
    """Pairs of rounds; which one is first changes from pair to pair."""
    scale = run.scale
    people = await make_people(run.surroundings.owner, scale.senders)
    size = max(1, scale.senders // scale.rooms)
    groups = [people[start : start + size] for start in range(0, len(people), size)]
    rooms = await make_rooms(run.surroundings.owner, groups)
    superuser = await asyncpg.connect(run.surroundings.servers.superuser_url)
    guards = [(record["relation"], record["name"]) for record in await superuser.fetch(GUARDS)]
    rates: dict[bool, list[float]] = {True: [], False: []}
    async with open_senders(run, groups, rooms, IN_FLIGHT) as (_, senders):
        for pair in range(scale.rounds * PAIRS_OF_A_ROUND):
            for is_guarded in (pair % 2 == 0, pair % 2 == 1):
                await _switch(superuser, guards, is_guarded)
                rates[is_guarded].append(await _send(run, senders))
    await _switch(superuser, guards, True)
    await superuser.close()
    costs = [
        100 * (1 - with_guard / without)
        for with_guard, without in zip(rates[True], rates[False], strict=True)
    ]
    run.take(
        {"guard_cost_percent": median(costs)},
        guard_cost_percent=f"{number(median(rates[True]))} acknowledged sends/s with, {number(median(rates[False]))} "
        f"without; {len(guards)} triggers; pairs between {min(costs):.1f} and {max(costs):.1f}",
    )


async def _switch(superuser: asyncpg.Connection, guards: Sequence[tuple[str, str]], is_guarded: bool) -> None:
    verb, role = ("enable always", "nosuperuser") if is_guarded else ("disable", "superuser")
    async with superuser.transaction():
        for relation, name in guards:
            await superuser.execute(f"alter table {relation} {verb} trigger {name}")
        await superuser.execute(f"alter role workroom_service {role}")


async def _send(run: Run, senders: Sequence[Sender]) -> float:
    for sender in senders:
        sender.start()
    await asyncio.sleep(min(SETTLE_SECONDS, run.scale.round_seconds))
    with run.watch_load():
        rate = await count_acknowledged(senders, run.scale.round_seconds)
    await stop_all(senders)
    return rate
