"""Expiry: members are told what is not shown to them any more, so that browsers forget it.

That the time of something has come is no event: every read asks for it, so nothing has to happen for it to be
unseen, and nothing here destroys. What is told is a number from and a number to, held or not, and needs no look at
holds. Rounds are driven by `expiry_rounds.py`: it notes up to which instant, and under which rule of each room,
members were told, and of what is labelled, one by one, whether it is gone; and tells the difference. A round that
is repeated tells the same again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from workroom import events, rooms
from workroom.events import NewEvent, OpenStream, RecordedEvent
from workroom.ids import NOBODY, FileId, RoomId, StreamId
from workroom.memberships import Readership
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Round:
    """What a round tells: everything after `told_until`, up to `instant`. `told_until` None: the first round of all."""

    told_until: datetime | None
    instant: datetime


@dataclass(frozen=True, slots=True)
class RoomRule:
    """The rule of a room as a round found it, in the columns of `room_rules`."""

    room_id: RoomId
    end_after: timedelta | None
    end_fixed: datetime | None
    keep_after: timedelta | None
    keep_fixed: datetime | None
    removed_after: timedelta


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages of a stream, by number, of which none is shown any more; or (`is_gone` False) which are shown again.

    `is_history`: not only tombstones, so that members are told before which instant messages were removed.
    `labelled_ids`: messages or files among them of which it is noted by itself what was told. `is_of_file`: the message
    was shown all along, and a file of it is shown again.
    """

    room_id: RoomId
    stream_id: StreamId
    first_seq: int
    last_seq: int
    is_gone: bool
    is_history: bool
    first_sent_at: datetime
    labelled_ids: tuple[UUID, ...] = ()
    is_of_file: bool = False


@dataclass(frozen=True, slots=True)
class ExpiredFile:
    """A labelled file whose time came before its message's."""

    room_id: RoomId
    stream_id: StreamId
    file_id: FileId
    message_seq: int


async def find_expired_before(transaction: Transaction, readership: Readership) -> datetime | None:
    """Before which instant messages that this reader could read were removed; None where none was."""
    before: datetime | None = await transaction.fetch_value(
        queries.expiry.find_expired_before,
        stream_id=readership.stream_id,
        reads_from_seq=readership.reads_from_seq,
    )
    return before


async def begin_round(transaction: Transaction) -> Round:
    """What is to be told now. From here on it is noted of everything labelled what members were told of it."""
    await transaction.execute(queries.expiry.note_newly_labelled)
    return await _read_progress(transaction)


async def was_told_within(transaction: Transaction, recent: timedelta) -> bool:
    """Whether members were told of what is not shown any more so recently."""
    progress = await _read_progress(transaction)
    return progress.told_until is not None and progress.instant - progress.told_until <= recent


async def end_round(transaction: Transaction, told: Round) -> None:
    """Everything up to the round's instant was told."""
    await transaction.execute(queries.expiry.set_progress, instant=told.instant)


async def list_rooms_to_look_through(transaction: Transaction, told: Round) -> list[RoomRule]:
    """Rooms of which the whole has to be looked at, because what decides there has changed, with what decides now."""
    records = await transaction.fetch(queries.expiry.list_rooms_to_look_through, **_instants(told))
    return [RoomRule(**record) for record in records]


async def look_through_room(transaction: Transaction, rule: RoomRule, told: Round) -> list[Stretch]:
    """What the members of a room are to be told of it. Reads all of it: a second for half a million messages."""
    records = await transaction.fetch(queries.expiry.look_through_room, **asdict(rule), **_instants(told))
    return [_stretch(rule.room_id, record) for record in records]


async def list_newly_due(
    transaction: Transaction, told: Round, looked_through: Sequence[RoomId]
) -> list[Stretch]:
    """What became due in all rooms but those that were looked through, by room."""
    if told.told_until is None:
        return []
    records = await transaction.fetch(
        queries.expiry.list_newly_due, looked_through=list(looked_through), **_instants(told)
    )
    return [_stretch(record["room_id"], record) for record in records]


async def list_files_to_tell(
    transaction: Transaction, told: Round
) -> tuple[list[ExpiredFile], list[Stretch]]:
    """Files of messages that are shown: whose own time came, and the messages of which one is shown again; by room."""
    records = await transaction.fetch(queries.expiry.list_files_to_tell, instant=told.instant)
    gone = [
        ExpiredFile(record["room_id"], record["stream_id"], record["file_id"], record["message_seq"])
        for record in records
        if record["is_gone"]
    ]
    return gone, [_stretch_of_file(record) for record in records if not record["is_gone"]]


async def tell_room(
    transaction: Transaction,
    room_id: RoomId,
    told: Round,
    stretches: Sequence[Stretch],
    expired_files: Sequence[ExpiredFile] = (),
    *,
    looked_through: RoomRule | None = None,
) -> list[RecordedEvent]:
    """Record for the members of one room what is not shown any more, under the room's lock; quotas follow.

    `looked_through`: the rule that all of it was looked through under; what it became since is for the next round.
    """
    recorded: list[RecordedEvent] = []
    stream_ids = {each.stream_id for each in stretches} | {each.stream_id for each in expired_files}
    if stream_ids:
        await rooms.lock_rooms(transaction, [room_id])
        streams = await events.open_streams(transaction, stream_ids)
        cut: datetime | None = await transaction.fetch_value(
            queries.expiry.find_cut, room_id=room_id, instant=told.instant
        )
        for stream_id, of_stream in _by_stream(stretches):
            recorded += await _tell_stream(transaction, streams[stream_id], of_stream, cut)
        recorded += [_number_file(streams[file.stream_id], file) for file in expired_files]
        spans = {(each.stream_id, each.first_seq, each.last_seq) for each in stretches}
        spans |= {(each.stream_id, each.message_seq, each.message_seq) for each in expired_files}
        await _recount_files(transaction, spans)
        await _note_labelled(transaction, stretches, expired_files)
        await events.write_events(transaction, recorded, streams.values())
    if looked_through is not None:
        await transaction.execute(queries.expiry.note_rule, **asdict(looked_through))
    return recorded


async def _read_progress(transaction: Transaction) -> Round:
    record = await transaction.fetch_one(queries.expiry.read_progress)
    told_until: datetime = record["told_until"]
    is_first = told_until.year == 1  # -infinity, as the driver gives it
    return Round(None if is_first else told_until, record["instant"])


async def _tell_stream(
    transaction: Transaction, stream: OpenStream, stretches: Sequence[Stretch], cut: datetime | None
) -> list[RecordedEvent]:
    recorded = []
    for stretch in stretches:
        kind = "messages_expired" if stretch.is_gone else "messages_restored"
        event = NewEvent(
            stream.stream_id,
            kind,
            NOBODY,
            stream.stream_id,
            subject_seq=stretch.first_seq,
            subject_detail=stretch.last_seq,
        )
        recorded.append(stream.number(event))
        if stretch.is_gone:
            await _note_gone(transaction, stretch, cut)
        elif not stretch.is_of_file:
            await transaction.execute(
                queries.expiry.note_shown,
                stream_id=stretch.stream_id,
                first_seq=stretch.first_seq,
                first_sent_at=stretch.first_sent_at,
            )
    return recorded


async def _note_gone(transaction: Transaction, stretch: Stretch, cut: datetime | None) -> None:
    visible_from: int = await transaction.fetch_value(
        queries.expiry.find_visible_from, stream_id=stretch.stream_id
    )
    is_shown_below = visible_from < stretch.first_seq and await transaction.fetch_value(
        queries.messages.has_message,
        stream_id=stretch.stream_id,
        from_seq=visible_from,
        to_seq=stretch.first_seq - 1,
    )
    await transaction.execute(
        queries.expiry.note_gone,
        stream_id=stretch.stream_id,
        expired_before=cut if stretch.is_history else None,
        expired_through_seq=stretch.last_seq if stretch.is_history else 0,
        visible_from_seq=visible_from if is_shown_below else max(visible_from, stretch.last_seq + 1),
    )


async def _recount_files(transaction: Transaction, spans: Iterable[tuple[StreamId, int, int]]) -> None:
    for stream_id, first_seq, last_seq in spans:
        await transaction.fetch_value(
            queries.expiry.recount_files, stream_id=stream_id, first_seq=first_seq, last_seq=last_seq
        )


async def _note_labelled(
    transaction: Transaction, stretches: Sequence[Stretch], expired_files: Sequence[ExpiredFile]
) -> None:
    gone = [subject_id for each in stretches if each.is_gone for subject_id in each.labelled_ids]
    gone += [each.file_id for each in expired_files]
    shown = [subject_id for each in stretches if not each.is_gone for subject_id in each.labelled_ids]
    for subject_ids, is_gone in ((gone, True), (shown, False)):
        if subject_ids:
            await transaction.execute(queries.expiry.note_labelled, subject_ids=subject_ids, is_gone=is_gone)


def _number_file(stream: OpenStream, file: ExpiredFile) -> RecordedEvent:
    return stream.number(
        NewEvent(stream.stream_id, "file_expired", NOBODY, file.file_id, subject_seq=file.message_seq)
    )


def _by_stream(stretches: Sequence[Stretch]) -> Iterable[tuple[StreamId, list[Stretch]]]:
    key = attrgetter("stream_id")
    # What is gone first: what is shown again then corrects what was noted.
    ordered = sorted(stretches, key=lambda each: (each.stream_id.bytes, not each.is_gone, each.first_seq))
    return ((stream_id, list(group)) for stream_id, group in groupby(ordered, key))


def _stretch(room_id: RoomId, record: Record) -> Stretch:
    return Stretch(
        room_id,
        record["stream_id"],
        record["first_seq"],
        record["last_seq"],
        record["kind"] == "gone",
        record["is_history"],
        record["first_sent_at"],
        tuple(record["labelled_ids"] or ()),
    )


def _stretch_of_file(record: Record) -> Stretch:
    seq = record["message_seq"]
    return Stretch(
        record["room_id"],
        record["stream_id"],
        seq,
        seq,
        False,
        False,
        record["sent_at"],
        (record["file_id"],),
        is_of_file=True,
    )


def _instants(told: Round) -> dict[str, datetime]:
    return {"told_until": told.told_until or _LONG_AGO, "instant": told.instant}
