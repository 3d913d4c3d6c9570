"""The WebSocket handshake: uvicorn's own protocol, which gives the line away once a session is attached.

uvicorn reads the request (once, as HTTP), runs the application and writes the 101. The application finds a
`Connection` in the scope and attaches a session to it; from then on that connection is the transport's
protocol, and everything the handshake needed (request, scope, queue, parser, task) is free to go. A handshake
that does not get so far in time is ended. No compression: it costs three times the memory of an idle
connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request

from workroom.sockets.connection import Connection
from workroom.sockets.endpoint import Endpoint
from workroom.sockets.heartbeat import NOT_ON_WHEEL

SCOPE_EXTENSION = "workroom.connection"


class _TransportGivenAway(asyncio.Transport):
    """What the handshake holds when the line is no longer its own: nothing it does has an effect."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass


_GIVEN_AWAY = _TransportGivenAway()


class WorkroomWebSocketProtocol(WebSocketsSansIOProtocol):
    """See the module. Made by uvicorn for each upgrade; `endpoint` is bound by `build_websocket_protocol`."""

    endpoint: ClassVar[Endpoint]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn.available_extensions = None
        self.ping_interval = None
        self.wheel_slot = NOT_ON_WHEEL
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.endpoint.wheel.schedule(self, self.endpoint.handshake_seconds)

    def begin(self, target: str, headers: Iterable[tuple[bytes, bytes]], method: str, version: str) -> None:
        """Begin the handshake with a request that HTTP has read already, instead of reading it a second time."""
        found = Headers()
        for name, value in headers:
            found.set_insecure(name.decode("latin-1"), value.decode("latin-1"))
        self.handle_connect(Request(target, found, method, f"HTTP/{version}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.endpoint.wheel.cancel(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Frames that overtake the session: kept as bytes for whom they are for. One read is at most 256 KiB.
        self._received += data
        self.transport.pause_reading()

    async def run_asgi(self) -> None:
        """Run the application; the line stays open when it attached a session."""
        extensions = cast(dict[str, Any], self.scope["extensions"])
        extensions[SCOPE_EXTENSION] = Connection(self.endpoint, self)
        await super().run_asgi()

    def give_away(self) -> tuple[asyncio.Transport | None, set[Any], bytes]:
        """See Handshake. Afterwards this object is done, and nothing refers to it but the ending task."""
        self.endpoint.wheel.cancel(self)
        transport = None if self.disconnected or not self.handshake_complete else self.transport
        received, self._received = self._received, b""
        if transport is not None:
            self.connections.discard(self)
            self.transport = _GIVEN_AWAY
        return transport, self.connections, received

    def expired(self) -> None:
        """Called by the wheel when no session was attached in time."""
        self.transport.abort()


def build_websocket_protocol(endpoint: Endpoint) -> type[WorkroomWebSocketProtocol]:
    """The class to give to uvicorn as `ws`, for one server."""
    return type("BoundWebSocketProtocol", (WorkroomWebSocketProtocol,), {"endpoint": endpoint})
