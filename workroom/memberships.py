"""Who is a member of which room, from when to when, and from which number on they read.

Memberships are intervals, never deleted. What is read of a room (history, what was missed, files, previews, and
listening) asks `find_readable` or `require_member`; what is written is checked under the room's lock. Who left or was
removed reads nothing any more; a newcomer reads from the moment they joined, unless whoever let them in granted the
history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from workroom import events
from workroom.abilities import Ability, has_ability
from workroom.errors import Conflict, Forbidden, NotFound
from workroom.event_frames import Person
from workroom.events import NewEvent, OpenStream, RecordedEvent
from workroom.ids import AccountId, ClientCommandId, RoomId, StreamId
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

PROVIDER_IN_ROOMS = frozenset({"staff", "admin"})


@dataclass(frozen=True, slots=True)
class Readership:
    """That an account may read a stream: from `reads_from_seq` on; the stream went to `last_seq` when it was asked."""

    account_id: AccountId
    stream_id: StreamId
    kind: str
    room_id: RoomId | None
    last_seq: int
    reads_from_seq: int


@dataclass(frozen=True, slots=True)
class Membership:
    """A standing membership."""

    reads_from_seq: int
    joined_seq: int
    joined_at: datetime


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a room, as the other members see them."""

    account_id: AccountId
    kind: str
    display_name: str | None
    customer_id: object
    customer_name: str | None
    deactivated: bool
    joined_at: datetime


@dataclass(slots=True)
class RoomStreams:
    """The streams of one locked room, and those of accounts, that one act writes into."""

    room_id: RoomId
    shared: OpenStream
    staff: OpenStream
    accounts: dict[AccountId, OpenStream]

    @property
    def all(self) -> list[OpenStream]:
        return [self.shared, self.staff, *self.accounts.values()]


async def find_readable(
    transaction: Transaction, pairs: Sequence[tuple[AccountId, StreamId]]
) -> dict[tuple[AccountId, StreamId], Readership]:
    """Which of the pairs may be read now; those that may not, and those that do not exist, are left out alike."""
    records = await transaction.fetch(
        queries.memberships.find_readable,
        account_ids=[account_id for account_id, _ in pairs],
        stream_ids=[stream_id for _, stream_id in pairs],
    )
    return {(record["account_id"], record["stream_id"]): Readership(**record) for record in records}


async def require_member(transaction: Transaction, account_id: AccountId, stream_id: StreamId) -> Readership:
    """Give what the account may read of the stream; NotFound when it may not, or when there is no such stream."""
    readable = await find_readable(transaction, [(account_id, stream_id)])
    if not readable:
        raise NotFound("There is no such stream.")
    return readable[account_id, stream_id]


async def find_membership(
    transaction: Transaction, room_id: RoomId, account_id: AccountId
) -> Membership | None:
    """The standing membership, or None."""
    record = await transaction.fetch_one_or_none(
        queries.memberships.find_open_membership, room_id=room_id, account_id=account_id
    )
    if record is None:
        return None
    return Membership(record["reads_from_seq"], record["joined_seq"], record["joined_at"])


async def list_members(transaction: Transaction, room_id: RoomId) -> list[Member]:
    """The members of a room in the order in which they joined."""
    records = await transaction.fetch(queries.memberships.list_open_memberships, room_id=room_id)
    return [Member(**{field: record[field] for field in Member.__struct_fields__}) for record in records]


async def list_people(transaction: Transaction, account_ids: Iterable[AccountId]) -> dict[AccountId, Person]:
    """Accounts as others see them."""
    wanted = list(set(account_ids))
    if not wanted:
        return {}
    records = await transaction.fetch(queries.memberships.list_people, account_ids=wanted)
    return {record["account_id"]: Person(**record) for record in records}


async def list_people_of_room(
    transaction: Transaction, room_id: RoomId, account_ids: Iterable[AccountId]
) -> list[Person]:
    """Those of the accounts that are, or once were, members of a room: anybody can be named in a message, but who is
    named must not be a way to learn of people one has nothing to do with."""
    wanted = list(set(account_ids))
    records = await transaction.fetch(
        queries.memberships.list_people_of_room, room_id=room_id, account_ids=wanted
    )
    return [Person(**record) for record in records]


async def list_addable_people(transaction: Transaction, room_id: RoomId | None) -> list[Person]:
    """Whom the provider may add to a room (None: to a room that is yet to be opened), by name."""
    records = await transaction.fetch(queries.memberships.list_addable_people, room_id=room_id)
    return [Person(**record) for record in records]


async def find_account_streams(
    transaction: Transaction, account_ids: Sequence[AccountId]
) -> dict[AccountId, StreamId]:
    """The own stream of each account."""
    records = await transaction.fetch(
        queries.read_markers.find_account_streams, account_ids=list(account_ids)
    )
    return {record["account_id"]: record["stream_id"] for record in records}


async def list_shared_streams(
    transaction: Transaction, account_ids: Sequence[AccountId]
) -> dict[StreamId, list[AccountId]]:
    """The shared streams of the rooms that accounts are members of, each with those of the accounts that are."""
    records = await transaction.fetch(queries.memberships.list_shared_streams, account_ids=list(account_ids))
    return {record["stream_id"]: record["account_ids"] for record in records}


async def begin_membership(
    transaction: Transaction,
    streams: RoomStreams,
    person: Person,
    *,
    actor_id: AccountId,
    added_by: AccountId,
    grants_history: bool,
    client_command_id: ClientCommandId | None,
) -> list[RecordedEvent]:
    """Make an account a member of a locked room, and number what it means in the room and for the account.

    The provider's people read from the beginning; a customer from now on, or from the beginning when granted.
    `actor_id` is whose command it is, `added_by` who let the account in: the same, except where an invitation is
    accepted.
    The events are numbered but not written: the caller writes them together with its own.
    """
    # Asked again under the lock of the account's stream, which whoever changes or deactivates the account holds.
    person = (await list_people(transaction, [person.account_id]))[person.account_id]
    if person.deactivated or not has_ability(person.kind, Ability.TAKE_PART):
        raise Forbidden("This account takes no part in rooms.", kind=person.kind)
    if await find_membership(transaction, streams.room_id, person.account_id) is not None:
        raise Conflict("The account is a member already.", field="account_id")
    is_provider = person.kind in PROVIDER_IN_ROOMS
    joined = streams.shared.number(
        NewEvent(
            streams.shared.stream_id,
            "member_joined",
            actor_id,
            person.account_id,
            client_command_id=client_command_id,
        )
    )
    await transaction.execute(
        queries.memberships.insert_membership,
        room_id=streams.room_id,
        account_id=person.account_id,
        reads_from_seq=1 if is_provider or grants_history else joined.seq,
        joined_seq=joined.seq,
        joined_at=joined.recorded_at,
        added_by=added_by,
    )
    recorded = [joined]
    if is_provider:
        recorded.append(
            streams.staff.number(
                NewEvent(streams.staff.stream_id, "member_joined", actor_id, person.account_id)
            )
        )
    own = streams.accounts[person.account_id]
    recorded.append(own.number(NewEvent(own.stream_id, "room_entered", actor_id, streams.room_id)))
    return recorded


async def end_membership(
    transaction: Transaction,
    streams: RoomStreams,
    account_id: AccountId,
    *,
    ended_by: AccountId,
    client_command_id: ClientCommandId | None,
) -> list[RecordedEvent]:
    """End a membership of a locked room; the events are numbered, to be written by the caller.

    NotFound when the account is not a member. The end has its number in both streams of the room, because each has
    listeners of its own and each must cut them off at a number.
    """
    if await find_membership(transaction, streams.room_id, account_id) is None:
        raise NotFound("There is no such member.")
    kind = "member_left" if account_id == ended_by else "member_removed"
    ended = streams.shared.number(
        NewEvent(streams.shared.stream_id, kind, ended_by, account_id, client_command_id=client_command_id)
    )
    await transaction.execute(
        queries.memberships.end_membership,
        room_id=streams.room_id,
        account_id=account_id,
        left_seq=ended.seq,
        left_at=ended.recorded_at,
        removed_by=None if account_id == ended_by else ended_by,
    )
    own = streams.accounts[account_id]
    return [
        ended,
        streams.staff.number(NewEvent(streams.staff.stream_id, kind, ended_by, account_id)),
        own.number(NewEvent(own.stream_id, "room_exited", ended_by, streams.room_id)),
    ]


async def open_room_streams(
    transaction: Transaction,
    room_id: RoomId,
    shared_stream_id: StreamId,
    staff_stream_id: StreamId,
    account_ids: Sequence[AccountId],
) -> RoomStreams:
    """Lock the accounts' streams (the room is locked before) and read all counters that an act will move."""
    own = await find_account_streams(transaction, account_ids)
    await events.lock_streams(transaction, own.values())
    opened = await events.open_streams(transaction, [shared_stream_id, staff_stream_id, *own.values()])
    return RoomStreams(
        room_id,
        opened[shared_stream_id],
        opened[staff_stream_id],
        {account_id: opened[stream_id] for account_id, stream_id in own.items()},
    )
