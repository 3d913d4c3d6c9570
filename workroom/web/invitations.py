"""`/api/invitations/{token}`: what a link leads to, for whoever holds it. Accepting it is a command of the socket."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from workroom import invitations
from workroom.errors import LinkExpired
from workroom.fanout.throttle import LINK_BY_ADDRESS
from workroom.web.authentication import MAX_TOKEN_CHARACTERS
from workroom.web.error_responses import JsonResponse
from workroom.web.running import client_address, running_node


async def preview_invitation(request: Request) -> Response:
    """GET: the room's name and kind and who invites; nothing else of the room is told."""
    token = request.path_params["token"]
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise LinkExpired("This link does not work any more.")
    node = running_node(request)
    await node.throttle.count_tries((LINK_BY_ADDRESS, client_address(request)))
    async with node.database.read() as reading:
        invitation = await invitations.find_invitation(reading, token)
    return JsonResponse(
        {
            "room_name": invitation.room_name,
            "kind": invitation.room_kind,
            "invited_by": invitation.invited_by,
            "grants_history": invitation.grants_history,
            "expires_at": invitation.expires_at,
        }
    )
