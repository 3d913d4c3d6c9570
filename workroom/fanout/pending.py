"""What waits to leave a channel with the next flush, and which bytes of it each listener gets.

Nearly always everybody gets the same bytes, joined once. Two things make them differ: an event about a
message older than a listener may read, of which that listener gets the redacted variant; and a hint, which
the account that caused it does not get. No I/O, no clock.
"""

from __future__ import annotations

from workroom.fanout.frames import Hint, StreamFrame, websocket_text_frame
from workroom.ids import AccountId


class Pending:
    """Frames and hints of one channel in the order they came, framed for a WebSocket."""

    __slots__ = ("_excepted", "_full", "_redacted", "byte_size", "event_count", "oldest_sent_at_ms")

    def __init__(self) -> None:
        self._full: list[bytes] = []
        self._redacted: dict[int, tuple[int, bytes]] = {}
        self._excepted: dict[int, AccountId] = {}
        self.byte_size = 0
        self.event_count = 0
        self.oldest_sent_at_ms = 0

    def __len__(self) -> int:
        return len(self._full)

    def add_frame(self, frame: StreamFrame) -> None:
        """Append a numbered frame."""
        if frame.oldest_subject_seq is not None:
            # Nothing at all, rather than everything, where a variant is missing: content must not reach who
            # may not read it, and the client notices the number it did not get.
            redacted = websocket_text_frame(frame.redacted) if frame.redacted is not None else b""
            self._redacted[len(self._full)] = (frame.oldest_subject_seq, redacted)
        self._append(frame.full)
        self.event_count += frame.to_seq - frame.from_seq + 1
        if frame.sent_at_ms and not self.oldest_sent_at_ms:
            self.oldest_sent_at_ms = frame.sent_at_ms

    def add_hint(self, hint: Hint) -> None:
        """Append a hint."""
        if hint.except_account_id is not None:
            self._excepted[len(self._full)] = hint.except_account_id
        self._append(hint.payload)

    @property
    def is_uniform(self) -> bool:
        """Whether every listener gets the same bytes."""
        return not self._redacted and not self._excepted

    def joined(self) -> bytes:
        """All of it, unredacted. Only right for everybody when `is_uniform`."""
        return self._full[0] if len(self._full) == 1 else b"".join(self._full)

    def bytes_for(self, account_id: AccountId, reads_from_seq: int, start: int = 0) -> bytes:
        """What one listener gets of everything from the `start`-th entry on; empty when that is nothing."""
        parts = self._full[start:]
        for index, (oldest_subject_seq, redacted) in self._redacted.items():
            if index >= start and reads_from_seq > oldest_subject_seq:
                parts[index - start] = redacted
        for index, excepted_id in self._excepted.items():
            if index >= start and excepted_id == account_id:
                parts[index - start] = b""
        return b"".join(parts)

    def is_excepted(self, account_id: AccountId) -> bool:
        """Whether some hint in here is not for this account."""
        return account_id in self._excepted.values()

    def _append(self, payload: bytes) -> None:
        framed = websocket_text_frame(payload)
        self._full.append(framed)
        self.byte_size += len(framed)
