"""A rule is simulated exactly before it may act: what the picture shows is what goes, and nothing else is accepted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import Place, delete, edit, open_place, post, react, rename
from tests.holding import make_officer, place_hold, read_content, scope_of
from tests.people import by, make_account
from tests.retaining import assign_room, label_message, make_class
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import audit
from workroom.accounts import Account
from workroom.audit import Act, EntryFilter
from workroom.disposition import Pace, run_disposition
from workroom.errors import Conflict, Forbidden, InvalidInput, NotFound
from workroom.hold_scopes import ContentKind
from workroom.ids import RetentionClassId, SimulationId
from workroom.retention import (
    AssignDefault,
    AssignRoom,
    ChangeClass,
    LockClass,
    NewClass,
    RemoveClass,
    RetentionChange,
)
from workroom.retention_rule import CountedFrom
from workroom.simulation import (
    Simulation,
    apply_change,
    begin_simulation,
    list_simulations,
    require_simulation,
    run_simulation,
)
from workroom.simulation_picture import Picture
from workroom.storage.database import Database
from workroom.worker import do_round

MoveTime = Callable[[timedelta], Awaitable[None]]


async def simulate(database: Database, officer: Account, change: RetentionChange, **more: Any) -> Simulation:
    async with database.transaction() as transaction:
        simulation_id = await begin_simulation(transaction, by(officer), change, **more)
    return await run_simulation(database, simulation_id)


async def apply(
    database: Database, officer: Account, change: RetentionChange, fingerprint: str | None
) -> RetentionClassId | None:
    async with database.long_transaction() as transaction:
        return await apply_change(transaction, by(officer), change, fingerprint or "", "The law says so")


def picture_of(simulation: Simulation) -> Picture:
    assert simulation.picture is not None
    return simulation.picture


async def a_room(database: Database) -> tuple[Account, Place]:
    author = await make_account(database)
    return author, await open_place(database, author)


async def test_what_the_picture_shows_is_what_goes(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path
) -> None:
    officer, (author, place), (other, _) = (
        await make_officer(database),
        await a_room(database),
        await a_room(database),
    )
    stores = disk_stores(tmp_path)
    receiver = make_receiver(database, stores)
    for size in (1000, 2000):
        await claim(database, author, place, await upload(receiver, author, place, os.urandom(size)))
    posted = [await post(database, author, place.shared, str(number)) for number in range(5)]
    await edit(database, author, place.shared, posted[0].message_id, "Other words")
    labelled = posted[1].message_id
    await label_message(owner, labelled, await make_class(owner, keep=1000))
    await place_hold(database, officer, scope_of(senders=[other], kinds=[ContentKind.MESSAGES]))
    late = await make_account(database)
    elsewhere = await open_place(database, late)
    await post(database, late, elsewhere.shared)
    await place_hold(database, officer, elsewhere.room_id)
    await move_time(timedelta(days=20))
    fresh = await post(database, author, place.shared, "Fresh")
    class_id = await make_class(owner, destroy=10)
    change = AssignDefault(room_kind="shared", class_id=class_id)
    simulation = await simulate(database, officer, change)
    picture = picture_of(simulation)
    assert (picture.goes.messages, picture.goes.files, picture.goes.bytes, picture.goes.rooms) == (
        6,
        2,
        3000,
        1,
    )
    assert (picture.kept_by_holds.messages, picture.kept_by_labels, picture.goes_now.messages) == (1, 1, 0)
    assert sum(month.goes for month in picture.months) == 6
    assert sum(month.stays for month in picture.months) == 1
    assert len(picture.first) == 6
    assert picture.first[0].due_at == picture.first[0].sent_at + timedelta(days=10)
    before = await read_content(owner)
    await apply(database, officer, change, simulation.fingerprint)
    assert await read_content(owner) == before
    await move_time(timedelta(days=1, minutes=1))
    run = await run_disposition(database, stores, pace=Pace(rest=0.0))
    assert (run.messages, run.files, run.bytes) == (6, 2, 3000)
    left = {record["message_id"] for record in await owner.fetch("select message_id from messages")}
    assert {labelled, fresh.message_id} <= left
    assert len(left) == 3
    gone = {first.message_id for first in picture.first}
    assert gone.isdisjoint(left)


async def test_simulating_leaves_nothing_behind(database: Database, owner: asyncpg.Connection) -> None:
    officer, (author, place) = await make_officer(database), await a_room(database)
    await post(database, author, place.shared)
    class_id = await make_class(owner, destroy=10)
    for change in (
        AssignRoom(room_id=place.room_id, class_id=class_id),
        NewClass(name="New", counted_from=CountedFrom.SENT, keep_days=10),
        ChangeClass(class_id=class_id, name="Other", destroy_days=20),
        LockClass(class_id=class_id),
        RemoveClass(class_id=class_id),
    ):
        await simulate(database, officer, change)
    assert await owner.fetchval("select count(*) from room_classes") == 0
    classes = await owner.fetch("select destroy_days, locked_at, removed_at from retention_classes")
    assert [tuple(record) for record in classes] == [(10, None, None)]


async def test_a_change_is_accepted_only_with_the_fingerprint_of_its_own_simulation(
    database: Database, owner: asyncpg.Connection
) -> None:
    officer, (author, place) = await make_officer(database), await a_room(database)
    await post(database, author, place.shared)
    one, two = [
        AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=n)) for n in (10, 20)
    ]
    simulation = await simulate(database, officer, one)
    for change, fingerprint in ((two, simulation.fingerprint), (one, None), (one, "0" * 64)):
        with pytest.raises(Conflict) as refused:
            await apply(database, officer, change, fingerprint)
        assert refused.value.params["problem"] == "simulation_is_stale"
    assert await owner.fetchval("select count(*) from room_classes") == 0
    await apply(database, officer, one, simulation.fingerprint)
    assert await owner.fetchval("select class_id from room_classes") == one.class_id


@pytest.mark.parametrize("what", ["hold", "label", "another rule", "deletion"])
async def test_a_simulation_is_stale_when_something_else_would_go(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, what: str
) -> None:
    officer, (author, place) = await make_officer(database), await a_room(database)
    posted = await post(database, author, place.shared)
    await move_time(timedelta(days=20))
    change = AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=10))
    simulation = await simulate(database, officer, change)
    assert picture_of(simulation).goes.messages == 1
    if what == "hold":
        await place_hold(database, officer, place.room_id)
    if what == "label":
        await label_message(owner, posted.message_id, await make_class(owner, keep=100))
    if what == "another rule":
        await owner.execute("update retention_classes set destroy_days = 100")
    if what == "deletion":
        await owner.execute("delete from message_revisions")
        await owner.execute("delete from messages")
    with pytest.raises(Conflict) as refused:
        await apply(database, officer, change, simulation.fingerprint)
    assert refused.value.params["problem"] == "simulation_is_stale"
    assert await owner.fetchval("select count(*) from room_classes") == 0


@pytest.mark.parametrize("what", ["reaction", "room name"])
async def test_a_simulation_answers_for_reactions_taken_back_and_former_names(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, what: str
) -> None:
    officer, (author, place) = await make_officer(database), await a_room(database)
    class_id = await make_class(owner, removed=30)
    await assign_room(owner, place.room_id, class_id)
    posted = await post(database, author, place.shared)
    if what == "reaction":
        await react(database, author, place.shared, posted.message_id)
        await react(database, author, place.shared, posted.message_id, is_added=False)
    else:
        await rename(database, author, place.room_id, "Another name")
    await move_time(timedelta(days=2))
    change = ChangeClass(class_id=class_id, name="Shorter", removed_days=1)
    simulation = await simulate(database, officer, change)
    picture = picture_of(simulation)
    assert (picture.goes.messages, picture.revisions) == (0, 0)
    assert (picture.reactions, picture.room_names) == ((1, 0) if what == "reaction" else (0, 1))
    await place_hold(database, officer, place.room_id)
    with pytest.raises(Conflict) as refused:
        await apply(database, officer, change, simulation.fingerprint)
    assert refused.value.params["problem"] == "simulation_is_stale"


async def test_what_members_do_meanwhile_does_not_make_a_simulation_stale(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    officer, (author, place) = await make_officer(database), await a_room(database)
    posted = [await post(database, author, place.shared) for _ in range(3)]
    await move_time(timedelta(days=20))
    change = AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=10))
    instant = await owner.fetchval("select current_instant() + interval '400 days'")
    simulation = await simulate(database, officer, change, instant=instant)
    await move_time(timedelta(hours=1))
    await post(database, author, place.shared, "Later")
    await edit(database, author, place.shared, posted[0].message_id, "Other")
    await react(database, author, place.shared, posted[0].message_id)
    await react(database, author, place.shared, posted[0].message_id, is_added=False)
    await rename(database, author, place.room_id, "Another name")
    await delete(database, author, place.shared, posted[1].message_id)
    await apply(database, officer, change, simulation.fingerprint)


async def test_what_goes_without_the_change_is_shown_beside(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    officer, (author, place) = await make_officer(database), await a_room(database)
    class_id = await make_class(owner, destroy=15)
    await owner.execute("insert into room_classes values ($1, $2)", place.room_id, class_id)
    await post(database, author, place.shared)
    await move_time(timedelta(days=8))
    await post(database, author, place.shared)
    await move_time(timedelta(days=8))
    change = ChangeClass(class_id=class_id, name="Shorter", destroy_days=5)
    picture = picture_of(await simulate(database, officer, change))
    assert (picture.goes.messages, picture.goes_now.messages) == (2, 1)
    longer = ChangeClass(class_id=class_id, name="Longer", keep_days=50, destroy_days=50)
    picture = picture_of(await simulate(database, officer, longer))
    assert (picture.goes.messages, picture.goes_now.messages, picture.kept_by_classes) == (0, 1, 0)
    kept = ChangeClass(class_id=class_id, name="Kept", keep_days=50)
    await owner.execute(
        "insert into room_kind_defaults values ('shared', $1)", await make_class(owner, destroy=3)
    )
    picture = picture_of(await simulate(database, officer, kept))
    assert (picture.goes.messages, picture.kept_by_classes) == (0, 2)


async def test_superseded_revisions_that_would_go_are_counted(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    officer, (author, place) = await make_officer(database), await a_room(database)
    posted = await post(database, author, place.shared)
    await edit(database, author, place.shared, posted.message_id, "Other")
    await move_time(timedelta(days=10))
    long = await make_class(owner, removed=60)
    short = NewClass(name="Short", counted_from=CountedFrom.SENT, removed_days=5)
    change = AssignRoom(room_id=place.room_id, class_id=long)
    assert picture_of(await simulate(database, officer, change)).revisions == 0
    simulation = await simulate(database, officer, short)
    class_id = await apply(database, officer, short, simulation.fingerprint)
    change = AssignRoom(room_id=place.room_id, class_id=class_id)
    assert picture_of(await simulate(database, officer, change)).revisions == 1


async def test_simulations_are_kept_and_both_acts_are_recorded(
    database: Database, owner: asyncpg.Connection
) -> None:
    officer, (_, place) = await make_officer(database), await a_room(database)
    change = AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=10))
    simulation = await simulate(database, officer, change)
    await apply(database, officer, change, simulation.fingerprint)
    async with database.read() as reading:
        kept = await require_simulation(reading, simulation.simulation_id)
        assert await list_simulations(reading) == [kept]
        simulated = await audit.list_entries(reading, EntryFilter(act=Act.RETENTION_SIMULATED))
        changed = await audit.list_entries(reading, EntryFilter(act=Act.RETENTION_CHANGED))
        with pytest.raises(NotFound):
            await require_simulation(reading, SimulationId(uuid4()))
    assert simulated[0].subject.subject_id == simulation.simulation_id
    entry = changed[0]
    assert kept == replace(simulation, applied_at=entry.recorded_at)
    assert (entry.actor_id, entry.subject.kind, entry.subject.subject_id) == (
        officer.account_id,
        "room",
        place.room_id,
    )
    assert entry.facts["after"] == {"class_id": str(change.class_id)}
    assert entry.facts["fingerprint"] == simulation.fingerprint
    assert entry.texts == {"reason": "The law says so"}


async def test_a_change_is_made_once_with_a_simulation(database: Database) -> None:
    officer = await make_officer(database)
    change = NewClass(name="Ten years", counted_from=CountedFrom.SENT, keep_days=3650)
    simulation = await simulate(database, officer, change)
    await apply(database, officer, change, simulation.fingerprint)
    with pytest.raises(Conflict) as refused:
        await apply(database, officer, change, simulation.fingerprint)
    assert refused.value.params["problem"] == "applied_already"


async def test_a_change_that_would_be_refused_fails_in_its_simulation(
    database: Database, owner: asyncpg.Connection
) -> None:
    officer, (_, place) = await make_officer(database), await a_room(database)
    with pytest.raises(NotFound):
        await simulate(database, officer, AssignRoom(room_id=place.room_id, class_id=uuid4()))
    async with database.read() as reading:
        assert [one.state for one in await list_simulations(reading)] == ["failed"]


async def test_a_simulation_whose_process_ended_has_failed_after_the_workers_next_round(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    officer, (_, place) = await make_officer(database), await a_room(database)
    change = AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=10))

    async def begin() -> SimulationId:
        async with database.transaction() as transaction:
            return await begin_simulation(transaction, by(officer), change)

    async def states() -> dict[SimulationId, tuple[str, bool]]:
        await do_round(database)
        async with database.read() as reading:
            return {
                one.simulation_id: (one.state, one.finished_at is not None)
                for one in await list_simulations(reading)
            }

    done = await simulate(database, officer, change)
    broken_off = await begin()
    await move_time(timedelta(minutes=29))
    assert await states() == {done.simulation_id: ("done", True), broken_off: ("running", False)}
    fresh = await begin()
    await move_time(timedelta(minutes=2))
    assert await states() == {
        done.simulation_id: ("done", True),
        broken_off: ("failed", True),
        fresh: ("running", False),
    }
    assert (await run_simulation(database, broken_off)).state == "done", "it was only slow"


async def test_only_officers_simulate_and_change(database: Database, owner: asyncpg.Connection) -> None:
    author, place = await a_room(database)
    admin = await make_account(database, "admin")
    change = AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=10))
    for account in (author, admin):
        with pytest.raises(Forbidden):
            await simulate(database, account, change)
    simulation = await simulate(database, await make_officer(database), change)
    with pytest.raises(Forbidden):
        await apply(database, admin, change, simulation.fingerprint)


async def test_a_reason_is_needed_and_an_instant_that_lies_ahead(
    database: Database, owner: asyncpg.Connection
) -> None:
    officer, (_, place) = await make_officer(database), await a_room(database)
    change = AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=10))
    now = await owner.fetchval("select current_instant()")
    for instant in (now - timedelta(days=1), now + timedelta(days=40_000)):
        with pytest.raises(InvalidInput):
            await simulate(database, officer, change, instant=instant)
    simulation = await simulate(database, officer, change)
    async with database.long_transaction() as transaction:
        with pytest.raises(InvalidInput):
            await apply_change(transaction, by(officer), change, simulation.fingerprint or "", "  ")
    assert await owner.fetchval("select count(*) from room_classes") == 0


async def test_neither_waits_for_the_lock_of_holds(database: Database, owner: asyncpg.Connection) -> None:
    officer, (_, place) = await make_officer(database), await a_room(database)
    change = AssignRoom(room_id=place.room_id, class_id=await make_class(owner, destroy=10))
    async with owner.transaction():
        await owner.execute("select lock_holds_exclusively()")
        simulation = await simulate(database, officer, change)
        await apply(database, officer, change, simulation.fingerprint)


async def test_officers_who_make_the_same_change_at_once_make_it_once(database: Database) -> None:
    officer, another = await make_officer(database), await make_officer(database)
    change = NewClass(name="Ten years", counted_from=CountedFrom.SENT, keep_days=3650)
    simulation = await simulate(database, officer, change)
    outcomes = await asyncio.gather(
        apply(database, officer, change, simulation.fingerprint),
        apply(database, another, change, simulation.fingerprint),
        return_exceptions=True,
    )
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert isinstance(refused, Conflict)
    assert refused.params["problem"] == "applied_already"
