"""How long it takes to place a hold on a large room: while nothing else happens, and while disposition destroys.

Placing is what an officer's request does: the lock, the act in the audit log, the hold and its scope, the commit. A
bench in which a row of content was written by it ends with an error.
"""

from __future__ import annotations

import asyncio
import time

import asyncpg

from scripts.measure.archive import Archive
from scripts.measure.disposing import dispose, hold_custodian
from scripts.measure.figures import median, number
from scripts.measure.run import Run
from tests.holding import CONTENT, place_hold, scope_of
from tests.people import by
from workroom import holds
from workroom.hold_scopes import HoldScope
from workroom.storage.database import Transaction

WARM_UP = 3
PLACED = 30
PAUSE_SECONDS = 0.1


async def measure_placing(run: Run) -> None:
    """Over and over, the same hold; then beside a run of disposition."""
    archive = await run.open_archive()
    scope = scope_of(archive.room_id)
    for _ in range(WARM_UP):
        await _place(archive, scope)
    await _require_no_content_written(archive, scope)
    wal_bytes = await _wal_position(archive)
    placed = [await _place(archive, scope) for _ in range(PLACED)]
    wal_bytes = await _wal_position(archive) - wal_bytes
    await archive.end_holds()
    covered = await _count_covered(archive)
    copied = [await _copy_covered(archive) for _ in range(run.scale.rounds)]
    beside = await _place_beside(archive)
    run.take(
        {"hold_place_ms": max(placed), "hold_place_beside_disposition_ms": max(beside)},
        hold_place_ms=f"the slowest of {PLACED}, median {median(placed):.1f} ms; {number(wal_bytes / PLACED)} bytes of "
        f"WAL, no row of content; only writing down the ids of {number(covered)} messages: "
        f"{median(copied):.0f} ms",
        hold_place_beside_disposition_ms=f"the slowest of {len(beside)}, median {median(beside):.1f} ms",
    )


async def _place(archive: Archive, scope: HoldScope) -> float:
    began = time.perf_counter()
    await place_hold(archive.database, archive.officer, scope, archive.matter_id)
    return (time.perf_counter() - began) * 1000


async def _place_beside(archive: Archive) -> list[float]:
    """Place holds while a month is dropped and another one, with what is held in it, is destroyed row by row."""
    held, whole = archive.take_months(2)
    await hold_custodian(archive, held)
    await archive.make_due(whole)
    # Of the same room, but only of what is not due yet: so the run has the same to do whenever they are placed.
    scope = scope_of(archive.room_id, sent_from=archive.months[-1].begins_at)
    waits = []
    async with asyncio.TaskGroup() as together:
        disposing = together.create_task(dispose(archive))
        while not disposing.done():
            waits.append(await _place(archive, scope))
            await asyncio.wait([disposing], timeout=PAUSE_SECONDS)
    await archive.end_holds()
    return waits


async def _require_no_content_written(archive: Archive, scope: HoldScope) -> None:
    """Place a hold and look what its transaction has written, as Postgres itself counts it."""
    connection = await asyncpg.connect(
        archive.surroundings.servers.service_url, server_settings={"search_path": "workroom"}
    )
    async with connection.transaction():
        await holds.place_hold(
            Transaction(connection), by(archive.officer), archive.matter_id, scope, "A court asks"
        )
        written = dict(
            await connection.fetch(
                "select regexp_replace(relname, '_(default|[0-9]{4}_[0-9]{2})$', ''), "
                "sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint from pg_stat_xact_user_tables group by 1"
            )
        )
    await connection.close()
    if written["holds"] != 1 or any(written[table] for table in CONTENT):
        raise RuntimeError(f"placing a hold wrote {written}")


async def _wal_position(archive: Archive) -> int:
    position: int = await archive.owner.fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
    return position


async def _copy_covered(archive: Archive) -> float:
    """What a hold costs that notes what it covers, and knows nothing of what comes later."""
    began = time.perf_counter()
    await archive.owner.execute(
        f"create table covered as select m.message_id from messages as m where m.room_id = '{archive.room_id}'",
        timeout=120,
    )
    took_ms = (time.perf_counter() - began) * 1000
    await archive.owner.execute("drop table covered")
    return took_ms


async def _count_covered(archive: Archive) -> int:
    count: int = await archive.owner.fetchval(
        "select count(*) from messages where room_id = $1", archive.room_id
    )
    return count
