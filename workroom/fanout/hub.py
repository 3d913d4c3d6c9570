"""Who on this node listens to which stream, and the road by which every event reaches them.

Streams are delivered strictly in order. What comes twice is dropped; what comes early waits, and what is missing is
read once, by the node, not by its thousand clients, and told in pieces that they can take. A removal takes effect at
its own number. The hub never reads Postgres and never writes to a socket itself: reading is a callback, and listeners
write.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from workroom import metrics
from workroom.errors import WorkroomError
from workroom.fanout.channel import MEMBERSHIP_ENDED, Channel, Listener, Pin
from workroom.fanout.flusher import Flusher, flush_channel
from workroom.fanout.frames import Hint, StreamFrame
from workroom.ids import AccountId, StreamId

__all__ = ["MEMBERSHIP_ENDED", "Hub", "Listener", "Pin", "TaskOwner"]

GAP_PATIENCE_SECONDS = 0.01
"""How long an early frame waits before what is missing is read. Two nodes' publications often cross."""
GAP_STEP_EVENTS = 500
GAP_RETRY_SECONDS = 2.0
GAP_LOOKS, GAP_LOOK_SECONDS = 20, 0.005
"""So often the next piece of a gap looks whether a listener is behind: for a tenth of a second. Who takes less than a
piece in that time is closed as slow in the end; until then that is how long the others wait for each piece."""
EMPTY_GAP_READS = 5
GAP_PIECE_BYTES = 64 * 1024
MAX_PENDING_BYTES = 192 * 1024
"""What a channel holds before it is flushed, but for one frame: all that a usual commit brings leaves in one write, and
it is under the limit of a connection's buffer."""

ReadGap = Callable[[StreamId, int, int], Awaitable[list[StreamFrame]]]


class TaskOwner(Protocol):
    """Whoever starts tasks and waits for their end: an asyncio.TaskGroup is one."""

    def create_task(
        self, coro: Coroutine[Any, Any, None], *, name: str | None = None
    ) -> asyncio.Task[None]: ...


class Hub:
    """One for each node.

    Args:
        read_gap: reads the events of a stream from one number to another, both inclusive, as frames in order
            with their redacted variants and ends of membership; fewer when there are not that many. A
            WorkroomError, TimeoutError or OSError is tried again.
        on_first_listener: told when a channel is opened, before rights are read: the broker subscribes.
        on_last_listener: told when it is closed.
        tasks: owns the gap reads.
        flusher: decides when things leave. Sessions share it, so that replies and events leave together.
    """

    def __init__(
        self,
        read_gap: ReadGap,
        on_first_listener: Callable[[StreamId], None],
        on_last_listener: Callable[[StreamId], None],
        tasks: TaskOwner,
        flusher: Flusher | None = None,
    ) -> None:
        self.flusher = flusher or Flusher()
        self._read_gap = read_gap
        self._on_first_listener = on_first_listener
        self._on_last_listener = on_last_listener
        self._tasks = tasks
        self._channels: dict[StreamId, Channel] = {}
        # How often a stream's position has become known here.
        self.positions_learned = 0

    # -- listening -------------------------------------------------------------------------------------------

    def open_channel(self, stream_id: StreamId) -> Pin:
        """Begin to buffer a stream, before an account's rights and the stream's position are read from
        Postgres.

        Each call is answered by one `release` when the listener was added, or was not. A pin serves one
        attempt after the other, but only one account's at a time.
        """
        channel = self._channels.get(stream_id)
        if channel is None:
            channel = self._channels[stream_id] = Channel(stream_id)
            metrics.streams_listened_to.inc()
            self._on_first_listener(stream_id)
        pin = Pin(channel)
        if channel.pins is None:
            channel.pins = set()
        channel.pins.add(pin)
        return pin

    def add_listener(
        self, pin: Pin, listener: Listener, reads_from_seq: int, position_seq: int
    ) -> int | None:
        """Let a listener hear a stream.

        Args:
            pin: of this stream, opened before the rights were read.
            listener: who. One that listens already goes on as before.
            reads_from_seq: the first number it may read; events about older ones reach it redacted.
            position_seq: the stream's highest number in the same snapshot as the rights.

        Returns the number after which everything is delivered; what lies between it and what the client has,
        the client reads. None when the rights may be older than a removal that was delivered here since the
        pin was opened: then ask Postgres again, with the same pin.
        """
        channel = pin.channel
        if pin.is_stale(listener.account_id, position_seq):
            return None
        if channel.delivered_seq is None:
            self.positions_learned += 1
        after_seq = channel.add_listener(listener, reads_from_seq, position_seq)
        if channel.drain_early():
            self._leave(channel)
        self._mend_if_gapped(channel)
        return after_seq

    def release(self, pin: Pin) -> None:
        """Give a pin back. The channel closes when nobody listens. A second time does nothing."""
        channel = pin.channel
        if channel.pins is not None:
            channel.pins.discard(pin)
            if not channel.pins:
                channel.pins = None
        self._close_if_idle(channel)

    def remove_listener(self, stream_id: StreamId, listener: Listener) -> None:
        """Stop delivering to a listener, at once; one that does not listen is ignored."""
        if (channel := self._channels.get(stream_id)) is not None:
            channel.remove_listener(listener)
            self._close_if_idle(channel)

    def positions(self) -> dict[StreamId, int]:
        """The number delivered so far of every stream that is listened to and has one."""
        return {
            stream_id: channel.delivered_seq
            for stream_id, channel in self._channels.items()
            if channel.delivered_seq is not None
        }

    def has_listeners(self, stream_id: StreamId) -> bool:
        """Whether anybody here listens to a stream, or is about to."""
        return stream_id in self._channels

    # -- delivering ------------------------------------------------------------------------------------------

    def deliver(self, frame: StreamFrame) -> None:
        """Take a frame of the writer, of Redis or of a gap read, in any order and any number of times."""
        channel = self._channels.get(frame.stream_id)
        if channel is None:
            return
        if channel.offer(frame):
            self._leave(channel)
            self._close_if_idle(channel)
        if channel.highest_seq != channel.delivered_seq:
            self._mend_if_gapped(channel)

    def deliver_hint(
        self, stream_id: StreamId, payload: bytes, except_account: AccountId | None = None
    ) -> None:
        """Tell a stream's listeners something without a number; `payload` is JSON, not yet framed."""
        channel = self._channels.get(stream_id)
        if channel is None or not channel.listeners:
            return
        channel.add_hint(Hint(stream_id, payload, except_account))
        self._leave(channel)

    def catch_up(self, stream_id: StreamId, highest_seq: int) -> None:
        """Take note that Postgres has events up to `highest_seq`; what does not come by itself is read."""
        channel = self._channels.get(stream_id)
        if channel is None or channel.delivered_seq is None or highest_seq <= channel.delivered_seq:
            return
        channel.note_highest(highest_seq)
        self._mend_if_gapped(channel)

    # -- private ---------------------------------------------------------------------------------------------

    def _leave(self, channel: Channel) -> None:
        for listener, data, heard_until_seq in channel.take_departed():
            if data:
                self.flusher.send(listener, data)
            listener.dropped(channel.stream_id, MEMBERSHIP_ENDED, heard_until_seq)
        pending = channel.pending
        if pending is not None and pending.byte_size > MAX_PENDING_BYTES:
            flush_channel(channel, {})
        else:
            self.flusher.mark(channel)

    def _close_if_idle(self, channel: Channel) -> None:
        if channel.is_idle and self._channels.get(channel.stream_id) is channel:
            del self._channels[channel.stream_id]
            metrics.streams_listened_to.dec()
            self._on_last_listener(channel.stream_id)

    def _mend_if_gapped(self, channel: Channel) -> None:
        if not channel.is_mending and channel.find_gap() is not None:
            channel.is_mending = True
            self._tasks.create_task(self._mend(channel), name=f"mend {channel.stream_id}")

    async def _mend(self, channel: Channel) -> None:
        """Read what is missing, until nothing is; give up what Postgres does not have."""
        try:
            await asyncio.sleep(GAP_PATIENCE_SECONDS)
            attempt = empty_reads = 0
            while self._channels.get(channel.stream_id) is channel and (gap := channel.find_gap()):
                before_seq = channel.delivered_seq
                has_answer = await self._read_step(channel, *gap)
                if channel.delivered_seq != before_seq:
                    metrics.gaps_read.inc()
                    attempt = empty_reads = 0
                    continue
                attempt += 1
                empty_reads += has_answer
                if empty_reads > EMPTY_GAP_READS:
                    channel.give_up_gap()
                    break
                await asyncio.sleep(random.uniform(0, min(GAP_RETRY_SECONDS, 0.02 * 2**attempt)))
        finally:
            channel.is_mending = False

    async def _read_step(self, channel: Channel, from_seq: int, to_seq: int) -> bool:
        """Read and deliver one piece of a gap. Returns whether Postgres answered."""
        to_seq = min(to_seq, from_seq + GAP_STEP_EVENTS - 1)
        try:
            frames = await self._read_gap(channel.stream_id, from_seq, to_seq)
        except (WorkroomError, TimeoutError, OSError):
            return False
        piece_bytes = 0
        for frame in frames:
            if piece_bytes and piece_bytes + len(frame.full) > GAP_PIECE_BYTES:
                await self._let_take(channel)
                piece_bytes = 0
            self.deliver(frame)
            piece_bytes += len(frame.full)
        if piece_bytes > GAP_PIECE_BYTES // 2:
            await self._let_take(channel)
        return True

    async def _let_take(self, channel: Channel) -> None:
        """Give listeners the time to take what they were told, but for those who do not read."""
        flush_channel(channel, {})
        for _ in range(GAP_LOOKS):
            await asyncio.sleep(GAP_LOOK_SECONDS)
            if not any(listener.is_behind for listener in channel.listeners):
                return
