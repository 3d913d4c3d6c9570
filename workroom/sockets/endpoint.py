"""What the connections of one server share, and whom a connection has on its two sides.

Nothing happens here: `connection.py` uses it, `app.py` makes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from workroom.fanout.flusher import Flusher
from workroom.sockets.heartbeat import TimingWheel

if TYPE_CHECKING:
    from workroom.sockets.connection import Connection


class Session(Protocol):
    """Who a connection belongs to once it is attached."""

    def receive(self, data: bytes, /) -> None:
        """Take one text message, in UTF-8. Returns at once."""

    def write(self, data: bytes, /) -> None:
        """Pass framed bytes to `Connection.write_frame`."""

    def connection_lost(self, code: int, /) -> None:
        """Learn that nothing more comes or goes, and why. Said exactly once, also after an own close."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What all connections of one server share.

    Attributes:
        wheel: their deadlines.
        flusher: gathers what leaves; the hub's.
        encode_goodbye: the JSON that is said before a close with that code.
        max_frame_bytes: longest message that is taken; a longer one is closed with 1009.
        outbound_bytes: how much may wait for a reader before it is closed as a slow consumer.
        heartbeat_seconds: time between pings.
        handshake_seconds: how long a connection may take until it is attached.
        close_seconds: how long the other side may take to answer a close.
        connections: all that are attached.
    """

    wheel: TimingWheel
    flusher: Flusher
    encode_goodbye: Callable[[int], bytes]
    max_frame_bytes: int = 128 * 1024
    outbound_bytes: int = 256 * 1024
    heartbeat_seconds: float = 25.0
    handshake_seconds: float = 10.0
    close_seconds: float = 5.0
    connections: set[Connection] = field(default_factory=set)


class Handshake(Protocol):
    """Whoever has the transport until the connection is attached."""

    def give_away(self) -> tuple[asyncio.Transport | None, set[Any], bytes]:
        """Let go of everything. Returns the transport (None when it is lost), the server's set of
        connections, and what came in after the handshake."""
