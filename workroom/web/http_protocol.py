"""HTTP/1.1 on the line: uvicorn's protocol with the deadlines it does not have.

A connection that never speaks, a head that trickles in, a body or an answer that hardly moves, an idle
kept-alive connection: each is closed by the wheel. After an upgrade nothing of this object stays. It decides
nothing about requests.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from workroom.sockets.heartbeat import NOT_ON_WHEEL, TimingWheel
from workroom.sockets.websocket_protocol import WorkroomWebSocketProtocol

KEEP_ALIVE_SECONDS = 5
"""At most: a longer one would outlive proxies' own, and uvicorn's timer survives a reset line."""
PROGRESS_BYTES = 16 * 1024
"""What of a body must arrive within one `header_seconds`, as long as the application is taking it; and what of an
answer must leave, while there is more of it than the line takes."""

MAX_HEAD_BYTES = 64 * 1024
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
BODY_HEADERS = {b"content-length", b"transfer-encoding"}
"""What an upgrade must not have: what follows its head are frames, not a body."""


class WorkroomHTTPProtocol(HttpToolsProtocol):
    """Made by uvicorn for each connection; `build_http_protocol` binds the class attributes."""

    wheel: ClassVar[TimingWheel]
    header_seconds: ClassVar[float]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.timeout_keep_alive = min(config.timeout_keep_alive, KEEP_ALIVE_SECONDS)
        self.wheel_slot = NOT_ON_WHEEL
        self._awaits_head = self._is_receiving = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._unsent_bytes = 0
        self._upgrade: tuple[bytes | None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.wheel.schedule(self, self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.wheel.cancel(self)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:
            # The base class ends the keep-alive time at any byte, also at one that begins no request.
            self._awaits_head = True
            self.wheel.schedule(self, self.header_seconds)
        if self._awaits_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._awaits_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        """Hand the line and the request to the WebSocket protocol; the request is not read a second time."""
        self.wheel.cancel(self)
        protocol_class = cast(type[WorkroomWebSocketProtocol], self.ws_protocol_class)
        if BODY_HEADERS & {name for name, _ in self.headers} or not self.url.isascii():
            self.send_400_response("Unsupported upgrade request.")
            return
        self.connections.discard(self)
        protocol = protocol_class(self.config, self.server_state, self.app_state)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        scope = self.scope
        protocol.begin(self.url.decode(), self.headers, scope["method"], scope["http_version"])
        # The parser and this object hold each other; without this both would wait for the collector.
        self.parser = self.scope = self.headers = None  # type: ignore[assignment]

    def _get_upgrade(self) -> bytes | None:
        # Asked three times for each upgrade, with the same answer.
        if self._upgrade is None:
            self._upgrade = (super()._get_upgrade(),)
        return self._upgrade[0]

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._awaits_head = self._is_receiving = True
        self._upgrade = None
        if self.wheel_slot == NOT_ON_WHEEL:
            self.wheel.schedule(self, self.header_seconds)

    def on_headers_complete(self) -> None:
        self._awaits_head = False
        self._head_bytes = self._body_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_receiving = False
        if not self.flow.write_paused:
            self.wheel.cancel(self)
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self.wheel.schedule(self, self.header_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._is_receiving:
            self.wheel.cancel(self)

    def expired(self) -> None:
        """Called by the wheel while a request is on its way in, or an answer waits to be read."""
        if self.flow.write_paused:
            unsent_bytes = self.transport.get_write_buffer_size()
            is_standing_still = self._unsent_bytes - unsent_bytes < PROGRESS_BYTES
            self._unsent_bytes = unsent_bytes
        else:
            is_standing_still = not self.flow.read_paused and self._body_bytes < PROGRESS_BYTES
            is_standing_still |= self._awaits_head
        if is_standing_still:
            self.transport.abort()
            return
        self._body_bytes = 0
        self.wheel.schedule(self, self.header_seconds)


def build_http_protocol(wheel: TimingWheel, header_seconds: float) -> type[WorkroomHTTPProtocol]:
    """The class to give to uvicorn as `http`, for one server.

    Args:
        wheel: of this process; it must turn.
        header_seconds: how long a request's head may take, from the beginning of the connection or of the
            request; and in which time a body, or an answer to be read, must make some progress.
    """
    bound = {"wheel": wheel, "header_seconds": header_seconds}
    return type("BoundHTTPProtocol", (WorkroomHTTPProtocol,), bound)
