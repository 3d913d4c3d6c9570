"""Postgres killed and started again under a program that goes on: nothing is lost, nobody is stuck."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from workroom.embedded import EmbeddedServers
from workroom.errors import TryAgain, Unavailable
from workroom.storage.database import CommitUnknown, Database, DatabaseLimits, open_database
from workroom.storage.migrate import migrate
from workroom.storage.queries import Query

INSERT = Query("test.insert", "insert into notes values ($1)", ("note",), "", False)
EXISTS = Query("test.exists", "select exists (select from notes where note = $1)", ("note",), "", True)
NOTES = Query("test.notes", "select note from notes", (), "", True)


@pytest_asyncio.fixture
async def own_servers(tmp_path: Path) -> AsyncIterator[EmbeddedServers]:
    """Servers of this test alone, as durable as the product's."""
    embedded = await EmbeddedServers.start(tmp_path / "data")
    await migrate(embedded.owner_url)
    yield embedded
    await embedded.stop(immediate=True)


@pytest_asyncio.fixture
async def own_database(own_servers: EmbeddedServers) -> AsyncIterator[Database]:
    """A database with a table of notes that cannot be written twice."""
    owner = await open_database(own_servers.owner_url, application_name="test")
    async with owner.transaction() as transaction:
        for sql in (
            "create table notes (note integer primary key)",
            "grant select, insert on notes to workroom_service",
        ):
            await transaction.execute(Query("test.make", sql, (), "", False))
    await owner.close()
    limits = DatabaseLimits(writing_connections=4, acquire_seconds=30)
    opened = await open_database(own_servers.service_url, application_name="test", limits=limits)
    yield opened
    await opened.close(0.5)


async def write_until_acknowledged(database: Database, note: int) -> None:
    """Write a note as a client does: the same again, by its own id, until it is known to be done."""
    while True:
        try:
            async with database.transaction() as transaction:
                if not await transaction.fetch_value(EXISTS, note=note):
                    await transaction.execute(INSERT, note=note)
        except (CommitUnknown, TryAgain, Unavailable):
            continue
        return


async def test_reads_and_writes_go_on_after_postgres_was_killed(
    own_servers: EmbeddedServers, own_database: Database
) -> None:
    await write_until_acknowledged(own_database, 1)
    for note, number in enumerate((signal.SIGKILL, signal.SIGQUIT, signal.SIGINT), start=2):
        own_servers.postgres.kill(number)
        async with own_database.read() as reading:
            assert await reading.fetch_value(EXISTS, note=note - 1)
        await write_until_acknowledged(own_database, note)


@pytest.mark.deadline(120)
async def test_nothing_acknowledged_is_missing_after_postgres_was_killed_under_load(
    own_servers: EmbeddedServers, own_database: Database
) -> None:
    acknowledged: list[int] = []
    numbers = count(1)
    news = asyncio.Condition()
    has_stopped = asyncio.Event()

    async def write_on() -> None:
        while not has_stopped.is_set():
            note = next(numbers)
            await write_until_acknowledged(own_database, note)
            acknowledged.append(note)
            async with news:
                news.notify_all()

    async def wait_for_more() -> None:
        wanted = len(acknowledged) + 100
        async with news:
            await news.wait_for(lambda: len(acknowledged) >= wanted)

    async with asyncio.TaskGroup() as writers:
        for _ in range(8):
            writers.create_task(write_on())
        for _ in range(3):
            await wait_for_more()
            own_servers.postgres.kill()
        await wait_for_more()
        has_stopped.set()
    async with own_database.read() as reading:
        stored = [record["note"] for record in await reading.fetch(NOTES)]
    assert own_servers.postgres.restarts >= 1
    assert sorted(stored) == sorted(acknowledged)
