"""One WebSocket after its handshake: the least that an idle connection needs, and nothing for each message.

It takes the transport over from uvicorn's protocol, so that request, scope, queue and task are gone. Text
that comes in goes to the session at once, in the same call; what goes out is framed bytes. It knows nothing
of commands or streams. It has no timer of its own: heartbeat and closing deadline are one place on the wheel.

What waits for a reader is bounded. A large answer to itself is *owed* on top of that (see `sockets/backlog.py`).
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from workroom import metrics
from workroom.fanout.frames import websocket_text_frame
from workroom.sockets.backlog import LITTLE_PART, Backlog
from workroom.sockets.close_codes import ABNORMAL, RETURNS, CloseCode, reason_of
from workroom.sockets.endpoint import Endpoint, Handshake, Session
from workroom.sockets.frame_reader import FrameReader, is_utf8, split_text_frames
from workroom.sockets.heartbeat import NOT_ON_WHEEL, PING_FRAME
from workroom.sockets.outbound import last_words

SILENT_PERIODS = 2
_COUNTED = {
    CloseCode.SLOW_CONSUMER: metrics.slow_consumers_closed,
    CloseCode.HEARTBEAT_LOST: metrics.heartbeats_lost,
}

_UNATTACHED, _OPEN, _OWING, _SLOW, _CLOSING, _LOST = range(6)
_STANDING = (_OPEN, _OWING)
_BY_SESSION, _BY_READER = 1, 2
"""Why reading is paused: the session has enough to do; the other side has not taken what it is owed."""


class Connection(asyncio.Protocol):
    """One client's line. A route finds it as `scope["extensions"]["workroom.connection"]`."""

    __slots__ = (
        "_backlog", "_early", "_early_close", "_endpoint", "_handshake", "_heard", "_held", "_paid_until", "_paused_by",
        "_reader", "_server_connections", "_session", "_silent_periods", "_state", "_transport", "wheel_slot",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, handshake: Handshake) -> None:
        self._endpoint = endpoint
        self._handshake: Handshake | None = handshake
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._server_connections: set[Any] | None = None
        self._state = _UNATTACHED
        self._early = b""
        self._early_close: tuple[int, str] | None = None
        self._reader: FrameReader | None = None
        self._held: tuple[list[bytes], bytes] | None = None
        self._paused_by = 0
        self._paid_until = 0.0
        self._backlog: Backlog | None = None
        self._heard = True
        self._silent_periods = 0
        self.wheel_slot = NOT_ON_WHEEL

    # -- the session's side ----------------------------------------------------------------------------------

    def attach(self, session: Session, greeting: bytes | None = None) -> None:
        """Take the connection over from the handshake, after it was accepted. The route may return then.

        What came in meanwhile is given to the session before this returns; so is `connection_lost`, if it is
        gone.

        Args:
            session: whom the connection belongs to from now on.
            greeting: JSON of the first message, said before anything is answered; None says nothing.
        """
        assert self._handshake is not None, "attached twice"
        transport, self._server_connections, received = self._handshake.give_away()
        self._handshake = None
        self._session = session
        if transport is None or transport.is_closing():
            self._state = _LOST
            self._tell_lost(ABNORMAL)
            return
        self._transport = transport
        self._state = _OPEN
        transport.set_write_buffer_limits(high=self._endpoint.outbound_bytes)
        transport.set_protocol(self)
        self._server_connections.add(self)
        self._endpoint.connections.add(self)
        metrics.connections.inc()
        # At different times for those that came at the same time.
        heartbeat_seconds = self._endpoint.heartbeat_seconds
        self._endpoint.wheel.schedule(self, heartbeat_seconds * random.uniform(0.5, 1.0))
        transport.resume_reading()
        if greeting is not None:
            self.send_text(greeting)
        early, self._early = self._early, b""
        if early:
            self._endpoint.flusher.send(session, early)
        if self._early_close is not None:
            self.say_goodbye_and_close(*self._early_close)
        elif received:
            self.data_received(received)

    def write_frame(self, data: bytes) -> None:
        """Write framed bytes now. Before `attach` they are kept; after the connection began to close, dropped."""
        if self._state == _OPEN:
            self._transport.write(data)  # type: ignore[union-attr]
        elif self._state == _OWING:
            self._write_owing(data)
        elif self._state == _UNATTACHED:
            self._keep_early(data)

    def send_text(self, payload: bytes) -> None:
        """Let one message leave with the next flush; `payload` is JSON, not yet framed."""
        if self._state in _STANDING:
            assert self._session is not None
            self._endpoint.flusher.send(self._session, websocket_text_frame(payload))
        else:
            self.write_frame(websocket_text_frame(payload))

    def send_owed(self, payload: bytes) -> None:
        """Let a large answer leave with the next flush. Whoever asked for it is not slow because it is large."""
        if self._state == _OPEN:
            self._state = _OWING
            self._backlog = Backlog(self._transport, self._endpoint.outbound_bytes)  # type: ignore[arg-type]
        if self._backlog is not None:
            self._backlog.owe(len(payload))
        self.send_text(payload)

    async def owes_nothing(self) -> None:
        """Return when the other side has taken what it is owed, but for little, or is gone. One may wait."""
        if self._backlog is not None:
            await self._backlog.taken()

    @property
    def is_behind(self) -> bool:
        """Whether more than little waits for the other side, beside what it is owed."""
        most = self._endpoint.outbound_bytes // LITTLE_PART + (
            self._backlog.owed_bytes if self._backlog else 0
        )
        return self._state in _STANDING and self._transport.get_write_buffer_size() > most  # type: ignore[union-attr]

    def say_goodbye_and_close(self, code: int, reason: str, goodbye_payload: bytes | None = None) -> None:
        """Write what still waits, the goodbye and the close frame, and wait for the answer, not longer than
        allowed.

        The session is told `connection_lost(code)` before this returns. A second time does nothing. Before `attach`
        it is remembered, and done then.

        Args:
            code: the close code.
            reason: its name.
            goodbye_payload: JSON; None says goodbye as the endpoint does for that code.
        """
        if self._state == _UNATTACHED:
            self._early_close = self._early_close or (code, reason)
        if not _OPEN <= self._state <= _SLOW:
            return
        assert self._session is not None
        goodbye = self._endpoint.encode_goodbye(code) if goodbye_payload is None else goodbye_payload
        waiting = self._endpoint.flusher.take_direct(self._session)
        self._begin_closing(code, waiting + last_words(code, reason, goodbye))

    def pause_reading(self, reason: int = _BY_SESSION) -> None:
        """Stop taking messages: the session has enough to do. What arrived already is kept."""
        if self._state in _STANDING:
            if not self._paused_by:
                self._transport.pause_reading()  # type: ignore[union-attr]
            self._paused_by |= reason

    def resume_reading(self, reason: int = _BY_SESSION) -> None:
        """Take messages again, what was kept first, in the next turn of the loop."""
        if self._paused_by & reason:
            self._paused_by &= ~reason
            if not self._paused_by:
                asyncio.get_running_loop().call_soon(self._read_on)

    # -- the transport's side --------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._state >= _CLOSING:
            self._await_close(data)
        elif self._paused_by:
            self._hold(data)
        elif self._reader is None:
            messages, offset = split_text_frames(data, self._endpoint.max_frame_bytes)
            if self._pass_on(messages, data[offset:]):
                self._read_slowly(data[offset:])
        else:
            self._read_slowly(data)

    def pause_writing(self) -> None:
        # Called by the transport, from within a write, when more waits than the limit of the moment: so looking for
        # slow readers costs nothing.
        if self._state == _OPEN:
            self._become_slow()
        else:
            self.pause_reading(_BY_READER)

    def resume_writing(self) -> None:
        self.resume_reading(_BY_READER)
        self._settle()

    def eof_received(self) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint.wheel.cancel(self)
        if self._transport is None:
            return
        self._transport = None
        if self._server_connections is not None:
            self._server_connections.discard(self)
        self._endpoint.connections.discard(self)
        metrics.connections.dec()
        self._state = _LOST
        self._reader = self._held = None
        self._tell_lost(ABNORMAL)

    def shutdown(self) -> None:
        """Called by the server when it ends, for connections that nobody said goodbye to before."""
        self._close_with(CloseCode.SERVICE_RESTART)

    # -- the wheel's side ------------------------------------------------------------------------------------

    def expired(self) -> None:
        """Ping, or give up: any byte is life, two silent periods are death, and a closed line must end.

        Who is not listened to, because it sent too much, is not silent; who is not, because it has not taken what it
        asked for, must be taking it.
        """
        if self._transport is None:
            return
        if self._state >= _CLOSING:
            self._transport.abort()
            return
        is_alive, code = self._heard or self._paused_by != 0, CloseCode.HEARTBEAT_LOST
        if self._backlog is not None and self._paused_by & _BY_READER:
            is_alive, code = self._backlog.has_moved(), CloseCode.SLOW_CONSUMER
        self._silent_periods = 0 if is_alive else self._silent_periods + 1
        self._heard = False
        if self._silent_periods >= SILENT_PERIODS:
            self._close_with(code)
            return
        self._endpoint.wheel.schedule(self, self._endpoint.heartbeat_seconds)
        self.write_frame(PING_FRAME)

    # -- private ---------------------------------------------------------------------------------------------

    def _keep_early(self, data: bytes) -> None:
        """Keep what a session that listens already is told before it is attached, or close it then as slow."""
        if len(self._early) + len(data) <= self._endpoint.outbound_bytes:
            self._early += data
        else:
            slow = CloseCode.SLOW_CONSUMER
            self._early_close = self._early_close or (slow, reason_of(slow))

    def _write_owing(self, data: bytes) -> None:
        if self._backlog.write(data):  # type: ignore[union-attr]
            self._become_slow()
        self._settle()

    def _settle(self) -> None:
        """Go back to the usual limit, when little waits in the transport, and nothing in the flusher."""
        if self._state != _OWING or self._paused_by & _BY_READER:
            return
        assert self._transport is not None
        if not self._endpoint.flusher.has_direct(self._session):  # type: ignore[arg-type]
            self._state = _OPEN
            self._transport.set_write_buffer_limits(high=self._endpoint.outbound_bytes)
            self._end_backlog()

    def _end_backlog(self) -> None:
        if self._backlog is not None:
            self._backlog.end()
            self._backlog = None

    def _pass_on(self, messages: list[bytes], rest: bytes) -> bool:
        """Give whole messages to the session; keep what is left when it asks to pause. Returns whether to read on."""
        for index, message in enumerate(messages):
            if self._state not in _STANDING:
                break
            if self._paused_by:
                self._hold(rest, messages[index:])
                return False
            if not is_utf8(message):
                self._fail(CloseCode.INVALID_DATA)
                return False
            self._session.receive(message)  # type: ignore[union-attr]
        if not rest:
            return False
        if self._state >= _CLOSING:
            self._await_close(rest)
        elif self._paused_by:
            self._hold(rest)
        else:
            return True
        return False

    def _read_slowly(self, data: bytes) -> None:
        """Read what is not plain. What is plain behind it is the quick road's again, until something is not."""
        goes_on = True
        while goes_on:
            reader = self._reader = self._reader or self._new_reader()
            messages, answer, data = reader.feed(data)
            self._paid_until = reader.paid_until
            if reader.close_code is not None:
                self._pass_on(messages, b"")
                self._end_by_peer(reader, answer)
                return
            if reader.is_at_rest:
                self._reader = None
                plain, offset = split_text_frames(data, self._endpoint.max_frame_bytes)
                messages, data = messages + plain, data[offset:]
            self.write_frame(answer)
            goes_on = self._pass_on(messages, data)

    def _new_reader(self) -> FrameReader:
        return FrameReader(self._endpoint.max_frame_bytes, self._paid_until)

    def _end_by_peer(self, reader: FrameReader, answer: bytes) -> None:
        code = reader.close_code
        assert code is not None
        if self._state <= _SLOW and reader.has_failed:
            self._fail(CloseCode(code) if code in RETURNS else CloseCode.PROTOCOL_ERROR)
        elif self._state <= _SLOW:
            self._begin_closing(code, answer)
        if self._transport is not None and not reader.has_failed:
            self._transport.close()

    def _fail(self, code: CloseCode) -> None:
        """End a connection whose bytes cannot be understood any more."""
        self._close_with(code)
        transport = self._transport
        if transport is None:
            return
        # Half-closed, and read to its end: closing at once, with bytes unread, would reset the line and could
        # take the close frame with it (RFC 6455, section 7.1.1).
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()

    def _begin_closing(self, code: int, data: bytes) -> None:
        assert self._transport is not None
        self._state = _CLOSING
        self._transport.write(data)
        self._held = None
        self._endpoint.wheel.schedule(self, self._endpoint.close_seconds)
        self._paused_by = 0
        self._transport.resume_reading()
        self._tell_lost(code)

    def _await_close(self, data: bytes) -> None:
        """Drop everything but the other side's close frame. Behind a flood it is not looked for: time ends the line."""
        if self._transport is None or self._state != _CLOSING:
            return
        self._reader = self._reader or self._new_reader()
        if self._reader.find_close(data):
            self._transport.close()

    def _close_with(self, code: CloseCode) -> None:
        if code in _COUNTED:
            _COUNTED[code].inc()
        self.say_goodbye_and_close(code, reason_of(code))

    def _become_slow(self) -> None:
        # Closing waits for the next turn of the loop, because what found out is part of a flush.
        self._state = _SLOW
        asyncio.get_running_loop().call_soon(self._close_slow)

    def _close_slow(self) -> None:
        if self._state == _SLOW:
            self._close_with(CloseCode.SLOW_CONSUMER)

    def _hold(self, rest: bytes, messages: list[bytes] | None = None) -> None:
        """Keep messages that were not passed on, and after them bytes that were not read."""
        held_messages, held_rest = self._held or ([], b"")
        self._held = held_messages + (messages or []), held_rest + rest

    def _read_on(self) -> None:
        if self._paused_by or self._state not in _STANDING:
            return
        (messages, rest), self._held = self._held or ([], b""), None
        self._pass_on(messages, b"")
        if self._paused_by:
            self._hold(rest)
        elif rest:
            self.data_received(rest)
        if self._state in _STANDING and not self._paused_by and self._transport is not None:
            self._transport.resume_reading()

    def _tell_lost(self, code: int) -> None:
        self._end_backlog()
        session, self._session = self._session, None
        if session is not None:
            session.connection_lost(code)
