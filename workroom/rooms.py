"""Workrooms: private (one customer and the provider) and shared (several customers and the provider).

Every act on a room takes the room's lock first, reads the room's state in a later statement, and records what
happened in its shared stream. Who is not a member, and is not of the provider, cannot tell the room from one that
does not exist. Who comes and goes is `room_members.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workroom import events, memberships
from workroom.abilities import Ability, require_ability
from workroom.digests import digest_room_name, mint_salt
from workroom.errors import InvalidInput, LimitReached, NotFound, RoomArchived
from workroom.events import NewEvent, RecordedEvent
from workroom.ids import (
    AccountId,
    ClientCommandId,
    CustomerId,
    RoomId,
    StreamId,
    mint_room_id,
    mint_stream_id,
)
from workroom.memberships import RoomStreams
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

ROOM_KINDS = ("private", "shared")
NO_SUCH_ROOM = "There is no such room."
MOST_WAITING_ROOMS = 50


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account that is signed in."""

    account_id: AccountId
    kind: str
    customer_id: CustomerId | None
    stream_id: StreamId

    @property
    def is_provider(self) -> bool:
        return self.kind in memberships.PROVIDER_IN_ROOMS


@dataclass(frozen=True, slots=True)
class Room:
    """A room as it stands, without its content."""

    room_id: RoomId
    kind: str
    created_at: datetime
    created_by: AccountId
    archived_at: datetime | None
    name: str
    name_revision: int
    shared_stream_id: StreamId
    staff_stream_id: StreamId
    last_seq: int
    last_message_seq: int | None
    waiting_since: datetime | None


async def lock_rooms(transaction: Transaction, room_ids: Iterable[RoomId]) -> None:
    """Lock rooms in id order, before any stream of an account is locked. What is decided is read after this."""
    await transaction.fetch(queries.rooms.lock_rooms, room_ids=list(room_ids))


async def find_room(transaction: Transaction, room_id: RoomId) -> Room:
    """A room, whoever asks; NotFound when there is none."""
    record = await transaction.fetch_one_or_none(queries.rooms.find_room, room_id=room_id)
    if record is None:
        raise NotFound(NO_SUCH_ROOM)
    return Room(**record)


async def require_room(transaction: Transaction, actor: Actor, room_id: RoomId) -> Room:
    """A room that the actor is a member of; NotFound alike when it is not, and when there is no such room."""
    room = await find_room(transaction, room_id)
    if not await memberships.find_readable(transaction, [(actor.account_id, room.shared_stream_id)]):
        raise NotFound(NO_SUCH_ROOM)
    return room


async def find_done(
    transaction: Transaction,
    room: Room,
    actor: Actor,
    client_command_id: ClientCommandId,
    kind: str,
    subject_id: AccountId | RoomId,
) -> RecordedEvent | None:
    """What a command recorded in the room when it came before; CommandIdReused where that was another command."""
    done = await events.find_command(transaction, room.shared_stream_id, actor.account_id, client_command_id)
    return None if done is None else events.require_same_command(done, kind, subject_id)


def require_open(room: Room) -> None:
    """Raise RoomArchived unless the room takes anything new."""
    if room.archived_at is not None:
        raise RoomArchived("The room is archived.")


async def create_room(
    transaction: Transaction,
    actor: Actor,
    *,
    kind: str,
    name: str,
    customer_ids: Sequence[CustomerId],
    client_command_id: ClientCommandId,
) -> tuple[RoomId, StreamId, list[RecordedEvent]]:
    """Open a room and join it.

    A customer opens private rooms, for their own customer, and waits for the provider from then on; not in ever more
    rooms (LimitReached). The provider opens either kind, for the customers it names: exactly one in a private room.

    Returns the room, its shared stream, and what was recorded; the first room again when the command came before.
    """
    customers = _require_customers(actor, kind, list(dict.fromkeys(customer_ids)))
    await events.lock_streams(transaction, [actor.stream_id])
    done = await events.find_command(transaction, actor.stream_id, actor.account_id, client_command_id)
    if done is not None:
        return await _require_same_room(transaction, done, kind, _clean_room_name(name), customers)
    room_id, shared_id, staff_id = mint_room_id(), mint_stream_id(), mint_stream_id()
    own = (await events.open_streams(transaction, [actor.stream_id]))[actor.stream_id]
    salt = mint_salt()
    if not actor.is_provider:
        await _require_few_waiting(transaction, customers[0])
    await transaction.execute(
        queries.rooms.insert_room,
        room_id=room_id,
        kind=kind,
        created_by=actor.account_id,
        created_at=own.recorded_at,
        shared_stream_id=shared_id,
        staff_stream_id=staff_id,
        waiting_since=None if actor.is_provider else own.recorded_at,
        name=_clean_room_name(name),
        salt=salt,
        customer_ids=customers,
    )
    opened = await events.open_streams(transaction, [shared_id, staff_id])
    streams = RoomStreams(room_id, opened[shared_id], opened[staff_id], {actor.account_id: own})
    digest = digest_room_name(salt, room_id, 1, _clean_room_name(name))
    created = streams.shared.number(
        NewEvent(
            shared_id, "room_created", actor.account_id, room_id, subject_detail=1, content_digest=digest
        )
    )
    person = (await memberships.list_people(transaction, [actor.account_id]))[actor.account_id]
    joined = await memberships.begin_membership(
        transaction,
        streams,
        person,
        actor_id=actor.account_id,
        added_by=actor.account_id,
        grants_history=True,
        client_command_id=None,
    )
    recorded = [created, *(_carry_command(event, own.stream_id, client_command_id) for event in joined)]
    await events.write_events(transaction, recorded, streams.all)
    return room_id, shared_id, recorded


async def rename_room(
    transaction: Transaction, actor: Actor, room_id: RoomId, name: str, client_command_id: ClientCommandId
) -> tuple[int, list[RecordedEvent]]:
    """Give the room another name; those before are kept as revisions."""
    require_ability(actor.kind, Ability.RENAME_ROOM)
    name = _clean_room_name(name)
    await lock_rooms(transaction, [room_id])
    room = await require_room(transaction, actor, room_id)
    done = await find_done(transaction, room, actor, client_command_id, "room_renamed", room_id)
    if done is not None:
        before = await transaction.fetch_value(
            queries.rooms.find_room_name, room_id=room_id, revision=done.subject_detail
        )
        events.require_same_content(before, name)
        return done.seq, []
    require_open(room)
    salt, revision = mint_salt(), room.name_revision + 1
    event = NewEvent(
        room.shared_stream_id,
        "room_renamed",
        actor.account_id,
        room_id,
        subject_detail=revision,
        client_command_id=client_command_id,
        content_digest=digest_room_name(salt, room_id, revision, name),
    )
    recorded = await events.record_events(transaction, [event])
    await transaction.execute(
        queries.rooms.insert_room_name,
        room_id=room_id,
        revision=revision,
        name=name,
        salt=salt,
        named_by=actor.account_id,
        recorded_at=recorded[0].recorded_at,
    )
    return recorded[0].seq, recorded


async def set_archived(
    transaction: Transaction,
    actor: Actor,
    room_id: RoomId,
    *,
    archived: bool,
    client_command_id: ClientCommandId,
) -> tuple[int, list[RecordedEvent]]:
    """Archive a room (it can be read, not written, and nobody waits in it), or open it again."""
    require_ability(actor.kind, Ability.ARCHIVE_ROOM)
    kind = "room_archived" if archived else "room_reopened"
    await lock_rooms(transaction, [room_id])
    room = await require_room(transaction, actor, room_id)
    done = await find_done(transaction, room, actor, client_command_id, kind, room_id)
    if done is not None:
        return done.seq, []
    if archived == (room.archived_at is not None):
        return room.last_seq, []
    streams = await events.open_streams(transaction, [room.shared_stream_id])
    shared = streams[room.shared_stream_id]
    recorded = shared.number(
        NewEvent(shared.stream_id, kind, actor.account_id, room_id, client_command_id=client_command_id)
    )
    shared.waiting_since = None if archived else shared.waiting_since
    await events.write_events(transaction, [recorded], [shared])
    await transaction.execute(
        queries.rooms.set_archived, room_id=room_id, archived_at=recorded.recorded_at if archived else None
    )
    return recorded.seq, [recorded]


async def _require_same_room(
    transaction: Transaction, done: RecordedEvent, kind: str, name: str, customers: list[CustomerId]
) -> tuple[RoomId, StreamId, list[RecordedEvent]]:
    """Give the room that a command opened when it came before; CommandIdReused where it was to be another one."""
    events.require_same_command(done, "room_entered", done.subject_id)
    record = await transaction.fetch_one(queries.rooms.find_opened_room, room_id=done.subject_id)
    events.require_same_content((record["kind"], set(record["customer_ids"])), (kind, set(customers)))
    events.require_same_content(record["name"], name)
    return RoomId(done.subject_id), record["shared_stream_id"], []


def _require_customers(actor: Actor, kind: str, customer_ids: list[CustomerId]) -> list[CustomerId]:
    if kind not in ROOM_KINDS:
        raise InvalidInput("A room is private or shared.", field="kind", problem="unknown_kind")
    needed = Ability.CREATE_PRIVATE_ROOM if kind == "private" else Ability.CREATE_SHARED_ROOM
    require_ability(actor.kind, needed)
    if actor.customer_id is not None:
        if customer_ids not in ([], [actor.customer_id]):
            raise NotFound("There is no such customer.")
        return [actor.customer_id]
    if kind == "private" and len(customer_ids) != 1:
        raise InvalidInput(
            "A private room is for exactly one customer.", field="customer_ids", problem="not_one"
        )
    return customer_ids


async def _require_few_waiting(transaction: Transaction, customer_id: CustomerId) -> None:
    waiting = await transaction.fetch_value(
        queries.rooms.count_waiting_rooms, customer_id=customer_id, most=MOST_WAITING_ROOMS
    )
    if waiting >= MOST_WAITING_ROOMS:
        raise LimitReached(
            "The customer waits for the provider in too many rooms.",
            limit="waiting_rooms",
            value=MOST_WAITING_ROOMS,
        )


def _clean_room_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned:
        raise InvalidInput("A room needs a name.", field="name", problem="too_short")
    return cleaned


def _carry_command(
    event: RecordedEvent, stream_id: StreamId, client_command_id: ClientCommandId
) -> RecordedEvent:
    return events.with_command(event, client_command_id) if event.stream_id == stream_id else event
