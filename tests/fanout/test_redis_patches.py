"""A task that speaks to Redis ends when it is cancelled, whenever that is; a line that ended is a lost one."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError

from workroom.fanout.redis_client import RedisLink


async def test_a_task_that_is_cancelled_while_it_connects_or_asks_ends_and_does_not_go_on(
    redis_url: str,
) -> None:
    for turns in range(60):
        link = RedisLink(redis_url)
        went_on = False

        async def ask_twice(link: RedisLink = link) -> None:
            nonlocal went_on
            task = asyncio.current_task()
            assert task is not None
            for _ in range(2):
                await link.ask()
                went_on = went_on or task.cancelling() > 0

        asking = asyncio.create_task(ask_twice())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert not went_on, f"cancelled after {turns} turns of the loop"
        await link.close()


async def test_an_answer_that_was_not_read_is_read_by_nobody_else(redis_url: str) -> None:
    link = RedisLink(redis_url, max_connections=1)
    await link.client.set("key", "value")
    for turns in range(40):
        asking = asyncio.ensure_future(link.client.echo(f"cancelled {turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert await link.client.get("key") == b"value"
    await link.close()


async def test_a_line_that_ended_a_moment_ago_is_a_lost_one(redis_url: str) -> None:
    connection = await connect(redis_url)
    assert connection._writer is not None
    connection._writer.transport.abort()
    await asyncio.sleep(0)  # the loop closes it
    assert connection.is_connected, "it is known already: this proves nothing"
    with pytest.raises(ConnectionError):
        await connection.send_command("PING")
    assert not connection.is_connected


async def test_a_line_that_somebody_else_closes_while_one_sends_is_a_lost_one(redis_url: str) -> None:
    connection = await connect(redis_url)
    sending = asyncio.create_task(connection.send_command("PING"))
    await asyncio.sleep(0)  # it is about to write
    await connection.disconnect(nowait=True)
    with pytest.raises(ConnectionError):
        await sending


async def connect(redis_url: str) -> AbstractConnection:
    [shard] = await RedisLink(redis_url).find_shards()
    connection = shard.make_connection()
    await connection.connect()  # type: ignore[no-untyped-call]
    return connection
