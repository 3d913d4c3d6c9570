"""What a person sees of rooms: the list of their own, those that wait for the provider, and one that they open.

Parts that are only for the provider (the staff stream, waiting) are left out for customers, not emptied: a customer's
answer has no trace of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from workroom import expiry, memberships, message_pages, read_markers, rooms
from workroom.abilities import Ability, require_ability
from workroom.errors import NotFound
from workroom.event_frames import Person
from workroom.ids import AccountId, CustomerId, RoomId, StreamId
from workroom.memberships import Member
from workroom.message_pages import MessagePage, PageRequest
from workroom.rooms import Actor, Room
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

MOST_IDS_OF_A_ROOM = 200
MOST_IDS_OF_A_LIST = 1_000
"""Of members, and of those online, however many rooms a list has: it is one reply, which has to fit into a buffer."""


class ToldCustomer(msgspec.Struct, frozen=True):
    """A customer that a room is for."""

    customer_id: CustomerId
    name: str


class LastLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The beginning of the newest message and how many files it has, or that it was taken back."""

    author_id: AccountId
    author_name: str | None
    text: str
    sent_at: datetime
    deleted: bool
    file_count: int = 0


class RoomLine(msgspec.Struct, frozen=True, kw_only=True):
    """A room in the list of one's own."""

    room_id: RoomId
    kind: str
    name: str
    archived_at: datetime | None
    customers: list[ToldCustomer]
    stream: StreamId
    seq: int
    unread: int
    mentioned: bool
    read_seq: int
    last_message: LastLine | None
    member_count: int
    member_ids: list[AccountId]
    online: list[AccountId] = []
    staff_stream: StreamId | msgspec.UnsetType = msgspec.UNSET
    staff_seq: int | msgspec.UnsetType = msgspec.UNSET
    staff_unread: int | msgspec.UnsetType = msgspec.UNSET
    waiting_since: datetime | msgspec.UnsetType | None = msgspec.UNSET


class WaitingRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A room where a customer waits: name, customers and waiting time, no content."""

    room_id: RoomId
    kind: str
    name: str
    customers: list[str]
    waiting_since: datetime
    member: bool


class WaitingList(NamedTuple):
    """The rooms where a customer waits, and the fingerprint of that list, which says later whether it is another."""

    rooms: list[WaitingRoom]
    fingerprint: str


class ToldMarker(msgspec.Struct, frozen=True):
    """How far a member has read."""

    account_id: AccountId
    seq: int


class OpenedStream(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of an opened room's streams, as it stood when it was at `seq`.

    `expired_before`: messages before that instant were removed after the agreed period, of those the reader could read.
    """

    stream: StreamId
    seq: int
    reads_from_seq: int
    read_markers: list[ToldMarker]
    page: MessagePage
    expired_before: datetime | None = None


class OpenedRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A room as it stands. `streams` has `shared`, and `staff` for the provider's people."""

    room_id: RoomId
    kind: str
    name: str
    archived_at: datetime | None
    created_at: datetime
    customers: list[ToldCustomer]
    members: list[Member]
    people: list[Person]
    streams: dict[str, OpenedStream]
    online: list[AccountId] = []


async def list_rooms(transaction: Transaction, actor: Actor) -> list[RoomLine]:
    """The rooms of which the actor is a member, the one that spoke last first."""
    records = await transaction.fetch(queries.rooms.list_rooms_of_account, account_id=actor.account_id)
    customers = await _list_customers(transaction, [record["room_id"] for record in records])
    return [_line(record, customers.get(record["room_id"], [])) for record in records]


def show_who_is_there(lines: Sequence[RoomLine], online: Collection[AccountId]) -> list[RoomLine]:
    """The lines with those of their members who are online; of the members of each, no more than its share."""
    share = min(MOST_IDS_OF_A_ROOM, max(1, MOST_IDS_OF_A_LIST // max(1, len(lines))))
    return [
        msgspec.structs.replace(
            line,
            member_ids=line.member_ids[:share],
            online=[account_id for account_id in line.member_ids if account_id in online][:share],
        )
        for line in lines
    ]


async def list_waiting_rooms(transaction: Transaction, actor: Actor) -> WaitingList:
    """The rooms where a customer waits for an answer, longest first."""
    require_ability(actor.kind, Ability.WATCH_DESK)
    records = await transaction.fetch(queries.rooms.list_waiting_rooms, account_id=actor.account_id)
    customers = await _list_customers(transaction, [record["room_id"] for record in records])
    waiting = [
        WaitingRoom(
            room_id=record["room_id"],
            kind=record["kind"],
            name=record["name"],
            waiting_since=record["waiting_since"],
            member=record["member"],
            customers=[told.name for told in customers.get(record["room_id"], [])],
        )
        for record in records
    ]
    return WaitingList(waiting, fingerprint=records[0]["fingerprint"] if records else "")


async def fingerprint_waiting_rooms(transaction: Transaction) -> str:
    """A short text that changes whenever the list of waiting rooms does."""
    fingerprint: str = await transaction.fetch_value(queries.rooms.fingerprint_of_waiting_rooms)
    return fingerprint


async def open_room(transaction: Transaction, actor: Actor, room_id: RoomId) -> OpenedRoom:
    """A room as it stands, with the newest page of each of its streams that the actor may read.

    Positions are read before what they are positions of: applying the events after them to this gives the present.
    """
    streams = await _open_streams(transaction, actor, await rooms.find_room(transaction, room_id))
    room = await rooms.find_room(transaction, room_id)
    members = await memberships.list_members(transaction, room_id)
    customers = await _list_customers(transaction, [room_id])
    named = {member.account_id for member in members}
    shown = message_pages.people_on(stream.page for stream in streams.values())
    people = await memberships.list_people_of_room(transaction, room_id, shown - named)
    return OpenedRoom(
        room_id=room_id,
        kind=room.kind,
        name=room.name,
        archived_at=room.archived_at,
        created_at=room.created_at,
        customers=customers.get(room_id, []),
        members=members,
        people=people,
        streams=streams,
    )


async def _open_streams(transaction: Transaction, actor: Actor, room: Room) -> dict[str, OpenedStream]:
    readable = await memberships.find_readable(
        transaction,
        [(actor.account_id, room.shared_stream_id), (actor.account_id, room.staff_stream_id)],
    )
    if (actor.account_id, room.shared_stream_id) not in readable:
        raise NotFound("There is no such room.")
    opened: dict[str, OpenedStream] = {}
    for readership in sorted(readable.values(), key=lambda readership: readership.kind):
        page = await message_pages.read_page(
            transaction, readership, PageRequest(), message_pages.PAGE_BYTES // len(readable)
        )
        markers = await read_markers.list_markers(transaction, readership.stream_id)
        expired_before = await expiry.find_expired_before(transaction, readership)
        opened[readership.kind] = OpenedStream(
            stream=readership.stream_id,
            seq=readership.last_seq,
            reads_from_seq=readership.reads_from_seq,
            read_markers=[ToldMarker(account_id, seq) for account_id, seq in markers],
            page=page,
            expired_before=expired_before,
        )
    return opened


async def _list_customers(
    transaction: Transaction, room_ids: Sequence[RoomId]
) -> dict[RoomId, list[ToldCustomer]]:
    if not room_ids:
        return {}
    records = await transaction.fetch(queries.rooms.list_room_customers, room_ids=list(room_ids))
    customers: dict[RoomId, list[ToldCustomer]] = {}
    for record in records:
        customers.setdefault(record["room_id"], []).append(
            ToldCustomer(record["customer_id"], record["name"])
        )
    return customers


def _line(record: Record, customers: list[ToldCustomer]) -> RoomLine:
    last = None
    if record["author_id"] is not None:
        last = LastLine(
            author_id=record["author_id"],
            author_name=record["author_name"],
            text=record["text"],
            sent_at=record["sent_at"],
            deleted=record["deleted_at"] is not None,
            file_count=0 if record["deleted_at"] is not None else record["file_count"],
        )
    is_provider = record["staff_stream_id"] is not None
    return RoomLine(
        room_id=record["room_id"],
        kind=record["kind"],
        name=record["name"],
        archived_at=record["archived_at"],
        customers=customers,
        stream=record["shared_stream_id"],
        seq=record["last_seq"],
        unread=record["unread"],
        mentioned=record["mentioned"],
        read_seq=record["read_seq"],
        last_message=last,
        member_count=record["member_count"],
        member_ids=record["member_ids"],
        staff_stream=record["staff_stream_id"] if is_provider else msgspec.UNSET,
        staff_seq=record["staff_last_seq"] if is_provider else msgspec.UNSET,
        staff_unread=record["staff_unread"] if is_provider else msgspec.UNSET,
        waiting_since=record["waiting_since"] if is_provider else msgspec.UNSET,
    )
