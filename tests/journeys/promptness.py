"""What has to happen within a second, measured so that a busy machine is not taken for a slow program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.http_client import request

AT_ONCE_SECONDS = 1.0
SAMPLE_SECONDS = 0.05
LATE_AT_MOST_SECONDS = 3.0
"""What a busy machine is forgiven at most."""


@asynccontextmanager
async def at_once(*urls: str) -> AsyncIterator[None]:
    """What the block waits for comes within a second.

    Meanwhile the nodes at these addresses are asked something that costs them nothing: as long as the slowest answer
    took, they or this process had no processor, and that is not counted.
    """
    began_at = time.monotonic()
    samples = {url: Sample() for url in urls}
    sampling = [asyncio.create_task(sample.take_on(url)) for url, sample in samples.items()]
    try:
        yield
        took = time.monotonic() - began_at
        late = min(LATE_AT_MOST_SECONDS, max(sample.latest() for sample in samples.values()))
        assert took <= AT_ONCE_SECONDS + late, (
            f"it took {took:.2f} s, of which {late:.2f} s are the machine's"
        )
    finally:
        for task in sampling:
            task.cancel()
        await asyncio.wait(sampling)


class Sample:
    """How late one node has answered at most, the question that is under way included."""

    def __init__(self) -> None:
        self._asked_at = time.monotonic()
        self._late = 0.0

    async def take_on(self, url: str) -> None:
        """Ask again and again, with a little time between."""
        while True:
            self._asked_at = time.monotonic()
            await request("GET", f"{url}/health/live")
            await asyncio.sleep(SAMPLE_SECONDS)
            self._late = self.latest()

    def latest(self) -> float:
        return max(self._late, time.monotonic() - self._asked_at - SAMPLE_SECONDS)
