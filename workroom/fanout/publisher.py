"""The speaking side of Redis: what one turn of the loop publishes, and what gathered meanwhile, leaves in one
pipeline.

Publishing is a courtesy to the other nodes. It never waits, and nothing is kept for when Redis is back: what
does not fit, or does not arrive, is dropped and counted, and the other nodes' position checks find it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque

from workroom import metrics
from workroom.fanout.redis_client import REDIS_ERRORS, RedisLink
from workroom.logs import describe_exception, log_event

MAX_MESSAGES = 10_000
MAX_BYTES = 32 * 1024 * 1024
"""The queue is full at either; what comes then is dropped and counted."""
MESSAGES_AT_ONCE = 500
PAUSE_AT_MOST_SECONDS = 1.0


class Publisher:
    """Sends for as long as `run` runs."""

    def __init__(self, redis: RedisLink) -> None:
        self._redis = redis
        self._command = "SPUBLISH" if redis.is_cluster else "PUBLISH"
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._queued_bytes = 0
        self._has_messages = asyncio.Event()

    def put(self, channel: bytes, message: bytes) -> None:
        """Publish a message soon, or drop it."""
        if len(self._queue) >= MAX_MESSAGES or self._queued_bytes + len(message) > MAX_BYTES:
            metrics.publishes_dropped.inc()
            return
        self._queue.append((channel, message))
        self._queued_bytes += len(message)
        self._has_messages.set()

    async def run(self) -> None:
        """Send until cancelled."""
        was_away = False
        while True:
            await self._has_messages.wait()
            batch = self._take_batch()
            try:
                await self._send(batch)
            except REDIS_ERRORS as error:
                metrics.publishes_dropped.inc(len(batch))
                if not was_away:
                    log_event("redis_publishing_failed", logging.WARNING, **describe_exception(error))
                was_away = True
                await asyncio.sleep(random.uniform(0.05, PAUSE_AT_MOST_SECONDS))
            else:
                was_away = False

    async def _send(self, batch: list[tuple[bytes, bytes]]) -> None:
        pipeline = self._redis.pipeline()
        for channel, message in batch:
            pipeline.execute_command(self._command, channel, message)
        answers = await pipeline.execute(raise_on_error=False)
        metrics.publishes_dropped.inc(sum(isinstance(answer, Exception) for answer in answers))

    def _take_batch(self) -> list[tuple[bytes, bytes]]:
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), MESSAGES_AT_ONCE))]
        self._queued_bytes -= sum(len(message) for _, message in batch)
        if not self._queue:
            self._has_messages.clear()
        return batch
