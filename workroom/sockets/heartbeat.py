"""One timing wheel for every deadline that a connection has: heartbeats, and what must end by itself.

A timer for each connection would cost memory and a wake-up each; the wheel is one timer and a set for each
quarter of a second. It knows nothing of connections: it calls `expired` on what was put on it.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

from workroom import metrics

TICK_SECONDS = 0.25
HORIZON_SECONDS = 310.0
NOT_ON_WHEEL = -1

PING_FRAME = b"\x89\x00"
"""A ping without payload, as a server sends it (RFC 6455, section 5.5.2)."""


class WheelEntry(Protocol):
    """Something with at most one deadline. `wheel_slot` is the wheel's alone, and begins as NOT_ON_WHEEL."""

    wheel_slot: int

    def expired(self) -> None:
        """Learn that the time has come; the entry is no longer on the wheel. Must not raise."""


class TimingWheel:
    """Calls entries when their time has come, at most one tick late.

    It does not hurry after it was held up: a process that slept for a minute must first read what came
    meanwhile, before it believes anybody silent.
    """

    def __init__(self, tick_seconds: float = TICK_SECONDS, horizon_seconds: float = HORIZON_SECONDS) -> None:
        self._tick_seconds = tick_seconds
        self._slots: list[set[WheelEntry]] = [
            set() for _ in range(math.ceil(horizon_seconds / tick_seconds) + 1)
        ]
        self._hand = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0

    def start(self) -> None:
        """Begin to turn, on the running loop."""
        loop = asyncio.get_running_loop()
        self._due_at = loop.time() + self._tick_seconds
        self._timer = loop.call_at(self._due_at, self._turn, loop)

    def stop(self) -> None:
        """Stop turning; nothing expires any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def schedule(self, entry: WheelEntry, seconds: float) -> None:
        """Call the entry after so many seconds, instead of when it was due before; at most the horizon."""
        self.cancel(entry)
        ticks = min(max(1, math.ceil(seconds / self._tick_seconds)), len(self._slots) - 1)
        entry.wheel_slot = (self._hand + ticks) % len(self._slots)
        self._slots[entry.wheel_slot].add(entry)

    def cancel(self, entry: WheelEntry) -> None:
        """Forget an entry's deadline, if it has one."""
        if entry.wheel_slot != NOT_ON_WHEEL:
            self._slots[entry.wheel_slot].discard(entry)
            entry.wheel_slot = NOT_ON_WHEEL

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        metrics.loop_lag_seconds.observe(max(0.0, now - self._due_at))
        self._due_at = max(self._due_at + self._tick_seconds, now)
        self._timer = loop.call_at(self._due_at, self._turn, loop)
        self._hand = (self._hand + 1) % len(self._slots)
        slot = self._slots[self._hand]
        # One by one, because an entry may take others off the wheel when it expires.
        while slot:
            entry = slot.pop()
            entry.wheel_slot = NOT_ON_WHEEL
            entry.expired()
