"""Where a run takes place: servers of its own in a temporary folder, nodes on one core, the load on another.

Postgres runs as the product starts it, durable, and wherever the system puts it.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from tests.http_client import request
from tests.nodes import RunningNode, run_node
from workroom.embedded import EmbeddedServers
from workroom.storage.migrate import migrate

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
ALLOWED_CORES = sorted(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the server has, and which the load generator. The same one on a machine with only one."""

    server: int
    load: int

    @classmethod
    def choose(cls) -> Cores:
        """The first two that this process may use."""
        return cls(ALLOWED_CORES[0], ALLOWED_CORES[:2][-1])


class MeasuredNode:
    """A running `workroom serve` (or another program) on the server's core."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.pid = pid

    def cpu_seconds(self) -> float:
        """CPU it has used so far, in user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def memory_kib(self) -> int:
        """Its resident memory, all of it (VmRSS)."""
        found = re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])

    async def read_metrics(self) -> dict[str, float]:
        """What it counts, by name, without what has labels."""
        answer = await request("GET", f"{self.url}/metrics")
        pairs = (line.rpartition(" ") for line in answer.body.decode().splitlines() if line[:1] not in "#")
        return {name: float(value) for name, _, value in pairs if "{" not in name}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The servers of a run. `owner` is a connection of the owner role, for putting in people and rooms."""

    servers: EmbeddedServers
    folder: Path
    cores: Cores
    owner: asyncpg.Connection
    installation_id: UUID

    @property
    def cookie_name(self) -> str:
        """What the session's cookie is called without TLS; see workroom/web/authentication.py."""
        return f"workroom_session_{self.installation_id.hex[:8]}"

    @asynccontextmanager
    async def run_node(self, name: str, **variables: str) -> AsyncIterator[MeasuredNode]:
        """A ready node on the server's core. Variables are settings that differ from the product's own."""
        environment = {
            "WORKROOM_DATABASE_URL": self.servers.service_url,
            "WORKROOM_REDIS_URL": self.servers.redis_url,
            "WORKROOM_DATA_DIR": str(self.folder / "data"),
            **variables,
        }
        async with run_node(environment, self.folder / f"{name}.log") as node:
            pin(node.process.pid, self.cores.server)
            yield MeasuredNode(node.url, node.process.pid)
            await _stop(node)

    def postgres_cpu_seconds(self) -> float:
        """CPU that Postgres has used so far, in all of its processes that still live."""
        postmaster = (self.servers.directory.cluster / "postmaster.pid").read_text().split()[0]
        used = 0.0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if postmaster in (fields[1], stat.parent.name):
                    used += (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
        return used

    async def let_postgres_settle(self) -> None:
        """Have it write out what was put in, so that it does not do that while something else is measured."""
        superuser = await asyncpg.connect(self.servers.superuser_url)
        await superuser.execute("checkpoint", timeout=120)
        await superuser.close()

    async def count_transactions(self) -> int:
        """How many transactions the database has seen; a statement on its own is one."""
        count: int = await self.owner.fetchval(
            "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
        )
        return count


@asynccontextmanager
async def prepare_surroundings() -> AsyncIterator[Surroundings]:
    """Start the servers, migrate, and put this process on the load's core. All of it ends with the block."""
    cores = Cores.choose()
    with tempfile.TemporaryDirectory(prefix="workroom-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Where this process stands its children stand as well: it may have been put on a core before, and they may not.
        os.sched_setaffinity(0, ALLOWED_CORES)
        servers = await EmbeddedServers.start(folder / "data")
        try:
            await migrate(servers.owner_url)
            os.sched_setaffinity(0, {cores.load})
            owner = await asyncpg.connect(servers.owner_url, server_settings={"search_path": "workroom"})
            installation_id = await owner.fetchval("select installation_id from installation")
            yield Surroundings(servers, folder, cores, owner, installation_id)
            await owner.close()
        finally:
            await servers.stop(immediate=True)


def pin(pid: int, *cores: int) -> None:
    """Put a program, with all its threads, on these cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), set(cores))


def python_program(module: str, *arguments: str) -> Sequence[str]:
    """The command line of a module of this tree."""
    import sys

    return [sys.executable, "-m", module, *arguments]


async def _stop(node: RunningNode) -> None:
    # Killed, not asked: thousands of goodbyes are measured nowhere and would only take time.
    await node.kill()
