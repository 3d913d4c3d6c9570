"""Legal holds: placed, amended, listed. From the commit of its placing on, Postgres itself keeps what a hold covers.

Nothing is copied and no row of content is written. Placing and widening take the lock of all holds alone, as the
transaction's first statement: whoever destroys content has taken it shared before choosing, and keeps it to the commit.
So a hold comes before a destruction or after it, never in between (the guard in `sql/schema.sql`). A hold only ever
widens; it ends by a release (`hold_releases.py`). No command of a member looks at holds, or waits for their lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from msgspec import UNSET, UnsetType

from workroom import audit, matters
from workroom.abilities import Ability
from workroom.audit import Act, Initiator, Subject
from workroom.errors import Conflict, InvalidInput, NotFound
from workroom.hold_scopes import (
    ContentKind,
    Covers,
    Custodian,
    HoldScope,
    kinds_of,
    require_known,
    require_sound,
)
from workroom.ids import AccountId, HoldId, MatterId, MessageId, ReleaseId, RoomId, mint_hold_id
from workroom.officers import require_officer
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries


class HoldState(StrEnum):
    """Where a hold stands. In all states but the last it keeps what it covers."""

    STANDING = "standing"
    RELEASE_REQUESTED = "release_requested"
    GRACE = "grace"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Release:
    """How a hold is on its way to its end. `kept_until` is set when a release was confirmed.

    Reasons are None once they were erased.
    """

    release_id: ReleaseId
    requested_by: AccountId
    requested_at: datetime
    reason: str | None
    confirmed_by: AccountId | None
    confirmed_at: datetime | None
    confirmation_reason: str | None
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it stands. `reason` is why it was placed; None once that was erased."""

    hold_id: HoldId
    matter_id: MatterId
    placed_by: AccountId
    placed_at: datetime
    reason: str | None
    state: HoldState
    scope: HoldScope
    release: Release | None


@dataclass(frozen=True, slots=True)
class Amendment:
    """An act that made a hold what it is; number 1 placed it. Rooms and custodians are those that it added.

    `reason` is None once it was erased.
    """

    number: int
    amended_by: AccountId
    amended_at: datetime
    reason: str | None
    added: HoldScope


@dataclass(frozen=True, slots=True)
class Widening:
    """What is to be added to a hold. UNSET leaves that end of the span where it is; None opens it."""

    room_ids: frozenset[RoomId] = frozenset()
    custodians: frozenset[Custodian] = frozenset()
    sent_from: datetime | UnsetType | None = UNSET
    sent_until: datetime | UnsetType | None = UNSET
    kinds: frozenset[ContentKind] = frozenset()


async def place_hold(
    transaction: Transaction, by: Initiator, matter_id: MatterId, scope: HoldScope, reason: str
) -> Hold:
    """Place a hold; from the commit on, what it covers is kept. Must be the first thing its transaction does.

    Raises:
        InvalidInput: no reason, an empty scope, a span that runs backwards, an unknown room or account.
        NotFound: there is no such matter, or no such officer. Forbidden: not an officer.
        Conflict: the matter is closed (`matter_closed`).
        TryAgain: the lock was not to be had in time.
    """
    why = audit.clean_reason(reason)
    require_sound(scope)
    await transaction.fetch(queries.holds.lock_exclusively)
    officer_id = await require_officer(transaction, by, Ability.MANAGE_HOLDS)
    await matters.require_open_matter(transaction, matter_id)
    await require_known(transaction, scope)
    hold_id = mint_hold_id()
    entry = await audit.record_act(
        transaction,
        by,
        Act.HOLD_PLACED,
        Subject("hold", hold_id),
        {"matter_id": matter_id, **scope.facts()},
        {"reason": why},
    )
    await transaction.execute(
        queries.holds.insert_hold, hold_id=hold_id, matter_id=matter_id, placed_by=officer_id, **_span(scope)
    )
    await _add_parts(transaction, hold_id, scope, officer_id, entry, scope)
    return await require_hold(transaction, hold_id)


async def amend_hold(
    transaction: Transaction, by: Initiator, hold_id: HoldId, widening: Widening, reason: str
) -> Hold:
    """Widen a hold. Must be the first thing its transaction does, like placing.

    Raises:
        InvalidInput: no reason, nothing new (`nothing_new`), an unknown room or account.
        NotFound: there is no such hold, or no such officer. Forbidden: not an officer.
        Conflict: the hold was released (`released`), or the span would become narrower (`narrows_hold`): place
            another hold and release this one.
    """
    why = audit.clean_reason(reason)
    await transaction.fetch(queries.holds.lock_exclusively)
    officer_id = await require_officer(transaction, by, Ability.MANAGE_HOLDS)
    hold = await require_hold(transaction, hold_id)
    if hold.state in (HoldState.GRACE, HoldState.ENDED):
        raise Conflict("The hold was released: place another one.", problem="released")
    widened = _widen(hold.scope, widening)
    if widened == hold.scope:
        raise InvalidInput("Nothing new is named.", field="rooms", problem="nothing_new")
    require_sound(widened)
    added = replace(
        widened,
        room_ids=widened.room_ids - hold.scope.room_ids,
        custodians=widened.custodians - hold.scope.custodians,
    )
    await require_known(transaction, added)
    entry = await audit.record_act(
        transaction,
        by,
        Act.HOLD_AMENDED,
        Subject("hold", hold_id),
        {"matter_id": hold.matter_id, "before": hold.scope.facts(), "after": widened.facts()},
        {"reason": why},
    )
    await transaction.execute(queries.holds.widen_hold, hold_id=hold_id, **_span(widened))
    await _add_parts(transaction, hold_id, added, officer_id, entry, widened)
    return await require_hold(transaction, hold_id)


async def require_hold(transaction: Transaction, hold_id: HoldId) -> Hold:
    """The hold of this id; NotFound when there is none."""
    records = await transaction.fetch(
        queries.holds.list_holds, hold_ids=[hold_id], matter_id=None, room_id=None, state=None
    )
    if not records:
        raise NotFound("There is no such hold.")
    return _hold(records[0])


async def list_holds(
    transaction: Transaction,
    *,
    matter_id: MatterId | None = None,
    room_id: RoomId | None = None,
    state: HoldState | None = None,
) -> list[Hold]:
    """Holds, newest first: of a matter, reaching into a room, in a state; None for any."""
    records = await transaction.fetch(
        queries.holds.list_holds,
        hold_ids=None,
        matter_id=matter_id,
        room_id=room_id,
        state=None if state is None else state.value,
    )
    return [_hold(record) for record in records]


async def list_amendments(transaction: Transaction, hold_id: HoldId) -> list[Amendment]:
    """What made the hold what it is, in order; the first placed it."""
    records = await transaction.fetch(queries.holds.list_amendments, hold_id=hold_id)
    return [
        Amendment(
            number=record["number"],
            amended_by=record["amended_by"],
            amended_at=record["amended_at"],
            reason=record["reason"],
            added=_scope(record),
        )
        for record in records
    ]


async def list_holds_of_messages(
    transaction: Transaction, message_ids: Sequence[MessageId]
) -> dict[MessageId, list[HoldId]]:
    """Which holds keep each of these messages; one that none keeps is left out."""
    found: dict[MessageId, list[HoldId]] = {}
    records = await transaction.fetch(queries.holds.list_holds_of_messages, message_ids=list(message_ids))
    for record in records:
        found.setdefault(record["message_id"], []).append(record["hold_id"])
    return found


async def lock_against_holds(transaction: Transaction) -> None:
    """Keep holds from being placed until the commit: the first statement of whoever destroys content."""
    await transaction.fetch(queries.holds.lock_shared)


def _widen(scope: HoldScope, widening: Widening) -> HoldScope:
    sent_from = scope.sent_from if widening.sent_from is UNSET else widening.sent_from
    sent_until = scope.sent_until if widening.sent_until is UNSET else widening.sent_until
    for field, instant in (("sent_from", sent_from), ("sent_until", sent_until)):
        if instant is not None and instant.tzinfo is None:
            raise InvalidInput("A time needs its zone.", field=field, problem="wrong_type")
    if _is_later(sent_from, scope.sent_from):
        raise Conflict("The span would begin later.", field="sent_from", problem="narrows_hold")
    if _is_later(scope.sent_until, sent_until, open_is_last=True):
        raise Conflict("The span would end earlier.", field="sent_until", problem="narrows_hold")
    return HoldScope(
        scope.room_ids | widening.room_ids,
        scope.custodians | widening.custodians,
        sent_from,
        sent_until,
        scope.kinds | widening.kinds,
    )


def _is_later(one: datetime | None, other: datetime | None, *, open_is_last: bool = False) -> bool:
    """Whether one end of a span lies after the other; None is open: before everything, or after it."""
    if one is None or other is None:
        return (one is None and other is not None) if open_is_last else (other is None and one is not None)
    return one > other


def _span(scope: HoldScope) -> dict[str, object]:
    return {
        "sent_from": scope.sent_from,
        "sent_until": scope.sent_until,
        "covers_messages": ContentKind.MESSAGES in scope.kinds,
        "covers_files": ContentKind.FILES in scope.kinds,
    }


async def _add_parts(
    transaction: Transaction,
    hold_id: HoldId,
    added: HoldScope,
    officer_id: AccountId,
    entry_number: int,
    after: HoldScope,
) -> None:
    custodians = sorted(added.custodians)
    await transaction.execute(
        queries.holds.insert_parts,
        hold_id=hold_id,
        amended_by=officer_id,
        entry_number=entry_number,
        room_ids=list(added.room_ids),
        account_ids=[each.account_id for each in custodians],
        covers=[each.covers.value for each in custodians],
        **_span(after),
    )


def _hold(record: Record) -> Hold:
    release = None
    if record["release_id"] is not None:
        release = Release(
            release_id=record["release_id"],
            requested_by=record["requested_by"],
            requested_at=record["requested_at"],
            reason=record["release_reason"],
            confirmed_by=record["confirmed_by"],
            confirmed_at=record["confirmed_at"],
            confirmation_reason=record["confirmation_reason"],
            kept_until=record["kept_until"],
        )
    return Hold(
        hold_id=record["hold_id"],
        matter_id=record["matter_id"],
        placed_by=record["placed_by"],
        placed_at=record["placed_at"],
        reason=record["reason"],
        state=HoldState(record["state"]),
        scope=_scope(record),
        release=release,
    )


def _scope(record: Record) -> HoldScope:
    return HoldScope(
        room_ids=frozenset(record["room_ids"]),
        custodians=frozenset(
            Custodian(account_id, Covers(covers))
            for account_id, covers in zip(record["account_ids"], record["covers"], strict=True)
        ),
        sent_from=record["sent_from"],
        sent_until=record["sent_until"],
        kinds=kinds_of(record["covers_messages"], record["covers_files"]),
    )
