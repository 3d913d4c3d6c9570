"""How a hold ends: one officer asks for its release, another confirms it, and a grace period begins.

A release destroys nothing: what the hold covered is kept until the end of the grace period, and becomes eligible then,
no more. Where the installation says that one officer is enough, the same one may confirm. Postgres itself counts the
grace period and writes the mark of a confirmation (`confirm_hold_release` in `sql/schema.sql`).
"""

from __future__ import annotations

from dataclasses import dataclass

from workroom import audit
from workroom.abilities import Ability
from workroom.audit import Act, Initiator, Subject
from workroom.errors import Conflict
from workroom.holds import Hold, HoldState, Release, require_hold
from workroom.ids import HoldId, mint_release_id
from workroom.officers import require_officer
from workroom.settings import Settings
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """Whether a second officer is needed, and for how many days what was held is kept after the release."""

    needs_two: bool = True
    grace_days: int = 30


def release_rule(settings: Settings) -> ReleaseRule:
    """The rule that the settings name."""
    return ReleaseRule(settings.hold_release == "two", settings.hold_grace_days)


async def request_release(transaction: Transaction, by: Initiator, hold_id: HoldId, reason: str) -> Hold:
    """Ask for the release of a hold. It goes on keeping everything.

    Raises:
        InvalidInput: no reason. NotFound: there is no such hold, or no such officer. Forbidden: not an officer.
        Conflict: its release was asked for (`release_requested`), or confirmed (`released`).
    """
    why = audit.clean_reason(reason)
    officer_id = await require_officer(transaction, by, Ability.MANAGE_HOLDS)
    hold = await _require_not_released(transaction, hold_id)
    if hold.release is not None:
        raise Conflict("The release of this hold was asked for already.", problem="release_requested")
    entry = await audit.record_act(
        transaction,
        by,
        Act.HOLD_RELEASE_REQUESTED,
        Subject("hold", hold_id),
        {"matter_id": hold.matter_id},
        {"reason": why},
    )
    await transaction.execute(
        queries.hold_releases.insert_release,
        release_id=mint_release_id(),
        hold_id=hold_id,
        requested_by=officer_id,
        entry_number=entry,
    )
    return await require_hold(transaction, hold_id)


async def withdraw_release(transaction: Transaction, by: Initiator, hold_id: HoldId, reason: str) -> Hold:
    """Take back that a release was asked for; any officer may.

    Raises like `request_release`; Conflict (`release_not_requested`) where nobody asked.
    """
    why = audit.clean_reason(reason)
    officer_id = await require_officer(transaction, by, Ability.MANAGE_HOLDS)
    hold = await _require_not_released(transaction, hold_id)
    release = _require_requested(hold)
    entry = await audit.record_act(
        transaction,
        by,
        Act.HOLD_RELEASE_WITHDRAWN,
        Subject("hold", hold_id),
        {"matter_id": hold.matter_id, "requested_by": release.requested_by},
        {"reason": why},
    )
    await transaction.execute(
        queries.hold_releases.withdraw_release,
        release_id=release.release_id,
        withdrawn_by=officer_id,
        entry_number=entry,
    )
    return await require_hold(transaction, hold_id)


async def confirm_release(
    transaction: Transaction, by: Initiator, hold_id: HoldId, reason: str, rule: ReleaseRule
) -> Hold:
    """Confirm the release of a hold; its grace period begins.

    Raises like `request_release`; Conflict (`release_not_requested`) where nobody asked, and Conflict
    (`same_officer`) where the one who asked confirms and two are needed.
    """
    why = audit.clean_reason(reason)
    officer_id = await require_officer(transaction, by, Ability.MANAGE_HOLDS)
    hold = await _require_not_released(transaction, hold_id)
    release = _require_requested(hold)
    if rule.needs_two and release.requested_by == officer_id:
        raise Conflict("Another officer has to confirm the release.", problem="same_officer")
    await transaction.fetch_value(
        queries.hold_releases.confirm_release,
        release_id=release.release_id,
        officer_id=officer_id,
        origin=by.origin.value,
        session_id=by.session_id,
        reason=why,
        needs_two=rule.needs_two,
        grace_days=rule.grace_days,
    )
    return await require_hold(transaction, hold_id)


async def _require_not_released(transaction: Transaction, hold_id: HoldId) -> Hold:
    # One change of a hold's release at a time.
    await transaction.fetch(queries.hold_releases.lock_hold, hold_id=hold_id)
    hold = await require_hold(transaction, hold_id)
    if hold.state in (HoldState.GRACE, HoldState.ENDED):
        raise Conflict("The hold was released already.", problem="released")
    return hold


def _require_requested(hold: Hold) -> Release:
    if hold.release is None:
        raise Conflict("Nobody asked for the release of this hold.", problem="release_not_requested")
    return hold.release
