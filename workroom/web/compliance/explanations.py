"""`/api/compliance/explanations`: what keeps one message, and until when. Not what is written in it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from workroom.abilities import Ability
from workroom.explanation import require_explanation
from workroom.ids import MessageId
from workroom.records import name_all
from workroom.web.compliance.officer_requests import require_officer
from workroom.web.error_responses import JsonResponse
from workroom.web.running import running_node


async def explain_message(request: Request) -> Response:
    """GET: which classes and holds decide about a message, and when its time comes."""
    await require_officer(request, Ability.MANAGE_RETENTION)
    message_id = MessageId(request.path_params["message_id"])
    async with running_node(request).database.read() as reading:
        explained = await require_explanation(reading, message_id)
        names = await name_all(reading, [explained.room_id, *(hold.hold_id for hold in explained.holds)])
    return JsonResponse({"explanation": explained, "names": names})
