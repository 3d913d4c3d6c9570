"""One connection to one Redis server that listens: it subscribes, drains, and knows whether it still hears.

A link is used once. Whether it hears is tried end to end: it asks for a beat on a channel of its own, and
when nothing at all was heard for too long it ends. It never reconnects, and no time-out interrupts its
reading.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import AbstractConnection

from workroom.clock import monotonic_seconds

CHANNELS_AT_ONCE = 500
MESSAGES_AT_ONCE = 64
GATHER_SECONDS = 0.005
"""Changes that follow on each other leave together; the first one leaves at once."""


class LinkLost(Exception):
    """A link is not worth keeping: it hears nothing, or a channel has moved elsewhere."""


@dataclass(frozen=True, slots=True)
class LinkOwner:
    """Whom a link tells what it hears.

    Attributes:
        on_message: takes each message; quick, and never raises.
        on_active: called once, when everything wanted from the beginning is subscribed.
        send_beat: publishes something to a channel, by the road on which everything is published.
        beat_seconds: time between beats.
        deaf_seconds: silence after which the link ends.
    """

    on_message: Callable[[bytes], None]
    on_active: Callable[[], None]
    send_beat: Callable[[bytes], None]
    beat_seconds: float
    deaf_seconds: float


class ListeningLink:
    """See the module. On a cluster (`is_sharded`) it uses sharded pub/sub, one channel in each command."""

    def __init__(
        self, connection: AbstractConnection, beat_channel: bytes, owner: LinkOwner, *, is_sharded: bool
    ) -> None:
        self.is_active = False
        self._connection = connection
        self._beat_channel = beat_channel
        self._owner = owner
        self._subscribe, self._unsubscribe = (
            ("SSUBSCRIBE", "SUNSUBSCRIBE") if is_sharded else ("SUBSCRIBE", "UNSUBSCRIBE")
        )
        self._channels_in_command = 1 if is_sharded else CHANNELS_AT_ONCE
        self._subscribed: set[bytes] = set()
        self._leaving: Counter[bytes] = Counter()
        self._changes: dict[bytes, bool] = {}
        self._has_changes = asyncio.Event()
        self._heard_at = 0.0

    def change(self, channel: bytes, is_wanted: bool) -> None:
        """Subscribe or unsubscribe, together with whatever else this turn of the loop changes."""
        self._changes[channel] = is_wanted
        self._has_changes.set()

    async def run(self) -> None:
        """Listen until the link is lost: raises one of REDIS_ERRORS or LinkLost."""
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call]
            self._heard_at = monotonic_seconds()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._write())
                group.create_task(self._watch())
        finally:
            self.is_active = False
            await self._connection.disconnect(nowait=True)

    async def _read(self) -> None:
        """Only drain: Redis cuts off whoever leaves too much unread."""
        taken = 0
        while True:
            answer = await self._connection.read_response(
                timeout=math.inf, disconnect_on_error=False, push_request=True
            )
            self._heard_at = monotonic_seconds()
            self._take(answer)
            taken += 1
            if taken % MESSAGES_AT_ONCE == 0:
                # What lies in the buffer is read without waiting: let others have a turn.
                await asyncio.sleep(0)

    def _take(self, answer: list[Any]) -> None:
        kind, channel, content = answer
        if kind in (b"message", b"smessage"):
            self._owner.on_message(content)
        elif kind in (b"subscribe", b"ssubscribe"):
            if channel == self._beat_channel and not self.is_active:
                self.is_active = True
                self._owner.on_active()
        elif kind in (b"unsubscribe", b"sunsubscribe"):
            if not self._leaving[channel]:
                raise LinkLost("the cluster moved a channel")
            self._leaving[channel] -= 1
            self._leaving += Counter()  # forgets what is down to nothing

    async def _write(self) -> None:
        """Say what is wanted; the beat's channel last of all that was wanted from the beginning."""
        await self._send_changes()
        await self._send([(self._subscribe, self._beat_channel)])
        while True:
            await self._has_changes.wait()
            await self._send_changes()
            await asyncio.sleep(GATHER_SECONDS)

    async def _send_changes(self) -> None:
        self._has_changes.clear()
        changes, self._changes = self._changes, {}
        gone = {channel for channel, is_wanted in changes.items() if not is_wanted} & self._subscribed
        new = {channel for channel, is_wanted in changes.items() if is_wanted} - self._subscribed
        self._subscribed = (self._subscribed - gone) | new
        self._leaving.update(gone)
        await self._send([*self._commands(self._unsubscribe, gone), *self._commands(self._subscribe, new)])

    def _commands(self, command: str, channels: Iterable[bytes]) -> list[tuple[str | bytes, ...]]:
        ordered = list(channels)
        step = self._channels_in_command
        return [(command, *ordered[start : start + step]) for start in range(0, len(ordered), step)]

    async def _send(self, commands: list[tuple[str | bytes, ...]]) -> None:
        if commands:
            await self._connection.send_packed_command(
                self._connection.pack_commands(commands), check_health=False
            )

    async def _watch(self) -> None:
        while monotonic_seconds() - self._heard_at < self._owner.deaf_seconds:
            self._owner.send_beat(self._beat_channel)
            await asyncio.sleep(self._owner.beat_seconds)
        raise LinkLost("nothing was heard")
