"""The race: a hold is placed while a run destroys, at every boundary between statements of either, in both orders.

Whoever has the lock first is first: what a run has destroyed by then is gone, and from the commit of the hold on
nothing it covers goes. In between there is nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import asyncpg
import pytest

from tests.deeds import Place, open_place, post
from tests.holding import make_officer, open_matter, place_hold, write_everything
from tests.looking import until_yes
from tests.people import make_account
from tests.retaining import assign_default, make_class
from tests.servers import DatabaseUrls
from tests.uploading import disk_stores
from workroom.accounts import Account
from workroom.disposition import Pace, run_disposition
from workroom.expiry_rounds import tell_what_expired
from workroom.hold_scopes import HoldScope
from workroom.ids import MatterId, RoomId
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]
ROUNDS = 20
MET_PARTLY = 6
MOST_ROUNDS = 100

# The statements of a batch between its lock and its commit, and those of placing a hold, by what they write into.
OF_A_BATCH = {
    "files": [
        ("file_previews", "delete"),
        ("file_contents", "delete"),
        ("file_segments", "delete"),
        ("bytes_to_remove", "insert"),
        ("files", "delete"),
        ("message_files", "delete"),
        ("disposition_batches", "insert"),
        ("disposition_runs", "update"),
    ],
    "messages": [
        ("message_revisions", "delete"),
        ("message_reactions", "delete"),
        ("messages", "delete"),
        ("disposition_batches", "insert"),
        ("disposition_runs", "update"),
    ],
}
OF_A_PLACING = ["audit_entries", "holds", "hold_amendments", "hold_rooms"]
GATE = 4712
MAKE_THE_GATE = """
    create function workroom.stand_at_the_gate() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(4712); return null; end'
"""
AT_THE_GATE = (
    "select exists (select from pg_locks where locktype = 'advisory' and objid = 4712 and not granted)"
)
WAITS_FOR_THE_HOLDS = (
    "select exists (select from pg_locks where locktype = 'advisory' and objid <> 4712 and not granted)"
)


class Meeting:
    """A room after the other in which all is due, and what it takes to have a hold and a run meet there."""

    def __init__(
        self, database: Database, owner: asyncpg.Connection, worker: asyncpg.Connection, move_time: MoveTime
    ) -> None:
        self.database = database
        self.owner = owner
        self.worker = worker
        self.move_time = move_time

    async def begin(self) -> None:
        self.author = await make_account(self.database)
        self.officer: Account = await make_officer(self.database)
        self.matter: MatterId = await open_matter(self.database, self.officer)
        await assign_default(self.owner, "shared", await make_class(self.owner, destroy=10))
        await self.owner.execute(MAKE_THE_GATE)

    async def make_room(self) -> Place:
        place = await open_place(self.database, self.author)
        for _ in range(3):
            await write_everything(self.database, self.owner, self.author, place)
        await self.move_time(timedelta(days=11))
        return place

    async def begin_run(self, phase: str) -> object:
        """A run that has come to a phase."""
        await tell_what_expired(self.database)
        run_id = await self.owner.fetchval("select begin_disposition()")
        current = "files"
        while current != phase:
            current = await self.owner.fetchval("select dispose_batch($1, 1000)", run_id)
        return run_id

    async def finish_run(self, tmp_path: Path) -> None:
        await run_disposition(self.database, disk_stores(tmp_path / "files"), pace=Pace(rest=0.0))

    async def hold(self, room_id: RoomId | HoldScope) -> None:
        await place_hold(self.database, self.officer, room_id, self.matter)

    async def count(self, place: Place) -> tuple[int, int]:
        """How many messages and files a room has."""
        counts = [
            await self.owner.fetchval(f"select count(*) from {table} where room_id = $1", place.room_id)
            for table in ("messages", "files")
        ]
        return counts[0], counts[1]

    @asynccontextmanager
    async def gate(self, table: str, operation: str) -> AsyncIterator[None]:
        """Whoever comes to a statement stands there until the block ends."""
        await self.owner.execute(
            f"create trigger stand_at_the_gate before {operation} on {table} "
            "for each statement execute function workroom.stand_at_the_gate()"
        )
        await self.owner.execute("select pg_advisory_lock($1)", GATE)
        try:
            yield
        finally:
            await self.owner.execute("select pg_advisory_unlock($1)", GATE)


@asynccontextmanager
async def a_meeting(
    database: Database, urls: DatabaseUrls, owner: asyncpg.Connection, move_time: MoveTime
) -> AsyncIterator[Meeting]:
    worker = await asyncpg.connect(urls.service_url, server_settings={"search_path": "workroom"})
    try:
        meeting = Meeting(database, owner, worker, move_time)
        await meeting.begin()
        yield meeting
    finally:
        await worker.close()


@pytest.mark.deadline(120)
@pytest.mark.parametrize("phase", list(OF_A_BATCH))
async def test_a_hold_waits_for_the_batch_that_came_first_at_every_one_of_its_statements(
    database: Database,
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
    phase: str,
) -> None:
    async with a_meeting(database, database_urls, owner, move_time) as meeting:
        for number, (table, operation) in enumerate(OF_A_BATCH[phase]):
            place = await meeting.make_room()
            run_id = await meeting.begin_run(phase)
            run = meeting.worker.transaction()
            await run.start()
            await meeting.worker.execute("select lock_holds_shared()")
            async with asyncio.TaskGroup() as tasks:
                async with meeting.gate(table, operation):
                    batch = tasks.create_task(
                        meeting.worker.execute("select dispose_batch($1, 1000)", run_id)
                    )
                    await until_yes(owner, AT_THE_GATE)
                    tasks.create_task(meeting.hold(place.room_id))
                    await until_yes(owner, WAITS_FOR_THE_HOLDS)
                await batch
                assert await owner.fetchval("select count(*) from holds") == number, "beside the batch"
                await run.commit()
            await owner.execute(f"drop trigger stand_at_the_gate on {table}")
            # The batch was first: what it destroyed is gone. The hold keeps what was left.
            left = (3, 0) if phase == "files" else (0, 0)
            assert await meeting.count(place) == left
            await meeting.finish_run(tmp_path / str(number))
            assert await meeting.count(place) == left


@pytest.mark.deadline(120)
async def test_a_batch_waits_for_the_hold_that_came_first_and_spares_what_it_covers(
    database: Database,
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
) -> None:
    async with a_meeting(database, database_urls, owner, move_time) as meeting:
        for number, table in enumerate(OF_A_PLACING):
            for phase in OF_A_BATCH:
                place = await meeting.make_room()
                run_id = await meeting.begin_run(phase)
                there = await meeting.count(place)
                run = meeting.worker.transaction()
                await run.start()
                # The run has looked at the database before the hold was placed, and must not believe what it saw.
                assert await meeting.worker.fetchval("select count(*) from messages") > 0
                async with asyncio.TaskGroup() as tasks:
                    async with meeting.gate(table, "insert"):
                        placing = tasks.create_task(meeting.hold(place.room_id))
                        await until_yes(owner, AT_THE_GATE)
                        locking = tasks.create_task(meeting.worker.execute("select lock_holds_shared()"))
                        await until_yes(owner, WAITS_FOR_THE_HOLDS)
                    await placing
                    await locking
                await meeting.worker.execute("select dispose_batch($1, 1000)", run_id)
                await run.commit()
                await owner.execute(f"drop trigger stand_at_the_gate on {table}")
                await meeting.finish_run(tmp_path / f"{number}-{phase}")
                assert await meeting.count(place) == there


@pytest.mark.deadline(120)
async def test_wherever_they_meet_nothing_goes_after_the_hold_has_committed(
    database: Database,
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
) -> None:
    random = Random()
    partly = 0
    async with a_meeting(database, database_urls, owner, move_time) as meeting:
        for number in range(MOST_ROUNDS):
            if number >= ROUNDS and partly >= MET_PARTLY:
                break
            place = await meeting.make_room()
            stores = disk_stores(tmp_path / str(number))

            async def come_and_hold(place: Place = place) -> tuple[int, int]:
                # When so much is left of three messages and three files, and a moment later.
                left = random.randrange(7)
                while sum(await meeting.count(place)) > left:
                    pass
                for _ in range(random.randrange(10)):
                    await owner.fetchval("select 1")
                await meeting.hold(place.room_id)
                return await meeting.count(place)

            async with asyncio.TaskGroup() as tasks:
                holding = tasks.create_task(come_and_hold())
                tasks.create_task(run_disposition(database, stores, pace=Pace(1, 0.0, largest=1)))
            kept = holding.result()
            partly += kept not in ((0, 0), (3, 3))
            assert await meeting.count(place) == kept
            await run_disposition(database, stores, pace=Pace(rest=0.0))
            assert await meeting.count(place) == kept
    assert partly >= MET_PARTLY, "they hardly met: this proves nothing"


async def test_a_month_is_not_dropped_beside_a_hold_and_no_hold_comes_beside_a_drop(
    database: Database, database_urls: DatabaseUrls, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    await move_time(-timedelta(days=300))
    await owner.execute(
        "select ensure_partitions(current_instant()::date, (current_instant() + interval '10 months')::date)"
    )
    async with a_meeting(database, database_urls, owner, move_time) as meeting:
        places = []
        for _ in range(2):
            place = await open_place(database, meeting.author)
            await post(database, meeting.author, place.shared)
            places.append((place, await owner.fetchval("select current_instant()::date")))
            await move_time(timedelta(days=62))
        (held, first), (free, second) = places
        await tell_what_expired(database)
        run_id = await owner.fetchval("select begin_disposition()")
        drop = "select drop_due_month($1, $2)"
        async with asyncio.TaskGroup() as tasks, meeting.gate("holds", "insert"):
            tasks.create_task(meeting.hold(held.room_id))
            await until_yes(owner, AT_THE_GATE)
            assert await meeting.worker.fetchval(drop, run_id, first) == "busy"
        assert await meeting.worker.fetchval(drop, run_id, first) == "kept"
        assert (await meeting.count(held))[0] == 1
        dropping = meeting.worker.transaction()
        await dropping.start()
        async with asyncio.TaskGroup() as tasks:
            assert await meeting.worker.fetchval(drop, run_id, second) == "dropped"
            placing = tasks.create_task(meeting.hold(free.room_id))
            await until_yes(owner, WAITS_FOR_THE_HOLDS)
            assert not placing.done()
            await dropping.commit()
        assert (await meeting.count(free))[0] == 0
