"""A node reduced to its broker: it remembers what it hears, and can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

from workroom.fanout.broker import Broker
from workroom.fanout.frames import Hint, StreamFrame
from workroom.settings import Settings, load_settings

INSTALLATION, EPOCH = uuid4(), uuid4()


class BrokerNode:
    """One broker and what it said. `gaps` counts how often it said that something may be missing."""

    def __init__(self, settings: Settings, installation_id: UUID, epoch: UUID, **options: Any) -> None:
        self.node_id = uuid4()
        self.frames: list[StreamFrame] = []
        self.hints: list[Hint] = []
        self.gaps = 0
        self._news = asyncio.Event()
        self.broker = Broker(
            settings,
            installation_id=installation_id,
            epoch=epoch,
            node_id=self.node_id,
            on_frame=self._remember(self.frames),
            on_hint=self._remember(self.hints),
            on_gap=self._count_gap,
            **options,
        )

    async def until(self, condition: Callable[[BrokerNode], bool]) -> None:
        """Return when it has heard enough."""
        while not condition(self):
            self._news.clear()
            await self._news.wait()

    async def hears(self, count: int) -> list[bytes]:
        """Return the payloads of the frames, when there are that many."""
        await self.until(lambda node: len(node.frames) >= count)
        return [frame.full for frame in self.frames]

    def _remember(self, memory: list[Any]) -> Callable[[Any], None]:
        def remember(heard: Any) -> None:
            memory.append(heard)
            self._news.set()

        return remember

    def _count_gap(self) -> None:
        self.gaps += 1
        self._news.set()


@asynccontextmanager
async def run_broker(
    redis_url: str,
    *,
    is_cluster: bool = False,
    installation_id: UUID = INSTALLATION,
    epoch: UUID = EPOCH,
    is_expected: bool = True,
    **options: Any,
) -> AsyncIterator[BrokerNode]:
    """A running broker; with `is_expected`, after it has begun to listen."""
    settings = load_settings(
        {
            "WORKROOM_REDIS_URL": redis_url,
            "WORKROOM_REDIS_CLUSTER": "yes" if is_cluster else "no",
            "WORKROOM_REDIS_SECONDS": "0.5",
        }
    )
    timing = {"beat_seconds": 0.05, "deaf_seconds": 0.5, **options}
    node = BrokerNode(settings, installation_id, epoch, **timing)
    running = asyncio.create_task(node.broker.run())
    try:
        if is_expected:
            await node.until(lambda node: node.gaps > 0)
        yield node
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running  # fails the test with whatever ended it before
        await node.broker.close()
