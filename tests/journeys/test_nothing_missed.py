"""Promise 3: who is connected, or comes back, ends up with exactly what they may see. Redis is only a hint.

Two nodes on one Postgres; the reader's node reaches Redis by a line that can be cut, silenced and refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests import deeds
from tests.client import Client
from tests.fanout.redis_server import RedisServer, run_redis
from tests.http_client import request
from tests.journeys.promptness import at_once
from tests.journeys.visitors import visit
from tests.line import Line, open_line
from tests.looking import take_breath
from tests.nodes import RunningNode
from tests.people import make_account
from workroom.accounts import Account
from workroom.ids import StreamId
from workroom.settings import Settings
from workroom.storage.database import Database

StartNode = Callable[..., Awaitable[RunningNode]]
LONGEST_WITHOUT_REDIS_SECONDS = 3.0
"""Half a second of position check, on a machine that does other things as well."""
OUTAGE_SECONDS = 30.0
CLUSTER_OUTAGE_SECONDS = 6.0
"""More than any of the node's own times for Redis: by then it tries at its slowest pace, as it would after an hour."""


@dataclass
class Scene:
    """An author at one node, a reader at another, in one room."""

    author: Client
    reader: Client
    author_account: Account
    stream: str
    line: Line
    reader_node: RunningNode


@pytest_asyncio.fixture
async def scene(
    running_node: StartNode, redis_url: str, database: Database, settings: Settings
) -> AsyncIterator[Scene]:
    author_account, reader_account = await make_account(database), await make_account(database, "customer")
    place = await deeds.open_place(database, author_account, reader_account)
    async with open_line(redis_url) as line:
        unlimited = {"WORKROOM_COMMANDS_PER_SECOND": "100000", "WORKROOM_COMMANDS_BURST": "100000"}
        author_node = await running_node(**unlimited)
        reader_node = await running_node(WORKROOM_REDIS_URL=line.url)
        author = await visit(author_node.url, database, settings, author_account)
        reader = await visit(reader_node.url, database, settings, reader_account)
        await reader.subscribe(place.shared)
        yield Scene(author, reader, author_account, str(place.shared), line, reader_node)


async def post_and_hear(scene: Scene, text: str, seconds: float = LONGEST_WITHOUT_REDIS_SECONDS) -> None:
    await hear(scene.author, scene.reader, scene.stream, text, seconds)


async def hear(
    author: Client,
    reader: Client,
    stream: object,
    text: str,
    seconds: float = LONGEST_WITHOUT_REDIS_SECONDS,
) -> None:
    """Post, and return when the reader has heard it in time and nothing after it."""
    reply = await author.command("post_message", stream=stream, text=text)
    async with asyncio.timeout(seconds):
        await reader.wait_for_seq(stream, reply["seq"])
    assert reader.texts(stream)[-1] == text


async def test_without_redis_everything_arrives_a_little_later(scene: Scene) -> None:
    await post_and_hear(scene, "with redis")
    scene.line.refuse()
    scene.line.cut()
    for number in range(3):
        await post_and_hear(scene, f"without redis {number}")
    scene.line.accept()
    for number in range(3):
        await post_and_hear(scene, f"with redis again {number}")
    assert len(scene.reader.texts(scene.stream)) == 7


@pytest.mark.parametrize(
    ("is_cluster", "outage_seconds"), [(False, OUTAGE_SECONDS), (True, CLUSTER_OUTAGE_SECONDS)]
)
async def test_redis_stopped_and_started_again_under_running_nodes_loses_nothing(
    running_node: StartNode, database: Database, settings: Settings, is_cluster: bool, outage_seconds: float
) -> None:
    accounts = [await make_account(database), await make_account(database, "customer")]
    place = await deeds.open_place(database, *accounts)
    async with run_redis(is_cluster=is_cluster) as redis:
        if is_cluster:
            await redis.own_slots()
        variables = {"WORKROOM_REDIS_URL": redis.url, "WORKROOM_REDIS_CLUSTER": "yes" if is_cluster else "no"}
        nodes = [await running_node(**variables) for _ in accounts]
        author, reader = [
            await visit(node.url, database, settings, account)
            for node, account in zip(nodes, accounts, strict=True)
        ]
        for client in (author, reader):
            await client.subscribe(place.shared)
        await hear(author, reader, place.shared, "with redis")
        await redis.stop()
        clock = asyncio.get_running_loop()
        until = clock.time() + outage_seconds
        while clock.time() < until:
            await hear(author, reader, place.shared, "without redis")
            await take_breath()
        for node in nodes:
            ready = await request("GET", f"{node.url}/health/ready")
            assert (ready.status, ready.json()["redis"]) == (200, "lost")
        await redis.start()
        while await count_listening_nodes(redis, place.shared) < len(nodes):
            await take_breath()
        await author.command("typing", stream=place.shared)
        await reader.wait_for_hint(type="typing")  # by Redis alone
        await hear(author, reader, place.shared, "with redis again")
        assert [node.process.returncode for node in nodes] == [None, None]


async def count_listening_nodes(redis: RedisServer, stream: StreamId) -> int:
    """How many nodes hear a stream by Redis, whichever kind of publication it carries."""
    for kind in ("", "SHARD"):
        channels = cast(list[bytes], await redis.command("PUBSUB", f"{kind}CHANNELS", f"*{stream.hex}"))
        if channels:
            return cast(list[int], await redis.command("PUBSUB", f"{kind}NUMSUB", channels[0]))[1]
    return 0


async def test_a_link_gone_silent_loses_nothing(scene: Scene) -> None:
    await post_and_hear(scene, "heard")
    scene.line.silence()
    await post_and_hear(scene, "the link is deaf, and nobody was told")
    scene.line.resume()
    await post_and_hear(scene, "heard again")
    assert len(scene.reader.texts(scene.stream)) == 3


async def test_a_flushed_redis_and_killed_listeners_lose_nothing(scene: Scene, redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    try:
        await redis.flushall()
        await post_and_hear(scene, "after a flush")
        await redis.client_kill_filter(_type="pubsub")
        await post_and_hear(scene, "after the listeners were killed")
        await post_and_hear(scene, "and after that")
    finally:
        await redis.aclose()
    assert len(scene.reader.texts(scene.stream)) == 3


async def test_one_publication_that_was_silently_lost_is_found_and_kept_in_order(
    scene: Scene, database: Database
) -> None:
    await post_and_hear(scene, "first")
    # Committed by nobody that publishes: as if the publication had been lost.
    await deeds.post(database, scene.author_account, StreamId(UUID(scene.stream)), "lost on the way")
    await post_and_hear(scene, "third")
    # The client itself fails the test when a number comes out of turn.
    assert scene.reader.texts(scene.stream) == ["first", "lost on the way", "third"]


async def test_a_lost_publication_is_found_though_nothing_comes_after_it(
    scene: Scene, database: Database
) -> None:
    await deeds.post(database, scene.author_account, StreamId(UUID(scene.stream)), "nobody said so")
    async with asyncio.timeout(LONGEST_WITHOUT_REDIS_SECONDS):
        await scene.reader.wait_for_event(scene.stream, kind="message_posted", text="nobody said so")


async def test_who_was_away_reads_exactly_what_was_missed(scene: Scene) -> None:
    await post_and_hear(scene, "before")
    await scene.reader.cut_off()
    for number in range(30):
        await scene.author.command(
            "post_message", stream=scene.stream, text=f"missed {number} " + "x" * 4_000
        )
    await scene.reader.connect()
    await scene.reader.subscribe(scene.stream)
    await post_and_hear(scene, "after")
    texts = [text.split(" x")[0] for text in scene.reader.texts(scene.stream)]
    assert texts == ["before", *(f"missed {number}" for number in range(30)), "after"]


async def test_whoever_comes_back_while_messages_flow_misses_none(scene: Scene) -> None:
    stop = asyncio.Event()

    async def write() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            await scene.author.command("post_message", stream=scene.stream, text=f"{number}")
        return number

    async with asyncio.TaskGroup() as flowing:
        writing = flowing.create_task(write())
        for _ in range(5):
            had = len(scene.reader.texts(scene.stream))
            await scene.reader.wait_until(
                lambda more=had + 3: len(scene.reader.texts(scene.stream)) > more  # type: ignore[misc]
            )
            await scene.reader.cut_off()
            await scene.reader.connect()
            await scene.reader.subscribe(scene.stream)
        stop.set()
    total = writing.result()
    await scene.reader.wait_for_event(scene.stream, kind="message_posted", text=f"{total}")
    assert scene.reader.texts(scene.stream) == [str(number) for number in range(1, total + 1)]


async def test_a_position_that_is_ahead_is_answered_reset(scene: Scene) -> None:
    await post_and_hear(scene, "heard")
    scene.reader.positions[scene.stream] += 1_000
    await scene.reader.cut_off()
    await scene.reader.connect()
    reply = await scene.reader.command(
        "subscribe",
        streams=[{"stream": scene.stream, "seq": scene.reader.positions[scene.stream]}],
        epoch=scene.reader.hello["epoch"],
    )
    assert reply["reset"] == [scene.stream]


async def test_a_position_of_another_epoch_is_answered_reset(scene: Scene, owner: asyncpg.Connection) -> None:
    await post_and_hear(scene, "before the restore")
    old_epoch = scene.reader.hello["epoch"]
    await owner.execute("update installation set epoch = gen_random_uuid()")
    await scene.reader_node.kill()
    await scene.reader_node.start()
    await scene.reader.wait_closed()
    hello = await scene.reader.connect()
    assert hello["epoch"] != old_epoch
    subscription = {"stream": scene.stream, "seq": scene.reader.positions[scene.stream]}
    old = await scene.reader.command("subscribe", streams=[subscription], epoch=old_epoch)
    new = await scene.reader.command("subscribe", streams=[subscription], epoch=hello["epoch"])
    assert (old["reset"], new["reset"]) == ([scene.stream], [])


@pytest.mark.parametrize("redis_is_away", [False, True])
async def test_a_removed_member_is_cut_off_at_another_node_within_a_second(
    scene: Scene, redis_is_away: bool
) -> None:
    if redis_is_away:
        scene.line.refuse()
        scene.line.cut()
    await post_and_hear(scene, "for both")
    room = await scene.author.command("list_rooms")
    room_id = room["rooms"][0]["room_id"]
    customer_id = scene.reader.hello["account"]["account_id"]
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await scene.author.command("post_message", stream=scene.stream, text="flowing")

    async with asyncio.TaskGroup() as flowing:
        flowing.create_task(write())
        async with at_once(scene.author.url, scene.reader.url):
            removed = await scene.author.command("remove_member", room_id=room_id, account_id=customer_id)
            await scene.reader.wait_for_hint(type="unsubscribed", stream=scene.stream, reason="removed")
        await scene.author.command("post_message", stream=scene.stream, text="not for the removed")
        stop.set()
    assert scene.reader.positions[scene.stream] <= removed["seq"]
    refused = await scene.reader.command("subscribe", streams=[{"stream": scene.stream, "seq": 0}])
    assert refused["refused"] == [scene.stream]
    assert all(event["seq"] <= removed["seq"] for event in scene.reader.events[scene.stream])
