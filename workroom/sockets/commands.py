"""What each command does: typed commands in, domain calls inside one transaction or read, replies out.

Messages go to the command writer, without a task; everything else runs as one. The table at the end is the whole list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from workroom import (
    files,
    invitations,
    memberships,
    message_pages,
    room_members,
    room_overview,
    rooms,
    sessions,
)
from workroom.abilities import Ability, require_ability
from workroom.command_writer import MessageDelete, MessageEdit, Outcome, ReactionChange, StreamWrite
from workroom.customers import list_customers
from workroom.errors import LimitReached, TryAgain, WorkroomError
from workroom.event_frames import Person
from workroom.fanout.hub import Pin
from workroom.files import FileRequest, NewAttachment
from workroom.ids import (
    AccountId,
    ClientCommandId,
    CustomerId,
    FileId,
    InvitationId,
    MessageId,
    RoomId,
    StreamId,
)
from workroom.message_pages import PageRequest
from workroom.messages import NewMessage, Posted
from workroom.sockets import listening
from workroom.sockets import protocol as p
from workroom.sockets.close_codes import CloseCode
from workroom.sockets.session import Session


class SocketCommands:
    """Performs the commands of all sessions of a node."""

    def begin(self, session: Session, command: p.Command) -> None:
        """Begin a command; its reply follows, whatever happens."""
        if session.node.is_draining:
            session.reply_error(command.ref, TryAgain("The node is shutting down."))
            return
        session.command_begins()
        make_write = WRITES.get(type(command))
        if make_write is None:
            session.node.start(session.perform(command, PERFORMS[type(command)]))
            return
        ref = command.ref

        def answer(outcome: Outcome) -> None:
            session.command_ends()
            if isinstance(outcome, WorkroomError):
                session.reply_error(ref, outcome)
            else:
                session.reply(ref, _written(outcome))

        try:
            session.node.writer.submit(make_write(session, command), answer)
        except WorkroomError as error:
            answer(error)

    async def prove(self, session: Session, pin: Pin, heard_until_seq: int) -> None:
        """Ask Postgres whether the session still stands: go on listening, or close with the reason."""
        try:
            code = await _prove(session, pin, heard_until_seq)
        except WorkroomError:
            # Not knowing is no right: the client comes back and shows its cookie.
            code = CloseCode.SESSION_CHANGED
        if code is not None:
            session.close(code)


async def _prove(session: Session, pin: Pin, heard_until_seq: int) -> CloseCode | None:
    own = await listening.listen_to_own_stream(session, pin)
    if own is not None:
        # What came after that is read by coming back: the client then says how far it heard.
        goes_on = own.signed_in.kind == session.actor.kind and own.seq == heard_until_seq
        return None if goes_on else CloseCode.SESSION_CHANGED
    async with session.node.database.read() as reading:
        is_active = await sessions.is_account_active(reading, session.account_id)
    return CloseCode.SIGNED_OUT if is_active else CloseCode.ACCOUNT_DEACTIVATED


def _written(outcome: Posted | Any) -> dict[str, object]:
    if isinstance(outcome, Posted):
        return {"message_id": outcome.message_id, "seq": outcome.seq, "recorded_at": outcome.recorded_at}
    if outcome.revision is not None:
        return {"seq": outcome.seq, "revision": outcome.revision}
    return {"seq": outcome.seq}


# -- messages ------------------------------------------------------------------------------------------------------


def _post(session: Session, command: p.PostMessage) -> StreamWrite:
    return NewMessage(
        StreamId(command.stream),
        session.account_id,
        ClientCommandId(command.client_command_id),
        command.text,
        MessageId(command.reply_to) if command.reply_to else None,
        tuple(map(AccountId, command.mentions)),
        _attachments(session, command),
    )


def _attachments(session: Session, command: p.PostMessage) -> tuple[NewAttachment, ...]:
    if not command.files:
        return ()
    most = session.node.settings.files_per_message
    if len(command.files) > most:
        raise LimitReached("There are too many files in one message.", limit="files_per_message", value=most)
    return tuple(NewAttachment(FileId(each.file_id), each.alt_text) for each in command.files)


def _edit(session: Session, command: p.EditMessage) -> StreamWrite:
    return MessageEdit(
        StreamId(command.stream),
        session.account_id,
        ClientCommandId(command.client_command_id),
        MessageId(command.message_id),
        command.text,
        tuple(map(AccountId, command.mentions)),
    )


def _delete(session: Session, command: p.DeleteMessage) -> StreamWrite:
    return MessageDelete(
        StreamId(command.stream),
        session.account_id,
        ClientCommandId(command.client_command_id),
        MessageId(command.message_id),
    )


def _react(session: Session, command: p.AddReaction | p.RemoveReaction) -> StreamWrite:
    return ReactionChange(
        StreamId(command.stream),
        session.account_id,
        ClientCommandId(command.client_command_id),
        MessageId(command.message_id),
        command.emoji,
        isinstance(command, p.AddReaction),
    )


# -- reading -------------------------------------------------------------------------------------------------------


async def _read_messages(session: Session, command: p.ReadMessages) -> object:
    request = PageRequest(command.before, command.after, command.around, command.limit)
    async with session.node.database.read() as reading:
        readership = await memberships.require_member(reading, session.account_id, StreamId(command.stream))
        page = await message_pages.read_page(reading, readership, request)
        people: list[Person] = []
        if readership.room_id is not None and page.messages:
            shown = message_pages.people_on([page])
            people = await memberships.list_people_of_room(reading, readership.room_id, shown)
        # Asked again after reading: who was removed meanwhile gets nothing of it.
        await memberships.require_member(reading, session.account_id, StreamId(command.stream))
    return {**msgspec.structs.asdict(page), "people": people}


async def _list_files(session: Session, command: p.ListFiles) -> object:
    before = (command.before.seq, command.before.position) if command.before else None
    request = FileRequest(command.kind, command.name, before, command.limit)
    async with session.node.database.read() as reading:
        readership = await memberships.require_member(reading, session.account_id, StreamId(command.stream))
        listed, more = await files.list_files(reading, readership, request)
        people: list[Person] = []
        if readership.room_id is not None and listed:
            authors = {file.author_id for file in listed}
            people = await memberships.list_people_of_room(reading, readership.room_id, authors)
        # Asked again after reading: who was removed meanwhile gets nothing of it.
        await memberships.require_member(reading, session.account_id, StreamId(command.stream))
    return {"files": listed, "people": people, "more": more}


async def _list_rooms(session: Session, command: p.ListRooms) -> object:
    async with session.node.database.read() as reading:
        lines = await room_overview.list_rooms(reading, session.actor)
    online = await session.node.presence.who_is_online({id for line in lines for id in line.member_ids})
    return {"rooms": room_overview.show_who_is_there(lines, online)}


async def _open_room(session: Session, command: p.OpenRoom) -> object:
    async with session.node.database.read() as reading:
        room = await room_overview.open_room(reading, session.actor, RoomId(command.room_id))
        await memberships.require_member(reading, session.account_id, room.streams["shared"].stream)
    online = await session.node.presence.who_is_online({member.account_id for member in room.members})
    return {"room": msgspec.structs.replace(room, online=list(online))}


async def _list_waiting_rooms(session: Session, command: p.ListWaitingRooms) -> object:
    async with session.node.database.read() as reading:
        waiting = await room_overview.list_waiting_rooms(reading, session.actor)
    session.node.desk_seen(session, waiting.fingerprint)
    return {"rooms": waiting.rooms}


async def _watch_desk(session: Session, command: p.WatchDesk) -> object:
    require_ability(session.actor.kind, Ability.WATCH_DESK)
    if command.watching and not session.is_lost:
        session.node.watch_desk(session)
    else:
        session.node.unwatch_desk(session)
    return {}


async def _list_people(session: Session, command: p.ListPeople) -> object:
    require_ability(session.actor.kind, Ability.LIST_PEOPLE)
    async with session.node.database.read() as reading:
        people = await memberships.list_addable_people(
            reading, RoomId(command.room_id) if command.room_id else None
        )
        customers = await list_customers(reading)
    told = [room_overview.ToldCustomer(each.customer_id, each.name) for each in customers]
    return {"customers": told, "accounts": people}


# -- rooms ---------------------------------------------------------------------------------------------------------


async def _create_room(session: Session, command: p.CreateRoom) -> object:
    async with session.node.transaction() as work:
        room_id, stream_id, recorded = await rooms.create_room(
            work.transaction,
            session.actor,
            kind=command.kind,
            name=command.name,
            customer_ids=[CustomerId(customer_id) for customer_id in command.customer_ids],
            client_command_id=ClientCommandId(command.client_command_id),
        )
        work.recorded(recorded)
    return {"room_id": room_id, "stream": stream_id}


async def _join_room(session: Session, command: p.JoinRoom) -> object:
    async with session.node.transaction() as work:
        seq, recorded = await room_members.join_room(
            work.transaction,
            session.actor,
            RoomId(command.room_id),
            ClientCommandId(command.client_command_id),
        )
        work.recorded(recorded)
    return {"seq": seq}


async def _leave_room(session: Session, command: p.LeaveRoom) -> object:
    async with session.node.transaction() as work:
        seq, recorded = await room_members.leave_room(
            work.transaction,
            session.actor,
            RoomId(command.room_id),
            ClientCommandId(command.client_command_id),
        )
        work.recorded(recorded)
    return {"seq": seq}


async def _add_member(session: Session, command: p.AddMember) -> object:
    async with session.node.transaction() as work:
        seq, recorded = await room_members.add_member(
            work.transaction,
            session.actor,
            RoomId(command.room_id),
            AccountId(command.account_id),
            grants_history=command.grants_history,
            client_command_id=ClientCommandId(command.client_command_id),
        )
        work.recorded(recorded)
    return {"seq": seq}


async def _remove_member(session: Session, command: p.RemoveMember) -> object:
    async with session.node.transaction() as work:
        seq, recorded = await room_members.remove_member(
            work.transaction,
            session.actor,
            RoomId(command.room_id),
            AccountId(command.account_id),
            ClientCommandId(command.client_command_id),
        )
        work.recorded(recorded)
    return {"seq": seq}


async def _rename_room(session: Session, command: p.RenameRoom) -> object:
    async with session.node.transaction() as work:
        seq, recorded = await rooms.rename_room(
            work.transaction,
            session.actor,
            RoomId(command.room_id),
            command.name,
            ClientCommandId(command.client_command_id),
        )
        work.recorded(recorded)
    return {"seq": seq}


async def _set_archived(session: Session, command: p.ArchiveRoom | p.ReopenRoom) -> object:
    async with session.node.transaction() as work:
        seq, recorded = await rooms.set_archived(
            work.transaction,
            session.actor,
            RoomId(command.room_id),
            archived=isinstance(command, p.ArchiveRoom),
            client_command_id=ClientCommandId(command.client_command_id),
        )
        work.recorded(recorded)
    return {"seq": seq}


async def _create_invitation(session: Session, command: p.CreateInvitation) -> object:
    async with session.node.transaction() as work:
        return await invitations.create_invitation(
            work.transaction,
            session.actor,
            RoomId(command.room_id),
            grants_history=command.grants_history,
            expires_in_hours=command.expires_in_hours,
        )


async def _list_invitations(session: Session, command: p.ListInvitations) -> object:
    async with session.node.database.read() as reading:
        listed = await invitations.list_invitations(reading, session.actor, RoomId(command.room_id))
    return {"invitations": listed}


async def _revoke_invitation(session: Session, command: p.RevokeInvitation) -> object:
    async with session.node.transaction() as work:
        await invitations.revoke_invitation(
            work.transaction, session.actor, InvitationId(command.invitation_id)
        )
    return {}


async def _accept_invitation(session: Session, command: p.AcceptInvitation) -> object:
    async with session.node.transaction() as work:
        room_id, recorded = await invitations.accept_invitation(
            work.transaction, session.actor, command.token, ClientCommandId(command.client_command_id)
        )
        work.recorded(recorded)
    return {"room_id": room_id}


WRITES: dict[type[p.Command], Callable[[Session, Any], StreamWrite]] = {
    p.PostMessage: _post,
    p.EditMessage: _edit,
    p.DeleteMessage: _delete,
    p.AddReaction: _react,
    p.RemoveReaction: _react,
}

PERFORMS: dict[type[p.Command], Callable[[Session, Any], Awaitable[object]]] = {
    p.Subscribe: listening.subscribe,
    p.Unsubscribe: listening.unsubscribe,
    p.ReadSince: listening.read_since,
    p.MarkRead: listening.mark_read,
    p.Typing: listening.typing,
    p.ListRooms: _list_rooms,
    p.OpenRoom: _open_room,
    p.ReadMessages: _read_messages,
    p.ListFiles: _list_files,
    p.ListWaitingRooms: _list_waiting_rooms,
    p.WatchDesk: _watch_desk,
    p.ListPeople: _list_people,
    p.CreateRoom: _create_room,
    p.JoinRoom: _join_room,
    p.LeaveRoom: _leave_room,
    p.AddMember: _add_member,
    p.RemoveMember: _remove_member,
    p.RenameRoom: _rename_room,
    p.ArchiveRoom: _set_archived,
    p.ReopenRoom: _set_archived,
    p.CreateInvitation: _create_invitation,
    p.ListInvitations: _list_invitations,
    p.RevokeInvitation: _revoke_invitation,
    p.AcceptInvitation: _accept_invitation,
}
