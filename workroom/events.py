"""What happened, numbered: each stream counts 1, 2, 3 ... without gaps, the same for everybody.

Recording goes in three steps inside one transaction: the lock (`rooms.lock_rooms`, then `lock_streams` for streams of
accounts), in a later statement `open_streams` with the counters as they are under that lock, then `write_events`.
Events hold no content; what they say to clients is made in `event_frames.py`. They are never destroyed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from workroom.errors import CommandIdReused
from workroom.ids import AccountId, ClientCommandId, RoomId, StreamId
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that has no number yet. `subject_id` is the message, account, room or stream it is about."""

    stream_id: StreamId
    kind: str
    actor_id: AccountId
    subject_id: UUID
    subject_seq: int | None = None
    subject_detail: int | None = None
    client_command_id: ClientCommandId | None = None
    content_digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent(NewEvent):
    """An event with its number and the time Postgres gave it."""

    seq: int = field(kw_only=True)
    recorded_at: datetime = field(kw_only=True)


@dataclass(slots=True)
class OpenStream:
    """A stream's counters while its lock is held. `number` takes the next one."""

    stream_id: StreamId
    kind: str
    room_id: RoomId | None
    last_seq: int
    last_message_seq: int | None
    waiting_since: datetime | None
    recorded_at: datetime

    def number(self, event: NewEvent) -> RecordedEvent:
        """Give the event the next number and this transaction's time."""
        self.last_seq += 1
        return RecordedEvent(
            event.stream_id,
            event.kind,
            event.actor_id,
            event.subject_id,
            event.subject_seq,
            event.subject_detail,
            event.client_command_id,
            event.content_digest,
            seq=self.last_seq,
            recorded_at=self.recorded_at,
        )


async def lock_streams(transaction: Transaction, stream_ids: Iterable[StreamId]) -> None:
    """Lock streams of accounts, in id order. Rooms are locked before, never after."""
    await transaction.fetch(queries.events.lock_streams, stream_ids=list(stream_ids))


async def open_streams(
    transaction: Transaction, stream_ids: Iterable[StreamId]
) -> dict[StreamId, OpenStream]:
    """Read the counters of streams whose locks this transaction holds. Call once in a transaction for each stream."""
    records = await transaction.fetch(queries.events.read_counters, stream_ids=list(set(stream_ids)))
    return {record["stream_id"]: OpenStream(**record) for record in records}


async def write_events(
    transaction: Transaction, events: Sequence[RecordedEvent], streams: Iterable[OpenStream]
) -> None:
    """Insert numbered events, and move on the counters of the streams that numbered them."""
    counted = list(streams)
    await transaction.execute(
        queries.events.write_events,
        stream_ids=[event.stream_id for event in events],
        seqs=[event.seq for event in events],
        kinds=[event.kind for event in events],
        actor_ids=[event.actor_id for event in events],
        subject_ids=[event.subject_id for event in events],
        subject_seqs=[event.subject_seq for event in events],
        subject_details=[event.subject_detail for event in events],
        client_command_ids=[event.client_command_id for event in events],
        recorded_ats=[event.recorded_at for event in events],
        content_digests=[event.content_digest for event in events],
        counted_stream_ids=[stream.stream_id for stream in counted],
        last_seqs=[stream.last_seq for stream in counted],
        last_recorded_ats=[stream.recorded_at for stream in counted],
        last_message_seqs=[stream.last_message_seq for stream in counted],
        waiting_sinces=[stream.waiting_since for stream in counted],
    )


async def record_events(transaction: Transaction, entries: Sequence[NewEvent]) -> list[RecordedEvent]:
    """Number and write events of streams whose locks this transaction holds, in the order given."""
    streams = await open_streams(transaction, (entry.stream_id for entry in entries))
    recorded = [streams[entry.stream_id].number(entry) for entry in entries]
    await write_events(transaction, recorded, streams.values())
    return recorded


async def find_command(
    transaction: Transaction, stream_id: StreamId, actor_id: AccountId, client_command_id: ClientCommandId
) -> RecordedEvent | None:
    """The event that a command recorded when it was first sent, or None. Asked under the stream's lock."""
    record = await transaction.fetch_one_or_none(
        queries.events.find_command,
        stream_id=stream_id,
        actor_id=actor_id,
        client_command_id=client_command_id,
    )
    if record is None:
        return None
    return RecordedEvent(
        stream_id=stream_id, actor_id=actor_id, client_command_id=client_command_id, **record
    )


def require_same_command(done: RecordedEvent, kind: str, subject_id: UUID) -> RecordedEvent:
    """Raise CommandIdReused unless the event found is of this kind and subject; give it back."""
    if done.kind != kind or done.subject_id != subject_id:
        raise CommandIdReused("This client_command_id was used for another command.")
    return done


def require_same_content(before: object, now: object) -> None:
    """Raise CommandIdReused where a command comes again with other content. None: the first was destroyed."""
    if before is not None and before != now:
        raise CommandIdReused("This client_command_id was used with other content.")


def with_command(event: RecordedEvent, client_command_id: ClientCommandId) -> RecordedEvent:
    """The same event, carrying the id of the command that made it."""
    return replace(event, client_command_id=client_command_id)
