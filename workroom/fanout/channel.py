"""One stream as this node hears it: the number delivered so far, who listens, what came early, what waits to
leave.

A channel keeps order and decides who hears what; it never reads Postgres, never touches a clock or a socket.
The hub drives it. A channel exists before its position is known (`delivered_seq` is None): until then it only
buffers.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from workroom.fanout.frames import Hint, StreamFrame
from workroom.fanout.pending import Pending
from workroom.ids import AccountId, StreamId

MAX_EARLY_FRAMES = 128
"""Frames that wait for the one before them. Over it they are dropped, and read when their turn comes."""
MAX_EARLY_BYTES = 128 * 1024
"""They leave all at once, with a piece of a gap before them: that must be less than may wait for a reader."""

MEMBERSHIP_ENDED = "membership_ended"


class Listener(Protocol):
    """Somebody who listens: a session. Compared and hashed by identity."""

    @property
    def account_id(self) -> AccountId: ...

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for it already that what can wait should."""

    def write(self, data: bytes, /) -> None:
        """Take bytes that are framed already. Never raises, never waits."""

    def dropped(self, stream_id: StreamId, reason: str, heard_until_seq: int, /) -> None:
        """Learn that nothing of this stream after a number will come. Said when the last bytes are on their way."""


class Arrival(NamedTuple):
    """A listener that is not yet in step with the channel.

    Attributes:
        reads_from_seq: see Channel.listeners.
        after_seq: what the listener has, or is being told, already.
        from_index: where in `pending` its first bytes begin; None while the channel is still behind
            `after_seq`.
    """

    reads_from_seq: int
    after_seq: int
    from_index: int | None


class Pin:
    """Keeps a channel open, and remembers removals, while an account's rights are being read from Postgres.

    What Postgres answers may be older than a removal that the channel delivers in the meantime; `ended` has
    the numbers of those.
    """

    __slots__ = ("channel", "ended")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.ended: dict[AccountId, int] = {}

    def is_stale(self, account_id: AccountId, position_seq: int) -> bool:
        """Whether rights read at `position_seq` may be older than the account's removal."""
        return position_seq < self.ended.get(account_id, 0)


class Departure(NamedTuple):
    """A listener that was dropped, with the bytes that are still its own, and how far it has heard with them."""

    listener: Listener
    data: bytes
    heard_until_seq: int


class Channel:
    """See the module. `listeners` maps each to the number it may read from."""

    __slots__ = (
        "_arriving", "_departed", "_early", "_early_bytes", "delivered_seq", "highest_seq", "is_marked", "is_mending",
        "listeners", "pending", "pins", "stream_id",
    )  # fmt: skip

    def __init__(self, stream_id: StreamId) -> None:
        self.stream_id = stream_id
        self.delivered_seq: int | None = None
        self.highest_seq = 0
        self.listeners: dict[Listener, int] = {}
        self.pending: Pending | None = None
        self.pins: set[Pin] | None = None
        self.is_marked = False
        self.is_mending = False
        self._arriving: dict[Listener, Arrival] | None = None
        self._departed: list[Departure] | None = None
        self._early: dict[int, StreamFrame] | None = None
        self._early_bytes = 0

    # -- who listens -----------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens and nobody is about to."""
        return not self.listeners and not self._arriving and not self.pins

    def add_listener(self, listener: Listener, reads_from_seq: int, position_seq: int) -> int:
        """Let a listener hear everything after the number that is returned; see Hub.add_listener."""
        if self.delivered_seq is None:
            self.delivered_seq = self.highest_seq = position_seq
            self._note_highest_early()
        if listener in self.listeners:
            return self.delivered_seq
        if position_seq > self.delivered_seq:
            self.note_highest(position_seq)
            self._arrive(listener, Arrival(reads_from_seq, position_seq, None))
            return position_seq
        if self.pending:
            self._arrive(listener, Arrival(reads_from_seq, self.delivered_seq, len(self.pending)))
        else:
            self.listeners[listener] = reads_from_seq
        return self.delivered_seq

    def remove_listener(self, listener: Listener) -> None:
        """Forget a listener, at once; unknown ones are ignored."""
        self.listeners.pop(listener, None)
        if self._arriving:
            self._arriving.pop(listener, None)

    def end_account(self, account_id: AccountId, ended_seq: int) -> None:
        """Drop the account's listeners, with what is still theirs, and tell whoever is reading rights just now.

        Args:
            account_id: whose reading ends.
            ended_seq: the number of the removal, which was the last thing added to `pending`. An arrival whose
                rights are newer than that stays.
        """
        for pin in self.pins or ():
            pin.ended[account_id] = ended_seq
        pending = self.pending
        leaving = self._departed = self._departed or []
        for listener, reads_from_seq in self.listeners.items():
            if listener.account_id == account_id:
                data = pending.bytes_for(account_id, reads_from_seq) if pending else b""
                leaving.append(Departure(listener, data, ended_seq))
        for listener, arrival in (self._arriving or {}).items():
            if listener.account_id != account_id or arrival.after_seq >= ended_seq:
                continue
            if pending and arrival.from_index is not None:
                leaving.append(Departure(listener, self._bytes_for_arrival(listener, arrival), ended_seq))
            else:
                leaving.append(Departure(listener, b"", arrival.after_seq))
        for departure in leaving:
            self.remove_listener(departure.listener)

    def take_departed(self) -> list[Departure]:
        """Hand over who was dropped."""
        departed, self._departed = self._departed, None
        return departed or []

    # -- order -----------------------------------------------------------------------------------------------

    def offer(self, frame: StreamFrame) -> bool:
        """Take a frame from the writer, from Redis or from a gap read. Returns whether something is to be
        flushed.

        In order: it is added to `pending`, with what waited for it. Delivered before: dropped. Early, or
        spanning a number where it must be cut: `find_gap` then says what to read.
        """
        if self.delivered_seq is None:
            self._keep_early(frame)
            return False
        self.note_highest(frame.to_seq)
        if frame.from_seq != self.delivered_seq + 1:
            if frame.from_seq > self.delivered_seq:
                self._keep_early(frame)
            return False
        if self._must_be_cut(frame):
            return False
        self._apply(frame)
        self.drain_early()
        return True

    def drain_early(self) -> bool:
        """Apply every early frame whose turn has come. Returns whether there was one."""
        if not self._early or self.delivered_seq is None:
            return False
        has_applied = False
        while (frame := self._early.pop(self.delivered_seq + 1, None)) is not None:
            self._early_bytes -= len(frame.full)
            if self._must_be_cut(frame):
                break
            self._apply(frame)
            has_applied = True
        # What a gap read, or the position that has become known, brought already.
        for from_seq in [seq for seq in self._early if seq <= self.delivered_seq]:
            self._early_bytes -= len(self._early.pop(from_seq).full)
        return has_applied

    def note_highest(self, seq: int) -> None:
        """Remember that the stream has come as far as `seq`."""
        self.highest_seq = max(self.highest_seq, seq)

    def find_gap(self) -> tuple[int, int] | None:
        """First and last number missing before the next thing that is here; None when nothing is."""
        if self.delivered_seq is None or self.delivered_seq >= self.highest_seq:
            return None
        last = self.highest_seq
        if self._early:
            last = min(last, min(self._early) - 1)
        for arrival in (self._arriving or {}).values():
            if arrival.from_index is None:
                last = min(last, arrival.after_seq)
        return self.delivered_seq + 1, last

    def give_up_gap(self) -> None:
        """Believe Postgres, which has nothing above what was delivered; forget what said otherwise."""
        self.highest_seq = self.delivered_seq or 0
        self._early = None
        self._early_bytes = 0
        for listener, arrival in list((self._arriving or {}).items()):
            if arrival.from_index is None:
                self._arrive(listener, arrival._replace(from_index=len(self.pending) if self.pending else 0))

    # -- leaving ---------------------------------------------------------------------------------------------

    def add_hint(self, hint: Hint) -> None:
        """Let a hint leave with the next flush."""
        if self.pending is None:
            self.pending = Pending()
        self.pending.add_hint(hint)

    def take_pending(self) -> tuple[Pending, dict[Listener, int], list[tuple[Listener, bytes]]] | None:
        """Hand over what is to leave: the entries, who gets all of them, and the bytes for who gets a part.

        Afterwards nothing is pending and whoever arrived is in step. None when nothing was pending.
        """
        pending = self.pending
        if not pending:
            return None
        partial: list[tuple[Listener, bytes]] = []
        listeners = self.listeners
        if self._arriving:
            listeners = listeners.copy()
            partial = self._settle_arrivals()
        self.pending = None
        return pending, listeners, partial

    # -- private ---------------------------------------------------------------------------------------------

    def _arrive(self, listener: Listener, arrival: Arrival) -> None:
        if self._arriving is None:
            self._arriving = {}
        self._arriving[listener] = arrival

    def _settle_arrivals(self) -> list[tuple[Listener, bytes]]:
        """Put arrivals that are in step among the listeners; return what of `pending` is theirs."""
        assert self._arriving is not None
        partial = []
        for listener, arrival in list(self._arriving.items()):
            if arrival.from_index is None:
                continue
            if data := self._bytes_for_arrival(listener, arrival):
                partial.append((listener, data))
            self.listeners[listener] = arrival.reads_from_seq
            del self._arriving[listener]
        return partial

    def _bytes_for_arrival(self, listener: Listener, arrival: Arrival) -> bytes:
        assert self.pending is not None
        return self.pending.bytes_for(listener.account_id, arrival.reads_from_seq, arrival.from_index or 0)

    def _must_be_cut(self, frame: StreamFrame) -> bool:
        """Whether some arrival has the beginning of this frame but not its end: both are then read apart."""
        return any(
            arrival.from_index is None and frame.from_seq <= arrival.after_seq < frame.to_seq
            for arrival in (self._arriving or {}).values()
        )

    def _apply(self, frame: StreamFrame) -> None:
        if self.pending is None:
            self.pending = Pending()
        self.pending.add_frame(frame)
        self.delivered_seq = frame.to_seq
        if frame.ends_account_id is not None:
            self.end_account(frame.ends_account_id, frame.to_seq)
        for listener, arrival in list((self._arriving or {}).items()):
            if arrival.from_index is None and arrival.after_seq <= frame.to_seq:
                self._arrive(listener, arrival._replace(from_index=len(self.pending)))

    def _keep_early(self, frame: StreamFrame) -> None:
        if self._early is None:
            self._early = {}
        self.note_highest(frame.to_seq)
        is_full = (
            len(self._early) >= MAX_EARLY_FRAMES or self._early_bytes + len(frame.full) > MAX_EARLY_BYTES
        )
        if is_full or frame.from_seq in self._early:
            return
        self._early[frame.from_seq] = frame
        self._early_bytes += len(frame.full)

    def _note_highest_early(self) -> None:
        for frame in (self._early or {}).values():
            self.note_highest(frame.to_seq)
