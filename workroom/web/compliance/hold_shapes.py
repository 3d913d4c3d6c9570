"""Holds and their scopes as the officers' doors take and tell them: ids only, names stand beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from workroom.hold_scopes import MAX_SCOPE_PARTS, ContentKind, Covers, Custodian, HoldScope
from workroom.holds import Hold, HoldState, Release, Widening
from workroom.ids import AccountId, RoomId
from workroom.records import HoldName


class AskedCustodian(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account_id: UUID
    covers: Covers


Rooms = Annotated[list[UUID], msgspec.Meta(max_length=MAX_SCOPE_PARTS)]
Custodians = Annotated[list[AskedCustodian], msgspec.Meta(max_length=MAX_SCOPE_PARTS)]


class AskedScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a hold covers, or what a widening adds: rooms and custodians; the whole span and all kinds."""

    rooms: Rooms
    custodians: Custodians
    kinds: list[ContentKind]
    sent_from: datetime | None = None
    sent_until: datetime | None = None


class ToldScope(msgspec.Struct, frozen=True):
    rooms: list[UUID]
    custodians: list[Custodian]
    sent_from: datetime | None
    sent_until: datetime | None
    kinds: list[str]


class ToldHold(msgspec.Struct, frozen=True):
    """A hold; `number` counts within its matter. `reason` is None once it was erased."""

    hold_id: UUID
    number: int
    matter_id: UUID
    matter_name: str
    placed_by: UUID
    placed_at: datetime
    reason: str | None
    state: HoldState
    scope: ToldScope
    release: Release | None


def scope_from(asked: AskedScope) -> HoldScope:
    """The scope that was asked for."""
    return HoldScope(
        room_ids=frozenset(RoomId(room_id) for room_id in asked.rooms),
        custodians=_custodians(asked),
        sent_from=asked.sent_from,
        sent_until=asked.sent_until,
        kinds=frozenset(asked.kinds),
    )


def widening_from(asked: AskedScope) -> Widening:
    """What was asked to be added: the span is the one that the hold is to have."""
    return Widening(
        room_ids=frozenset(RoomId(room_id) for room_id in asked.rooms),
        custodians=_custodians(asked),
        sent_from=asked.sent_from,
        sent_until=asked.sent_until,
        kinds=frozenset(asked.kinds),
    )


def describe_hold(hold: Hold, called: HoldName) -> ToldHold:
    """The hold for an officer."""
    return ToldHold(
        hold_id=hold.hold_id,
        number=called.number,
        matter_id=hold.matter_id,
        matter_name=called.matter_name,
        placed_by=hold.placed_by,
        placed_at=hold.placed_at,
        reason=hold.reason,
        state=hold.state,
        scope=ToldScope(
            rooms=sorted(hold.scope.room_ids),
            custodians=sorted(hold.scope.custodians),
            sent_from=hold.scope.sent_from,
            sent_until=hold.scope.sent_until,
            kinds=sorted(hold.scope.kinds),
        ),
        release=hold.release,
    )


def mentioned_by(holds: Iterable[Hold]) -> Iterator[UUID]:
    """Every account and room that holds name."""
    for hold in holds:
        yield hold.placed_by
        yield from hold.scope.room_ids
        yield from (custodian.account_id for custodian in hold.scope.custodians)
        if hold.release is not None:
            yield hold.release.requested_by
            if hold.release.confirmed_by is not None:
                yield hold.release.confirmed_by


def _custodians(asked: AskedScope) -> frozenset[Custodian]:
    return frozenset(Custodian(AccountId(each.account_id), each.covers) for each in asked.custodians)
