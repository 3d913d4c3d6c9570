"""The protocol of the socket: what a client may send, what the server sends. Pure: no I/O, no clock, no state.

A client sends JSON text frames, each one command with a `ref` of its own choosing; the server answers each with one
reply that repeats it. Everything else the server sends is said without being asked: events, hints, goodbye.
docs/protocol.md says the same in prose, and a test sends every example of it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

import msgspec

from workroom.errors import InvalidInput, MalformedRequest, UnknownCommand, WorkroomError
from workroom.field_problems import find_problem, find_unstorable_text
from workroom.sockets.field_types import (
    MAX_FILES,
    MAX_INVITATION_HOURS,
    MAX_REF,
    MAX_SUBSCRIPTIONS,
    MAX_TEXT_CHARACTERS,
    Attachment,
    Emoji,
    FileKind,
    FileNamePart,
    FilePlace,
    Mentions,
    PageSize,
    Ref,
    RoomName,
    Seq,
    Text,
    refuse_nul,
)

PROTOCOL_VERSION = 1


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """What every command has. `ref` is repeated in the reply."""

    ref: Ref


class NumberedCommand(Command, frozen=True, kw_only=True):
    """A command that records an event. Sent again with the same id, it is done once and answered the same."""

    client_command_id: UUID


# -- listening -----------------------------------------------------------------------------------------------------


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stream to listen to; `seq` is the highest number the client has, None when it has none."""

    stream: UUID
    seq: Seq | None = None


class Subscribe(Command, frozen=True, kw_only=True, tag="subscribe"):
    """Listen to streams. `epoch` is the one the positions are of. Streams that may not be read come back as refused."""

    streams: Annotated[list[Subscription], msgspec.Meta(min_length=1, max_length=MAX_SUBSCRIPTIONS)]
    epoch: UUID | None = None


class Unsubscribe(Command, frozen=True, kw_only=True, tag="unsubscribe"):
    """Stop listening to streams."""

    streams: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MAX_SUBSCRIPTIONS)]


class ReadSince(Command, frozen=True, kw_only=True, tag="read_since"):
    """The events of a stream after `seq`, oldest first, as many as 64 KiB hold; `more` in the reply says to go on."""

    stream: UUID
    seq: Seq


# -- reading -------------------------------------------------------------------------------------------------------


class ListRooms(Command, frozen=True, kw_only=True, tag="list_rooms"):
    """The rooms the account is a member of, with unread counts and the last line of each."""


class OpenRoom(Command, frozen=True, kw_only=True, tag="open_room"):
    """A room as it stands: name, members, customers, read markers, newest page, position of each stream."""

    room_id: UUID


class ReadMessages(Command, frozen=True, kw_only=True, tag="read_messages"):
    """A page of messages of a stream as they stand today, in order of seq.

    Exactly one of `before` (those below, nearest last), `after` (those above, nearest first) and `around` (that number
    in the middle) may be given; none of them means the newest page.
    """

    stream: UUID
    before: Seq | None = None
    after: Seq | None = None
    around: Seq | None = None
    limit: PageSize = 50


class ListFiles(Command, frozen=True, kw_only=True, tag="list_files"):
    """The files of a stream, newest first; of a kind, with a name that contains something."""

    stream: UUID
    kind: FileKind | None = None
    name: FileNamePart | None = None
    before: FilePlace | None = None
    limit: PageSize = 50


class ListWaitingRooms(Command, frozen=True, kw_only=True, tag="list_waiting_rooms"):
    """For the provider: the rooms where a customer waits for an answer. Name, customers and waiting time only."""


class WatchDesk(Command, frozen=True, kw_only=True, tag="watch_desk"):
    """For the provider: be told (`desk_changed`) when the list of waiting rooms changes."""

    watching: bool


# -- messages ------------------------------------------------------------------------------------------------------


class PostMessage(NumberedCommand, frozen=True, kw_only=True, tag="post_message"):
    """Post into a stream. Acknowledged only when it is committed. With files, the text may be empty."""

    stream: UUID
    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT_CHARACTERS)]
    reply_to: UUID | None = None
    mentions: Mentions = []
    files: Annotated[list[Attachment], msgspec.Meta(max_length=MAX_FILES)] = []

    def __post_init__(self) -> None:
        refuse_nul(self.text)
        if not self.text and not self.files:
            raise ValueError("Expected `str` of length >= 1 where there are no files - at `$.text`")
        if self.files and len({attachment.file_id for attachment in self.files}) != len(self.files):
            raise ValueError("a file may be named once")


class EditMessage(NumberedCommand, frozen=True, kw_only=True, tag="edit_message"):
    """Give a message of one's own a new text. What it said before is kept as an earlier revision."""

    stream: UUID
    message_id: UUID
    text: Text
    mentions: Mentions = []

    def __post_init__(self) -> None:
        refuse_nul(self.text)


class DeleteMessage(NumberedCommand, frozen=True, kw_only=True, tag="delete_message"):
    """Take a message back: one's own; staff any message of a customer. It stays as a tombstone."""

    stream: UUID
    message_id: UUID


class AddReaction(NumberedCommand, frozen=True, kw_only=True, tag="add_reaction"):
    """React to a message."""

    stream: UUID
    message_id: UUID
    emoji: Emoji

    def __post_init__(self) -> None:
        refuse_nul(self.emoji)


class RemoveReaction(NumberedCommand, frozen=True, kw_only=True, tag="remove_reaction"):
    """Take one's own reaction back."""

    stream: UUID
    message_id: UUID
    emoji: Emoji

    def __post_init__(self) -> None:
        refuse_nul(self.emoji)


class MarkRead(Command, frozen=True, kw_only=True, tag="mark_read"):
    """Everything up to `seq` of a stream has been read. Lower than before changes nothing."""

    stream: UUID
    seq: Seq


class Typing(Command, frozen=True, kw_only=True, tag="typing"):
    """The account is writing in a stream. A hint: shown for five seconds, never stored."""

    stream: UUID


# -- rooms ---------------------------------------------------------------------------------------------------------


class CreateRoom(NumberedCommand, frozen=True, kw_only=True, tag="create_room"):
    """Open a room and join it. A customer opens private rooms, for their own customer; the provider either kind."""

    kind: str
    name: RoomName
    customer_ids: Annotated[list[UUID], msgspec.Meta(max_length=50)] = []

    def __post_init__(self) -> None:
        refuse_nul(self.name)


class JoinRoom(NumberedCommand, frozen=True, kw_only=True, tag="join_room"):
    """For the provider: join a room."""

    room_id: UUID


class LeaveRoom(NumberedCommand, frozen=True, kw_only=True, tag="leave_room"):
    """Leave a room. Ends all reading of it."""

    room_id: UUID


class AddMember(NumberedCommand, frozen=True, kw_only=True, tag="add_member"):
    """For the provider's members of the room: add an account. History is read from now on, or whole when granted."""

    room_id: UUID
    account_id: UUID
    grants_history: bool = False


class RemoveMember(NumberedCommand, frozen=True, kw_only=True, tag="remove_member"):
    """For the provider's members of the room: end somebody's membership."""

    room_id: UUID
    account_id: UUID


class RenameRoom(NumberedCommand, frozen=True, kw_only=True, tag="rename_room"):
    """Give a room another name."""

    room_id: UUID
    name: RoomName

    def __post_init__(self) -> None:
        refuse_nul(self.name)


class ArchiveRoom(NumberedCommand, frozen=True, kw_only=True, tag="archive_room"):
    """For the provider's members of the room: close it for writing. It stays readable."""

    room_id: UUID


class ReopenRoom(NumberedCommand, frozen=True, kw_only=True, tag="reopen_room"):
    """For the provider's members of the room: open an archived room again."""

    room_id: UUID


class CreateInvitation(Command, frozen=True, kw_only=True, tag="create_invitation"):
    """A link by which one person joins the room. It expires, and can be revoked. The token is told once."""

    room_id: UUID
    grants_history: bool = False
    expires_in_hours: Annotated[int, msgspec.Meta(ge=1, le=MAX_INVITATION_HOURS)] = 72


class ListInvitations(Command, frozen=True, kw_only=True, tag="list_invitations"):
    """The invitations of a room that still work."""

    room_id: UUID


class RevokeInvitation(Command, frozen=True, kw_only=True, tag="revoke_invitation"):
    """Make an invitation's link worthless."""

    invitation_id: UUID


class AcceptInvitation(NumberedCommand, frozen=True, kw_only=True, tag="accept_invitation"):
    """Join the room an invitation is for."""

    token: Annotated[str, msgspec.Meta(min_length=16, max_length=128)]


class ListPeople(Command, frozen=True, kw_only=True, tag="list_people"):
    """For the provider: customers and accounts one can add to a room."""

    room_id: UUID | None = None


MessageCommand = PostMessage | EditMessage | DeleteMessage | AddReaction | RemoveReaction
"""What the command writer takes: commands that write into one stream and are grouped into one transaction."""

AnyCommand = (
    Subscribe
    | Unsubscribe
    | ReadSince
    | ListRooms
    | OpenRoom
    | ReadMessages
    | ListFiles
    | ListWaitingRooms
    | WatchDesk
    | PostMessage
    | EditMessage
    | DeleteMessage
    | AddReaction
    | RemoveReaction
    | MarkRead
    | Typing
    | CreateRoom
    | JoinRoom
    | LeaveRoom
    | AddMember
    | RemoveMember
    | RenameRoom
    | ArchiveRoom
    | ReopenRoom
    | CreateInvitation
    | ListInvitations
    | RevokeInvitation
    | AcceptInvitation
    | ListPeople
)

COMMANDS: dict[str, type[Command]] = {
    str(command.__struct_config__.tag): command for command in AnyCommand.__args__
}

_command_decoder = msgspec.json.Decoder(AnyCommand)
_encoder = msgspec.json.Encoder()


class RefusedFrame(Exception):
    """A frame that is no command: what to answer, and under which ref (None when it has none)."""

    def __init__(self, error: WorkroomError, ref: int | None) -> None:
        super().__init__(error.message)
        self.error = error
        self.ref = ref


def parse_command(data: bytes) -> Command:
    """Read one text frame as a command.

    Raises RefusedFrame with `malformed_request` (no JSON object), `unknown_command`, or `invalid_input`, whose `field`
    and `problem` say what is wrong. Lone surrogates and NUL are refused wherever they stand.
    """
    try:
        command: Command = _command_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(data, error) from None
    return command


def encode(value: object) -> bytes:
    """JSON of anything the server says: structs, dicts, UUIDs, datetimes (RFC 3339, UTC)."""
    return _encoder.encode(value)


def encode_reply(ref: int, result: object) -> bytes:
    """The reply to a command that succeeded."""
    return _encoder.encode({"type": "reply", "ref": ref, "result": result})


def encode_error(ref: int | None, error: WorkroomError) -> bytes:
    """The reply to a command that failed; `ref` is None when the frame had none that could be read."""
    return _encoder.encode({"type": "reply", "ref": ref, "error": describe_error(error)})


def describe_error(error: WorkroomError) -> dict[str, object]:
    """The one JSON shape of all errors, the same on the socket and in HTTP."""
    return {"code": error.code, "message": error.message, "retry": error.retry, "params": error.params}


def _refusal(data: bytes, error: Exception) -> RefusedFrame:
    """Find out as much as can be said of a frame that was refused. Slow, and only walked by bad frames."""
    try:
        # The library's reader takes lone surrogates, ours does not: so this frame's ref can be answered.
        envelope: Any = json.loads(data)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        return RefusedFrame(MalformedRequest("The frame is not a JSON object in UTF-8."), None)
    ref = envelope.get("ref")
    if not isinstance(ref, int) or isinstance(ref, bool) or not 0 <= ref <= MAX_REF:
        ref = None
    if not isinstance(envelope.get("command"), str) or envelope["command"] not in COMMANDS:
        return RefusedFrame(UnknownCommand("There is no such command."), ref)
    unknown = InvalidInput(f"The command is wrong: {error}.", problem="not_allowed")
    return RefusedFrame(find_unstorable_text(envelope) or find_problem(str(error)) or unknown, ref)
