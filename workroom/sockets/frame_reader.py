"""Frames that come in, by two roads to the same end.

Nearly everything a browser sends is one text frame that arrives whole: `split_text_frames` takes those apart
by itself. Whatever else there is (pieces, fragments, control frames, errors) goes through the `websockets`
library, in a `FrameReader` that lives only until it is done. So an idle connection keeps no parser, and the
library has the last word on everything that is not plain. It is slow, so what only it reads is counted. No I/O.
"""

from __future__ import annotations

import logging

from websockets.frames import BINARY, CLOSE, CONT, TEXT, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

from workroom.clock import monotonic_seconds
from workroom.sockets.close_codes import CloseCode, reason_of

CONTROLS_PER_SECOND = 100
CONTROLS_AT_ONCE = 500
"""Control frames and fragments of one connection. A browser sends a pong for each of our pings, and few fragments."""
MOST_FRAGMENTS = 200
"""Of one message."""

_FINAL_TEXT = 0x81
_FINAL_TEXT_BYTE = bytes((_FINAL_TEXT,))
_MASKED = 0x80
_OPCODES = frozenset(Opcode)
_logger = logging.getLogger("workroom.websockets")
_logger.setLevel(logging.ERROR)


def split_text_frames(data: bytes, max_bytes: int) -> tuple[list[bytes], int]:
    """Take apart the whole, unfragmented, masked text frames that data begins with (RFC 6455, section 5.2).

    Args:
        data: bytes from the network, beginning at a frame.
        max_bytes: longest payload that is taken.

    Returns the payloads in order and where the first thing begins that is not such a frame; len(data) when
    that is all there was. Payloads are not checked for UTF-8.
    """
    payloads = []
    offset, size = 0, len(data)
    while size - offset >= 6 and data[offset] == _FINAL_TEXT:
        length = data[offset + 1] - _MASKED
        body = offset + 6
        if length == 126:
            if size - offset < 8:
                break
            length = data[offset + 2] << 8 | data[offset + 3]
            body = offset + 8
        elif length < 0 or length == 127:
            break
        end = body + length
        if end > size or length > max_bytes:
            break
        payloads.append(apply_mask(data[body:end], data[body - 4 : body]))
        offset = end
    return payloads, offset


def is_utf8(payload: bytes) -> bool:
    """Whether a payload is what a text frame must be (RFC 6455, section 8.1)."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


class FrameReader:
    """Reads frames with the library, from a frame's beginning on.

    Attributes:
        paid_until: until when, on the monotonic clock, the control frames and fragments that came take up their
            share of the rate. It is the next reader's beginning.
        close_code: the code by which this side or the other ended it; None as long as neither did.
        has_failed: whether it was ended because the other side broke the rules: what follows cannot be read.
    """

    __slots__ = (
        "_fragments", "_parser", "_partial", "_wanted", "close_code", "has_failed", "paid_until",
    )  # fmt: skip

    def __init__(self, max_bytes: int, paid_until: float = 0.0) -> None:
        self._parser = ServerProtocol(state=OPEN, max_size=max_bytes, logger=_logger)
        self._partial = bytearray()
        self._wanted = 2
        self._fragments: list[bytes] = []
        self.paid_until = paid_until
        self.close_code: int | None = None
        self.has_failed = False

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is unfinished, so that the reader can be thrown away."""
        return not self._partial and self.close_code is None and self._parser.current_size is None

    def feed(self, data: bytes) -> tuple[list[bytes], bytes, bytes]:
        """Read on, until it is at rest before a text frame that may be plain.

        Returns the messages that are complete, what is to be written (pongs, a close), and what was not read.
        What comes after the end is dropped.
        """
        messages: list[bytes] = []
        rest = self._read(data, messages, is_closing=False)
        return messages, b"".join(self._parser.data_to_send()), rest

    def find_close(self, data: bytes) -> bool:
        """Drop what comes before the other side's close. Returns whether that has come.

        Every frame is counted; nothing is found behind more of them than may come.
        """
        self._read(data, [], is_closing=True)
        return self.close_code is not None and not self.has_failed

    def _read(self, data: bytes, messages: list[bytes], is_closing: bool) -> bytes:
        if self.close_code is not None:
            return b""
        # One buffer and a place in it: cutting off each frame would copy all that follows, once for each.
        buffer, start = self._partial, 0
        buffer += data
        while self.close_code is None and len(buffer) - start >= self._wanted:
            self._wanted = self._next_size(start)
            end = start + self._wanted
            if len(buffer) < end:
                break
            # Only whole frames go in, so that the library's parser is at rest whenever we are.
            self._parser.receive_data(bytes(buffer[start:end]))
            start, self._wanted = end, 2
            for event in self._parser.events_received():
                if isinstance(event, Frame):
                    self._take(event, messages, is_closing)
            self._note_failure()
            if buffer[start : start + 1] == _FINAL_TEXT_BYTE and self._is_between_messages and not is_closing:
                self._partial = bytearray()
                return bytes(buffer[start:])
        if self.close_code is None:
            del buffer[:start]
        else:
            buffer.clear()
            self._fragments = []
        return b""

    @property
    def _is_between_messages(self) -> bool:
        return self.close_code is None and self._parser.current_size is None

    def _next_size(self, start: int) -> int:
        """Size of the frame at `start`, or how many bytes tell it; what is there when it is refused unread."""
        there, head = len(self._partial) - start, self._partial[start : start + 10]
        if not head[1] & _MASKED or head[0] & 0x0F not in _OPCODES:
            return there
        length = head[1] & 0x7F
        extended_bytes = {126: 2, 127: 8}.get(length, 0)
        if there < 2 + extended_bytes:
            return 2 + extended_bytes
        if extended_bytes:
            length = int.from_bytes(head[2 : 2 + extended_bytes], "big")
        limit = self._parser.max_message_size
        if limit is not None and length > limit - (self._parser.current_size or 0):
            return there
        return 2 + extended_bytes + 4 + length

    def _take(self, frame: Frame, messages: list[bytes], is_closing: bool) -> None:
        if frame.opcode is CLOSE:
            assert self._parser.close_rcvd is not None
            self.close_code = self._parser.close_rcvd.code
            return
        if is_closing or frame.opcode is not TEXT or not frame.fin:
            self._count()
        if self.close_code is not None:
            return
        if frame.opcode is BINARY:
            self._refuse(CloseCode.MALFORMED_FRAME)
        elif frame.opcode is TEXT or frame.opcode is CONT:
            self._take_fragment(frame, messages)

    def _take_fragment(self, frame: Frame, messages: list[bytes]) -> None:
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            if len(self._fragments) == MOST_FRAGMENTS:
                self._refuse(CloseCode.TOO_BIG)
            return
        message = b"".join(self._fragments)
        self._fragments = []
        if is_utf8(message):
            messages.append(message)
        else:
            self._refuse(CloseCode.INVALID_DATA)

    def _count(self) -> None:
        now = monotonic_seconds()
        self.paid_until = max(self.paid_until, now) + 1 / CONTROLS_PER_SECOND
        if self.paid_until > now + CONTROLS_AT_ONCE / CONTROLS_PER_SECOND:
            self._refuse(CloseCode.RATE_EXCEEDED)

    def _refuse(self, code: CloseCode) -> None:
        self._parser.fail(code, reason_of(code))
        self.close_code, self.has_failed = code, True

    def _note_failure(self) -> None:
        if self._parser.parser_exc is not None:
            assert self._parser.close_sent is not None
            self.close_code, self.has_failed = self._parser.close_sent.code, True
