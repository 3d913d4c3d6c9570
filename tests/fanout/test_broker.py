"""Between nodes: what is heard, what is not, and that a loss is noticed."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from uuid import uuid4

import pytest

from tests.fanout.broker_node import BrokerNode, run_broker
from tests.fanout.listeners import OTHER_STREAM, STREAM, event
from tests.fanout.redis_server import run_redis
from tests.line import open_line
from workroom import metrics
from workroom.errors import Unavailable
from workroom.fanout import publisher as publisher_module
from workroom.fanout.frames import Hint
from workroom.fanout.redis_client import Shard
from workroom.ids import AccountId, StreamId


async def is_subscribed(sender: BrokerNode, receiver: BrokerNode, stream_id: StreamId = STREAM) -> None:
    """Return when what one publishes reaches the other; what it heard until then is forgotten."""
    probing = asyncio.create_task(_probe(sender, stream_id))
    await receiver.until(lambda node: bool(node.hints))
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing
    marker = b"%d" % id(probing)
    sender.broker.publish_hint(Hint(stream_id, marker))
    await receiver.until(lambda node: node.hints[-1].payload == marker)
    receiver.hints.clear()


async def has_looked_in_vain(node: BrokerNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return when the node has tried twice more to listen, and tries again."""
    look, looks = node.broker.redis.find_shards, asyncio.Semaphore(0)

    async def find_shards() -> list[Shard]:
        looks.release()
        return await look()

    monkeypatch.setattr(node.broker.redis, "find_shards", find_shards)
    for _ in range(3):
        await looks.acquire()


async def _probe(sender: BrokerNode, stream_id: StreamId) -> None:
    while True:
        # An unheard publication leaves no event to wait for: asking Redis takes about as long as being heard.
        sender.broker.publish_hint(Hint(stream_id, b"probe"))
        await sender.broker.ask()


async def test_what_one_node_publishes_another_hears_in_order(redis_url: str) -> None:
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        for seq in range(1, 1_501):
            here.broker.publish_frame(event(seq))
        assert await there.hears(1_500) == [b"%d" % seq for seq in range(1, 1_501)]
        assert here.frames == []


async def test_a_node_does_not_hear_itself_and_not_what_it_did_not_ask_for(redis_url: str) -> None:
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        here.broker.subscribe(STREAM)
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        await is_subscribed(there, here)
        here.broker.publish_frame(event(1, stream_id=OTHER_STREAM))
        here.broker.publish_frame(event(1))
        there.broker.publish_frame(event(2))
        assert await there.hears(1) == [b"1"]
        assert await here.hears(1) == [b"2"]


async def test_a_hint_arrives_whole(redis_url: str) -> None:
    hint = Hint(STREAM, b'{"type":"typing"}', AccountId(uuid4()))
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        here.broker.publish_hint(hint)
        await there.until(lambda node: node.hints == [hint])


async def test_installations_and_epochs_on_one_redis_do_not_hear_each_other(redis_url: str) -> None:
    async with (
        run_broker(redis_url) as here,
        run_broker(redis_url, installation_id=uuid4()) as stranger,
        run_broker(redis_url, epoch=uuid4()) as restored,
        run_broker(redis_url) as there,
    ):
        for node in (stranger, restored, there):
            node.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        await is_subscribed(here, restored)
        here.broker.publish_frame(event(1))
        here.broker.publish_hint(Hint(STREAM, b"after"))
        await restored.until(lambda node: bool(node.hints))
        assert await there.hears(1) == [b"1"]
        assert restored.frames == []
        assert (stranger.hints, stranger.frames) == ([], [])


async def test_unsubscribing_and_subscribing_again_leaves_what_was_wanted_last(redis_url: str) -> None:
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        for _ in range(3):
            there.broker.subscribe(STREAM)
            there.broker.unsubscribe(STREAM)
            await asyncio.sleep(0)
            there.broker.subscribe(STREAM)
            there.broker.subscribe(OTHER_STREAM)
            await asyncio.sleep(0)
            there.broker.unsubscribe(OTHER_STREAM)
        await is_subscribed(here, there)
        here.broker.publish_frame(event(1, stream_id=OTHER_STREAM))
        here.broker.publish_frame(event(1))
        assert await there.hears(1) == [b"1"]
        assert there.frames[0].stream_id == STREAM


async def test_bytes_of_somebody_else_are_passed_over(redis_url: str) -> None:
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        channel = there.broker.prefix + STREAM.hex.encode()
        for message in (b"", b"x", b"F" + b"\0" * 40, b"H" + b"\0" * 17 + b"\xff", b"Z" * 30):
            await there.broker.redis.client.publish(channel, message)
        here.broker.publish_frame(event(1))
        assert await there.hears(1) == [b"1"]
        assert there.gaps == 1


@pytest.mark.parametrize("is_cluster", [False, True])
async def test_redis_stopped_and_started_again_is_a_gap_and_then_heard(
    is_cluster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(run_redis(is_cluster=is_cluster))
        if is_cluster:
            await redis.own_slots()
        here, there = [
            await stack.enter_async_context(run_broker(redis.url, is_cluster=is_cluster)) for _ in range(2)
        ]
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        await redis.stop()
        here.broker.publish_frame(event(1))
        for node in (here, there):
            with pytest.raises(Unavailable):
                await node.broker.ask()
            await has_looked_in_vain(node, monkeypatch)
        gaps = there.gaps
        await redis.start()
        await there.until(lambda node: node.gaps > gaps)
        await is_subscribed(here, there)
        here.broker.publish_frame(event(2))
        # The first may have waited for Redis, or have been dropped: a hint is allowed either.
        await there.until(lambda node: bool(node.frames) and node.frames[-1].full == b"2")


async def test_killed_pubsub_clients_are_a_gap_and_then_heard(redis_url: str) -> None:
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        gaps = there.gaps
        await here.broker.redis.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await there.until(lambda node: node.gaps > gaps)
        await is_subscribed(here, there)


async def test_a_flushed_redis_is_heard_on(redis_url: str) -> None:
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        await here.broker.redis.client.flushall()
        here.broker.publish_frame(event(1))
        assert await there.hears(1) == [b"1"]
        assert there.gaps == 1


async def test_a_link_gone_silent_is_noticed_and_replaced(redis_url: str) -> None:
    async with (
        open_line(redis_url) as line,
        run_broker(redis_url) as here,
        run_broker(line.url) as there,
    ):
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        assert there.broker.is_listening
        line.silence()
        while there.broker.is_listening:
            await here.broker.ask()  # nothing says that nothing is heard: time passes with something else
        gaps = there.gaps
        line.resume()
        await there.until(lambda node: node.gaps > gaps)
        await is_subscribed(here, there)


async def test_a_cut_line_is_a_gap_and_then_heard(redis_url: str) -> None:
    async with (
        open_line(redis_url) as line,
        run_broker(redis_url) as here,
        run_broker(line.url) as there,
    ):
        there.broker.subscribe(STREAM)
        await is_subscribed(here, there)
        gaps = there.gaps
        line.cut()
        await there.until(lambda node: node.gaps > gaps)
        await is_subscribed(here, there)


async def test_a_link_that_ends_while_it_says_what_is_wanted_is_a_gap_and_then_heard(redis_url: str) -> None:
    async with run_broker(redis_url) as here, run_broker(redis_url) as there:
        [link] = there.broker._subscriber._links.values()
        assert link._connection._writer is not None
        gaps = there.gaps
        link._connection._writer.transport.abort()
        there.broker.subscribe(STREAM)  # is written before anybody sees that the line has ended
        await there.until(lambda node: node.gaps > gaps)
        await is_subscribed(here, there)


async def test_a_link_that_hears_is_left_alone(redis_url: str) -> None:
    async with run_broker(redis_url, beat_seconds=0.05, deaf_seconds=0.5) as here:
        loop = asyncio.get_running_loop()
        until = loop.time() + 1.5
        while loop.time() < until:
            await here.broker.ask()
        assert here.gaps == 1


@pytest.mark.parametrize("is_cluster", [False, True])
async def test_without_redis_a_node_starts_and_drops_what_it_cannot_say(is_cluster: bool) -> None:
    dropped_before = metrics.publishes_dropped._value.get()
    async with run_redis(is_cluster=is_cluster) as redis:
        if is_cluster:
            await redis.own_slots()
        await redis.stop()
        async with run_broker(redis.url, is_cluster=is_cluster, is_expected=False) as here:
            here.broker.subscribe(STREAM)
            here.broker.publish_frame(event(1))
            with pytest.raises(Unavailable):
                await here.broker.ask()
            assert not here.broker.is_listening
            await redis.start()
            await here.until(lambda node: node.gaps > 0)
            await here.broker.ask()
            async with run_broker(redis.url, is_cluster=is_cluster) as there:
                await is_subscribed(there, here)
    assert metrics.publishes_dropped._value.get() > dropped_before


async def test_a_full_queue_drops_and_counts(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.setattr(publisher_module, "MAX_MESSAGES", 10)
    async with run_broker(redis_url) as here:
        before = metrics.publishes_dropped._value.get()
        for seq in range(1, 31):
            here.broker.publish_frame(event(seq))
        assert metrics.publishes_dropped._value.get() - before >= 20


async def test_on_a_cluster_sharded_channels_carry_it() -> None:
    async with run_redis(is_cluster=True) as redis:
        await redis.own_slots()
        async with (
            run_broker(redis.url, is_cluster=True) as here,
            run_broker(redis.url, is_cluster=True) as there,
        ):
            streams = [StreamId(uuid4()) for _ in range(40)]
            for stream_id in streams:
                there.broker.subscribe(stream_id)
            for stream_id in streams:
                await is_subscribed(here, there, stream_id)
            for stream_id in streams:
                here.broker.publish_frame(event(1, stream_id=stream_id))
            await there.hears(40)
            assert {frame.stream_id for frame in there.frames} == set(streams)
            channels = await redis.command("PUBSUB", "SHARDCHANNELS")
            assert isinstance(channels, list)
            assert len(channels) == 42, "the streams and a beat for each node"
            assert await redis.command("PUBSUB", "CHANNELS") == []
            there.broker.unsubscribe(streams[0])
            await is_subscribed(here, there, streams[1])
            assert there.gaps == 1


async def test_a_slot_that_moves_to_another_server_is_a_gap_and_then_heard() -> None:
    async with run_redis(is_cluster=True) as first, run_redis(is_cluster=True) as second:
        # Each word about a slot has its age from the beginning: gossip settles two of the same age late, either way.
        for age, server in enumerate((first, second), start=1):
            await server.command("CLUSTER", "SET-CONFIG-EPOCH", age)
        await first.own_slots()
        await second.command("CLUSTER", "MEET", "127.0.0.1", first.port)
        first_id, second_id = [await server.command("CLUSTER", "MYID") for server in (first, second)]
        assert isinstance(first_id, bytes)
        assert isinstance(second_id, bytes)
        for server, other_id in ((first, second_id), (second, first_id)):
            while other_id not in str(await server.command("CLUSTER", "NODES")).encode():
                pass
        async with (
            run_broker(first.url, is_cluster=True) as here,
            run_broker(first.url, is_cluster=True) as there,
        ):
            there.broker.subscribe(STREAM)
            await is_subscribed(here, there)
            gaps = there.gaps
            slot = await first.command("CLUSTER", "KEYSLOT", there.broker.prefix + STREAM.hex.encode())
            assert isinstance(slot, int)
            # Who imported a slot has the newest word about it; who only claims it is talked out of it by gossip.
            await second.command("CLUSTER", "SETSLOT", slot, "IMPORTING", first_id)
            await first.command("CLUSTER", "SETSLOT", slot, "MIGRATING", second_id)
            for server in (second, first):
                await server.command("CLUSTER", "SETSLOT", slot, "NODE", second_id)
            await there.until(lambda node: node.gaps > gaps)
            await is_subscribed(here, there)
