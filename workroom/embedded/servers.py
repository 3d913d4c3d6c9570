"""PostgreSQL and Valkey together, on one data directory: what `workroom up` and the tests start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from workroom.embedded.binaries import find_binaries
from workroom.embedded.cluster import OWNER, ROLES_MARK, SERVICE, SUPERUSER
from workroom.embedded.data_directory import DataDirectory, find_directory_in_use, open_data_directory
from workroom.embedded.postgres import EmbeddedPostgres, postgres_url
from workroom.embedded.runtime_folder import locate_runtime_folder, make_runtime_folder
from workroom.embedded.valkey import EmbeddedValkey, valkey_url
from workroom.storage.migrate import grant_memberships


@dataclass(frozen=True)
class ServerUrls:
    """Where web, worker and migrations reach the servers.

    `address` is where the installation is open. `are_ours`: this process runs them, and nobody else works on them.
    """

    owner_url: str
    service_url: str
    redis_url: str
    address: str | None
    are_ours: bool


class EmbeddedServers:
    """Running servers. `EmbeddedServers.start(data_dir)` makes one; `stop` ends it.

    `superuser_url` stays in this process: web and worker get `service_url`, migrations `owner_url`.
    """

    def __init__(
        self,
        directory: DataDirectory,
        runtime_folder: Path,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
    ) -> None:
        self.directory = directory
        self.runtime_folder = runtime_folder
        self.postgres = postgres
        self.valkey = valkey
        self.superuser_url = postgres.url_for(SUPERUSER)
        self.urls = _urls(directory, runtime_folder, are_ours=True)
        self.owner_url = self.urls.owner_url
        self.service_url = self.urls.service_url
        self.redis_url = self.urls.redis_url

    @classmethod
    async def start(
        cls, data_dir: Path, *, postgres_settings: Mapping[str, str] | None = None
    ) -> EmbeddedServers:
        """Lock the data directory, make the cluster if it is new, start both servers, return when they
        answer.

        Arguments: `postgres_settings` win over the built-in ones (tests turn fsync off with it, the product
        never does). Raises StartupError, with one sentence that says what to do, and leaves nothing running.
        """
        directory = open_data_directory(data_dir)
        try:
            binaries = await find_binaries(directory.path, directory.server_user)
            runtime_folder = make_runtime_folder(directory.path, directory.server_user)
        except BaseException:
            directory.close()
            raise
        postgres = EmbeddedPostgres(directory, binaries, runtime_folder, postgres_settings)
        valkey = EmbeddedValkey(directory, binaries, runtime_folder)
        try:
            await postgres.prepare()
            servers = cls(directory, runtime_folder, postgres, valkey)
            await servers._start_both()
            await servers._complete_roles()
        except BaseException:
            _give_back(directory, runtime_folder)
            raise
        return servers

    async def _start_both(self) -> None:
        try:
            await asyncio.gather(self.postgres.start(), self.valkey.start())
        except BaseException:
            await asyncio.shield(self._stop_both(immediate=True))
            raise

    async def _complete_roles(self) -> None:
        """Give a cluster that was made by an earlier version the memberships it lacks, once."""
        mark = self.directory.cluster / ROLES_MARK
        if mark.exists():
            return
        try:
            await grant_memberships(self.superuser_url)
            self.directory.write_private(mark, "", mode=0o600)
        except BaseException:
            await asyncio.shield(self._stop_both(immediate=True))
            raise

    async def stop(self, *, immediate: bool = False) -> None:
        """Stop Valkey, then PostgreSQL (which writes its checkpoint), and give the data directory back.

        `immediate` leaves crash recovery to the next start; nothing committed is lost by it.
        """
        await self._stop_both(immediate=immediate)
        _give_back(self.directory, self.runtime_folder)

    async def wait_until_ready(self, timeout_seconds: float = 60.0) -> None:
        """Wait until both servers answer, for example after one was killed."""
        await self.postgres.wait_until_ready(timeout_seconds)
        await self.valkey.wait_until_ready(timeout_seconds)

    async def _stop_both(self, *, immediate: bool) -> None:
        await self.valkey.stop(immediate=immediate)
        await self.postgres.stop(immediate=immediate)


@asynccontextmanager
async def reach_servers(data_dir: Path) -> AsyncIterator[ServerUrls]:
    """The servers of a data directory: those that another process runs on it, else our own for so long."""
    directory = find_directory_in_use(data_dir)
    if directory is not None:
        yield _urls(directory, locate_runtime_folder(directory.path, directory.server_user), are_ours=False)
        return
    servers = await EmbeddedServers.start(data_dir)
    try:
        yield servers.urls
    finally:
        await servers.stop()


def _urls(directory: DataDirectory, runtime_folder: Path, *, are_ours: bool) -> ServerUrls:
    return ServerUrls(
        owner_url=postgres_url(directory, runtime_folder, OWNER),
        service_url=postgres_url(directory, runtime_folder, SERVICE),
        redis_url=valkey_url(runtime_folder),
        address=directory.find_address(),
        are_ours=are_ours,
    )


def _give_back(directory: DataDirectory, runtime_folder: Path) -> None:
    shutil.rmtree(runtime_folder, ignore_errors=True)
    directory.close()
