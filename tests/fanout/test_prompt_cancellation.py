"""A task that speaks to Redis ends when it is cancelled, whenever that is."""

from __future__ import annotations

import asyncio

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
