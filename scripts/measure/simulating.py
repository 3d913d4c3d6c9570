"""How long a simulation takes over a large archive, one person's messages of which are on hold in every room.

It is what an officer waits for: from asking to the picture and its fingerprint. Beside it, the least that any answer
needs: one look at each message, counted by room and month.
"""

from __future__ import annotations

import time

from scripts.measure.archive import Archive
from scripts.measure.figures import median, number
from scripts.measure.run import Run
from tests.people import by
from workroom.retention import ChangeClass
from workroom.simulation import Simulation, begin_simulation, run_simulation

SHORTER_DAYS = 240
COUNT = """
    select room_id, date_trunc('month', sent_at at time zone 'utc') as month, count(*)
    from messages
    group by 1, 2
"""


async def measure_simulation(run: Run) -> None:
    """In turns with the plain count. The hold has ended afterwards, and nothing is changed."""
    archive = await run.open_archive()
    took: list[float] = []
    counted: list[float] = []
    await archive.place_hold(archive.scope_of_custodian())
    for _ in range(run.scale.rounds):
        began = time.perf_counter()
        await archive.owner.fetch(COUNT, timeout=120)
        counted.append(time.perf_counter() - began)
        began = time.perf_counter()
        simulation = await _simulate(archive)
        took.append(time.perf_counter() - began)
    await archive.end_holds()
    picture = simulation.picture
    assert picture is not None
    looked_at = sum(
        month.goes + month.kept_by_holds + month.kept_by_labels + month.kept_by_classes + month.stays
        for month in picture.months
    )
    if looked_at != archive.message_count:
        raise RuntimeError("the simulation did not look at every message")
    run.take(
        {"simulate_s": median(took)},
        simulate_s=f"{number(archive.message_count)} messages in {number(len(archive.rooms))} rooms: "
        f"{number(picture.goes.messages)} go, holds keep {number(picture.kept_by_holds.messages)}; "
        f"a bare count: {median(counted):.2f} s",
    )


async def _simulate(archive: Archive) -> Simulation:
    change = ChangeClass(class_id=archive.class_id, name="Shorter", destroy_days=SHORTER_DAYS)
    async with archive.database.transaction() as transaction:
        simulation_id = await begin_simulation(transaction, by(archive.officer), change)
    return await run_simulation(archive.database, simulation_id)
