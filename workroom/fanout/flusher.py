"""When what waits leaves: at once while there is little to do, gathered for some milliseconds while there is
much.

A write to a socket costs a system call, whatever its size, and that call is what fan-out costs. So everything
that one turn of the loop brings leaves together, each listener gets one write, and while flushes follow on
each other the next one waits about as long as the last one took. No I/O of its own: listeners write.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from workroom import metrics
from workroom.clock import monotonic_seconds, now
from workroom.fanout.channel import Channel, Listener
from workroom.fanout.pending import Pending

GATHER_AT_LEAST_SECONDS = 0.002
GATHER_AT_MOST_SECONDS = 0.012


class Writes(Protocol):
    """Somebody who takes framed bytes. A Listener is one."""

    def write(self, data: bytes, /) -> None: ...


class Flusher:
    """Gathers and writes, for one loop. The hub flushes a channel that holds too much by itself."""

    def __init__(
        self,
        gather_at_least_seconds: float = GATHER_AT_LEAST_SECONDS,
        gather_at_most_seconds: float = GATHER_AT_MOST_SECONDS,
    ) -> None:
        self._gather_at_least = gather_at_least_seconds
        self._gather_at_most = gather_at_most_seconds
        self._channels: list[Channel] = []
        self._direct: dict[Writes, bytes] = {}
        self._is_scheduled = False
        self._not_before = 0.0

    def send(self, writer: Writes, framed: bytes) -> None:
        """Let bytes for one listener leave with the next flush, before what channels bring it."""
        waiting = self._direct.get(writer)
        self._direct[writer] = framed if waiting is None else waiting + framed
        self._schedule()

    def mark(self, channel: Channel) -> None:
        """Let what a channel holds leave with the next flush."""
        if not channel.is_marked:
            channel.is_marked = True
            self._channels.append(channel)
            self._schedule()

    def take_direct(self, writer: Writes) -> bytes:
        """Hand over, instead of writing it, what waits for one listener: it is about to be closed."""
        return self._direct.pop(writer, b"")

    def has_direct(self, writer: Writes) -> bool:
        """Whether something waits for one listener alone."""
        return writer in self._direct

    def flush(self) -> None:
        """Write everything that waits, now."""
        started = monotonic_seconds()
        self._is_scheduled = False
        channels, self._channels = self._channels, []
        direct, self._direct = self._direct, {}
        for channel in channels:
            channel.is_marked = False
        if len(channels) == 1:
            flush_channel(channels[0], direct)
        else:
            for channel in channels:
                _collect(channel, direct)
        for writer, data in direct.items():
            writer.write(data)
        ended = monotonic_seconds()
        self._not_before = ended + min(max(ended - started, self._gather_at_least), self._gather_at_most)

    def _schedule(self) -> None:
        if self._is_scheduled:
            return
        self._is_scheduled = True
        loop = asyncio.get_running_loop()
        wait_seconds = self._not_before - monotonic_seconds()
        if wait_seconds <= 0:
            loop.call_soon(self.flush)
        else:
            loop.call_later(wait_seconds, self.flush)


def flush_channel(channel: Channel, direct: dict[Writes, bytes]) -> None:
    """Write what one channel holds; what else waits for its listeners goes first, in the same write.

    `direct` loses the entries of the listeners that were written to.
    """
    taken = channel.take_pending()
    if taken is None:
        return
    pending, listeners, partial = taken
    _count(pending, len(listeners) + len(partial))
    if pending.is_uniform:
        data = pending.joined()
        if direct:
            for listener in tuple(listeners):
                before = direct.pop(listener, None)
                listener.write(data if before is None else before + data)
        else:
            for listener in tuple(listeners):
                listener.write(data)
    else:
        for listener, data in _variants(pending, listeners):
            if data := direct.pop(listener, b"") + data:
                listener.write(data)
    for listener, data in partial:
        listener.write(direct.pop(listener, b"") + data)


def _collect(channel: Channel, direct: dict[Writes, bytes]) -> None:
    """Add what one channel holds to what waits for each of its listeners."""
    taken = channel.take_pending()
    if taken is None:
        return
    pending, listeners, partial = taken
    _count(pending, len(listeners) + len(partial))
    if pending.is_uniform:
        data = pending.joined()
        for listener in listeners:
            before = direct.get(listener)
            direct[listener] = data if before is None else before + data
    else:
        partial = [*_variants(pending, listeners), *partial]
    for listener, data in partial:
        direct[listener] = direct.get(listener, b"") + data


def _variants(pending: Pending, listeners: dict[Listener, int]) -> list[tuple[Listener, bytes]]:
    """What each listener gets where not everybody gets the same; joined once for each number to read from."""
    joined: dict[int, bytes] = {}
    parts = []
    for listener, reads_from_seq in listeners.items():
        account_id = listener.account_id
        if pending.is_excepted(account_id):
            parts.append((listener, pending.bytes_for(account_id, reads_from_seq)))
            continue
        if reads_from_seq not in joined:
            joined[reads_from_seq] = pending.bytes_for(account_id, reads_from_seq)
        parts.append((listener, joined[reads_from_seq]))
    return parts


def _count(pending: Pending, listener_count: int) -> None:
    metrics.deliveries.inc(pending.event_count * listener_count)
    if pending.oldest_sent_at_ms and listener_count:
        metrics.send_to_deliver_seconds.observe(
            max(0.0, now().timestamp() - pending.oldest_sent_at_ms / 1000)
        )
