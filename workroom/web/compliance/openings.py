"""`/api/compliance/openings`: the door to what is written. The audit entry is committed before anything is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from workroom import openings
from workroom.abilities import Ability
from workroom.errors import NotFound
from workroom.explanation import Explanation, explain
from workroom.file_names import content_disposition
from workroom.file_types import UNKNOWN
from workroom.ids import FileId, MatterId, RoomId
from workroom.openings import OpenedMessage, OpenedPage, Place
from workroom.records import name_all
from workroom.web.compliance.officer_requests import require_officer
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import running_node

FILE_POLICY = "default-src 'none'; sandbox"


class AskedPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Below which numbers of the room's two streams to go on."""

    shared: int | None = None
    staff: int | None = None


class NewOpening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    matter_id: UUID
    room_id: UUID
    reason: str
    place: AskedPlace = AskedPlace()


async def open_room(request: Request) -> Response:
    """POST: a page of a room's messages with every version; `place` of the answer goes on to the page before."""
    by = await require_officer(request, Ability.OPEN_FOR_COMPLIANCE)
    asked = await read_json(request, NewOpening)
    node = running_node(request)
    place = Place(asked.place.shared, asked.place.staff)
    async with node.transaction() as work:
        opening = await openings.open_for_compliance(
            work.transaction, by, MatterId(asked.matter_id), RoomId(asked.room_id), asked.reason, place
        )
    async with node.database.read() as reading:
        page = await openings.read_opened(reading, opening, place)
        explanations = await explain(reading, [message.message_id for message in page.messages])
        names = await name_all(reading, [*_mentioned(page), *_holds_in(explanations)])
    return JsonResponse(
        {
            "entry_number": opening.entry_number,
            "messages": page.messages,
            "explanations": explanations,
            "destroyed": page.destroyed,
            "place": page.next_place,
            "names": names,
        }
    )


async def show_file(request: Request) -> Response:
    """GET: a file of a room that this officer has opened, to be saved. Each block is verified before it leaves."""
    by = await require_officer(request, Ability.OPEN_FOR_COMPLIANCE)
    node = running_node(request)
    file_id = FileId(request.path_params["file_id"])
    if by.account_id is None:
        raise NotFound("There is no such opening.")
    async with node.transaction() as work:
        opening = await openings.require_opening(
            work.transaction, by.account_id, request.path_params["entry_number"]
        )
        file = await openings.open_file(work.transaction, by, opening, file_id)
    pieces = node.stored_bytes.read(file_id, file.byte_size, 0, file.byte_size, by.account_id)
    # What is damaged from the beginning is never begun.
    first = await anext(pieces, b"")
    headers = {
        "content-type": UNKNOWN,
        "content-length": str(file.byte_size),
        "content-disposition": content_disposition(file.name, inline=False),
        "content-security-policy": FILE_POLICY,
        "cache-control": "no-store",
    }
    return StreamingResponse(_with_first(first, pieces), headers=headers)


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _mentioned(page: OpenedPage) -> list[UUID | None]:
    return [account_id for message in page.messages for account_id in _people_of(message)]


def _holds_in(explanations: list[Explanation]) -> list[UUID]:
    return [hold.hold_id for explanation in explanations for hold in explanation.holds]


def _people_of(message: OpenedMessage) -> list[UUID | None]:
    return [
        message.author_id,
        message.deleted_by,
        *(version.author_id for version in message.versions),
        *(reaction.account_id for reaction in message.reactions),
    ]
