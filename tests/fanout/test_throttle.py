"""How often the same may be tried: on all nodes together, and without Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.fanout.broker_node import run_broker
from tests.fanout.redis_server import run_redis
from workroom.errors import RateExceeded
from workroom.fanout import throttle as throttle_module
from workroom.fanout.throttle import (
    SIGN_IN_BY_ACCOUNT,
    SIGN_IN_BY_ADDRESS,
    SIGN_IN_FROM_ADDRESS,
    Limit,
    Throttle,
    widen_address,
)

THREE_A_MINUTE = Limit("test", 3, 60)
QUICK = Limit("quick", 2, 1)


@pytest_asyncio.fixture
async def throttle(redis_url: str) -> AsyncIterator[Throttle]:
    async with run_broker(redis_url, installation_id=uuid4(), is_expected=False) as node:
        yield Throttle(node.broker)


@pytest_asyncio.fixture
async def throttle_without_redis() -> AsyncIterator[Throttle]:
    async with run_throttle_without_redis(is_cluster=False) as throttle:
        yield throttle


@pytest_asyncio.fixture
async def throttle_without_cluster() -> AsyncIterator[Throttle]:
    async with run_throttle_without_redis(is_cluster=True) as throttle:
        yield throttle


@asynccontextmanager
async def run_throttle_without_redis(*, is_cluster: bool) -> AsyncIterator[Throttle]:
    async with run_redis(is_cluster=is_cluster) as redis:
        await redis.stop()
        async with run_broker(redis.url, is_cluster=is_cluster, is_expected=False) as node:
            yield Throttle(node.broker)


@pytest.fixture(params=["throttle", "throttle_without_redis", "throttle_without_cluster"])
def either(request: pytest.FixtureRequest) -> Throttle:
    chosen: Throttle = request.getfixturevalue(request.param)
    return chosen


async def count_until_refused(throttle: Throttle, limit: Limit, value: str) -> tuple[int, int]:
    """How many tries counted, and after how many seconds the next one would."""
    for number in range(1_000):
        try:
            await throttle.count_tries((limit, value))
        except RateExceeded as refused:
            return number, int(refused.params["retry_after_seconds"])
    raise AssertionError("never refused")


async def test_so_many_tries_count_and_the_next_is_refused(either: Throttle) -> None:
    assert await count_until_refused(either, THREE_A_MINUTE, "anna") == (3, 20)
    assert await count_until_refused(either, THREE_A_MINUTE, "ben") == (3, 20)


async def test_a_refused_try_costs_nothing_and_time_refills(either: Throttle) -> None:
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    assert await count_until_refused(either, QUICK, "anna") == (2, 1)
    while True:
        try:
            await either.count_tries((QUICK, "anna"))
            break
        except RateExceeded:
            continue
    assert 0.4 < loop.time() - began_at < 5.0, "half a second brings one try, however often it was refused"
    with pytest.raises(RateExceeded):
        await either.count_tries((QUICK, "anna"))


async def test_a_clock_that_goes_back_costs_no_more_than_one_try(throttle: Throttle) -> None:
    seconds, _ = await throttle._redis.client.time()
    await throttle._redis.client.set(throttle._key(QUICK.name, "anna"), (seconds + 3600) * 1000)
    assert await count_until_refused(throttle, QUICK, "anna") == (0, 1)
    async with asyncio.timeout(5):
        while await count_until_refused(throttle, QUICK, "anna") != (1, 1):
            pass


async def test_all_nodes_count_together_also_at_once(redis_url: str) -> None:
    installation_id = uuid4()
    async with (
        run_broker(redis_url, installation_id=installation_id, is_expected=False) as here,
        run_broker(redis_url, installation_id=installation_id, is_expected=False) as there,
    ):
        nodes = [Throttle(here.broker), Throttle(there.broker)]
        tries = [nodes[number % 2].count_tries((THREE_A_MINUTE, "anna")) for number in range(30)]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 3
    assert sum(isinstance(outcome, RateExceeded) for outcome in outcomes) == 27


async def try_until_refused(throttle: Throttle, address: str, *, over: int = 0) -> int:
    """How many tries to sign in as Anna count, and `over` more that are refused."""
    counted = 0
    for _ in range(1_000):
        try:
            await throttle.count_sign_in("anna@example.org", address)
            counted += 1
        except RateExceeded:
            if (over := over - 1) < 0:
                return counted
    raise AssertionError("never refused")


async def test_a_stranger_at_one_address_keeps_nobody_out_elsewhere(either: Throttle) -> None:
    more_than_all = SIGN_IN_BY_ACCOUNT.tries
    assert await try_until_refused(either, "198.51.100.1", over=more_than_all) == SIGN_IN_FROM_ADDRESS.tries
    await either.count_sign_in("anna@example.org", "203.0.113.9")


async def test_an_account_is_throttled_from_every_address(throttle: Throttle) -> None:
    for number in range(SIGN_IN_BY_ACCOUNT.tries):
        await throttle.count_sign_in("anna@example.org", f"198.51.100.{number}")
    with pytest.raises(RateExceeded):
        await throttle.count_sign_in("anna@example.org", "203.0.113.9")
    await throttle.count_sign_in("ben@example.org", "203.0.113.9")


async def test_strangers_at_many_addresses_keep_nobody_out_who_signed_in_before(throttle: Throttle) -> None:
    await throttle.welcome("anna@example.org", "203.0.113.9")
    await throttle.welcome("ben@example.org", "203.0.113.10")
    for number in range(SIGN_IN_BY_ACCOUNT.tries):
        await throttle.count_sign_in("anna@example.org", f"198.51.100.{number}")
    with pytest.raises(RateExceeded):
        await throttle.count_sign_in("anna@example.org", "203.0.113.10")
    assert await try_until_refused(throttle, "203.0.113.9") == SIGN_IN_FROM_ADDRESS.tries, "and no more there"


async def test_an_address_is_throttled_for_every_account(throttle: Throttle) -> None:
    for number in range(SIGN_IN_BY_ADDRESS.tries):
        await throttle.count_sign_in(f"{number}@example.org", "198.51.100.1")
    with pytest.raises(RateExceeded):
        await throttle.count_sign_in("anna@example.org", "198.51.100.1")
    await throttle.count_sign_in("anna@example.org", "198.51.100.2")


async def test_who_succeeds_is_forgiven(either: Throttle) -> None:
    for _ in range(3):
        for _ in range(SIGN_IN_FROM_ADDRESS.tries):
            await either.count_sign_in("anna@example.org", "198.51.100.1")
        await either.welcome("anna@example.org", "198.51.100.1")


async def test_neither_e_mail_nor_address_lies_in_redis(throttle: Throttle) -> None:
    await throttle.count_sign_in("anna@example.org", "198.51.100.77")
    await throttle.welcome("anna@example.org", "198.51.100.78")
    client = throttle._redis.client
    keys = await client.keys("*throttle*")
    assert len(keys) == 4
    stored = repr([*keys, *await client.mget(keys)])
    assert "anna" not in stored
    assert "198.51" not in stored
    assert min([await client.pttl(key) for key in keys]) > 0, "nothing stays for ever"


async def test_without_redis_the_number_of_keys_is_bounded(
    throttle_without_redis: Throttle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle_module, "MAX_LOCAL_KEYS", 50)
    for number in range(120):
        await throttle_without_redis.count_tries((THREE_A_MINUTE, str(number)))
    assert len(throttle_without_redis._local) == 50


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_a_customer_of_an_ipv6_network_is_one_address(address: str, counted: str) -> None:
    assert widen_address(address) == counted
