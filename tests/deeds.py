"""Deeds in rooms for tests of the domain: each in a transaction of its own, as the node would open it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.people import actor_of, make_room
from workroom import (
    event_reading,
    invitations,
    memberships,
    message_pages,
    messages,
    read_markers,
    room_members,
    rooms,
)
from workroom.accounts import Account
from workroom.command_writer import (
    MessageDelete,
    MessageEdit,
    Outcome,
    ReactionChange,
    StreamWrite,
    perform_all,
)
from workroom.errors import WorkroomError
from workroom.event_frames import ToldEvent
from workroom.event_reading import Span
from workroom.events import RecordedEvent
from workroom.ids import ClientCommandId, MessageId, RoomId, StreamId
from workroom.invitations import NewInvitation
from workroom.memberships import Readership
from workroom.message_pages import MessagePage, PageRequest
from workroom.messages import NewMessage, Posted, Written
from workroom.storage.database import Database

Recorded = tuple[int, list[RecordedEvent]]


@dataclass(frozen=True, slots=True)
class Place:
    """A room and its two streams."""

    room_id: RoomId
    shared: StreamId
    staff: StreamId


def a_command() -> ClientCommandId:
    """An id for a command that was not sent before."""
    return ClientCommandId(uuid4())


async def open_place(database: Database, creator: Account, *others: Account, kind: str = "shared") -> Place:
    """A room with these members, without history for customers but the creator."""
    return await find_place(database, await make_room(database, creator, *others, kind=kind))


async def find_place(database: Database, room_id: RoomId) -> Place:
    """The streams of a room."""
    async with database.read() as reading:
        room = await rooms.find_room(reading, room_id)
    return Place(room.room_id, room.shared_stream_id, room.staff_stream_id)


# -- messages ------------------------------------------------------------------------------------------------


async def write(database: Database, *writes: StreamWrite) -> list[Outcome]:
    """What the command writer does with one batch."""
    async with database.transaction() as transaction:
        await messages.lock_rooms_of(transaction, {each.stream_id for each in writes})
        return await perform_all(transaction, writes)


async def _accepted(database: Database, one: StreamWrite) -> Any:
    outcome = (await write(database, one))[0]
    if isinstance(outcome, WorkroomError):
        raise outcome
    return outcome


async def post(
    database: Database,
    author: Account,
    stream_id: StreamId,
    text: str = "Good morning",
    *,
    command: ClientCommandId | None = None,
    reply_to: MessageId | None = None,
    mentions: tuple[Any, ...] = (),
) -> Posted:
    """Post a message; raises what refused it."""
    new = NewMessage(stream_id, author.account_id, command or a_command(), text, reply_to, mentions)
    posted: Posted = await _accepted(database, new)
    return posted


async def edit(
    database: Database,
    actor: Account,
    stream_id: StreamId,
    message_id: MessageId,
    text: str,
    *,
    command: ClientCommandId | None = None,
    mentions: tuple[Any, ...] = (),
) -> Written:
    """Edit a message."""
    change = MessageEdit(stream_id, actor.account_id, command or a_command(), message_id, text, mentions)
    written: Written = await _accepted(database, change)
    return written


async def delete(
    database: Database,
    actor: Account,
    stream_id: StreamId,
    message_id: MessageId,
    *,
    command: ClientCommandId | None = None,
) -> Written:
    """Take a message back."""
    change = MessageDelete(stream_id, actor.account_id, command or a_command(), message_id)
    written: Written = await _accepted(database, change)
    return written


async def react(
    database: Database,
    actor: Account,
    stream_id: StreamId,
    message_id: MessageId,
    emoji: str = "👍",
    *,
    is_added: bool = True,
    command: ClientCommandId | None = None,
) -> Written:
    """Put a sign on a message, or take it back."""
    change = ReactionChange(stream_id, actor.account_id, command or a_command(), message_id, emoji, is_added)
    written: Written = await _accepted(database, change)
    return written


async def mark(database: Database, actor: Account, stream_id: StreamId, seq: int) -> read_markers.Moved:
    """Move a read marker; raises what refused it."""
    async with database.transaction() as transaction:
        outcome = (
            await read_markers.move_markers(
                transaction, [read_markers.Mark(actor.account_id, stream_id, seq)]
            )
        )[0]
    if isinstance(outcome, WorkroomError):
        raise outcome
    return outcome


# -- rooms ---------------------------------------------------------------------------------------------------


async def join(
    database: Database, actor: Account, room_id: RoomId, command: ClientCommandId | None = None
) -> Recorded:
    """Join a room as one of the provider's people."""
    async with database.transaction() as transaction:
        return await room_members.join_room(transaction, actor_of(actor), room_id, command or a_command())


async def leave(
    database: Database, actor: Account, room_id: RoomId, command: ClientCommandId | None = None
) -> Recorded:
    """Leave a room."""
    async with database.transaction() as transaction:
        return await room_members.leave_room(transaction, actor_of(actor), room_id, command or a_command())


async def add(
    database: Database,
    actor: Account,
    room_id: RoomId,
    account: Account,
    *,
    grants_history: bool = False,
    command: ClientCommandId | None = None,
) -> Recorded:
    """Add an account to a room."""
    async with database.transaction() as transaction:
        return await room_members.add_member(
            transaction,
            actor_of(actor),
            room_id,
            account.account_id,
            grants_history=grants_history,
            client_command_id=command or a_command(),
        )


async def remove(
    database: Database,
    actor: Account,
    room_id: RoomId,
    account: Account,
    command: ClientCommandId | None = None,
) -> Recorded:
    """Remove an account from a room."""
    async with database.transaction() as transaction:
        return await room_members.remove_member(
            transaction, actor_of(actor), room_id, account.account_id, command or a_command()
        )


async def rename(
    database: Database, actor: Account, room_id: RoomId, name: str, command: ClientCommandId | None = None
) -> Recorded:
    """Give a room another name."""
    async with database.transaction() as transaction:
        return await rooms.rename_room(transaction, actor_of(actor), room_id, name, command or a_command())


async def set_archived(
    database: Database,
    actor: Account,
    room_id: RoomId,
    *,
    archived: bool = True,
    command: ClientCommandId | None = None,
) -> Recorded:
    """Archive a room, or open it again."""
    async with database.transaction() as transaction:
        return await rooms.set_archived(
            transaction,
            actor_of(actor),
            room_id,
            archived=archived,
            client_command_id=command or a_command(),
        )


async def invite(
    database: Database,
    actor: Account,
    room_id: RoomId,
    *,
    grants_history: bool = False,
    expires_in_hours: int = 72,
) -> NewInvitation:
    """Make a link to a room."""
    async with database.transaction() as transaction:
        return await invitations.create_invitation(
            transaction,
            actor_of(actor),
            room_id,
            grants_history=grants_history,
            expires_in_hours=expires_in_hours,
        )


async def accept(
    database: Database, actor: Account, token: str, command: ClientCommandId | None = None
) -> tuple[RoomId, list[RecordedEvent]]:
    """Follow a link into its room."""
    async with database.transaction() as transaction:
        return await invitations.accept_invitation(
            transaction, actor_of(actor), token, command or a_command()
        )


# -- reading -------------------------------------------------------------------------------------------------


async def may_read(database: Database, account: Account, stream_id: StreamId) -> bool:
    """Whether the account may read the stream just now."""
    async with database.read() as reading:
        return bool(await memberships.find_readable(reading, [(account.account_id, stream_id)]))


async def readership_of(database: Database, account: Account, stream_id: StreamId) -> Readership:
    """What the account may read of the stream; raises NotFound where that is nothing."""
    async with database.read() as reading:
        return await memberships.require_member(reading, account.account_id, stream_id)


async def read_all(database: Database, stream_id: StreamId, since_seq: int = 0) -> list[ToldEvent]:
    """The events of a stream after a number, as somebody is told who may read everything."""
    span = Span(stream_id, since_seq)
    async with database.read() as reading:
        return (await event_reading.read_events(reading, [span], 10_000))[span]


async def page(database: Database, account: Account, stream_id: StreamId, **place: int) -> MessagePage:
    """A page of messages as the account sees it."""
    async with database.read() as reading:
        readership = await memberships.require_member(reading, account.account_id, stream_id)
        return await message_pages.read_page(reading, readership, PageRequest(**place))
