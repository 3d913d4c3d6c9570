"""What leaves a connection, as bytes: replies and events, and the two frames by which it is closed.

Pure. When things leave is decided by the flusher, which writes what one turn of the loop brought at once.
"""

from __future__ import annotations

import struct

from workroom.fanout.frames import websocket_text_frame

MAX_REASON_BYTES = 123
"""A control frame carries 125 bytes at most (RFC 6455, section 5.5), two of which are the code."""


def close_frame(code: int, reason: str) -> bytes:
    """A close frame as a server sends it (RFC 6455, section 5.5.1).

    Args:
        code: 1000 to 1003, 1007 to 1014, or 3000 to 4999; never 1005, 1006 or 1015 (section 7.4.1).
        reason: a short name for engineers, cut at 123 bytes.
    """
    payload = struct.pack("!H", code) + reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
    return bytes((0x88, len(payload))) + payload


def last_words(code: int, reason: str, goodbye: bytes | None) -> bytes:
    """Goodbye in the protocol and then the close frame, in one piece.

    A browser may report a close as 1006 and lose its code; the goodbye before it is what clients go by.
    """
    farewell = websocket_text_frame(goodbye) if goodbye else b""
    return farewell + close_frame(code, reason)
