"""Group commit: what many sockets send becomes one transaction.

Rooms hash onto a few lanes. A lane has one transaction in flight; what arrives meanwhile waits and is written together
by the next one, in the order in which it came, as far as listeners can take what they are told of it. Only after the
commit is anybody told: the hub and the other nodes, then the authors, all in the same turn of the loop, so that
acknowledgement and event leave in one write.

A batch that fails as a whole is taken apart by stream, and each stream is tried again beside the lane: where Postgres
was lost, or a lock, or a commit's answer, the commands' ids tell what had been done; where something cannot be written,
one by one, so that a bad command fails alone. Meanwhile the lane goes on: a stuck room holds up nobody else. What comes
for a stream that is apart waits behind it there, so its order is kept.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from workroom import logs, messages, metrics, posting, reactions
from workroom.clock import monotonic_seconds, now_milliseconds
from workroom.errors import (
    CommandIdReused,
    Forbidden,
    InvalidInput,
    NotFound,
    RoomArchived,
    TryAgain,
    WorkroomError,
)
from workroom.event_frames import ToldEvent
from workroom.failures import hide_unexpected
from workroom.ids import AccountId, ClientCommandId, MessageId, StreamId
from workroom.messages import NewMessage, Posted, Written
from workroom.storage.database import Database, Transaction

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
MOST_APART = 4
"""Streams that may be tried beside a lane while it goes on. More of them mean that Postgres is what is stuck."""

_encoder = msgspec.json.Encoder()

# What the domain says of one command before it has written anything; the transaction goes on without it.
REFUSALS = (NotFound, Forbidden, RoomArchived, CommandIdReused, InvalidInput)


@dataclass(frozen=True, slots=True)
class MessageEdit:
    """A message is to be given another text."""

    stream_id: StreamId
    actor_id: AccountId
    client_command_id: ClientCommandId
    message_id: MessageId
    text: str
    mentions: tuple[AccountId, ...]


@dataclass(frozen=True, slots=True)
class MessageDelete:
    """A message is to be taken back."""

    stream_id: StreamId
    actor_id: AccountId
    client_command_id: ClientCommandId
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class ReactionChange:
    """A reaction is to be added, or removed."""

    stream_id: StreamId
    actor_id: AccountId
    client_command_id: ClientCommandId
    message_id: MessageId
    emoji: str
    is_added: bool


StreamWrite = NewMessage | MessageEdit | MessageDelete | ReactionChange
Outcome = Posted | Written | WorkroomError
Answer = Callable[[Outcome], None]
Tell = Callable[[StreamId, list[ToldEvent], int], None]


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A write that waits for its turn; `arrived_at_ms` is wall clock."""

    write: StreamWrite
    answer: Answer
    arrived_at_ms: int


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one transaction takes; see CommandWriter."""

    size: int
    text_bytes: int


class CommandWriter:
    """The lanes of one node.

    Args:
        database: where to write.
        tasks: owns the lanes' runs.
        tell: takes the events of one stream that one commit brought, and when the oldest of their commands arrived.
        lane_count: how many transactions may be in flight.
        lane_queue: how many writes may wait in one lane. The next is refused with TryAgain: a full lane means that
            Postgres is slower than the senders, and waiting longer would only hide it.
        batch_size: most writes in one transaction.
        text_bytes: how much text of one stream, as JSON, one transaction takes at most beside the first of its writes:
            its listeners are told all of it at once, and must be able to take it.
        patience_seconds: how long a batch is tried again before its authors are told TryAgain.
    """

    def __init__(
        self,
        database: Database,
        tasks: asyncio.TaskGroup,
        tell: Tell,
        *,
        lane_count: int,
        lane_queue: int,
        batch_size: int,
        text_bytes: int = 128 * 1024,
        patience_seconds: float = 10.0,
    ) -> None:
        batch_limits = BatchLimits(batch_size, text_bytes)
        self._lanes = [
            _Lane(database, tasks, tell, lane_queue, batch_limits, patience_seconds)
            for _ in range(lane_count)
        ]

    def submit(self, write: StreamWrite, answer: Answer) -> None:
        """Queue a write. `answer` is called once, after the commit or with the error; it must not raise. Where the node
        ends before either, nobody is told.

        Raises TryAgain, at once, when the lane is full.
        """
        # Both streams of a room may fall into different lanes: the room's lock keeps them in order.
        lane = self._lanes[hash(write.stream_id) % len(self._lanes)]
        lane.submit(Waiting(write, answer, now_milliseconds()))

    async def drain(self) -> None:
        """Wait until everything that was queued is answered."""
        for lane in self._lanes:
            await lane.drain()


class _Lane:
    def __init__(
        self,
        database: Database,
        tasks: asyncio.TaskGroup,
        tell: Tell,
        queue_size: int,
        batch_limits: BatchLimits,
        patience_seconds: float,
    ) -> None:
        self._database = database
        self._tasks = tasks
        self._tell = tell
        self._queue_size = queue_size
        self._batch_limits = batch_limits
        self._patience_seconds = patience_seconds
        self._waiting: deque[Waiting] = deque()
        self._apart: dict[StreamId, deque[Waiting]] = {}
        self._runs_apart: set[asyncio.Task[None]] = set()
        self._run: asyncio.Task[None] | None = None

    def submit(self, waiting: Waiting) -> None:
        queue, waiting_count = self._waiting, len(self._waiting)
        if self._apart:
            queue = self._apart.get(waiting.write.stream_id, queue)
            waiting_count += sum(map(len, self._apart.values()))
        if waiting_count >= self._queue_size:
            raise TryAgain("Too many writes wait already.")
        queue.append(waiting)
        if self._run is None and self._waiting:
            self._run = self._tasks.create_task(self._write_all(), name="command writer lane")

    async def drain(self) -> None:
        while running := [*self._runs_apart, *([self._run] if self._run else [])]:
            await asyncio.wait(running)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_or_take_apart(take_batch(self._waiting, self._batch_limits))
        finally:
            self._run = None

    async def _write_or_take_apart(self, batch: Sequence[Waiting]) -> None:
        give_up_at = monotonic_seconds() + self._patience_seconds
        try:
            await self._write(batch)
            return
        except WorkroomError as error:
            failure = error
        if len(batch) == 1 and not failure.retry:
            _answer_failed(batch, failure)
            return
        for part in _split_by_stream(batch):
            self._take_apart(part, give_up_at)
        while len(self._apart) > MOST_APART:
            await asyncio.wait(self._runs_apart, return_when=asyncio.FIRST_COMPLETED)

    def _take_apart(self, part: Sequence[Waiting], give_up_at: float) -> None:
        """Try one stream's writes beside the lane. What waits of the stream already waits behind them from now on."""
        stream_id = part[0].write.stream_id
        self._apart[stream_id] = deque(each for each in self._waiting if each.write.stream_id == stream_id)
        self._waiting = deque(each for each in self._waiting if each.write.stream_id != stream_id)
        run = self._tasks.create_task(
            self._write_apart(stream_id, part, give_up_at), name="command writer apart"
        )
        self._runs_apart.add(run)
        run.add_done_callback(self._runs_apart.discard)

    async def _write_apart(self, stream_id: StreamId, part: Sequence[Waiting], give_up_at: float) -> None:
        queue = self._apart[stream_id]
        try:
            await self._write_patiently(part, give_up_at)
            while queue:
                batch = take_batch(queue, self._batch_limits)
                await self._write_patiently(batch, monotonic_seconds() + self._patience_seconds)
        finally:
            # In the same turn in which the queue was seen empty: what comes next is the lane's again.
            del self._apart[stream_id]

    async def _write_patiently(self, batch: Sequence[Waiting], give_up_at: float) -> None:
        """Write a batch of one stream, again and again while Postgres may come back; every author is answered."""
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._write(batch)
                return
            except WorkroomError as error:
                failure = error
            if not failure.retry:
                break
            if monotonic_seconds() + pause_seconds > give_up_at:
                failure = TryAgain("The database does not answer; it is not known whether this was done.")
                break
            await asyncio.sleep(random.uniform(pause_seconds / 2, pause_seconds))
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        if len(batch) > 1 and not failure.retry:
            for waiting in batch:
                await self._write_patiently([waiting], give_up_at)
            return
        _answer_failed(batch, failure)

    async def _write(self, batch: Sequence[Waiting]) -> None:
        started = time.perf_counter()
        try:
            async with self._database.transaction() as transaction:
                await messages.lock_rooms_of(transaction, {waiting.write.stream_id for waiting in batch})
                outcomes = await perform_all(transaction, [waiting.write for waiting in batch])
        except WorkroomError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect in one write must not end the node, nor stay silent
            raise hide_unexpected(error, "write_failed_unexpectedly", writes=len(batch)) from None
        metrics.commit_batch_commands.observe(len(batch))
        metrics.commit_seconds.observe(time.perf_counter() - started)
        self._tell_all(batch, outcomes)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.answer(outcome)

    def _tell_all(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        told: dict[StreamId, list[ToldEvent]] = {}
        arrived: dict[StreamId, int] = {}
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome, WorkroomError) and outcome.told is not None:
                stream_id = waiting.write.stream_id
                told.setdefault(stream_id, []).append(outcome.told)
                arrived.setdefault(stream_id, waiting.arrived_at_ms)
        for stream_id, events in told.items():
            self._tell(stream_id, events, arrived[stream_id])


def take_batch(queue: deque[Waiting], limits: BatchLimits) -> list[Waiting]:
    """Take what one transaction writes from the front of a queue, in its order. Of a stream that has too much text the
    rest keeps its place."""
    batch = [queue.popleft() for _ in range(min(len(queue), limits.size))]
    # All at once, which costs next to nothing; nearly always that is all there is to measure.
    if len(_encoder.encode([_content(waiting.write) for waiting in batch])) <= limits.text_bytes:
        return batch
    taken: list[Waiting] = []
    left: list[Waiting] = []
    byte_sizes: dict[StreamId, int] = {}
    for waiting in batch:
        stream_id = waiting.write.stream_id
        if stream_id not in byte_sizes:
            byte_sizes[stream_id] = 0
            taken.append(waiting)
            continue
        # What stays counts too: nothing of the stream passes by it, however small it is.
        byte_sizes[stream_id] += len(_encoder.encode(_content(waiting.write)))
        (taken if byte_sizes[stream_id] <= limits.text_bytes else left).append(waiting)
    queue.extendleft(reversed(left))
    return taken


def _content(write: StreamWrite) -> object:
    """What a write brings of its author's, to be measured as JSON."""
    if isinstance(write, MessageDelete | ReactionChange):
        return None
    if isinstance(write, NewMessage) and write.files:
        return write.text, write.mentions, write.files
    return (write.text, write.mentions) if write.mentions else write.text


def _answer_failed(batch: Sequence[Waiting], failure: WorkroomError) -> None:
    told = hide_unexpected(failure, "write_failed_unexpectedly", writes=len(batch))
    reference = told.params.get("reference")
    logs.log_event(
        "write_failed", code=failure.code, writes=len(batch), reason=failure.message, reference=reference
    )
    for waiting in batch:
        waiting.answer(told)


def _split_by_stream(batch: Sequence[Waiting]) -> list[list[Waiting]]:
    parts: dict[StreamId, list[Waiting]] = {}
    for waiting in batch:
        parts.setdefault(waiting.write.stream_id, []).append(waiting)
    return list(parts.values())


async def perform_all(transaction: Transaction, writes: Sequence[StreamWrite]) -> list[Outcome]:
    """Perform writes in rooms whose locks are held, in order; posts that follow each other go together."""
    outcomes: list[Outcome] = []
    posts: list[NewMessage] = []
    for write in writes:
        if isinstance(write, NewMessage):
            posts.append(write)
            continue
        if posts:
            outcomes += await posting.post_messages(transaction, posts)
            posts = []
        outcomes.append(await _perform(transaction, write))
    if posts:
        outcomes += await posting.post_messages(transaction, posts)
    return outcomes


async def _perform(transaction: Transaction, write: MessageEdit | MessageDelete | ReactionChange) -> Outcome:
    try:
        if isinstance(write, MessageEdit):
            return await messages.edit_message(
                transaction,
                stream_id=write.stream_id,
                actor_id=write.actor_id,
                message_id=write.message_id,
                text=write.text,
                mentions=write.mentions,
                client_command_id=write.client_command_id,
            )
        if isinstance(write, MessageDelete):
            return await messages.delete_message(
                transaction,
                stream_id=write.stream_id,
                actor_id=write.actor_id,
                message_id=write.message_id,
                client_command_id=write.client_command_id,
            )
        change = reactions.add_reaction if write.is_added else reactions.remove_reaction
        return await change(
            transaction,
            stream_id=write.stream_id,
            actor_id=write.actor_id,
            message_id=write.message_id,
            emoji=write.emoji,
            client_command_id=write.client_command_id,
        )
    except REFUSALS as refusal:
        return refusal
