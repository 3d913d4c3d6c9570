"""What one signed-in connection is allowed and listens to. No task, no queue, no timer of its own.

A frame comes in as bytes and is a command or is refused; the connection stays. Messages go straight to the command
writer; whatever has to wait for Postgres runs in a task that the node owns. While too many commands are under way,
nothing more is read from the socket. A list is not read before the last one was taken: so of all answers that are owed
to a connection one may be of any size, and the others are pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from workroom.clock import monotonic_seconds
from workroom.errors import MalformedRequest, RateExceeded, Unavailable, WorkroomError
from workroom.failures import hide_unexpected
from workroom.fanout.hub import Pin
from workroom.ids import AccountId, StreamId
from workroom.node import Node
from workroom.rooms import Actor
from workroom.sessions import SignedIn
from workroom.sockets import field_types, protocol
from workroom.sockets.close_codes import CloseCode, reason_of
from workroom.sockets.protocol import Command, RefusedFrame

MOST_UNDER_WAY = 64
"""Commands of one connection that may wait for Postgres; above it the socket is not read."""
MOST_MALFORMED = 20
"""Frames that are no JSON object at all; no client of ours ever sends one."""
MOST_REFUSED_IN_A_ROW = 200
LISTS = (
    protocol.ListRooms,
    protocol.OpenRoom,
    protocol.ReadMessages,
    protocol.ListFiles,
    protocol.ListWaitingRooms,
    protocol.ListPeople,
    protocol.ListInvitations,
)
"""Commands whose answer may be of any size. Of the others only `read_since` has a large one, of a page at most."""


class Line(Protocol):
    """The connection under a session; see `sockets/connection.py`."""

    @property
    def is_behind(self) -> bool: ...

    def write_frame(self, data: bytes, /) -> None: ...

    def send_text(self, payload: bytes, /) -> None: ...

    def send_owed(self, payload: bytes, /) -> None: ...

    async def owes_nothing(self) -> None: ...

    def say_goodbye_and_close(self, code: int, reason: str, /) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


Perform = Callable[["Session", Any], Awaitable[object]]


class Session:
    """One connection of an account.

    `streams` are those it listens to, its own among them; `awaited_streams` those of each `subscribe` under way.
    """

    __slots__ = (
        "_allowance",
        "_allowed_at",
        "_commands",
        "_line",
        "_malformed",
        "_refused",
        "_turn",
        "_under_way",
        "account_id",
        "actor",
        "awaited_streams",
        "is_lost",
        "node",
        "signed_in",
        "streams",
        "token_hash",
    )

    def __init__(
        self, node: Node, line: Line, signed_in: SignedIn, token_hash: bytes, commands: Commands
    ) -> None:
        self.node = node
        self.signed_in = signed_in
        self.account_id: AccountId = signed_in.account_id
        self.actor = Actor(signed_in.account_id, signed_in.kind, signed_in.customer_id, signed_in.stream_id)
        self.token_hash = token_hash
        self.streams: list[StreamId] = []
        self.awaited_streams: list[frozenset[StreamId]] = []
        self.is_lost = False
        self._line = line
        self._commands = commands
        self._allowance = float(node.settings.commands_burst)
        self._allowed_at = monotonic_seconds()
        self._malformed = 0
        self._refused = 0
        self._under_way = 0
        self._turn: asyncio.Lock | None = None

    # -- from the connection ---------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take one text frame. What is over the rate is not parsed: it costs a look at its beginning."""
        if not self._is_within_rate():
            self._refuse_rate(data)
            return
        self._refused = 0
        try:
            command = protocol.parse_command(data)
        except RefusedFrame as refused:
            self._refuse_frame(refused)
            return
        self._commands.begin(self, command)

    def connection_lost(self, code: int) -> None:
        """The connection is gone: nothing of it stays behind."""
        self.is_lost = True
        for stream_id in self.streams:
            self.node.hub.remove_listener(stream_id, self)
        self.node.presence.stop_listening(self.account_id, self.streams)
        self.streams = []
        self.node.session_closed(self)

    # -- from the hub ----------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write framed bytes now."""
        self._line.write_frame(data)

    @property
    def is_behind(self) -> bool:
        """Whether much waits to be read already."""
        return self._line.is_behind

    def dropped(self, stream_id: StreamId, reason: str, heard_until_seq: int) -> None:
        """Listening to a stream has ended. Where it is the account's own, the session has to prove itself again."""
        if stream_id in self.streams:
            self.streams.remove(stream_id)
        if stream_id == self.signed_in.stream_id:
            # Opened now, so that nothing of the stream is missed unnoticed until the session has proved itself.
            pin = self.node.hub.open_channel(stream_id)
            self.node.start(self._commands.prove(self, pin, heard_until_seq))
            return
        self.node.presence.stop_listening(self.account_id, [stream_id])
        told = {"type": "unsubscribed", "stream": stream_id, "reason": "removed"}
        self._line.send_text(msgspec.json.encode(told))

    # -- from the node ---------------------------------------------------------------------------------------

    def sign_in_ended(self) -> None:
        """The session behind this connection ended or expired."""
        self.close(CloseCode.SIGNED_OUT)

    def desk_changed(self) -> None:
        """The list of waiting rooms is another one now."""
        self._line.send_text(b'{"type":"desk_changed"}')

    def close(self, code: CloseCode) -> None:
        """Say goodbye and close."""
        self._line.say_goodbye_and_close(code, reason_of(code))

    # -- replies ---------------------------------------------------------------------------------------------

    def reply(self, ref: int, result: object) -> None:
        """Answer a command. Small are answers of which all that can be under way stay within the line's limit."""
        payload = protocol.encode_reply(ref, result)
        if len(payload) * MOST_UNDER_WAY <= self.node.settings.outbound_bytes:
            self._line.send_text(payload)
        else:
            self._line.send_owed(payload)

    def reply_error(self, ref: int | None, error: WorkroomError) -> None:
        """Answer a command that failed."""
        self._line.send_text(protocol.encode_error(ref, error))

    def command_begins(self) -> None:
        """One more command waits for Postgres."""
        self._under_way += 1
        if self._under_way == MOST_UNDER_WAY:
            self._line.pause_reading()

    def command_ends(self) -> None:
        """One less."""
        self._under_way -= 1
        if self._under_way == MOST_UNDER_WAY // 2:
            self._line.resume_reading()

    async def perform(self, command: Command, perform: Perform) -> None:
        """Run a command that waits, and answer it whatever happens."""
        if not isinstance(command, LISTS):
            await self._perform(command, perform)
            return
        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            if self.is_lost:
                return
            await self._perform(command, perform)
            await self._line.owes_nothing()

    # -- private ---------------------------------------------------------------------------------------------

    async def _perform(self, command: Command, perform: Perform) -> None:
        try:
            result = await perform(self, command)
        except TimeoutError:
            self.reply_error(command.ref, Unavailable("This took too long."))
        except Exception as error:  # noqa: BLE001 - a defect in one command must not end the node, nor stay silent
            told = hide_unexpected(error, "command_failed", command=type(command).__name__)
            self.reply_error(command.ref, told)
        else:
            self.reply(command.ref, result)
        finally:
            self.command_ends()

    def _is_within_rate(self) -> bool:
        """Take one token; the bucket refills by `commands_per_second`, up to `commands_burst`."""
        now = monotonic_seconds()
        settings = self.node.settings
        allowance = self._allowance + (now - self._allowed_at) * settings.commands_per_second
        if allowance > settings.commands_burst:
            allowance = settings.commands_burst
        self._allowed_at = now
        if allowance < 1.0:
            self._allowance = allowance
            return False
        self._allowance = allowance - 1.0
        return True

    def _refuse_rate(self, data: bytes) -> None:
        self._refused += 1
        if self._refused > MOST_REFUSED_IN_A_ROW:
            self.close(CloseCode.RATE_EXCEEDED)
        else:
            error = RateExceeded("Too many commands.", retry_after_seconds=1)
            self.reply_error(field_types.glance_at_ref(data), error)

    def _refuse_frame(self, refused: RefusedFrame) -> None:
        self.reply_error(refused.ref, refused.error)
        # A field that is wrong, or a command that this version does not have, is no reason to close for good.
        self._malformed += isinstance(refused.error, MalformedRequest)
        if self._malformed > MOST_MALFORMED:
            self.close(CloseCode.MALFORMED_FRAME)


class Commands(Protocol):
    """What performs commands; see `sockets/commands.py`."""

    def begin(self, session: Session, command: Command) -> None:
        """Begin to perform a command. Returns at once; the reply follows."""

    async def prove(self, session: Session, pin: Pin, heard_until_seq: int) -> None:
        """Have a session show that it still stands, or close it. `pin` is of its account's stream, of which it has
        heard everything up to a number."""
