"""One running process: it commits first, then tells its own listeners and every other node.

Between doors and domain: doors hand it commands, it opens the transactions. It owns the hub, the broker, the writer,
the gathered reads, and every task of the process. Twice a second it asks Postgres in one query whether a stream that is
listened to here has moved on without the hub (Redis is only a hint), and delivers what is missing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid4

from workroom import event_reading, logs, memberships, metrics, room_overview, sessions
from workroom.command_writer import CommandWriter
from workroom.downloads import Downloads
from workroom.errors import WorkroomError
from workroom.event_frames import ToldEvent, frame_events
from workroom.events import RecordedEvent
from workroom.fanout.broker import Broker
from workroom.fanout.flusher import Flusher
from workroom.fanout.frames import Hint, StreamFrame
from workroom.fanout.hub import Hub
from workroom.fanout.presence import Presence
from workroom.fanout.throttle import Throttle
from workroom.gathered_reads import GatheredReads, read_gap
from workroom.ids import AccountId, StreamId
from workroom.quotas import file_limits
from workroom.sessions import SignedIn
from workroom.settings import Settings
from workroom.storage.database import Database, Transaction
from workroom.storage.file_store import FileStores
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries
from workroom.stored_bytes import StoredBytes
from workroom.upload_receiver import UploadReceiver

POSITION_CHECK_SECONDS = 0.5
SESSION_CHECK_SECONDS = 60.0
CLOSE_SECONDS = 5.0
LAST_SECONDS = 0.2
"""What closing connections has in any case. A server that is silent answers no farewell."""


class OpenSession(Protocol):
    """A socket's session, as the node knows it."""

    @property
    def account_id(self) -> AccountId: ...

    @property
    def token_hash(self) -> bytes: ...

    def write(self, data: bytes, /) -> None: ...

    def dropped(self, stream_id: StreamId, reason: str, heard_until_seq: int, /) -> None: ...

    def sign_in_ended(self) -> None:
        """Learn that the session does not stand any more; the connection is closed."""

    def desk_changed(self) -> None:
        """Learn that the list of waiting rooms is another."""


@dataclass(slots=True)
class Work:
    """A transaction of a door, and what is to be told once it has committed."""

    transaction: Transaction
    events: list[RecordedEvent] = field(default_factory=list)

    def recorded(self, events: Iterable[RecordedEvent]) -> None:
        """Have events told after the commit, to this node's listeners and to the other nodes.

        That is also how sockets end: `sessions_ended`, `account_changed` and `account_deactivated` in an account's own
        stream make each of its sockets, on every node, show again that its session stands.
        """
        self.events.extend(events)


class Node:
    """See the module. Made and run by `run_node`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        stores: FileStores,
        tasks: asyncio.TaskGroup,
        installation_id: UUID,
        epoch: UUID,
    ) -> None:
        self.settings = settings
        self.database = database
        self.epoch = epoch
        self.installation_id = installation_id
        self.node_id = uuid4()
        self.is_draining = False
        self._drained_by: float | None = None
        self.flusher = Flusher()
        self.broker = Broker(
            settings,
            installation_id=installation_id,
            epoch=epoch,
            node_id=self.node_id,
            on_frame=self._take_frame,
            on_hint=self._take_hint,
            on_gap=self.check_positions_soon,
        )
        self.hub = Hub(self._read_gap, self.broker.subscribe, self.broker.unsubscribe, tasks, self.flusher)
        self.presence = Presence(self.broker, self.node_id, self._tell_presence, self._find_shared_streams)
        self.throttle = Throttle(self.broker)
        self.reads = GatheredReads(database, tasks)
        self.writer = CommandWriter(
            database,
            tasks,
            self.tell,
            lane_count=settings.lane_count,
            lane_queue=settings.lane_queue,
            batch_size=settings.batch_size,
            text_bytes=settings.outbound_bytes // 2,
        )
        self.uploads = UploadReceiver(
            database,
            stores,
            file_limits(settings),
            is_scanned=settings.clamd is not None,
            is_ending=lambda: self.is_draining,
        )
        self.stored_bytes = StoredBytes(database, stores)
        self.downloads = Downloads(settings.downloads_per_account)
        self.sessions: dict[AccountId, list[OpenSession]] = {}
        self._tasks = tasks
        self._check_now = asyncio.Event()
        self._emptied = asyncio.Event()
        # What the last position check compared: the snapshot of Postgres, and how many positions had been learned.
        self._snapshot, self._learned = "", 0
        # Who watches the desk, and the fingerprint of the list they were last given or told of; None: of no list yet.
        self._desk_watchers: dict[OpenSession, str | None] = {}
        self._desk_fingerprint = ""

    # -- writing ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Work]:
        """Open a transaction for one command: commit first, then tell what was recorded in it."""
        async with self.database.transaction() as transaction:
            work = Work(transaction)
            yield work
        await self._tell_recorded(work.events)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in a task that the node owns. What it raises ends the node: it must answer its own errors."""
        self._tasks.create_task(work)

    # -- telling ---------------------------------------------------------------------------------------------

    def tell(self, stream_id: StreamId, events: list[ToldEvent], arrived_at_ms: int = 0) -> None:
        """Deliver committed events here, and publish the same bytes for the other nodes."""
        for frame in frame_events(stream_id, events, arrived_at_ms):
            self.hub.deliver(frame)
            self.broker.publish_frame(frame)

    def tell_hint(self, stream_id: StreamId, payload: bytes, except_account: AccountId | None = None) -> None:
        """Tell a stream's listeners on every node something that may be lost."""
        self.hub.deliver_hint(stream_id, payload, except_account)
        self.broker.publish_hint(Hint(stream_id, payload, except_account))

    async def _tell_recorded(self, events: list[RecordedEvent]) -> None:
        if not events:
            return
        try:
            async with self.database.read() as reading:
                told = await event_reading.read_recorded(reading, events)
        except WorkroomError as error:
            # Committed, and so told by the position check, here and elsewhere.
            logs.log_event("telling_postponed", code=error.code, events=len(events))
            return
        for stream_id, stream_events in told.items():
            self.tell(stream_id, stream_events)

    def _tell_presence(self, stream_id: StreamId, payload: bytes) -> None:
        self.hub.deliver_hint(stream_id, payload)

    async def _find_shared_streams(self, account_ids: list[AccountId]) -> dict[StreamId, list[AccountId]]:
        async with self.database.read() as reading:
            return await memberships.list_shared_streams(reading, account_ids)

    def _take_frame(self, frame: StreamFrame) -> None:
        self.hub.deliver(frame)

    def _take_hint(self, hint: Hint) -> None:
        self.hub.deliver_hint(hint.stream_id, hint.payload, hint.except_account_id)

    async def _read_gap(self, stream_id: StreamId, from_seq: int, to_seq: int) -> list[StreamFrame]:
        async with self.database.read() as reading:
            events = await read_gap(reading, stream_id, from_seq, to_seq)
        return frame_events(stream_id, events)

    # -- sockets ---------------------------------------------------------------------------------------------

    def session_opened(self, session: OpenSession) -> None:
        """Count a socket in; its account is present."""
        self.sessions.setdefault(session.account_id, []).append(session)
        if len(self.sessions[session.account_id]) == 1:
            self.presence.arrive(session.account_id)

    def session_closed(self, session: OpenSession) -> None:
        """Count a socket out; the account's last one ends its presence here."""
        self.unwatch_desk(session)
        standing = self.sessions.get(session.account_id)
        if standing is None or session not in standing:
            return
        standing.remove(session)
        if not standing:
            del self.sessions[session.account_id]
            self._emptied.set()
            self.presence.depart(session.account_id)

    def watch_desk(self, session: OpenSession) -> None:
        """Tell a socket from now on when the list of waiting rooms is another than the one it was last given."""
        self._desk_watchers[session] = None
        self._snapshot = ""

    def unwatch_desk(self, session: OpenSession) -> None:
        """Tell a socket no more."""
        self._desk_watchers.pop(session, None)

    def desk_seen(self, session: OpenSession, fingerprint: str) -> None:
        """Learn which list of waiting rooms a socket is being given."""
        if session in self._desk_watchers:
            self._desk_watchers[session] = fingerprint
            if fingerprint != self._desk_fingerprint:  # not the one that was compared last: compare again
                self._snapshot = ""

    def begin_draining(self, until: float) -> None:
        """Take no more commands and sockets; what is under way has until then, by the loop's clock."""
        self.is_draining = True
        self._drained_by = until

    def seconds_left(self) -> float:
        """How long what is under way may go on when the node ends."""
        if self._drained_by is None:
            return self.settings.drain_seconds
        return max(0.0, self._drained_by - asyncio.get_running_loop().time())

    async def wait_until_empty(self) -> None:
        """Return when the last socket is gone: while draining."""
        while self.sessions:
            self._emptied.clear()
            await self._emptied.wait()

    def count_connections(self, account_id: AccountId) -> int:
        """How many sockets the account has on this node."""
        return len(self.sessions.get(account_id, ()))

    # -- what runs by itself ---------------------------------------------------------------------------------

    def check_positions_soon(self) -> None:
        """Do the position check now, whatever the snapshot says: something may have been lost."""
        self._snapshot = ""
        self._check_now.set()

    async def keep_positions(self) -> None:
        """Run the position check twice a second, and at once when asked."""
        while True:
            try:
                async with asyncio.timeout(POSITION_CHECK_SECONDS):
                    await self._check_now.wait()
            except TimeoutError:
                pass
            self._check_now.clear()
            try:
                await self._check_positions()
            except WorkroomError as error:
                self._snapshot = ""
                logs.log_event("position_check_failed", code=error.code)

    async def _check_positions(self) -> None:
        async with self.database.read() as reading:
            snapshot = await reading.fetch_value(queries.events.read_snapshot)
            learned = self.hub.positions_learned
            if learned == self._learned and snapshot == self._snapshot and _is_settled(snapshot):
                return  # nothing was committed since, and no stream has been listened to since
            positions = self.hub.positions()
            behind = await reading.fetch(
                queries.events.read_positions_behind,
                stream_ids=list(positions.keys()),
                delivered_seqs=list(positions.values()),
            )
            for record in behind:
                metrics.position_check_repairs.inc()
                self.hub.catch_up(record["stream_id"], record["last_seq"])
            # Only then: who hears a stream does not wait for a desk that takes long, or fails.
            await self._check_desk(reading)
            # What was read may be older than the next commit, so the snapshot counts only when nothing was behind.
            self._snapshot, self._learned = "" if behind else snapshot, learned

    async def _check_desk(self, transaction: Transaction) -> None:
        if not self._desk_watchers:
            return
        fingerprint = self._desk_fingerprint = await room_overview.fingerprint_waiting_rooms(transaction)
        # Each is compared with what they were given: a list may have changed and changed back since the last look.
        for session, seen in tuple(self._desk_watchers.items()):
            if seen != fingerprint:
                self._desk_watchers[session] = fingerprint
                session.desk_changed()

    async def prolong_sessions(self, used: Iterable[SignedIn]) -> None:
        """Let sessions that are in use hold on."""
        async with self.database.transaction() as transaction:
            await sessions.prolong_sessions(
                transaction,
                [signed_in.session_id for signed_in in used],
                days=self.settings.session_days,
                idle_days=self.settings.session_idle_days,
            )

    async def keep_sessions_true(self) -> None:
        """Close sockets whose session expired, or ended while nobody could say so; an open one is its use."""
        while True:
            await asyncio.sleep(SESSION_CHECK_SECONDS * random.uniform(0.8, 1.2))
            try:
                await self._check_sessions()
            except WorkroomError as error:
                logs.log_event("session_check_failed", code=error.code)

    async def _check_sessions(self) -> None:
        standing = [session for sessions_of_one in self.sessions.values() for session in sessions_of_one]
        for start in range(0, len(standing), 1000):
            part = standing[start : start + 1000]
            async with self.database.read() as reading:
                found = await sessions.find_sessions(reading, [session.token_hash for session in part])
            for session in part:
                if session.token_hash not in found:
                    session.sign_in_ended()
            await self.prolong_sessions(found.values())


@asynccontextmanager
async def run_node(settings: Settings, open_database: Callable[[], Any]) -> AsyncIterator[Node]:
    """Run a node for as long as the block runs. Every task it starts has ended when this returns.

    What is under way then may go on until the node is drained, by its own deadline or the settings'. What has not ended
    by then waits for a Postgres that is silent, and is given up: nobody was told that it is done.

    Args:
        open_database: gives the Database, connected.
    """
    database: Database = await open_database()
    close_seconds = CLOSE_SECONDS
    try:
        async with database.read() as reading:
            record = await reading.fetch_one(queries.events.read_epoch)
            has_files = await reading.fetch_value(queries.files.has_any)
        stores = await open_file_stores(settings, record["installation_id"], has_files=has_files)
        patience = asyncio.timeout(None)
        try:
            async with patience, asyncio.TaskGroup() as tasks:
                node = Node(settings, database, stores, tasks, record["installation_id"], record["epoch"])
                running = [
                    tasks.create_task(node.keep_positions(), name="position check"),
                    tasks.create_task(node.keep_sessions_true(), name="session check"),
                    tasks.create_task(node.broker.run(), name="broker"),
                    tasks.create_task(node.presence.run(), name="presence"),
                ]
                try:
                    yield node
                finally:
                    patience.reschedule(asyncio.get_running_loop().time() + node.seconds_left())
                    await node.writer.drain()
                    for task in running:
                        task.cancel()
        except TimeoutError:
            logs.log_event("given_up_at_the_end")
        close_seconds = max(LAST_SECONDS, min(CLOSE_SECONDS, node.seconds_left()))
        await node.broker.close()
    finally:
        await database.close(close_seconds)


def _is_settled(snapshot: str) -> bool:
    """Whether a snapshot (`xmin:xmax:running`) has no transaction under way, whose commit would not change it."""
    lowest, highest, running = snapshot.split(":")
    return lowest == highest and not running
