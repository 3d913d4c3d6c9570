"""Passwords turned into what is stored, and compared with it.

argon2id with the parameters that OWASP recommends, in a few threads of its own: one hash keeps a core busy
for some 20 milliseconds and needs 19 MiB; on the event loop it would stop everybody, unbounded it would eat
the machine. When too many wait, the next is told to come back. An account that does not exist costs the
same time as one that does. Callers hold no database connection while they wait. Never logs, never stores a
password.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from workroom.errors import TryAgain
from workroom.password_rules import normalize_password

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """How dear one guess is. The defaults are what the OWASP Password Storage Cheat Sheet names first."""

    memory_kib: int = 19 * 1024
    iterations: int = 2
    parallelism: int = 1


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """What came of checking a password. `needs_rehash`: right, but stored with another cost than today's."""

    matches: bool
    needs_rehash: bool


class PasswordHasher:
    """Hashes and checks passwords in `threads` threads; at most `waiting_limit` calls wait for one.

    Full means that passwords come faster than this machine can hash them: the next caller gets TryAgain at
    once instead of a place at the end of a queue whose front it would not live to see.
    """

    def __init__(
        self, cost: PasswordCost | None = None, *, threads: int = 2, waiting_limit: int = 64
    ) -> None:
        cost = cost or PasswordCost()
        self._argon2 = argon2.PasswordHasher(
            time_cost=cost.iterations, memory_cost=cost.memory_kib, parallelism=cost.parallelism
        )
        # Compared with where there is no password: the answer is no, after the same time.
        self._nobodys_hash = self._argon2.hash("nobody has this password")
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._places = threading.Semaphore(threads + waiting_limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def hash_password(self, password: str) -> str:
        """Give what is stored of a password: algorithm, cost, salt and hash in one string.

        Raises:
            TryAgain: too many wait already.
        """
        return await self._run(self._argon2.hash, normalize_password(password))

    async def check_password(self, password_hash: str | None, password: str) -> PasswordCheck:
        """Compare a password with what is stored; None takes as long, never matches.

        Raises:
            TryAgain: too many wait already.
        """
        stored = password_hash or self._nobodys_hash
        matches = await self._run(self._verify, stored, normalize_password(password))
        if password_hash is None or not matches:
            return PasswordCheck(matches=False, needs_rehash=False)
        return PasswordCheck(matches=True, needs_rehash=self._argon2.check_needs_rehash(password_hash))

    def close(self) -> None:
        """Take no more; what is under way in a thread ends by itself within milliseconds."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, compute: Callable[..., _T], *arguments: str) -> _T:
        if not self._places.acquire(blocking=False):
            raise TryAgain("Too many passwords are being checked at this moment.")
        future: Future[_T] = self._threads.submit(compute, *arguments)
        # A caller may be cancelled while the thread computes on: its place is free only when that has ended.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
