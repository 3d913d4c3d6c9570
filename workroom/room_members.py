"""Who comes into a room and who goes out of it: joining, being added, leaving, being removed.

Each act takes the room's lock first and reads what decides under it; where a membership begins and ends, in numbers, is
`memberships.py`. Who is not a member, and is not of the provider, cannot tell the room from one that does not exist.
"""

from __future__ import annotations

from workroom import events, memberships
from workroom.abilities import Ability, has_ability, require_ability
from workroom.errors import Forbidden, InvalidInput, NotFound
from workroom.event_frames import Person
from workroom.events import RecordedEvent
from workroom.ids import AccountId, ClientCommandId, RoomId
from workroom.memberships import RoomStreams
from workroom.rooms import (
    NO_SUCH_ROOM,
    Actor,
    Room,
    find_done,
    find_room,
    lock_rooms,
    require_open,
    require_room,
)
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


async def join_room(
    transaction: Transaction, actor: Actor, room_id: RoomId, client_command_id: ClientCommandId
) -> tuple[int, list[RecordedEvent]]:
    """The provider's people join rooms that need them. Gives the number at which the membership begins."""
    require_ability(actor.kind, Ability.JOIN_ROOM)
    await lock_rooms(transaction, [room_id])
    room = await find_room(transaction, room_id)
    done = await find_done(transaction, room, actor, client_command_id, "member_joined", actor.account_id)
    if done is not None:
        return done.seq, []
    require_open(room)
    person = (await memberships.list_people(transaction, [actor.account_id]))[actor.account_id]
    return await _join(transaction, room, person, actor, True, client_command_id)


async def add_member(
    transaction: Transaction,
    actor: Actor,
    room_id: RoomId,
    account_id: AccountId,
    *,
    grants_history: bool,
    client_command_id: ClientCommandId,
) -> tuple[int, list[RecordedEvent]]:
    """A member of the provider adds an account. In a private room only people of its customer and of the provider."""
    require_ability(actor.kind, Ability.MANAGE_MEMBERS)
    await lock_rooms(transaction, [room_id])
    room = await require_room(transaction, actor, room_id)
    done = await find_done(transaction, room, actor, client_command_id, "member_joined", account_id)
    if done is not None:
        return await _require_same_history(transaction, room, done, grants_history)
    require_open(room)
    person = (await memberships.list_people(transaction, [account_id])).get(account_id)
    if person is None or person.deactivated:
        raise NotFound("There is no such account.")
    await require_place_for(transaction, room, person)
    return await _join(transaction, room, person, actor, grants_history, client_command_id)


async def remove_member(
    transaction: Transaction,
    actor: Actor,
    room_id: RoomId,
    account_id: AccountId,
    client_command_id: ClientCommandId,
) -> tuple[int, list[RecordedEvent]]:
    """A member of the provider ends somebody's membership, at a number; nothing after it reaches them."""
    require_ability(actor.kind, Ability.MANAGE_MEMBERS)
    if account_id == actor.account_id:
        raise InvalidInput("Leave the room instead.", field="account_id", problem="own_account")
    await lock_rooms(transaction, [room_id])
    room = await require_room(transaction, actor, room_id)
    done = await find_done(transaction, room, actor, client_command_id, "member_removed", account_id)
    return (
        (done.seq, [])
        if done is not None
        else await _end(transaction, room, actor, account_id, client_command_id)
    )


async def leave_room(
    transaction: Transaction, actor: Actor, room_id: RoomId, client_command_id: ClientCommandId
) -> tuple[int, list[RecordedEvent]]:
    """End one's own membership. Ends all reading."""
    await lock_rooms(transaction, [room_id])
    room = await find_room(transaction, room_id)
    done = await find_done(transaction, room, actor, client_command_id, "member_left", actor.account_id)
    if done is not None:
        return done.seq, []
    if not await is_member(transaction, room, actor):
        raise NotFound(NO_SUCH_ROOM)
    return await _end(transaction, room, actor, actor.account_id, client_command_id)


async def end_all_memberships(
    transaction: Transaction, account_id: AccountId, actor_id: AccountId
) -> list[RecordedEvent]:
    """Take an account out of every room: what becoming a compliance officer means. Gives what was recorded."""
    records = await transaction.fetch(queries.memberships.list_rooms_joined, account_id=account_id)
    room_ids = [record["room_id"] for record in records]
    await lock_rooms(transaction, room_ids)
    recorded: list[RecordedEvent] = []
    for room_id in room_ids:
        room = await find_room(transaction, room_id)
        if await memberships.find_membership(transaction, room_id, account_id) is None:
            continue
        streams = await _open(transaction, room, account_id)
        ended = await memberships.end_membership(
            transaction, streams, account_id, ended_by=actor_id, client_command_id=None
        )
        await events.write_events(transaction, ended, streams.all)
        recorded += ended
    return recorded


async def is_member(transaction: Transaction, room: Room, actor: Actor) -> bool:
    """Whether the actor's membership of the room stands."""
    return await memberships.find_membership(transaction, room.room_id, actor.account_id) is not None


async def require_place_for(transaction: Transaction, room: Room, person: Person) -> None:
    """Raise unless the account may be a member of this room; a shared room takes its customer in."""
    if not has_ability(person.kind, Ability.TAKE_PART):
        raise Forbidden("This kind of account takes no part in rooms.", kind=person.kind)
    if person.customer_id is None:
        return
    customers = await transaction.fetch(queries.rooms.list_room_customers, room_ids=[room.room_id])
    if any(record["customer_id"] == person.customer_id for record in customers):
        return
    if room.kind == "private":
        raise Forbidden("A private room is for one customer's people only.", room_kind="private")
    await transaction.execute(
        queries.rooms.insert_room_customer,
        room_id=room.room_id,
        customer_id=person.customer_id,
    )


async def admit(
    transaction: Transaction,
    room: Room,
    actor: Actor,
    *,
    added_by: AccountId,
    grants_history: bool,
    client_command_id: ClientCommandId,
) -> tuple[int, list[RecordedEvent]]:
    """Let the actor into a locked room by an invitation of `added_by`."""
    require_open(room)
    person = (await memberships.list_people(transaction, [actor.account_id]))[actor.account_id]
    await require_place_for(transaction, room, person)
    return await _join(transaction, room, person, actor, grants_history, client_command_id, added_by=added_by)


async def _join(
    transaction: Transaction,
    room: Room,
    person: Person,
    actor: Actor,
    grants_history: bool,
    client_command_id: ClientCommandId,
    added_by: AccountId | None = None,
) -> tuple[int, list[RecordedEvent]]:
    streams = await _open(transaction, room, person.account_id)
    recorded = await memberships.begin_membership(
        transaction,
        streams,
        person,
        actor_id=actor.account_id,
        added_by=added_by or actor.account_id,
        grants_history=grants_history,
        client_command_id=client_command_id,
    )
    await events.write_events(transaction, recorded, streams.all)
    return recorded[0].seq, recorded


async def _end(
    transaction: Transaction,
    room: Room,
    actor: Actor,
    account_id: AccountId,
    client_command_id: ClientCommandId,
) -> tuple[int, list[RecordedEvent]]:
    streams = await _open(transaction, room, account_id)
    recorded = await memberships.end_membership(
        transaction, streams, account_id, ended_by=actor.account_id, client_command_id=client_command_id
    )
    await events.write_events(transaction, recorded, streams.all)
    return recorded[0].seq, recorded


async def _require_same_history(
    transaction: Transaction, room: Room, done: RecordedEvent, grants_history: bool
) -> tuple[int, list[RecordedEvent]]:
    """Answer a command that came before; CommandIdReused where it was to grant another history."""
    record = await transaction.fetch_one(
        queries.memberships.find_begun_membership,
        room_id=room.room_id,
        account_id=done.subject_id,
        joined_seq=done.seq,
    )
    if record["kind"] == "customer":
        events.require_same_content(record["reads_from_seq"] < done.seq, grants_history)
    return done.seq, []


async def _open(transaction: Transaction, room: Room, account_id: AccountId) -> RoomStreams:
    return await memberships.open_room_streams(
        transaction, room.room_id, room.shared_stream_id, room.staff_stream_id, [account_id]
    )
