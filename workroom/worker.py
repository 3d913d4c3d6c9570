"""The worker: what has to be done now and then, whoever is signed in.

It makes the partitions of the months to come, and forgets sessions and links that ended. Several workers do no harm:
each step is safe to repeat.
"""

from __future__ import annotations

import asyncio
import random
import signal

import uvloop

from workroom import logs, one_time_links, partitions, sessions
from workroom.errors import WorkroomError
from workroom.settings import Settings
from workroom.storage.database import Database, database_limits
from workroom.storage.migrate import open_migrated_database

ROUND_SECONDS = 3600.0
RETRY_SECONDS = 30.0


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure_logs(settings.log_level)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    assert settings.database_url is not None
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = await open_migrated_database(
        settings.database_url, application_name="workroom worker", limits=database_limits(settings)
    )
    try:
        await keep_house(database, stop)
    finally:
        await database.close()


async def keep_house(database: Database, stop: asyncio.Event) -> None:
    """Do a round at once, and then every hour until told to stop; after a failure again soon."""
    while not stop.is_set():
        try:
            await do_round(database)
            pause_seconds = ROUND_SECONDS
        except WorkroomError as error:
            logs.log_event("worker_round_failed", code=error.code, reason=error.message)
            pause_seconds = RETRY_SECONDS
        try:
            async with asyncio.timeout(pause_seconds * random.uniform(0.9, 1.1)):
                await stop.wait()
        except TimeoutError:
            continue


async def do_round(database: Database) -> None:
    """One round of everything."""
    async with database.transaction() as transaction:
        made = await partitions.ensure_partitions(transaction)
    async with database.transaction() as transaction:
        ended = await sessions.delete_dead_sessions(transaction)
        used = await one_time_links.delete_dead_links(transaction)
    if made or ended or used:
        logs.log_event("worker_round_done", partitions=made, sessions=ended, links=used)
