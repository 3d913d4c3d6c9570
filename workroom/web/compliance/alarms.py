"""`/api/compliance/alarms`: whether the guard in Postgres is in place, as the worker found it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from workroom import integrity
from workroom.abilities import Ability
from workroom.web.compliance.officer_requests import require_officer
from workroom.web.error_responses import JsonResponse
from workroom.web.running import running_node


async def list_alarms(request: Request) -> Response:
    """GET: when the database was checked last, and what was found that was not as it must be, the latest first."""
    await require_officer(request, Ability.READ_AUDIT)
    async with running_node(request).database.read() as reading:
        checked_at = await integrity.find_last_check(reading)
        alarms = await integrity.list_alarms(reading)
    return JsonResponse({"checked_at": checked_at, "alarms": alarms})
