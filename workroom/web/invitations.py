"""`/api/invitation`: what a link leads to, for whoever holds it. Accepting it is a command of the socket.

Nothing is changed by asking. It is a POST because a token in an address would stand in every log on the way.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import invitations
from workroom.fanout.throttle import LINK_BY_ADDRESS
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import client_address, running_node


class InvitationLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str


async def preview_invitation(request: Request) -> Response:
    """POST: the room's name and kind and who invites; nothing else of the room is told."""
    asked = await read_json(request, InvitationLink)
    node = running_node(request)
    await node.throttle.count_tries((LINK_BY_ADDRESS, client_address(request)))
    async with node.database.read() as reading:
        invitation = await invitations.find_invitation(reading, asked.token)
    return JsonResponse(
        {
            "room_name": invitation.room_name,
            "kind": invitation.room_kind,
            "invited_by": invitation.invited_by,
            "grants_history": invitation.grants_history,
            "expires_at": invitation.expires_at,
        }
    )
