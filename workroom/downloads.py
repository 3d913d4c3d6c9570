"""Counts what each account is fetching at this node, so that nobody fills its memory with answers they hardly read.

Each answer under way holds up to 2 MiB: what waits for the line, and the block that is next. Whoever has as many under
way as there may be waits for a place, as a page with many pictures does; those who wait hold next to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from workroom.errors import RateExceeded
from workroom.ids import AccountId

WAIT_SECONDS = 10.0


class Downloads:
    """The downloads of one node.

    Args:
        most: how many of one account may be under way at the same time.
        wait_seconds: how long the next one waits for a place.
    """

    def __init__(self, most: int, wait_seconds: float = WAIT_SECONDS) -> None:
        self._most = most
        self._wait_seconds = wait_seconds
        # Whoever has a place or waits for one holds on to the account's entry; with the last of them it goes.
        self._places: WeakValueDictionary[AccountId, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place_of(self, account_id: AccountId) -> AsyncIterator[None]:
        """Have a place, in the order of asking; RateExceeded when none gets free in time."""
        places = self._places.setdefault(account_id, asyncio.Semaphore(self._most))
        try:
            async with asyncio.timeout(self._wait_seconds):
                await places.acquire()
        except TimeoutError:
            raise RateExceeded(
                "Too many downloads at the same time.",
                limit="downloads_per_account",
                value=self._most,
                retry_after_seconds=1,
            ) from None
        try:
            yield
        finally:
            places.release()
