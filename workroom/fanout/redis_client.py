"""The connection to Redis: one server, or a cluster; nothing is tried twice behind our backs.

Whoever asks Redis something gets an answer or one of `REDIS_ERRORS` within the time-out, and the connection
on which an answer was missed is dropped: another caller must never read it. Listening connections are made
apart, because they are watched and replaced by the subscriber itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.cluster import ClusterPipeline, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from workroom.fanout.redis_patches import patch_connections

patch_connections()

# redis-py's error for a cluster that is not there is not one of its RedisErrors.
REDIS_ERRORS = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a call to Redis may raise when Redis is away, slow or out of its mind."""

RedisClient = Redis | RedisCluster


@dataclass(frozen=True, slots=True)
class Shard:
    """One server to listen to: the only one, or a primary of a cluster."""

    name: str
    make_connection: Callable[[], AbstractConnection]


class RedisLink:
    """One installation's Redis, as one node uses it.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        is_cluster: whether the address is a cluster's; then pub/sub is sharded.
        timeout_seconds: for connecting, and for each answer.
        max_connections: how many commands may be under way at once; others wait, at most the time-out.
    """

    def __init__(
        self, url: str, *, is_cluster: bool = False, timeout_seconds: float = 2.0, max_connections: int = 8
    ) -> None:
        self.is_cluster = is_cluster
        never_again = Retry(NoBackoff(), 0)
        self.client: RedisClient
        if is_cluster:
            self.client = RedisCluster.from_url(
                url,
                socket_timeout=timeout_seconds,
                socket_connect_timeout=timeout_seconds,
                max_connections=max_connections,
                retry=never_again,
                protocol=2,
            )
        else:
            pool = BlockingConnectionPool.from_url(
                url,
                socket_timeout=timeout_seconds,
                socket_connect_timeout=timeout_seconds,
                max_connections=max_connections,
                timeout=timeout_seconds,
                retry=never_again,
                protocol=2,
            )
            self.client = Redis(connection_pool=pool)
            self.client.auto_close_connection_pool = True

    async def find_shards(self) -> list[Shard]:
        """Ask who there is to listen to; on a cluster that is asked afresh. Raises one of REDIS_ERRORS."""
        client = self.client
        if isinstance(client, Redis):
            return [Shard("only", client.connection_pool.make_connection)]
        await client.initialize()
        await client.nodes_manager.initialize()
        return [
            Shard(node.name, partial(node.connection_class, **node.connection_kwargs))
            for node in client.get_primaries()
        ]

    def shard_of(self, channel: bytes) -> str:
        """Name of the shard a channel belongs to, as far as is known; KeyError where nobody covers it."""
        client = self.client
        if isinstance(client, Redis):
            return "only"
        return client.nodes_manager.slots_cache[client.keyslot(channel)][0].name

    def pipeline(self) -> Pipeline | ClusterPipeline:
        """Begin a pipeline without a transaction: commands to be sent together."""
        if isinstance(self.client, Redis):
            return self.client.pipeline(transaction=False)
        return self.client.pipeline()

    async def ask(self) -> None:
        """Return when Redis answers a PING. Raises one of REDIS_ERRORS."""
        await self.client.ping()

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
