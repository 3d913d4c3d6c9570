"""What a hold covers: rooms, custodians, a span of time, kinds of content; and how much that is.

Rooms and custodians add up; span and kinds limit all of it. A custodian counts with every room the account was a member
of, while it was (`memberships`), or only with what it sent itself (`sent`). The span goes by `sent_at`. The view
`held_spans` says the same of holds that stand; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from workroom.errors import InvalidInput
from workroom.ids import AccountId, RoomId
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

MAX_SCOPE_PARTS = 2_000


class Covers(StrEnum):
    """What of a custodian is held."""

    MEMBERSHIPS = "memberships"
    SENT = "sent"


class ContentKind(StrEnum):
    """What of a message is held: its text with every revision and reaction, or its files."""

    MESSAGES = "messages"
    FILES = "files"


EVERY_KIND = frozenset(ContentKind)


@dataclass(frozen=True, slots=True, order=True)
class Custodian:
    """Somebody whose records are held."""

    account_id: AccountId
    covers: Covers


@dataclass(frozen=True, slots=True)
class HoldScope:
    """See the module. `sent_from` is included, `sent_until` is not; None leaves the span open there."""

    room_ids: frozenset[RoomId] = frozenset()
    custodians: frozenset[Custodian] = frozenset()
    sent_from: datetime | None = None
    sent_until: datetime | None = None
    kinds: frozenset[ContentKind] = EVERY_KIND

    def accounts_covered(self, covers: Covers) -> list[AccountId]:
        """The custodians of whom this much is held."""
        return sorted(each.account_id for each in self.custodians if each.covers is covers)

    def facts(self) -> dict[str, object]:
        """The scope as the audit log has it: ids, times, words of ours; in one order."""
        return {
            "rooms": sorted(self.room_ids),
            "custodians": [
                {"account_id": each.account_id, "covers": each.covers} for each in sorted(self.custodians)
            ],
            "sent_from": self.sent_from,
            "sent_until": self.sent_until,
            "kinds": sorted(self.kinds),
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much a scope covers at this moment.

    Rooms: those named, those of which a custodian was ever a member, and those with something a custodian sent.
    Messages, files and their bytes: what is there and covered. People: who wrote what is covered.
    """

    rooms: int
    messages: int
    files: int
    byte_size: int
    people: int


def require_sound(scope: HoldScope) -> None:
    """Raise InvalidInput where a scope makes no sense: empty, too large, or a span that runs backwards."""
    if not scope.room_ids and not scope.custodians:
        raise InvalidInput("Name a room or a custodian.", field="rooms", problem="empty_scope")
    if not scope.kinds:
        raise InvalidInput("Name a kind of content.", field="kinds", problem="missing")
    if len(scope.room_ids) > MAX_SCOPE_PARTS or len(scope.custodians) > MAX_SCOPE_PARTS:
        raise InvalidInput(
            "Too many rooms or custodians in one hold.",
            field="rooms" if len(scope.room_ids) > MAX_SCOPE_PARTS else "custodians",
            problem="too_many",
            maximum=MAX_SCOPE_PARTS,
        )
    for field, instant in (("sent_from", scope.sent_from), ("sent_until", scope.sent_until)):
        if instant is not None and instant.tzinfo is None:
            raise InvalidInput("A time needs its zone.", field=field, problem="wrong_type")
    if scope.sent_from and scope.sent_until and scope.sent_from >= scope.sent_until:
        raise InvalidInput("The span ends before it begins.", field="sent_until", problem="out_of_order")


async def require_known(transaction: Transaction, scope: HoldScope) -> None:
    """Raise InvalidInput when a room or an account of the scope does not exist (`unknown`)."""
    missing = await transaction.fetch_one(
        queries.hold_scopes.count_unknown,
        room_ids=list(scope.room_ids),
        account_ids=list({each.account_id for each in scope.custodians}),
    )
    for field in ("rooms", "custodians"):
        if missing[field]:
            raise InvalidInput(
                "The scope names what does not exist.", field=field, problem="unknown", count=missing[field]
            )


async def count_coverage(transaction: Transaction, scope: HoldScope) -> Coverage:
    """Count exactly what the scope covers now. Reads every message of the installation: for the pool of long work."""
    record = await transaction.fetch_one(
        queries.hold_scopes.count_coverage,
        room_ids=list(scope.room_ids),
        member_ids=scope.accounts_covered(Covers.MEMBERSHIPS),
        sender_ids=scope.accounts_covered(Covers.SENT),
        sent_from=scope.sent_from,
        sent_until=scope.sent_until,
        covers_messages=ContentKind.MESSAGES in scope.kinds,
        covers_files=ContentKind.FILES in scope.kinds,
    )
    return Coverage(**record)


def kinds_of(covers_messages: bool, covers_files: bool) -> frozenset[ContentKind]:
    """The kinds as a set, from the two columns that the database has."""
    named: Sequence[tuple[bool, ContentKind]] = (
        (covers_messages, ContentKind.MESSAGES),
        (covers_files, ContentKind.FILES),
    )
    return frozenset(kind for covered, kind in named if covered)
