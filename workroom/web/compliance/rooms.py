"""`/api/compliance/rooms` and `/people`: rooms and people as records, found by name. Not what is written."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from workroom import holds, records, retention
from workroom.abilities import Ability
from workroom.explanation import list_due_months
from workroom.holds import HoldState
from workroom.ids import RoomId
from workroom.records import MAX_PAGE_RECORDS
from workroom.retention import RetentionClass
from workroom.storage.database import Transaction
from workroom.web.compliance.hold_shapes import describe_hold, mentioned_by
from workroom.web.compliance.officer_requests import asked_number, asked_text, require_officer
from workroom.web.error_responses import JsonResponse
from workroom.web.running import running_node

MAX_NAME_CHARACTERS = 200


async def search_rooms(request: Request) -> Response:
    """GET: rooms by a part of their name or their customer's."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    part, limit = _asked_part(request)
    async with running_node(request).database.read() as reading:
        found = await records.search_rooms(reading, part, limit)
    return JsonResponse({"rooms": found})


async def show_room(request: Request) -> Response:
    """GET: a room as a record, and the holds that reach into it."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    room_id = RoomId(request.path_params["room_id"])
    async with running_node(request).database.read() as reading:
        room = await records.require_room(reading, room_id)
        found = [
            hold
            for hold in await holds.list_holds(reading, room_id=room_id)
            if hold.state is not HoldState.ENDED
        ]
        called = await records.name_holds(reading, [hold.hold_id for hold in found])
        names = await records.name_all(reading, mentioned_by(found))
        room_class, default_class = await _find_classes(reading, room_id)
    told = [describe_hold(hold, called[hold.hold_id]) for hold in found]
    return JsonResponse(
        {
            "room": room,
            "room_class": room_class,
            "default_class": default_class,
            "holds": told,
            "names": names,
        }
    )


async def show_due(request: Request) -> Response:
    """GET: what of a room is due, and when, month by month."""
    await require_officer(request, Ability.MANAGE_RETENTION)
    room_id = RoomId(request.path_params["room_id"])
    async with running_node(request).database.long_transaction() as transaction:
        due = await list_due_months(transaction, room_id)
    return JsonResponse({"due": due})


async def search_people(request: Request) -> Response:
    """GET: people by a part of their name or their customer's, whatever became of their account."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    part, limit = _asked_part(request)
    async with running_node(request).database.read() as reading:
        found = await records.search_people(reading, part, limit)
    return JsonResponse({"people": found})


async def _find_classes(
    transaction: Transaction, room_id: RoomId
) -> tuple[RetentionClass | None, RetentionClass | None]:
    own, default = await retention.find_room_classes(transaction, room_id)
    known = await retention.find_classes(transaction, [each for each in (own, default) if each is not None])
    return (None if own is None else known[own]), (None if default is None else known[default])


def _asked_part(request: Request) -> tuple[str, int]:
    part = (asked_text(request, "name") or "")[:MAX_NAME_CHARACTERS].replace("\x00", "")
    return part, asked_number(request, "limit", MAX_PAGE_RECORDS) or MAX_PAGE_RECORDS
