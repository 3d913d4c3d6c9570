"""Who is here: accounts with an open connection to any node. A hint, kept in Redis only, lost on restart by
design.

Changes are told to the streams that the account listens to, gathered for about a second, and a departure only
if the account has not come back, here or elsewhere, by then. A node that was killed takes its accounts with
it when its life in Redis runs out: one of the others then tells the streams that they might have listened to.
While Redis is away every node knows its own accounts only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar
from uuid import UUID

import msgspec

from workroom.clock import monotonic_seconds
from workroom.errors import WorkroomError
from workroom.fanout.broker import Broker
from workroom.fanout.frames import Hint
from workroom.fanout.presence_store import PresenceStore
from workroom.fanout.redis_client import REDIS_ERRORS
from workroom.ids import AccountId, StreamId
from workroom.logs import describe_exception, log_event

RENEW_SECONDS = 15.0
GATHER_SECONDS = 1.0
GRACE_SECONDS = 1.0
OTHERS_FRESH_SECONDS = 2.0
MOST_IN_HINT = 200
"""Accounts told of in one hint; the rest follows with the next round."""

Answer = TypeVar("Answer")
ByStream = dict[StreamId, list[AccountId]]


class Presence:
    """One for each node; `run` must run.

    Args:
        broker: the way to Redis and to the other nodes.
        node_id: of this process.
        tell_here: tells a stream's listeners on this node a hint (stream, JSON).
        find_streams: gives the streams where accounts are to be seen, with those of the accounts. May raise a
            WorkroomError.
        gather_seconds: how long changes are gathered while they go on.
        grace_seconds: how long an account may be gone without anybody being told.
        renew_seconds: time between renewals of this node's set.
    """

    def __init__(
        self,
        broker: Broker,
        node_id: UUID,
        tell_here: Callable[[StreamId, bytes], None],
        find_streams: Callable[[list[AccountId]], Awaitable[ByStream]],
        *,
        gather_seconds: float = GATHER_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._broker = broker
        self._store = PresenceStore(broker.redis, broker.prefix, node_id)
        self._tell_here = tell_here
        self._find_streams = find_streams
        self._gather_seconds = gather_seconds
        self._grace_seconds = grace_seconds
        self._renew_seconds = renew_seconds
        self._here: set[AccountId] = set()
        self._left_at: dict[AccountId, float] = {}
        self._streams: defaultdict[AccountId, Counter[StreamId]] = defaultdict(Counter)
        self._left_streams: defaultdict[AccountId, set[StreamId]] = defaultdict(set)
        self._untold: defaultdict[StreamId, dict[AccountId, None]] = defaultdict(dict)
        self._has_changes = asyncio.Event()
        self._others: list[frozenset[bytes]] = []
        self._others_read_at = -OTHERS_FRESH_SECONDS
        self._others_lock = asyncio.Lock()

    # -- what happens here ---------------------------------------------------------------------------------

    def arrive(self, account_id: AccountId) -> None:
        """The account's first connection to this node has opened."""
        self._here.add(account_id)
        self._left_at.pop(account_id, None)
        self._left_streams.pop(account_id, None)
        self._has_changes.set()

    def depart(self, account_id: AccountId) -> None:
        """Its last one has closed; `stop_listening` was called for all that this one listened to."""
        self._here.discard(account_id)
        self._left_at[account_id] = monotonic_seconds()
        self._has_changes.set()

    def listen(self, account_id: AccountId, stream_ids: Iterable[StreamId]) -> None:
        """One of its connections begins to listen to streams: their listeners are told that it is here.

        Each connection and stream is counted: every `listen` is answered by one `stop_listening`.
        """
        listening = self._streams[account_id]
        for stream_id in stream_ids:
            listening[stream_id] += 1
            if listening[stream_id] == 1:
                self._untold[stream_id][account_id] = None
                self._has_changes.set()

    def stop_listening(self, account_id: AccountId, stream_ids: Iterable[StreamId]) -> None:
        """One of its connections ceases to listen to streams; those that were not counted are ignored."""
        listening = self._streams.get(account_id)
        if listening is None:
            return
        for stream_id in stream_ids:
            if stream_id not in listening:
                continue
            listening[stream_id] -= 1
            if not listening[stream_id]:
                del listening[stream_id]
                self._untold[stream_id].pop(account_id, None)
                # Kept for the hint, should this be the end of the account's last connection.
                self._left_streams[account_id].add(stream_id)
        if not listening:
            del self._streams[account_id]
        self._has_changes.set()

    # -- who is here ---------------------------------------------------------------------------------------

    async def who_is_online(self, account_ids: Iterable[AccountId]) -> set[AccountId]:
        """Which of these accounts have a connection to any node; of other nodes two seconds old at most."""
        asked = set(account_ids)
        online = asked & self._here
        absent = asked - online
        if not absent:
            return online
        await self._refresh_others()
        return online | {each for each in absent if any(each.bytes in others for others in self._others)}

    # -- what runs by itself -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Store and tell changes, and renew, until cancelled; then take this node's accounts out."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_changes(), name="presence changes")
                group.create_task(self._keep_alive(), name="presence renewal")
                group.create_task(self._bury_nodes(), name="presence of dead nodes")
        finally:
            await self._try(self._store.forget_node())

    async def _follow_changes(self) -> None:
        while True:
            await self._has_changes.wait()
            self._has_changes.clear()
            await self._try(self._store.add(self._here - self._store.stored))
            offline = await self._settle_departures()
            self._tell(self._take_untold(), offline)
            # An account that still stands has only turned away from a stream.
            for account_id in self._left_streams.keys() - self._left_at.keys():
                del self._left_streams[account_id]
            if self._left_at or self._untold:
                self._has_changes.set()
            await asyncio.sleep(self._gather_seconds)

    async def _settle_departures(self) -> ByStream:
        """Take out who has been gone for long enough. Returns who is to be called offline in which streams."""
        now = monotonic_seconds()
        gone = [account_id for account_id, at in self._left_at.items() if now - at >= self._grace_seconds]
        # Who is still stored though nobody remembers them: they went while Redis was away.
        stale = self._store.stored - self._here - self._left_at.keys()
        offline: ByStream = defaultdict(list)
        if not gone and not stale:
            return offline
        elsewhere = await self._try(self._store.remove([*gone, *stale])) or set()
        for account_id in gone:
            if account_id in self._here:  # came back while Redis was asked
                self._has_changes.set()
                continue
            del self._left_at[account_id]
            streams = self._left_streams.pop(account_id, set())
            for stream_id in streams if account_id not in elsewhere else ():
                offline[stream_id].append(account_id)
        return offline

    def _take_untold(self) -> ByStream:
        online: ByStream = {}
        for stream_id, accounts in list(self._untold.items()):
            taken = list(accounts)[:MOST_IN_HINT]
            for account_id in taken:
                del accounts[account_id]
            if not accounts:
                del self._untold[stream_id]
            if standing := [account_id for account_id in taken if account_id in self._here]:
                online[stream_id] = standing
        return online

    def _tell(self, online: ByStream, offline: ByStream) -> None:
        for stream_id in online.keys() | offline.keys():
            told = {
                "type": "presence",
                "stream": stream_id,
                "online": online.get(stream_id, []),
                "offline": offline.get(stream_id, []),
            }
            payload = msgspec.json.encode(told)
            self._tell_here(stream_id, payload)
            self._broker.publish_hint(Hint(stream_id, payload))

    async def _keep_alive(self) -> None:
        while True:
            if await self._try(self._store.renew()) is False:
                self._tell_anew()
            if self._store.stored != self._here:  # Redis was away when somebody came or went
                self._has_changes.set()
            await asyncio.sleep(self._renew_seconds)

    def _tell_anew(self) -> None:
        """Redis has lost this node, and so the others may have called its accounts offline."""
        for account_id, listening in self._streams.items():
            for stream_id in listening:
                self._untold[stream_id][account_id] = None

    async def _bury_nodes(self) -> None:
        """Tell where the accounts of nodes that were killed are seen no more; a part of them in each round."""
        gone: list[AccountId] = []
        while True:
            gone += await self._try(self._store.bury_nodes()) or set()
            part, gone = [each for each in gone[:MOST_IN_HINT] if each not in self._here], gone[MOST_IN_HINT:]
            if part:
                self._tell({}, await self._try(self._find_streams(part)) or {})
            await asyncio.sleep(self._gather_seconds if gone else self._renew_seconds)

    async def _refresh_others(self) -> None:
        """Read the other nodes' sets, unless that was done just now; who asks meanwhile shares the answer."""
        async with self._others_lock:
            if monotonic_seconds() - self._others_read_at >= OTHERS_FRESH_SECONDS:
                self._others = await self._try(self._store.read_others()) or []
                self._others_read_at = monotonic_seconds()

    async def _try(self, asking: Awaitable[Answer]) -> Answer | None:
        """Ask Redis (or Postgres) something; None where it fails: presence is a hint."""
        try:
            return await asking
        except (*REDIS_ERRORS, WorkroomError) as error:
            log_event("presence_postponed", logging.DEBUG, **describe_exception(error))
            return None
