"""The listening side of Redis: one link for the node, or one to each primary of a cluster, made again when
lost.

Redis may lose what it publishes at any time. So every time links are made anew, the owner is told that there
was a gap: whatever came before may be missing. Nothing is repaired; any trouble with any link makes all of
them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import count, islice

from workroom.clock import monotonic_seconds
from workroom.fanout.listening_link import LinkLost, LinkOwner, ListeningLink
from workroom.fanout.redis_client import REDIS_ERRORS, RedisLink, Shard
from workroom.logs import describe_exception, log_event

BEAT_CHANNELS_TRIED = 100_000
RETRY_AT_MOST_SECONDS = 2.0
STABLE_AFTER_SECONDS = 5.0


class Subscriber:
    """Keeps the wanted channels subscribed for as long as `run` runs.

    Args:
        redis: where to listen.
        beat_prefix: channels that begin with it are this node's alone.
        owner: is told what is heard; `on_active` each time that everything wanted is subscribed anew.
    """

    def __init__(self, redis: RedisLink, beat_prefix: bytes, owner: LinkOwner) -> None:
        self._redis = redis
        self._beat_prefix = beat_prefix
        self._owner = replace(owner, on_active=self._note_active)
        self._on_active: Callable[[], None] = owner.on_active
        self._wanted: set[bytes] = set()
        self._links: dict[str, ListeningLink] = {}

    @property
    def is_active(self) -> bool:
        """Whether everything wanted is subscribed, as far as is known."""
        return bool(self._links) and all(link.is_active for link in self._links.values())

    def want(self, channel: bytes) -> None:
        """Subscribe to a channel, together with whatever else this turn of the loop wants."""
        self._wanted.add(channel)
        self._change(channel, True)

    def unwant(self, channel: bytes) -> None:
        """Unsubscribe from a channel, likewise."""
        self._wanted.discard(channel)
        self._change(channel, False)

    async def run(self) -> None:
        """Listen until cancelled; after a loss try again with full jitter."""
        attempt = 0
        while True:
            began_at = monotonic_seconds()
            try:
                await self._listen()
            except* (*REDIS_ERRORS, LinkLost) as lost:
                log_event("redis_listening_lost", logging.WARNING, **describe_exception(_first(lost)))
            attempt = 0 if monotonic_seconds() - began_at > STABLE_AFTER_SECONDS else attempt + 1
            await asyncio.sleep(random.uniform(0, min(RETRY_AT_MOST_SECONDS, 0.05 * 2**attempt)))

    async def _listen(self) -> None:
        shards = await self._redis.find_shards()
        try:
            links = {shard.name: self._make_link(shard) for shard in shards}
            for channel in self._wanted:
                links[self._redis.shard_of(channel)].change(channel, True)
        except (KeyError, StopIteration):
            raise LinkLost("a slot of the cluster is not covered") from None
        self._links = links
        try:
            async with asyncio.TaskGroup() as group:
                for name, link in links.items():
                    group.create_task(link.run(), name=f"redis link {name}")
        finally:
            self._links = {}

    def _make_link(self, shard: Shard) -> ListeningLink:
        # On a cluster the channel's name decides where it lives: find one that lives on this shard.
        beats = (self._beat_prefix + b":%d" % number for number in islice(count(), BEAT_CHANNELS_TRIED))
        beat = next(beat for beat in beats if self._redis.shard_of(beat) == shard.name)
        return ListeningLink(shard.make_connection(), beat, self._owner, is_sharded=self._redis.is_cluster)

    def _change(self, channel: bytes, is_wanted: bool) -> None:
        if self._links:
            # A slot that nobody covers: the links are about to be made again, and then know what is wanted.
            with contextlib.suppress(KeyError):
                self._links[self._redis.shard_of(channel)].change(channel, is_wanted)

    def _note_active(self) -> None:
        if self.is_active:
            self._on_active()


def _first(lost: BaseExceptionGroup[BaseException]) -> BaseException:
    first = lost.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
