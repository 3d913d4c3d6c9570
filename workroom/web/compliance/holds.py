"""`/api/compliance/holds`: counted before they are placed, placed, widened, released; and what each covers now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import audit, hold_releases, hold_scopes, holds
from workroom.abilities import Ability
from workroom.audit import AuditEntry, EntryFilter, Initiator
from workroom.errors import InvalidInput
from workroom.hold_releases import release_rule
from workroom.holds import Hold, HoldState
from workroom.ids import HoldId, MatterId
from workroom.records import name_all, name_holds
from workroom.storage.database import Transaction
from workroom.web.compliance.hold_shapes import (
    AskedScope,
    describe_hold,
    mentioned_by,
    scope_from,
    widening_from,
)
from workroom.web.compliance.matters import Reason
from workroom.web.compliance.officer_requests import MAX_SCOPE_BYTES, asked_id, asked_text, require_officer
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import running_node


class NewHold(AskedScope, frozen=True, forbid_unknown_fields=True, kw_only=True):
    matter_id: UUID
    reason: str


class HoldChange(AskedScope, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: str


class ToldAct(msgspec.Struct, frozen=True):
    """One thing that was done to a hold. `reason` is None once its text was erased."""

    act: str
    by: UUID | None
    at: datetime
    reason: str | None


async def list_holds(request: Request) -> Response:
    """GET: holds, the latest first; `?matter=` and `?state=` narrow."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    matter_id = asked_id(request, "matter")
    async with running_node(request).database.read() as reading:
        found = await holds.list_holds(
            reading,
            matter_id=None if matter_id is None else MatterId(matter_id),
            state=_asked_state(request),
        )
        called = await name_holds(reading, [hold.hold_id for hold in found])
        names = await name_all(reading, mentioned_by(found))
    told = [describe_hold(hold, called[hold.hold_id]) for hold in found]
    return JsonResponse({"holds": told, "names": names})


async def count_scope(request: Request) -> Response:
    """POST: what a hold of this scope would cover now, exactly. Nothing is placed."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    scope = scope_from(await read_json(request, AskedScope, MAX_SCOPE_BYTES))
    hold_scopes.require_sound(scope)
    async with running_node(request).database.long_transaction() as transaction:
        await hold_scopes.require_known(transaction, scope)
        covers = await hold_scopes.count_coverage(transaction, scope)
    return JsonResponse({"covers": covers})


async def place_hold(request: Request) -> Response:
    """POST: a hold, from this moment on."""
    by = await require_officer(request, Ability.MANAGE_HOLDS)
    asked = await read_json(request, NewHold, MAX_SCOPE_BYTES)
    async with running_node(request).transaction() as work:
        hold = await holds.place_hold(
            work.transaction, by, MatterId(asked.matter_id), scope_from(asked), asked.reason
        )
        answer = await _describe(work.transaction, hold)
    return JsonResponse(answer, 201)


async def show_hold(request: Request) -> Response:
    """GET: a hold, what was done to it, and what it covers now."""
    await require_officer(request, Ability.MANAGE_HOLDS)
    node = running_node(request)
    hold_id = HoldId(request.path_params["hold_id"])
    async with node.database.read() as reading:
        hold = await holds.require_hold(reading, hold_id)
        entries = await audit.list_entries(reading, EntryFilter(subject_id=hold_id))
        called = (await name_holds(reading, [hold_id]))[hold_id]
        names = await name_all(reading, [*mentioned_by([hold]), *(entry.actor_id for entry in entries)])
    async with node.database.long_transaction() as transaction:
        covers = await hold_scopes.count_coverage(transaction, hold.scope)
    return JsonResponse(
        {
            "hold": describe_hold(hold, called),
            "covers": covers,
            "acts": [_told_act(entry) for entry in reversed(entries)],
            "needs_two": release_rule(node.settings).needs_two,
            "names": names,
        }
    )


async def amend_hold(request: Request) -> Response:
    """POST: more rooms, more custodians, a longer span, more kinds."""
    by = await require_officer(request, Ability.MANAGE_HOLDS)
    asked = await read_json(request, HoldChange, MAX_SCOPE_BYTES)
    hold_id = HoldId(request.path_params["hold_id"])
    async with running_node(request).transaction() as work:
        hold = await holds.amend_hold(work.transaction, by, hold_id, widening_from(asked), asked.reason)
        answer = await _describe(work.transaction, hold)
    return JsonResponse(answer)


async def request_release(request: Request) -> Response:
    """POST: an officer asks for the release."""
    return await _change_release(request, hold_releases.request_release)


async def withdraw_release(request: Request) -> Response:
    """POST: the request is taken back."""
    return await _change_release(request, hold_releases.withdraw_release)


async def confirm_release(request: Request) -> Response:
    """POST: another officer confirms the release; its grace period begins."""
    rule = release_rule(running_node(request).settings)

    async def confirm(transaction: Transaction, by: Initiator, hold_id: HoldId, reason: str) -> Hold:
        return await hold_releases.confirm_release(transaction, by, hold_id, reason, rule)

    return await _change_release(request, confirm)


async def _change_release(
    request: Request, act: Callable[[Transaction, Initiator, HoldId, str], Awaitable[Hold]]
) -> Response:
    by = await require_officer(request, Ability.MANAGE_HOLDS)
    asked = await read_json(request, Reason)
    async with running_node(request).transaction() as work:
        hold = await act(work.transaction, by, HoldId(request.path_params["hold_id"]), asked.reason)
        answer = await _describe(work.transaction, hold)
    return JsonResponse(answer)


async def _describe(transaction: Transaction, hold: Hold) -> dict[str, object]:
    called = (await name_holds(transaction, [hold.hold_id]))[hold.hold_id]
    return {
        "hold": describe_hold(hold, called),
        "names": await name_all(transaction, mentioned_by([hold])),
    }


def _told_act(entry: AuditEntry) -> ToldAct:
    return ToldAct(entry.act, entry.actor_id, entry.recorded_at, entry.texts.get("reason"))


def _asked_state(request: Request) -> HoldState | None:
    text = asked_text(request, "state")
    try:
        return None if text is None else HoldState(text)
    except ValueError:
        raise InvalidInput("There is no such state.", field="state", problem="unknown_value") from None
