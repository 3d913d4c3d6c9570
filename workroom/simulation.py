"""Simulation: what a change of the rules would destroy, exactly, before it is made; and the only road by which it
is made.

The change is made in a transaction, what it comes to is counted (`simulation_picture.py`), and all of it is taken
back. What is found has a fingerprint over the change, the instant, and the ids that would go. A change is accepted
only with it: it is made, looked at once more for the same instant and for what was recorded by then, and stands if
the fingerprint is the same. Neither takes the lock of holds: nothing is destroyed here, and a changed rule destroys
nothing for a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from workroom import audit, retention
from workroom.abilities import Ability
from workroom.audit import Act, Initiator, Subject
from workroom.errors import Conflict, InvalidInput, NotFound, WorkroomError
from workroom.ids import (
    AccountId,
    RetentionClassId,
    SimulationId,
    mint_retention_class_id,
    mint_simulation_id,
)
from workroom.officers import require_officer
from workroom.retention import RetentionChange
from workroom.retention_rule import SETTLING
from workroom.simulation_picture import (
    Picture,
    Question,
    count_after,
    count_before,
    describe_rules,
    draw,
    list_first,
    take_fingerprint,
)
from workroom.storage.database import Database, Record, Transaction
from workroom.storage.queries import queries

FURTHEST = timedelta(days=36_525)
LONGEST = timedelta(minutes=30)
"""Above any simulation by far: three of its statements may take as long as a statement may."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulation: `running`, `done` with its picture and fingerprint, or `failed`; `applied_at`: in the audit log."""

    simulation_id: SimulationId
    asked_by: AccountId
    change: RetentionChange
    instant: datetime
    known_until: datetime
    state: str
    begun_at: datetime
    finished_at: datetime | None
    fingerprint: str | None
    picture: Picture | None
    applied_at: datetime | None

    @property
    def question(self) -> Question:
        """What it asks."""
        return Question(self.instant, self.known_until)


async def require_possible(database: Database, change: RetentionChange) -> None:
    """Raise what making a change would raise. Nothing is changed: before long work, and before its mark."""
    try:
        async with database.transaction() as transaction:
            await retention.make_change(transaction, change, mint_retention_class_id())
            raise _TakenBack
    except _TakenBack:
        return


async def begin_simulation(
    transaction: Transaction, by: Initiator, change: RetentionChange, instant: datetime | None = None
) -> SimulationId:
    """Note that a change is to be simulated for an instant (None: a day from now, when it could first destroy).

    Raises NotFound, Forbidden; InvalidInput for an instant that has passed or lies beyond a century.
    """
    officer_id = await require_officer(transaction, by, Ability.MANAGE_RETENTION)
    now: datetime = await transaction.fetch_value(queries.simulations.read_instant)
    instant = instant or now + SETTLING
    if not now <= instant <= now + FURTHEST:
        raise InvalidInput(
            "The instant lies ahead, within a century.", field="instant", problem="out_of_range"
        )
    simulation_id = mint_simulation_id()
    await transaction.execute(
        queries.simulations.insert_simulation,
        simulation_id=simulation_id,
        asked_by=officer_id,
        change=msgspec.json.encode(change).decode(),
        instant=instant,
        known_until=now,
    )
    facts = {"change": _facts(change), "instant": instant}
    await audit.record_act(
        transaction, by, Act.RETENTION_SIMULATED, Subject("simulation", simulation_id), facts
    )
    return simulation_id


async def run_simulation(database: Database, simulation_id: SimulationId) -> Simulation:
    """Do a simulation that was begun, seconds for millions of messages; gives it with what it came to.

    A change that would be refused is refused here: its error is raised, and the simulation has failed.
    """
    async with database.read() as reading:
        simulation = await require_simulation(reading, simulation_id)
    try:
        fingerprint, picture = await _look(database, simulation)
    except WorkroomError:
        await _finish(database, simulation_id, "failed", None, None)
        raise
    await _finish(database, simulation_id, "done", fingerprint, picture)
    async with database.read() as reading:
        return await require_simulation(reading, simulation_id)


async def give_up_simulations(transaction: Transaction) -> list[SimulationId]:
    """Mark as failed what is still running after LONGEST: whoever ran it has ended. Gives what was given up."""
    records = await transaction.fetch(queries.simulations.give_up_simulations, longest=LONGEST)
    return [SimulationId(record["simulation_id"]) for record in records]


async def require_simulation(transaction: Transaction, simulation_id: SimulationId) -> Simulation:
    """The simulation of this id; NotFound."""
    record = await transaction.fetch_one_or_none(
        queries.simulations.find_simulation, simulation_id=simulation_id
    )
    if record is None:
        raise NotFound("There is no such simulation.")
    return _simulation(record)


async def list_simulations(transaction: Transaction, limit: int = 50) -> list[Simulation]:
    """The newest simulations, newest first."""
    records = await transaction.fetch(queries.simulations.list_simulations, page_size=limit)
    return [_simulation(record) for record in records]


async def require_simulated(transaction: Transaction, fingerprint: str) -> Simulation:
    """The newest simulation that came to a fingerprint; Conflict (`simulation_is_stale`) when none did."""
    record = await transaction.fetch_one_or_none(
        queries.simulations.find_by_fingerprint, fingerprint=fingerprint
    )
    if record is None:
        raise Conflict("Simulate this change first.", problem="simulation_is_stale")
    return _simulation(record)


async def apply_change(
    transaction: Transaction, by: Initiator, change: RetentionChange, fingerprint: str, reason: str
) -> RetentionClassId | None:
    """Make a change that was simulated; gives the id of a new class. Takes as long as the simulation took.

    Args:
        transaction: a long one. It is the change: what is found while it is open must be what was simulated.

    Raises:
        Conflict: it was not simulated, or would no longer destroy what the simulation showed (`simulation_is_stale`);
            it was made already (`applied_already`).
        NotFound, InvalidInput, Forbidden: see `retention.make_change`.
    """
    why = audit.clean_reason(reason)
    await require_officer(transaction, by, Ability.MANAGE_RETENTION)
    await transaction.fetch(queries.retention.lock_rules)
    simulation = await require_simulated(transaction, fingerprint)
    if simulation.change != change:
        raise Conflict("Simulate this change first.", problem="simulation_is_stale")
    if simulation.applied_at is not None:
        raise Conflict("This change was made already.", problem="applied_already")
    class_id = mint_retention_class_id()
    rules_before = await describe_rules(transaction, simulation.question)
    made = await retention.make_change(transaction, change, class_id)
    counted = await count_after(transaction, simulation.question, rules_before)
    if take_fingerprint(_facts(change), simulation.question, counted) != fingerprint:
        raise Conflict("The change would destroy something else by now.", problem="simulation_is_stale")
    facts = {
        "change": msgspec.json.decode(msgspec.json.encode(change))["kind"],
        "before": made.before,
        "after": made.after,
        "simulation": simulation.simulation_id,
        "fingerprint": fingerprint,
    }
    subject = Subject(made.subject_kind, made.subject_id)
    await audit.record_act(transaction, by, Act.RETENTION_CHANGED, subject, facts, {"reason": why})
    return class_id if isinstance(change, retention.NewClass) else None


class _TakenBack(Exception):
    """Ends the transaction of a simulation, in which nothing may stand."""


async def _look(database: Database, simulation: Simulation) -> tuple[str, Picture]:
    question = simulation.question
    try:
        async with database.long_transaction() as transaction:
            before = await count_before(transaction, question)
            await retention.make_change(transaction, simulation.change, mint_retention_class_id())
            counted = await count_after(transaction, question, before.rules)
            first = await list_first(transaction, question, counted.cells)
            picture = draw(question, before, counted, first)
            fingerprint = take_fingerprint(_facts(simulation.change), question, counted)
            raise _TakenBack
    except _TakenBack:
        return fingerprint, picture


async def _finish(
    database: Database,
    simulation_id: SimulationId,
    state: str,
    fingerprint: str | None,
    picture: Picture | None,
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            queries.simulations.finish_simulation,
            simulation_id=simulation_id,
            state=state,
            fingerprint=fingerprint,
            picture=msgspec.json.encode(picture).decode() if picture is not None else None,
        )


def _simulation(record: Record) -> Simulation:
    picture = record["picture"]
    return Simulation(
        simulation_id=record["simulation_id"],
        asked_by=record["asked_by"],
        change=msgspec.json.decode(record["change"], type=RetentionChange),
        instant=record["instant"],
        known_until=record["known_until"],
        state=record["state"],
        begun_at=record["begun_at"],
        finished_at=record["finished_at"],
        fingerprint=record["fingerprint"],
        picture=msgspec.json.decode(picture, type=Picture) if picture is not None else None,
        applied_at=record["applied_at"],
    )


def _facts(change: RetentionChange) -> dict[str, object]:
    """The change without what an officer has named: names are theirs."""
    facts: dict[str, object] = msgspec.json.decode(msgspec.json.encode(change))
    facts.pop("name", None)
    return facts
