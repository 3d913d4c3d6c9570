"""Rooms and people as compliance looks them up: by name and by id, never by what was written.

What else the records of compliance are made of (holds, classes, audit entries) names accounts and rooms by id only;
here is how an officer gets to read names for them. A person that was erased has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from workroom.abilities import AccountKind
from workroom.errors import NotFound
from workroom.ids import AccountId, CustomerId, HoldId, MatterId, RetentionClassId, RoomId
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

MAX_PAGE_RECORDS = 100


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """An account by name; `display_name` is None once the person was erased."""

    account_id: AccountId
    kind: AccountKind
    display_name: str | None
    customer_name: str | None


@dataclass(frozen=True, slots=True)
class NamedRoom:
    """A room by its newest name."""

    room_id: RoomId
    kind: str
    name: str
    archived_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A room as a record: `holds` counts those that keep something of it, `last_recorded_at` is of its last event."""

    room_id: RoomId
    kind: str
    name: str
    customers: list[str]
    archived_at: datetime | None
    last_recorded_at: datetime
    holds: int


@dataclass(frozen=True, slots=True)
class HoldName:
    """How people call a hold: the matter's name, and which of its holds it is, counted from 1."""

    hold_id: HoldId
    matter_name: str
    number: int


@dataclass(frozen=True, slots=True)
class NamedMatter:
    """A matter by name."""

    matter_id: MatterId
    name: str


@dataclass(frozen=True, slots=True)
class NamedClass:
    """A retention class by name."""

    class_id: RetentionClassId
    name: str


@dataclass(frozen=True, slots=True)
class NamedCustomer:
    """A customer by name."""

    customer_id: CustomerId
    name: str


@dataclass(frozen=True, slots=True)
class Names:
    """Names of what an answer mentions by id; ids that belong to none of these are left out."""

    people: list[NamedPerson]
    rooms: list[NamedRoom]
    matters: list[NamedMatter]
    holds: list[HoldName]
    classes: list[NamedClass]
    customers: list[NamedCustomer]


async def search_people(
    transaction: Transaction, part: str, limit: int = MAX_PAGE_RECORDS
) -> list[NamedPerson]:
    """Accounts whose name, or whose customer's name, contains the text, by name; empty for all."""
    records = await transaction.fetch(queries.records.search_people, part=part, page_size=limit)
    return [_person(record) for record in records]


async def search_rooms(
    transaction: Transaction, part: str, limit: int = MAX_PAGE_RECORDS
) -> list[RoomRecord]:
    """Rooms whose name, or a customer's name, contains the text, the latest written in first; empty for all."""
    records = await transaction.fetch(
        queries.records.search_rooms, part=part, only_room_id=None, page_size=limit
    )
    return [RoomRecord(**record) for record in records]


async def require_room(transaction: Transaction, room_id: RoomId) -> RoomRecord:
    """The record of this room; NotFound when there is none."""
    record = await transaction.fetch_one_or_none(
        queries.records.search_rooms, part="", only_room_id=room_id, page_size=1
    )
    if record is None:
        raise NotFound("There is no such room.")
    return RoomRecord(**record)


async def name_all(transaction: Transaction, mentioned: Iterable[UUID | None]) -> Names:
    """Names for the ids among these of whatever `Names` has, in no order that matters."""
    ids = list({each for each in mentioned if each is not None})
    people = await transaction.fetch(queries.records.name_people, account_ids=ids)
    rooms = await transaction.fetch(queries.records.name_rooms, room_ids=ids)
    matters = await transaction.fetch(queries.records.name_matters, matter_ids=ids)
    called = await name_holds(transaction, [HoldId(each) for each in ids])
    classes = await transaction.fetch(queries.records.name_classes, class_ids=ids)
    customers = await transaction.fetch(queries.records.name_customers, customer_ids=ids)
    return Names(
        people=[_person(record) for record in people],
        rooms=[NamedRoom(**record) for record in rooms],
        matters=[NamedMatter(**record) for record in matters],
        holds=list(called.values()),
        classes=[NamedClass(**record) for record in classes],
        customers=[NamedCustomer(**record) for record in customers],
    )


async def list_actors(transaction: Transaction) -> list[NamedPerson]:
    """Everybody who is in the audit log as acting, by name."""
    return [_person(record) for record in await transaction.fetch(queries.records.list_actors)]


async def name_holds(transaction: Transaction, hold_ids: Iterable[HoldId]) -> dict[HoldId, HoldName]:
    """How people call these holds."""
    records = await transaction.fetch(queries.records.number_holds, hold_ids=list(hold_ids))
    return {record["hold_id"]: HoldName(**record) for record in records}


def _person(record: Record) -> NamedPerson:
    return NamedPerson(**{**record, "kind": AccountKind(record["kind"])})
