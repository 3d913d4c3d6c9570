"""Passwords: what is stored, and that checking them neither stops nor floods the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import argon2
import pytest

from workroom.errors import TryAgain
from workroom.passwords import PasswordCost, PasswordHasher

CHEAP = PasswordCost(memory_kib=64, iterations=1)
GOOD = "seven ledgers in the attic"


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    with PasswordHasher(CHEAP, threads=1, waiting_limit=4) as hasher:
        yield hasher


async def test_the_default_cost_is_the_one_owasp_recommends() -> None:
    hasher = PasswordHasher()
    try:
        stored = await hasher.hash_password(GOOD)
    finally:
        hasher.close()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_the_right_password_matches_and_any_other_does_not(hasher: PasswordHasher) -> None:
    stored = await hasher.hash_password(GOOD)
    assert (await hasher.check_password(stored, GOOD)).matches
    assert not (await hasher.check_password(stored, GOOD + " ")).matches
    assert not (await hasher.check_password(stored, "")).matches


async def test_the_same_password_is_stored_differently_each_time(hasher: PasswordHasher) -> None:
    assert await hasher.hash_password(GOOD) != await hasher.hash_password(GOOD)


async def test_an_account_without_password_matches_nothing(hasher: PasswordHasher) -> None:
    assert not (await hasher.check_password(None, "nobody has this password")).matches


async def test_a_stored_hash_that_is_damaged_matches_nothing(hasher: PasswordHasher) -> None:
    assert not (await hasher.check_password("$argon2id$broken", GOOD)).matches


async def test_a_password_matches_however_its_accents_were_typed(hasher: PasswordHasher) -> None:
    stored = await hasher.hash_password("caf\u00e9 at the corner")
    assert (await hasher.check_password(stored, "cafe\u0301 at the corner")).matches


async def test_a_hash_of_another_cost_matches_and_asks_to_be_renewed(hasher: PasswordHasher) -> None:
    dearer = PasswordHasher(PasswordCost(memory_kib=128, iterations=2), threads=1)
    try:
        stored = await hasher.hash_password(GOOD)
        check = await dearer.check_password(stored, GOOD)
    finally:
        dearer.close()
    assert check.matches
    assert check.needs_rehash
    assert not (await hasher.check_password(stored, GOOD)).needs_rehash
    assert not (await hasher.check_password(stored, "wrong")).needs_rehash


async def test_an_unknown_account_costs_the_same_work_as_a_known_one(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await hasher.hash_password(GOOD)
    compared: list[str] = []

    def verify(password_hash: str, password: str) -> bool:
        compared.append(password_hash)
        return False

    monkeypatch.setattr(hasher, "_verify", verify)
    await hasher.check_password(stored, "wrong")
    await hasher.check_password(None, "wrong")
    assert [argon2.extract_parameters(password_hash) for password_hash in compared] == [
        argon2.extract_parameters(stored)
    ] * 2


async def test_when_too_many_wait_the_next_is_told_to_come_back_at_once(hasher: PasswordHasher) -> None:
    go_on = threading.Event()
    async with asyncio.TaskGroup() as waiting:
        for _ in range(5):  # one thread and four places
            waiting.create_task(hasher._run(lambda: go_on.wait(10)))
        await asyncio.sleep(0)
        with pytest.raises(TryAgain):
            await hasher.hash_password(GOOD)
        go_on.set()
    assert await hasher.hash_password(GOOD), "places are free again when the waiting have been served"


async def test_a_caller_that_gives_up_keeps_its_place_until_the_thread_is_free(
    hasher: PasswordHasher,
) -> None:
    go_on = threading.Event()
    abandoned = [asyncio.ensure_future(hasher._run(lambda: go_on.wait(10))) for _ in range(5)]
    await asyncio.sleep(0)
    abandoned[0].cancel()
    await asyncio.gather(abandoned[0], return_exceptions=True)
    with pytest.raises(TryAgain):
        await hasher.hash_password(GOOD)
    go_on.set()
    await asyncio.gather(*abandoned[1:])


async def test_the_event_loop_goes_on_while_a_password_is_hashed() -> None:
    hasher = PasswordHasher(PasswordCost(memory_kib=65536, iterations=3), threads=1)
    try:
        hashing = asyncio.ensure_future(hasher.hash_password(GOOD))
        turns = 0
        while not hashing.done():
            turns += 1
            await asyncio.sleep(0)
        await hashing
    finally:
        hasher.close()
    assert turns > 10
