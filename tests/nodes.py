"""Whole programs of ours as processes of their own: started, asked if they are ready, killed by their id.

For everything that has to survive a `kill -9`, and for two nodes that share one Postgres and one Redis.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.http_client import request

START_SECONDS = 30.0
STOP_SECONDS = 30.0


class RunningNode:
    """One `workroom serve` with the settings in `environment`. Its address stays when it is started again.

    `send_buffer_bytes` is what the kernel takes for a reader; None leaves that to the kernel, which takes megabytes.
    """

    def __init__(
        self, environment: Mapping[str, str], log_file: Path, send_buffer_bytes: int | None = None
    ) -> None:
        self.environment = dict(environment)
        self._send_buffer_bytes = send_buffer_bytes
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it answers, without a closing slash."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The running (or ended) process."""
        if self._process is None:
            raise RuntimeError("the node was not started")
        return self._process

    async def start(self) -> None:
        """Start it (again, at the same address) and return when it is ready."""
        listener = socket.create_server(("127.0.0.1", self._port), backlog=2048)
        self._port = listener.getsockname()[1]
        if self._send_buffer_bytes is not None:
            # Whoever is accepted inherits it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer_bytes)
        with listener, self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "workroom",
                "serve",
                env={
                    **_plain_environment(),
                    **self.environment,
                    "WORKROOM_LISTEN_FD": str(listener.fileno()),
                },
                pass_fds=[listener.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            answer = await request("GET", f"{self.url}/health/ready", timeout_seconds=START_SECONDS)
        except OSError as error:
            await self.kill()
            raise AssertionError(f"the node did not start ({error!r}):\n{self.read_log()}") from None
        if answer.status != 200:
            raise AssertionError(f"the node is not ready: {answer.body!r}\n{self.read_log()}")

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the process, for example SIGSTOP."""
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to end, as an operator would, and give its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()

    def read_log(self) -> str:
        """Give what it has said so far."""
        return self._log_file.read_text("utf-8", errors="replace")


@asynccontextmanager
async def run_node(
    environment: Mapping[str, str], log_file: Path, send_buffer_bytes: int | None = None
) -> AsyncIterator[RunningNode]:
    """A ready node, killed at the end."""
    node = RunningNode(environment, log_file, send_buffer_bytes)
    await node.start()
    try:
        yield node
    finally:
        await node.kill()


def _plain_environment() -> dict[str, str]:
    # A developer's own settings must not reach the program under test.
    return {name: value for name, value in os.environ.items() if not name.startswith(("WORKROOM_", "PORT"))}
