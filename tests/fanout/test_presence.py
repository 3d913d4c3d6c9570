"""Who is here, on every node; and who is told when that changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from tests.fanout.broker_node import BrokerNode, run_broker
from tests.fanout.listeners import OTHER_STREAM, STREAM
from tests.fanout.redis_server import run_redis
from tests.line import open_line
from workroom.fanout import presence_store
from workroom.fanout.presence import Presence
from workroom.fanout.presence_store import PresenceStore
from workroom.ids import AccountId, StreamId

Told = dict[str, Any]


class PresenceNode:
    """A node's presence, and what its own listeners were told."""

    def __init__(self, node: BrokerNode, **options: float) -> None:
        self.node = node
        self.told: list[Told] = []
        self.news = asyncio.Event()
        timing = {"gather_seconds": 0.2, "grace_seconds": 0.0, "renew_seconds": 0.1, **options}
        self.presence = Presence(node.broker, node.node_id, self._remember, self._find_streams, **timing)

    def open(self, account_id: AccountId, *stream_ids: StreamId) -> None:
        """The account's only connection here opens and listens."""
        self.presence.arrive(account_id)
        self.presence.listen(account_id, stream_ids)

    def close(self, account_id: AccountId, *stream_ids: StreamId) -> None:
        """And closes."""
        self.presence.stop_listening(account_id, stream_ids)
        self.presence.depart(account_id)

    async def until_told(self, condition: Callable[[Told], bool]) -> Told:
        """Return the first hint that is so."""
        while True:
            for told in self.told:
                if condition(told):
                    return told
            self.news.clear()
            await self.news.wait()

    async def until_online(self, *account_ids: AccountId) -> None:
        """Return when this node knows exactly these to be here."""
        while True:
            self.presence._others_read_at = -1e9  # what was read just now is asked again
            if await self.presence.who_is_online(ACCOUNTS) == set(account_ids):
                return

    async def _find_streams(self, account_ids: list[AccountId]) -> dict[StreamId, list[AccountId]]:
        return {STREAM: account_ids}

    def _remember(self, stream_id: StreamId, payload: bytes) -> None:
        told = json.loads(payload)
        assert told["stream"] == str(stream_id)
        self.told.append(told)
        self.news.set()


ACCOUNTS = [AccountId(uuid4()) for _ in range(4)]
ANNA, BEN, CARL, DORA = ACCOUNTS


@asynccontextmanager
async def run_presence(
    redis_url: str, *, is_cluster: bool = False, **options: float
) -> AsyncIterator[PresenceNode]:
    async with run_broker(redis_url, is_cluster=is_cluster, is_expected=False) as node:
        here = PresenceNode(node, **options)
        running = asyncio.create_task(here.presence.run())
        try:
            yield here
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running  # fails the test with whatever ended it before


def store_of(node: BrokerNode) -> PresenceStore:
    """What a node that was killed has left in Redis, or is to leave."""
    return PresenceStore(node.broker.redis, node.broker.prefix, node.node_id)


async def end_life_of(node: BrokerNode) -> None:
    """Let so much time pass for the node alone that it counts as dead."""
    await node.broker.redis.client.zadd(node.broker.prefix + b"presence:nodes", {node.node_id.hex: 1})


async def test_who_has_a_connection_to_any_node_is_online_on_all(redis_url: str) -> None:
    async with run_presence(redis_url) as here, run_presence(redis_url) as there:
        here.open(ANNA)
        there.open(BEN)
        assert await here.presence.who_is_online([ANNA]) == {ANNA}
        await here.until_online(ANNA, BEN)
        await there.until_online(ANNA, BEN)
        here.close(ANNA)
        await there.until_online(BEN)


async def test_listeners_are_told_who_came_and_who_went(redis_url: str) -> None:
    async with run_presence(redis_url) as here:
        here.open(ANNA, STREAM, OTHER_STREAM)
        here.open(BEN, STREAM)
        told = await here.until_told(lambda told: told["stream"] == str(STREAM))
        assert set(told["online"]) == {str(ANNA), str(BEN)}
        assert (told["type"], told["offline"]) == ("presence", [])
        await here.until_told(
            lambda told: told["stream"] == str(OTHER_STREAM) and told["online"] == [str(ANNA)]
        )
        here.close(ANNA, STREAM, OTHER_STREAM)
        for stream_id in (STREAM, OTHER_STREAM):
            wanted = {"type": "presence", "stream": str(stream_id), "online": [], "offline": [str(ANNA)]}
            await here.until_told(lambda told, wanted=wanted: told == wanted)  # type: ignore[misc]


async def test_the_other_nodes_are_told_too(redis_url: str) -> None:
    async with run_presence(redis_url) as here, run_broker(redis_url) as there:
        there.broker.subscribe(STREAM)
        here.open(ANNA, STREAM)
        while not there.hints:  # what is published before the subscription stands is lost, as designed
            newcomer = AccountId(uuid4())
            here.open(newcomer, STREAM)
            await here.until_told(lambda told, newcomer=newcomer: str(newcomer) in told["online"])  # type: ignore[misc]
        assert there.hints[0].stream_id == STREAM


async def test_who_comes_back_at_once_was_never_away(redis_url: str) -> None:
    async with run_presence(redis_url, grace_seconds=0.6) as here:
        here.open(ANNA, STREAM)
        await here.until_told(lambda told: told["online"] == [str(ANNA)])
        here.close(ANNA, STREAM)
        here.open(ANNA, STREAM)
        here.open(BEN, STREAM)
        here.close(BEN, STREAM)
        await here.until_told(lambda told: told["offline"] == [str(BEN)])
        assert not any(str(ANNA) in told["offline"] for told in here.told)
        assert here.presence._left_at == {}, "nothing is left to be settled"


async def test_who_is_away_for_a_moment_only_is_not_called_offline(redis_url: str) -> None:
    async with run_presence(redis_url, gather_seconds=0.05, grace_seconds=60) as here:
        here.open(ANNA, STREAM)
        here.close(ANNA, STREAM)
        for newcomer in (BEN, CARL, DORA):  # rounds in which it could be told
            here.open(newcomer, STREAM)
            await here.until_told(lambda told, newcomer=newcomer: str(newcomer) in told["online"])  # type: ignore[misc]
        assert not any(told["offline"] for told in here.told)


async def test_who_comes_back_while_redis_is_asked_was_never_away(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_presence(redis_url) as here, run_presence(redis_url) as there:
        store = here.presence._store
        take_out = store.remove

        async def remove(gone: Sequence[AccountId]) -> set[AccountId]:
            elsewhere = await take_out(gone)
            if ANNA in gone:
                here.open(ANNA, STREAM)
            return elsewhere

        monkeypatch.setattr(store, "remove", remove)
        here.open(ANNA, STREAM)
        await here.until_told(lambda told: told["online"] == [str(ANNA)])
        here.close(ANNA, STREAM)
        here.open(BEN, STREAM)
        await here.until_told(lambda told: str(BEN) in told["online"])
        await there.until_online(ANNA, BEN)
        assert not any(told["offline"] for told in here.told)


async def test_who_moved_to_another_node_is_not_called_offline(redis_url: str) -> None:
    async with run_presence(redis_url, grace_seconds=0.6) as here, run_presence(redis_url) as there:
        here.open(ANNA, STREAM)
        here.open(BEN, STREAM)
        await there.until_online(ANNA, BEN)
        here.close(ANNA, STREAM)
        there.open(ANNA, STREAM)
        here.close(BEN, STREAM)
        await here.until_told(lambda told: str(BEN) in told["offline"])
        assert not any(str(ANNA) in told["offline"] for told in here.told)
        await here.until_online(ANNA)


async def test_two_tabs_count_as_one_and_the_last_one_counts(redis_url: str) -> None:
    async with run_presence(redis_url) as here:
        here.open(ANNA, STREAM)
        here.presence.listen(ANNA, [STREAM])
        await here.until_told(lambda told: told["online"] == [str(ANNA)])
        here.presence.stop_listening(ANNA, [STREAM])
        here.open(BEN, STREAM)
        await here.until_told(lambda told: told["online"] == [str(BEN)])
        here.close(ANNA, STREAM)
        await here.until_told(lambda told: told["offline"] == [str(ANNA)])


async def test_turning_away_from_a_stream_is_not_leaving(redis_url: str) -> None:
    async with run_presence(redis_url) as here:
        here.open(ANNA, STREAM, OTHER_STREAM)
        await here.until_told(lambda told: told["online"] == [str(ANNA)])
        here.presence.stop_listening(ANNA, [STREAM])
        here.open(BEN, STREAM)
        await here.until_told(lambda told: told["online"] == [str(BEN)])
        here.close(ANNA, OTHER_STREAM)
        told = await here.until_told(lambda told: str(ANNA) in told["offline"])
        assert told["stream"] == str(OTHER_STREAM)
        assert not any(str(ANNA) in each["offline"] for each in here.told if each["stream"] == str(STREAM))


async def test_stopping_what_was_never_listened_to_changes_nothing(redis_url: str) -> None:
    async with run_presence(redis_url) as here:
        here.presence.stop_listening(ANNA, [STREAM])
        here.open(ANNA, STREAM)
        here.presence.stop_listening(ANNA, [OTHER_STREAM])
        await here.until_told(lambda told: told["online"] == [str(ANNA)])


async def test_a_node_that_ends_takes_its_accounts_with_it(redis_url: str) -> None:
    async with run_presence(redis_url) as there:
        async with run_presence(redis_url) as here:
            here.open(ANNA)
            await there.until_online(ANNA)
        async with asyncio.timeout(presence_store.LIFE_SECONDS / 2):
            await there.until_online()


async def test_a_node_that_was_killed_is_forgotten_when_its_life_runs_out(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_presence(redis_url) as there, run_broker(redis_url) as killed:
        monkeypatch.setattr(presence_store, "LIFE_SECONDS", 1)
        await store_of(killed).add([ANNA])
        for key in await killed.broker.redis.client.keys(
            killed.broker.prefix + b"presence:" + killed.node_id.hex.encode()
        ):
            assert await killed.broker.redis.client.ttl(key) > 0, "nothing stays for ever"
        await there.until_online(ANNA)
        await there.until_online()


async def test_one_survivor_tells_who_was_at_a_killed_node(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        run_presence(redis_url) as here,
        run_presence(redis_url) as there,
        run_broker(redis_url) as killed,
    ):
        monkeypatch.setattr(presence_store, "LIFE_SECONDS", 1)
        await store_of(killed).add([ANNA])
        telling = [
            asyncio.create_task(node.until_told(lambda told: bool(told["offline"]))) for node in (here, there)
        ]
        told, untold = await asyncio.wait(telling, return_when=asyncio.FIRST_COMPLETED)
        for task in untold:
            task.cancel()
        assert [task.result() for task in told] == [
            {"type": "presence", "stream": str(STREAM), "online": [], "offline": [str(ANNA)]}
        ]


async def test_of_all_who_bury_a_node_one_is_told_who_is_at_no_other(redis_url: str) -> None:
    async with run_broker(redis_url) as killed, run_broker(redis_url) as here, run_broker(redis_url) as there:
        await store_of(killed).add([ANNA, BEN, CARL])
        await end_life_of(killed)
        survivors = [store_of(here), store_of(there)]
        await survivors[0].add([BEN])
        await survivors[1].add([CARL])
        told = await asyncio.gather(*(survivor.bury_nodes() for survivor in survivors))
        assert sorted(told, key=len) == [set(), {ANNA}]
        await survivors[0].forget_node()
        await survivors[1].forget_node()
        assert await killed.broker.redis.client.keys(killed.broker.prefix + b"presence:*") == []


async def test_a_node_that_another_has_just_taken_out_is_left_to_that_one(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_broker(redis_url) as killed, run_broker(redis_url) as here:
        await store_of(killed).add([ANNA])
        await end_life_of(killed)
        client = here.broker.redis.client
        look = client.zrangebyscore

        async def zrangebyscore(key: bytes, lowest: float, highest: float) -> object:
            found = await look(key, lowest, highest)
            await killed.broker.redis.client.zrem(key, *found)
            return found

        monkeypatch.setattr(client, "zrangebyscore", zrangebyscore)
        assert await store_of(here).bury_nodes() == set()


async def test_who_came_and_went_while_redis_was_away_is_known_when_it_is_back(redis_url: str) -> None:
    async with open_line(redis_url) as line, run_presence(line.url) as here, run_presence(redis_url) as there:
        here.open(ANNA, STREAM)
        await there.until_online(ANNA)
        line.refuse()
        line.cut()
        here.open(BEN, STREAM)
        here.close(ANNA, STREAM)
        await here.until_told(lambda told: str(ANNA) in told["offline"])
        await there.until_online(ANNA)
        line.accept()
        await there.until_online(BEN)


async def test_a_flushed_redis_learns_anew_who_is_here_and_listeners_are_told_again(redis_url: str) -> None:
    async with run_presence(redis_url) as here, run_presence(redis_url) as there:
        here.open(ANNA, STREAM)
        await there.until_online(ANNA)
        await here.until_told(lambda told: told["online"] == [str(ANNA)])
        here.told.clear()
        await there.node.broker.redis.client.flushall()
        await there.until_online(ANNA)
        await here.until_told(lambda told: told["online"] == [str(ANNA)])


@pytest.mark.parametrize("is_cluster", [False, True])
async def test_without_redis_a_node_knows_its_own(is_cluster: bool) -> None:
    async with run_redis(is_cluster=is_cluster) as redis:
        await redis.stop()
        async with run_presence(redis.url, is_cluster=is_cluster) as here:
            here.open(ANNA, STREAM)
            assert await here.presence.who_is_online([ANNA, BEN]) == {ANNA}
            await here.until_told(lambda told: told["online"] == [str(ANNA)])
            here.close(ANNA, STREAM)
            await here.until_told(lambda told: told["offline"] == [str(ANNA)])
            assert await here.presence.who_is_online([ANNA, BEN]) == set()


async def test_ten_thousand_accounts_are_stored_and_found(redis_url: str) -> None:
    accounts = [AccountId(uuid4()) for _ in range(10_000)]
    async with run_presence(redis_url) as here, run_presence(redis_url) as there:
        for account_id in accounts:
            here.open(account_id)
        while await there.presence.who_is_online(accounts) != set(accounts):
            there.presence._others_read_at = -1e9
