"""The Postgres and the Redis that the tests run against, and a database for each test.

Without further ado these are servers of our own (the embedded ones). With WORKROOM_TEST_DATABASE_URL (a
superuser's) and WORKROOM_TEST_REDIS_URL they are servers of the system, for example PostgreSQL 15 and Redis
7.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from workroom.embedded import EmbeddedServers
from workroom.storage.migrate import migrate

DATABASE_VARIABLE = "WORKROOM_TEST_DATABASE_URL"
REDIS_VARIABLE = "WORKROOM_TEST_REDIS_URL"

# Only for the shared cluster, which nobody kills: tests of durability start a cluster of their own.
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "scram_iterations": "1"}
MEMORY_BYTES = 4 * 1024**3
FOLDER_PREFIX = "workroom-tests-"
NEW_INSTALLATION = """
    update workroom.installation
    set installation_id = gen_random_uuid(), epoch = gen_random_uuid()
"""
MAKING_ROLES = 1
ROLES = ("workroom_owner", "workroom_service", "workroom_disposition")


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """One database, by the addresses of its roles."""

    name: str
    superuser_url: str
    owner_url: str
    service_url: str


@dataclass(frozen=True, slots=True)
class SharedServers:
    """Running servers that all tests of one process share."""

    superuser_url: str
    redis_url: str
    passwords: dict[str, str]
    template: str
    # Kept open: connecting takes longer than what is done on it.
    superuser: asyncpg.Connection
    turn: asyncio.Lock

    def name_database(self, name: str) -> DatabaseUrls:
        """Give the addresses of a database of these servers."""
        return DatabaseUrls(
            name,
            with_database(self.superuser_url, name),
            with_database(self.superuser_url, name, "workroom_owner", self.passwords["workroom_owner"]),
            with_database(self.superuser_url, name, "workroom_service", self.passwords["workroom_service"]),
        )

    @asynccontextmanager
    async def clone_template(self, *, is_beside_others: bool = True) -> AsyncIterator[DatabaseUrls]:
        """A migrated database, dropped at the end; with an installation id of its own where others stand beside it."""
        name = f"workroom_test_{os.getpid()}_{secrets.token_hex(4)}"
        async with self.make_database(name, template=self.template) as database:
            if is_beside_others:
                await run_sql(database.owner_url, NEW_INSTALLATION)
            yield database

    @asynccontextmanager
    async def make_database(self, name: str, template: str = "template0") -> AsyncIterator[DatabaseUrls]:
        """A database that belongs to the owner role, dropped at the end."""
        await self._run(f"create database {name} template {template} owner workroom_owner strategy file_copy")
        try:
            yield self.name_database(name)
        finally:
            await self._run(f"drop database {name} with (force)")

    async def _run(self, sql: str) -> None:
        async with self.turn:
            await self.superuser.execute(sql)


@asynccontextmanager
async def run_servers(slot: int) -> AsyncIterator[SharedServers]:
    """Servers for one test process, with a migrated template database.

    Args:
        slot: which of several test processes this is, so that they do not share a Redis database.
    """
    if DATABASE_VARIABLE in os.environ:
        redis_url = with_redis_database(os.environ[REDIS_VARIABLE], slot)
        async with _prepare(os.environ[DATABASE_VARIABLE], redis_url, {}) as servers:
            yield servers
        return
    memory = _find_memory()
    _remove_leftovers(memory)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir=memory) as folder:
        embedded = await EmbeddedServers.start(Path(folder) / "data", postgres_settings=FAST_SETTINGS)
        try:
            passwords = {
                role: urlsplit(url).password or ""
                for role, url in (
                    ("workroom_owner", embedded.owner_url),
                    ("workroom_service", embedded.service_url),
                )
            }
            async with _prepare(embedded.superuser_url, embedded.redis_url, passwords) as servers:
                yield servers
        finally:
            await embedded.stop(immediate=True)


def _find_memory() -> str | None:
    # Files in memory: making and dropping a database for each test is most of the work of a quick test.
    memory = "/dev/shm"  # noqa: S108 - a folder of our own is made in it
    if os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > MEMORY_BYTES:
        return memory
    return None


def _remove_leftovers(memory: str | None) -> None:
    """Remove what test processes left behind that were killed: it would lie in memory until the machine ends."""
    for folder in Path(memory or tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*-*"):
        process_id = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if process_id.isdecimal() and not Path("/proc", process_id).exists():
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _prepare(
    superuser_url: str, redis_url: str, passwords: dict[str, str]
) -> AsyncIterator[SharedServers]:
    if not passwords:
        passwords = {"workroom_owner": "workroom-tests", "workroom_service": "workroom-tests"}
        await _make_roles(superuser_url, passwords)
    template = f"workroom_template_{os.getpid()}"
    superuser = await asyncpg.connect(superuser_url)
    servers = SharedServers(superuser_url, redis_url, passwords, template, superuser, asyncio.Lock())
    try:
        async with servers.make_database(template) as database:
            await migrate(database.owner_url)
            yield servers
    finally:
        await superuser.close()


async def _make_roles(superuser_url: str, passwords: dict[str, str]) -> None:
    connection = await asyncpg.connect(superuser_url)
    try:
        # Roles belong to the whole server: of several test processes one after the other.
        await connection.fetchval("select pg_advisory_lock($1)", MAKING_ROLES)
        for role in ROLES:
            if not await connection.fetchval("select 1 from pg_roles where rolname = $1", role):
                await connection.execute(f"create role {role}")
        for role, password in passwords.items():
            await connection.execute(f"alter role {role} login password '{password}'")
        await connection.execute("grant workroom_disposition to workroom_owner")
    finally:
        await connection.close()


async def run_sql(url: str, sql: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def with_redis_database(url: str, number: int) -> str:
    """Give the same Redis's address for another of its numbered databases."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return urlunsplit(parts._replace(query=f"db={number}"))
    return urlunsplit(parts._replace(path=f"/{number}"))


def with_database(url: str, database: str, role: str | None = None, password: str | None = None) -> str:
    """Give the same server's address for another database and, where given, another role."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if role is not None:
        netloc = f"{role}:{quote(password or '', safe='')}@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))
