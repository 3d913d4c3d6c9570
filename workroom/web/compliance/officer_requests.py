"""What every officers' door begins with: who asks, whether the doors exist for them, and what the address asks for.

For everybody but compliance these doors do not exist: the same 404 as anywhere. The domain asks once more, in the
transaction in which it acts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from starlette.requests import Request

from workroom.abilities import Ability, has_ability
from workroom.audit import Initiator, by_session
from workroom.errors import InvalidInput, NotFound
from workroom.web.authentication import require_signed_in

# A scope names up to some thousands of rooms and people by id.
MAX_SCOPE_BYTES = 512 * 1024


async def require_officer(request: Request, ability: Ability) -> Initiator:
    """Who acts, by the session; NotFound for whoever lacks the ability, SignInRequired without a session."""
    signed_in = await require_signed_in(request)
    if not has_ability(signed_in.kind, ability):
        raise NotFound("There is no such thing here.")
    return by_session(signed_in.account_id, signed_in.session_id)


def asked_text(request: Request, name: str) -> str | None:
    """A word of the query; None where it is missing or empty."""
    return request.query_params.get(name) or None


def asked_id(request: Request, name: str) -> UUID | None:
    """An id of the query; InvalidInput when it is none."""
    text = asked_text(request, name)
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise _wrong(name) from None


def asked_number(request: Request, name: str, maximum: int) -> int | None:
    """A number of the query, at least 1; InvalidInput when it is none, or larger."""
    text = asked_text(request, name)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 18 or not 1 <= int(text) <= maximum:
        raise _wrong(name)
    return int(text)


def asked_instant(request: Request, name: str) -> datetime | None:
    """A time of the query with its zone (RFC 3339); InvalidInput when it is none."""
    text = asked_text(request, name)
    try:
        instant = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise _wrong(name) from None
    if instant is not None and instant.tzinfo is None:
        raise _wrong(name)
    return None if instant is None else instant.astimezone(UTC)


def _wrong(name: str) -> InvalidInput:
    return InvalidInput("A part of the query is wrong.", field=name, problem="wrong_type")
