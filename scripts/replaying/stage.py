"""Where logs are played: two nodes on one Postgres and one Redis, and the way into them for whoever compares."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from scripts.replaying.cast import make_cast
from scripts.replaying.comparison import Compared, compare
from scripts.replaying.conversation import Conversation, Played
from scripts.replaying.log import Log
from tests.nodes import run_node
from workroom.embedded import EmbeddedServers
from workroom.settings import load_settings
from workroom.storage.database import Database, open_database
from workroom.storage.migrate import migrate
from workroom.storage.queries import queries
from workroom.web.authentication import cookie_name

NODES = 2


@dataclass(frozen=True, slots=True)
class Stage:
    """Running nodes by their addresses, and the database of both."""

    urls: Sequence[str]
    database: Database
    owner_url: str
    cookie_name: str


async def replay_log(
    log: Log, stage: Stage, *, seed: int, speed: float | None = None
) -> tuple[Played, Compared]:
    """Play one log on a stage and compare what came of it."""
    cast = await make_cast(stage.database, log)
    played = await Conversation(log, cast, stage.urls, stage.cookie_name, seed=seed, speed=speed).play()
    owner = await asyncpg.connect(stage.owner_url)
    try:
        return played, await compare(owner, played)
    finally:
        await owner.close()


@asynccontextmanager
async def set_stage() -> AsyncIterator[Stage]:
    """Servers and nodes of their own, in a temporary folder; all of it ends with the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workroom-replay-")))
        servers = await EmbeddedServers.start(folder / "data")
        stack.push_async_callback(servers.stop, immediate=True)
        await migrate(servers.owner_url)
        environment = {
            "WORKROOM_DATABASE_URL": servers.service_url,
            "WORKROOM_REDIS_URL": servers.redis_url,
            "WORKROOM_DATA_DIR": str(folder / "data"),
            "PORT": "0",
        }
        database = await open_database(servers.service_url, application_name="workroom replay")
        stack.push_async_callback(database.close, 0.5)
        urls = [
            (await stack.enter_async_context(run_node(environment, folder / f"node-{number}.log"))).url
            for number in range(NODES)
        ]
        async with database.read() as reading:
            record = await reading.fetch_one(queries.events.read_epoch)
        yield Stage(
            urls,
            database,
            servers.owner_url,
            cookie_name(load_settings(environment), record["installation_id"]),
        )
