"""`/api/profile`: what a person may change about themselves."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import accounts
from workroom.web.account_shapes import describe_own_account
from workroom.web.authentication import require_signed_in
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import running_node


class ProfileChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    display_name: str


async def change_profile(request: Request) -> Response:
    """PATCH: another name, told at once wherever the person is seen."""
    signed_in = await require_signed_in(request)
    asked = await read_json(request, ProfileChange)
    async with running_node(request).transaction() as work:
        changed = await accounts.change_name(work.transaction, signed_in.account_id, asked.display_name)
        work.recorded(changed.events)
    return JsonResponse({"account": describe_own_account(changed.account)})
