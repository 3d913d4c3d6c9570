"""`/api/compliance/matters`: the cases for which content is kept."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import holds, matters
from workroom.abilities import Ability
from workroom.ids import MatterId
from workroom.records import name_all, name_holds
from workroom.web.compliance.hold_shapes import describe_hold, mentioned_by
from workroom.web.compliance.officer_requests import require_officer
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import running_node


class NewMatter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    reason: str


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why."""

    reason: str


async def list_matters(request: Request) -> Response:
    """GET: all matters, the open ones first."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    async with running_node(request).database.read() as reading:
        found = await matters.list_matters(reading)
        names = await name_all(reading, [matter.opened_by for matter in found])
    return JsonResponse({"matters": found, "names": names})


async def open_matter(request: Request) -> Response:
    """POST: a new matter."""
    by = await require_officer(request, Ability.MANAGE_HOLDS)
    asked = await read_json(request, NewMatter)
    async with running_node(request).transaction() as work:
        matter = await matters.open_matter(work.transaction, by, asked.name, asked.reason)
    return JsonResponse({"matter": matter}, 201)


async def show_matter(request: Request) -> Response:
    """GET: a matter with its holds, the latest first."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    matter_id = MatterId(request.path_params["matter_id"])
    async with running_node(request).database.read() as reading:
        matter = await matters.require_matter(reading, matter_id)
        found = await holds.list_holds(reading, matter_id=matter_id)
        called = await name_holds(reading, [hold.hold_id for hold in found])
        names = await name_all(reading, [matter.opened_by, *mentioned_by(found)])
    told = [describe_hold(hold, called[hold.hold_id]) for hold in found]
    return JsonResponse({"matter": matter, "holds": told, "names": names})


async def close_matter(request: Request) -> Response:
    """POST: the matter is closed for good."""
    by = await require_officer(request, Ability.MANAGE_HOLDS)
    asked = await read_json(request, Reason)
    matter_id = MatterId(request.path_params["matter_id"])
    async with running_node(request).transaction() as work:
        matter = await matters.close_matter(work.transaction, by, matter_id, asked.reason)
    return JsonResponse({"matter": matter})
