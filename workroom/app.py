"""Composes the server: settings, node, web application, listening socket. One node is one process.

Ends in order: it stops accepting, refuses new commands, waits for what is being written, says goodbye to every socket
spread over a few seconds, and exits 0 at its deadline, or a moment later. No goodbye waits for a database that is
silent: what cannot be committed is given up. Its author was told nothing, and sends it again elsewhere, under the
same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Iterator

import uvicorn
import uvloop

from workroom import logs
from workroom.listening_socket import BACKLOG, open_listening_socket
from workroom.node import Node, run_node
from workroom.passwords import PasswordHasher
from workroom.settings import Settings
from workroom.sockets.close_codes import CloseCode, encode_goodbye, reason_of
from workroom.sockets.endpoint import Endpoint
from workroom.sockets.heartbeat import TimingWheel
from workroom.sockets.websocket_protocol import build_websocket_protocol
from workroom.storage.database import database_limits
from workroom.storage.migrate import open_migrated_database
from workroom.web.http_protocol import KEEP_ALIVE_SECONDS, build_http_protocol
from workroom.web.routes import build_app

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
COLLECT_AFTER_OBJECTS = 50_000
"""What a large batch makes and forgets again stays below it; the interpreter's own 700 cost a sixth of a busy node."""
GOODBYE_STEP_SECONDS = 0.05
WRITING_SHARE = 0.3
"""Of the time for shutting down, so much may pass before the goodbyes, so that acknowledgements come first. A Postgres
that is silent then gets no more of it."""
GOODBYE_SHARE = 0.4
"""So much is spent spreading the goodbyes; the rest is for their answers."""
LAST_SECONDS = 0.3
"""What requests that are still being answered have in any case."""


def serve(settings: Settings) -> None:
    """Run a node until SIGTERM or SIGINT."""
    logs.configure_logs(settings.log_level)
    uvloop.run(run_server(settings))


async def run_server(settings: Settings) -> None:
    """Run a node and its web server on the running loop."""
    listener = open_listening_socket(settings)
    assert settings.database_url is not None
    database_url = settings.database_url
    async with run_node(
        settings,
        lambda: open_migrated_database(
            database_url, application_name="workroom web", limits=database_limits(settings)
        ),
    ) as node:
        wheel = TimingWheel()
        endpoint = Endpoint(
            wheel,
            node.flusher,
            encode_goodbye,
            max_frame_bytes=settings.frame_bytes,
            outbound_bytes=settings.outbound_bytes,
            heartbeat_seconds=settings.heartbeat_seconds,
            handshake_seconds=settings.header_seconds,
        )
        with contextlib.closing(PasswordHasher()) as hasher:
            config = uvicorn.Config(
                build_app(node, hasher),
                http=build_http_protocol(wheel, settings.header_seconds),
                ws=build_websocket_protocol(endpoint),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws_max_size=settings.frame_bytes,
                ws_per_message_deflate=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                backlog=BACKLOG,
            )
            _spare_the_collector()
            wheel.start()
            try:
                await NodeServer(config, node, endpoint).serve(sockets=[listener])
            finally:
                wheel.stop()


def _spare_the_collector() -> None:
    """Have the garbage collector look less often, and never again at what lives as long as the program."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 100)


class NodeServer(uvicorn.Server):
    """uvicorn's server, with an end that loses nothing."""

    def __init__(self, config: uvicorn.Config, node: Node, endpoint: Endpoint) -> None:
        super().__init__(config)
        self._node = node
        self._endpoint = endpoint

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order at SIGTERM or SIGINT, at once at a second one; and exit 0, which uvicorn's own would not."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, finish what is being written, say goodbye, and then end as uvicorn does."""
        for server in self.servers:
            server.close()
        seconds = self._node.settings.drain_seconds
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self._node.begin_draining(deadline)
        await self._finish_writing(seconds * WRITING_SHARE)
        try:
            async with asyncio.timeout_at(deadline):
                await self._say_goodbye(seconds * GOODBYE_SHARE)
                await self._node.wait_until_empty()
        except TimeoutError:
            logs.log_event("drain_deadline_passed", connections=len(self._endpoint.connections))
        left_seconds = max(LAST_SECONDS, deadline - loop.time())
        self.config.timeout_graceful_shutdown = left_seconds  # type: ignore[assignment]  # waits fractions as well
        await super().shutdown(sockets)

    async def _finish_writing(self, patience_seconds: float) -> None:
        """Have what is queued written and acknowledged, as far as Postgres answers."""
        try:
            async with asyncio.timeout(patience_seconds):
                await self._node.writer.drain()
        except TimeoutError:
            logs.log_event("goodbye_before_written")
        self._node.flusher.flush()

    async def _say_goodbye(self, spread_seconds: float) -> None:
        """Close every socket with 1012, a few at a time, so that they do not all come back at once elsewhere."""
        waiting = list(self._endpoint.connections)
        steps = max(1, min(int(spread_seconds / GOODBYE_STEP_SECONDS), len(waiting) // 20))
        for step in range(steps):
            for connection in waiting[step::steps]:
                connection.say_goodbye_and_close(
                    CloseCode.SERVICE_RESTART, reason_of(CloseCode.SERVICE_RESTART)
                )
            if step + 1 < steps:
                await asyncio.sleep(GOODBYE_STEP_SECONDS)
