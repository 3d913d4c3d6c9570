"""Places for downloads: so many for each account, and whoever comes next waits for one."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from workroom.downloads import Downloads
from workroom.errors import RateExceeded
from workroom.ids import AccountId


def an_account() -> AccountId:
    return AccountId(uuid4())


class Fetching:
    """A download under way, until it is told to end."""

    def __init__(self, places: Downloads, account_id: AccountId) -> None:
        self.has_begun = asyncio.Event()
        self._may_end = asyncio.Event()
        self.task = asyncio.create_task(self._run(places, account_id))

    async def _run(self, places: Downloads, account_id: AccountId) -> None:
        async with places.place_of(account_id):
            self.has_begun.set()
            await self._may_end.wait()

    async def end(self) -> None:
        self._may_end.set()
        await self.task


async def test_who_comes_when_all_places_are_taken_gets_the_next_that_is_free() -> None:
    places, account_id = Downloads(2), an_account()
    first, second, third = [Fetching(places, account_id) for _ in range(3)]
    await second.has_begun.wait()
    assert not third.has_begun.is_set()
    await first.end()
    await third.has_begun.wait()
    await second.end()
    await third.end()


async def test_who_waits_too_long_is_told_to_try_again() -> None:
    places, account_id = Downloads(1, wait_seconds=0.0), an_account()
    fetching = Fetching(places, account_id)
    await fetching.has_begun.wait()
    with pytest.raises(RateExceeded) as refused:
        async with places.place_of(account_id):
            raise AssertionError("there was a place")
    assert refused.value.params == {
        "limit": "downloads_per_account",
        "value": 1,
        "retry_after_seconds": 1,
    }
    async with places.place_of(an_account()):
        await fetching.end()  # another account has places of its own
    async with places.place_of(account_id):
        pass


async def test_a_download_that_is_broken_off_leaves_its_place_and_nothing_is_remembered() -> None:
    places, account_id = Downloads(1), an_account()
    fetching = Fetching(places, account_id)
    await fetching.has_begun.wait()
    fetching.task.cancel()
    async with places.place_of(account_id):
        assert fetching.task.cancelled()
    del fetching
    assert len(places._places) == 0
