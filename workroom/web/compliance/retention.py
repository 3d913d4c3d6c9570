"""`/api/compliance/retention` and `/disposition`: classes, what a change would do, the change itself, and the runs.

A simulation is long work: it is begun, goes on by itself, and is looked at whenever somebody comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import disposition, retention, simulation
from workroom.abilities import Ability
from workroom.errors import WorkroomError
from workroom.ids import SimulationId
from workroom.logs import log_event
from workroom.records import name_all
from workroom.retention import AssignRoom, ClassUse, RetentionChange, RetentionClass
from workroom.simulation import Simulation
from workroom.storage.database import Database
from workroom.web.compliance.officer_requests import asked_number, require_officer
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import running_node

MAX_PAGE = 50


class ToldClass(msgspec.Struct, frozen=True):
    """A class and what uses it: so many rooms and labels, these kinds of rooms."""

    class_id: UUID
    name: str
    counted_from: str
    keep_days: int | None
    destroy_days: int | None
    removed_days: int
    changed_at: datetime
    locked_at: datetime | None
    removed_at: datetime | None
    rooms: int
    labels: int
    default_for: tuple[str, ...]


class NewSimulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change to look at, and the instant at which it is looked at; None: a day from now."""

    change: RetentionChange
    instant: datetime | None = None


class NewChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change as it was simulated, and the fingerprint of what the simulation came to."""

    change: RetentionChange
    fingerprint: str
    reason: str


async def list_classes(request: Request) -> Response:
    """GET: every class by name, removed ones last."""
    await require_officer(request, Ability.MANAGE_RETENTION)
    async with running_node(request).database.read() as reading:
        found = await retention.list_classes(reading)
    return JsonResponse({"classes": [describe_class(kept, use) for kept, use in found]})


async def list_simulations(request: Request) -> Response:
    """GET: simulations, the latest first, without their pictures."""
    await require_officer(request, Ability.MANAGE_RETENTION)
    limit = asked_number(request, "limit", MAX_PAGE) or MAX_PAGE
    async with running_node(request).database.read() as reading:
        found = await simulation.list_simulations(reading, limit)
        names = await name_all(reading, _mentioned(found))
    return JsonResponse({"simulations": [replace(each, picture=None) for each in found], "names": names})


async def begin_simulation(request: Request) -> Response:
    """POST: a change is looked at for an instant; that goes on after the answer."""
    by = await require_officer(request, Ability.MANAGE_RETENTION)
    asked = await read_json(request, NewSimulation)
    node = running_node(request)
    await simulation.require_possible(node.database, asked.change)
    async with node.transaction() as work:
        simulation_id = await simulation.begin_simulation(work.transaction, by, asked.change, asked.instant)
    node.start(_run(node.database, simulation_id))
    return JsonResponse({"simulation_id": simulation_id}, 202)


async def show_simulation(request: Request) -> Response:
    """GET: how far a simulation is, and its picture when it is done."""
    await require_officer(request, Ability.MANAGE_RETENTION)
    simulation_id = SimulationId(request.path_params["simulation_id"])
    async with running_node(request).database.read() as reading:
        found = await simulation.require_simulation(reading, simulation_id)
        names = await name_all(reading, _mentioned([found]))
    return JsonResponse({"simulation": found, "names": names})


async def apply_change(request: Request) -> Response:
    """POST: the change is made, if what it comes to has the fingerprint once more."""
    by = await require_officer(request, Ability.MANAGE_RETENTION)
    asked = await read_json(request, NewChange)
    async with running_node(request).database.long_transaction() as transaction:
        class_id = await simulation.apply_change(
            transaction, by, asked.change, asked.fingerprint, asked.reason
        )
    return JsonResponse({"class_id": class_id})


async def list_runs(request: Request) -> Response:
    """GET: runs of disposition, the latest first, with what each has destroyed so far."""
    await require_officer(request, Ability.MANAGE_RETENTION)
    limit = asked_number(request, "limit", MAX_PAGE) or MAX_PAGE
    async with running_node(request).database.read() as reading:
        runs = await disposition.list_runs(reading, limit)
    return JsonResponse({"runs": runs})


def describe_class(kept: RetentionClass, use: ClassUse) -> ToldClass:
    """A class for an officer."""
    return ToldClass(
        class_id=kept.class_id,
        name=kept.name,
        counted_from=kept.counted_from.value,
        keep_days=kept.keep_days,
        destroy_days=kept.destroy_days,
        removed_days=kept.removed_days,
        changed_at=kept.changed_at,
        locked_at=kept.locked_at,
        removed_at=kept.removed_at,
        rooms=use.rooms,
        labels=use.labels,
        default_for=use.room_kinds,
    )


async def _run(database: Database, simulation_id: SimulationId) -> None:
    try:
        await simulation.run_simulation(database, simulation_id)
    except WorkroomError as error:
        log_event("simulation_failed", simulation=simulation_id, code=error.code)


def _mentioned(found: list[Simulation]) -> Iterator[UUID | None]:
    for each in found:
        yield each.asked_by
        if isinstance(each.change, AssignRoom):
            yield each.change.room_id
        if each.picture is not None:
            yield from (message.room_id for message in each.picture.first)
