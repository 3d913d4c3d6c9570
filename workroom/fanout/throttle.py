"""How often the same thing may be tried, counted in Redis, the same on all nodes.

Each limit is a bucket for each key: so many tries at once, refilled evenly over the window (GCRA, the generic
cell rate algorithm of ATM: one number for each key, one atomic step, Redis' own clock). While Redis is away
each node counts by itself, with the same limits, so that an attacker gains at most one bucket for each node.
Keys are hashed: neither e-mail nor IP addresses lie in Redis.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from workroom.clock import monotonic_seconds
from workroom.errors import RateExceeded
from workroom.fanout.broker import Broker
from workroom.fanout.redis_client import REDIS_ERRORS

MAX_LOCAL_KEYS = 10_000
"""Counted by this node alone while Redis is away; the oldest is forgotten when there are more."""

# KEYS[1]: the bucket. ARGV: tries, window in ms. Returns 0 when it counts, else in how many ms the next one
# would. No bucket is fuller than full: what lies further ahead was written before the clock went back, and is
# written anew also where the try is refused.
COUNT_TRY = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[2])
local full_at = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now), now + window)
local step = window / tonumber(ARGV[1])
local too_early = math.max(full_at + step - now - window, 0)
if too_early == 0 then
  full_at = full_at + step
end
redis.call('SET', KEYS[1], string.format('%.3f', full_at), 'PX', math.ceil(full_at - now))
return math.ceil(too_early)
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `tries` at once for each key, refilled over `window_seconds`."""

    name: str
    tries: int
    window_seconds: int


SIGN_IN_FROM_ADDRESS = Limit("sign_in", 10, 15 * 60)
"""For an account from one client address: whoever guesses there takes nothing from who signs in elsewhere."""

SIGN_IN_BY_ACCOUNT = Limit("sign_in_account", 100, 15 * 60)
"""For an account from all addresses that it did not sign in from lately."""

SIGN_IN_BY_ADDRESS = Limit("sign_in_address", 300, 15 * 60)
REGISTRATION_BY_ADDRESS = Limit("registration_address", 100, 60 * 60)
LINK_BY_ADDRESS = Limit("link_address", 100, 15 * 60)
PASSWORD_BY_SESSION = Limit("password_session", 10, 15 * 60)

KNOWN_FOR_SECONDS = 30 * 24 * 60 * 60
"""How long an address is known to an account after it signed in from there."""


class Throttle:
    """Counts tries for one installation."""

    def __init__(self, broker: Broker) -> None:
        self._redis = broker.redis
        self._prefix = broker.prefix
        self._local: OrderedDict[bytes, float] = OrderedDict()

    async def count_sign_in(self, email_key: str, address: str) -> None:
        """Count a try to sign in, before the password is looked at. Raises RateExceeded when it is one too many."""
        address = widen_address(address)
        pair = _pair(email_key, address)
        await self.count_tries((SIGN_IN_FROM_ADDRESS, pair), (SIGN_IN_BY_ADDRESS, address))
        # Only what was let through counts for the account: else one address alone would use up what all may try.
        if not await self._is_known(pair):
            await self.count_tries((SIGN_IN_BY_ACCOUNT, email_key))

    async def welcome(self, email_key: str, address: str) -> None:
        """Know the address for this account from now on, and forget its tries there: somebody has signed in.

        The tries of the account from elsewhere stay counted, and those of the address for others.
        """
        pair = _pair(email_key, widen_address(address))
        tried = self._key(SIGN_IN_FROM_ADDRESS.name, pair)
        self._local.pop(tried, None)
        try:
            await self._redis.client.delete(tried)
            await self._redis.client.set(self._key("known", pair), b"", ex=KNOWN_FOR_SECONDS)
        except REDIS_ERRORS:
            return

    async def count_tries(self, *tries: tuple[Limit, str]) -> None:
        """Count one try for each of several limits and keys.

        Raises RateExceeded with `retry_after_seconds` when one of them is used up; the others are counted all
        the same.
        """
        try:
            waits = await self._count_in_redis(tries)
        except REDIS_ERRORS:
            waits = [self._count_here(limit, self._key(limit.name, value)) for limit, value in tries]
        if (wait_seconds := math.ceil(max(waits))) > 0:
            raise RateExceeded("Too many tries.", retry_after_seconds=wait_seconds)

    async def _is_known(self, pair: str) -> bool:
        try:
            return bool(await self._redis.client.exists(self._key("known", pair)))
        except REDIS_ERRORS:
            return False

    async def _count_in_redis(self, tries: tuple[tuple[Limit, str], ...]) -> list[float]:
        pipeline = self._redis.pipeline()
        for limit, value in tries:
            pipeline.eval(
                COUNT_TRY, 1, self._key(limit.name, value), limit.tries, limit.window_seconds * 1000
            )
        return [float(wait_ms) / 1000 for wait_ms in await pipeline.execute()]

    def _count_here(self, limit: Limit, key: bytes) -> float:
        now = monotonic_seconds()
        full_at = max(self._local.pop(key, 0.0), now) + limit.window_seconds / limit.tries
        too_early = full_at - now - limit.window_seconds
        if too_early > 0:
            self._local[key] = full_at - limit.window_seconds / limit.tries
            return too_early
        self._local[key] = full_at
        if len(self._local) > MAX_LOCAL_KEYS:
            self._local.popitem(last=False)
        return 0.0

    def _key(self, name: str, value: str) -> bytes:
        digest = hashlib.blake2b(value.encode(), key=self._prefix[:64], digest_size=16).hexdigest()
        return b"%sthrottle:%s:%s" % (self._prefix, name.encode(), digest.encode())


def widen_address(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network that one IPv6 customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _pair(email_key: str, address: str) -> str:
    return f"{address} {email_key}"
