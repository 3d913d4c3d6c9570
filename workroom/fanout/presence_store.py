"""Presence as it lies in Redis: for each node one set of the accounts it has, and the list of nodes that
live.

A node's set has one life, renewed as a whole: so presence costs a few commands for each node and quarter of a
minute, not for each connection. Every method may raise one of REDIS_ERRORS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast
from uuid import UUID

from workroom.clock import now
from workroom.fanout.redis_client import RedisLink
from workroom.ids import AccountId

LIFE_SECONDS = 45
"""How long a node counts as alive after it was heard of. Its set is kept for twice as long, for whoever buries it."""
IDS_AT_ONCE = 500
"""In one command to Redis."""


class PresenceStore:
    """One node's view. `stored` is what Redis should have of this node."""

    def __init__(self, redis: RedisLink, prefix: bytes, node_id: UUID) -> None:
        self.stored: set[AccountId] = set()
        self._redis = redis
        self._node = node_id.hex.encode()
        self._prefix = prefix + b"presence:"
        self._own_key = self._prefix + self._node
        self._nodes_key = self._prefix + b"nodes"
        # So that what is renewed is compared with what is stored, not with what is on its way.
        self._one_at_a_time = asyncio.Lock()

    async def add(self, account_ids: Iterable[AccountId]) -> None:
        """Put accounts into this node's set."""
        async with self._one_at_a_time:
            for part in _parts(list(account_ids)):
                pipeline = self._redis.pipeline()
                pipeline.sadd(self._own_key, *(account_id.bytes for account_id in part))
                pipeline.expire(self._own_key, 2 * LIFE_SECONDS)
                pipeline.zadd(self._nodes_key, {self._node: now().timestamp() + LIFE_SECONDS})
                await pipeline.execute()
                self.stored.update(part)

    async def remove(self, account_ids: Sequence[AccountId]) -> set[AccountId]:
        """Take accounts out of this node's set. Returns those that another node has."""
        async with self._one_at_a_time:
            others = await self._live_others()
            elsewhere: set[AccountId] = set()
            for part in _parts(account_ids):
                ids = [account_id.bytes for account_id in part]
                pipeline = self._redis.pipeline()
                pipeline.srem(self._own_key, *ids)
                for other in others:
                    pipeline.smismember(self._prefix + other, ids)
                _, *found = await pipeline.execute()
                self.stored.difference_update(part)
                for flags in found:
                    elsewhere.update(account_id for account_id, has in zip(part, flags, strict=True) if has)
            return elsewhere

    async def renew(self) -> bool:
        """Renew the set's life. Returns False where Redis had lost something; then nothing is `stored` any more."""
        async with self._one_at_a_time:
            pipeline = self._redis.pipeline()
            pipeline.zadd(self._nodes_key, {self._node: now().timestamp() + LIFE_SECONDS})
            pipeline.expire(self._own_key, 2 * LIFE_SECONDS)
            pipeline.scard(self._own_key)
            *_, stored_count = await pipeline.execute()
            if stored_count == len(self.stored):
                return True
            await self._redis.client.delete(self._own_key)
            self.stored.clear()
            return False

    async def read_others(self) -> list[frozenset[bytes]]:
        """The sets of the other nodes that live: ids of accounts as bytes."""
        others = await self._live_others()
        if not others:
            return []
        pipeline = self._redis.pipeline()
        for other in others:
            pipeline.smembers(self._prefix + other)
        return [frozenset(members) for members in await pipeline.execute()]

    async def bury_nodes(self) -> set[AccountId]:
        """Take out the nodes whose life has run out. Returns who was there and is at no other node.

        However many nodes try, one of them takes a dead node out, and only that one is told its accounts.
        """
        expired = await self._redis.client.zrangebyscore(self._nodes_key, 0, now().timestamp())
        buried = [
            node
            for node in cast(list[bytes], expired)
            if await self._redis.client.zrem(self._nodes_key, node)
        ]
        if not buried:
            return set()
        pipeline = self._redis.pipeline()
        for node in buried:
            pipeline.smembers(self._prefix + node)
        for node in buried:
            pipeline.delete(self._prefix + node)
        members: list[set[bytes]] = (await pipeline.execute())[: len(buried)]
        gone = set[bytes]().union(*members).difference(*await self.read_others())
        return {AccountId(UUID(bytes=account_id)) for account_id in gone} - self.stored

    async def forget_node(self) -> None:
        """Take this node out: it ends in order."""
        pipeline = self._redis.pipeline()
        pipeline.delete(self._own_key)
        pipeline.zrem(self._nodes_key, self._node)
        await pipeline.execute()
        self.stored.clear()

    async def _live_others(self) -> list[bytes]:
        nodes = await self._redis.client.zrangebyscore(self._nodes_key, now().timestamp(), "+inf")
        return [node for node in cast(list[bytes], nodes) if node != self._node]


def _parts(account_ids: Sequence[AccountId]) -> Iterable[Sequence[AccountId]]:
    return (account_ids[start : start + IDS_AT_ONCE] for start in range(0, len(account_ids), IDS_AT_ONCE))
