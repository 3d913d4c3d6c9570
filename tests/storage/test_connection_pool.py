"""The set of connections: no place is lost, no dead connection is handed out, whoever asks waits only so long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.line import Line, open_line
from tests.servers import DatabaseUrls
from workroom.errors import Unavailable
from workroom.storage.connection_pool import ConnectionPool


@pytest_asyncio.fixture
async def line(database_urls: DatabaseUrls) -> AsyncIterator[Line]:
    """A line to Postgres that can be cut."""
    async with open_line(database_urls.service_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def pool(line: Line) -> AsyncIterator[ConnectionPool]:
    """Two connections by way of the line."""

    async def connect() -> Any:
        return await asyncpg.connect(line.url, ssl=False)

    opened = ConnectionPool(connect, size=2, acquire_seconds=20)
    yield opened
    await opened.close(0)


async def test_a_connection_that_comes_back_is_used_again(pool: ConnectionPool) -> None:
    first = await pool.acquire()
    pool.release(first)
    assert await pool.acquire() is first
    pool.release(first)


async def test_no_more_than_its_size_are_handed_out(pool: ConnectionPool) -> None:
    first, second = await pool.acquire(), await pool.acquire()
    third = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    assert not third.done()
    pool.release(first)
    assert await third is first
    pool.release(first)
    pool.release(second)


async def test_who_waits_too_long_is_told(line: Line) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(line.url, ssl=False)

    line.refuse()
    pool = ConnectionPool(connect, size=2, acquire_seconds=0.1)
    for _ in range(3):  # more often than there are places
        with pytest.raises(Unavailable, match=r"within 0\.1 seconds"):
            await pool.acquire()
    await pool.close(1)


async def test_a_place_is_free_again_after_connecting_failed(pool: ConnectionPool, line: Line) -> None:
    line.refuse()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.acquire()
    line.accept()
    held = [await pool.acquire(), await pool.acquire()]
    for connection in held:
        pool.release(connection)


async def test_a_place_is_free_again_after_a_connection_was_thrown_away(pool: ConnectionPool) -> None:
    for _ in range(3):
        pool.discard(await pool.acquire())
    held = [await pool.acquire(), await pool.acquire()]
    assert all(not connection.is_closed() for connection in held)
    for connection in held:
        pool.release(connection)


async def test_a_connection_that_is_known_to_be_closed_is_not_handed_out(
    pool: ConnectionPool, line: Line
) -> None:
    first, second = await pool.acquire(), await pool.acquire()
    has_noticed = asyncio.Event()
    second.add_termination_listener(lambda _: has_noticed.set())
    pool.release(first)
    pool.release(second)
    line.cut()
    await has_noticed.wait()
    third = await pool.acquire()
    assert third is not second
    assert not third.is_closed()
    pool.release(third)


async def test_when_one_was_found_dead_the_idle_ones_of_the_same_server_go_too(pool: ConnectionPool) -> None:
    idle, broken = await pool.acquire(), await pool.acquire()
    pool.release(idle)
    fresh = await pool.replace(broken)
    assert fresh not in (idle, broken)
    assert idle.is_closed()
    assert broken.is_closed()
    pool.release(fresh)


async def test_a_server_that_comes_back_in_time_is_waited_for(line: Line) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(line.url, ssl=False)

    pool = ConnectionPool(connect, size=1, acquire_seconds=20)
    line.refuse()
    acquiring = asyncio.create_task(pool.acquire())
    await line.has_refused.wait()
    line.accept()
    connection = await acquiring
    assert await connection.fetchval("select 1") == 1
    pool.release(connection)
    await pool.close(1)


async def test_after_closing_nothing_is_handed_out_or_kept(pool: ConnectionPool) -> None:
    idle, held = await pool.acquire(), await pool.acquire()
    pool.release(idle)
    await pool.close(0)
    assert idle.is_closed()
    assert held.is_closed()
    with pytest.raises(Unavailable, match="being closed"):
        await pool.acquire()
