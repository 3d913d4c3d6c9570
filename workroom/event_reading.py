"""Reading events back: for clients that come back, for gaps, and for what has just been committed.

A past event is read with today's content, never an earlier one. One query reads spans of many streams; content
whose time has come is simply not there, destroyed or not, and the event is told withheld.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from workroom import files, memberships
from workroom.event_frames import ENDS_CERTAINTY, ENDS_MEMBERSHIP, Person, ToldEvent, ToldFile, withhold
from workroom.events import RecordedEvent
from workroom.ids import AccountId, MessageId, StreamId
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """The events of a stream with `since_seq < seq <= until_seq`."""

    stream_id: StreamId
    since_seq: int
    until_seq: int = FOREVER


async def read_events(
    transaction: Transaction, spans: Sequence[Span], page_size: int, page_bytes: int | None = None
) -> dict[Span, list[ToldEvent]]:
    """The first events of each span, in order. Whoever asks has seen to who may read them.

    Args:
        page_size: most events of a span.
        page_bytes: a span ends with the event that brings its texts to so many bytes; None where few are read.
    """
    distinct = list(dict.fromkeys(spans))
    told: dict[Span, list[ToldEvent]] = {span: [] for span in distinct}
    if not distinct:
        return told
    asked: dict[str, Any] = {
        "stream_ids": [span.stream_id for span in distinct],
        "since_seqs": [span.since_seq for span in distinct],
        "until_seqs": [span.until_seq for span in distinct],
        "page_size": page_size,
    }
    if page_bytes is not None:
        for end in await transaction.fetch(queries.events.end_spans, **asked, page_bytes=page_bytes):
            asked["until_seqs"][end["n"] - 1] = end["until_seq"]
    records = await transaction.fetch(queries.events.read_since, **asked)
    about_people = {"member_joined", "member_changed"}
    people = await memberships.list_people(
        transaction, (record["subject_id"] for record in records if record["kind"] in about_people)
    )
    attached = await files.list_by_position(
        transaction, [record["subject_id"] for record in records if _shows_files(record)]
    )
    for record in records:
        told[distinct[record["n"] - 1]].append(_tell(record, people, attached))
    return told


async def read_recorded(
    transaction: Transaction, recorded: Iterable[RecordedEvent]
) -> dict[StreamId, list[ToldEvent]]:
    """What listeners are told about events just committed: read back, so that live and later look the same."""
    spans = [Span(event.stream_id, event.seq - 1, event.seq) for event in recorded]
    told: dict[StreamId, list[ToldEvent]] = {}
    for span, events in (await read_events(transaction, spans, 1)).items():
        told.setdefault(span.stream_id, []).extend(events)
    return told


def _shows_files(record: Record) -> bool:
    # message_edited says nothing of files: an edit changes none.
    if record["kind"] not in ("message_posted", "file_changed"):
        return False
    return bool(record["file_count"]) and record["deleted_at"] is None and record["revision"] is not None


def _tell(
    record: Record, people: dict[AccountId, Person], attached: dict[MessageId, dict[int, ToldFile]]
) -> ToldEvent:
    kind: str = record["kind"]
    if kind == "message_posted" and record["subject_id"] in attached:
        shown = list(attached[record["subject_id"]].values())
        return msgspec.structs.replace(_tell_message(record, kind), files=shown)
    if kind == "file_changed":
        return _tell_file(record, attached.get(record["subject_id"], {}))
    if kind in ("messages_expired", "messages_restored", "file_expired"):
        return _tell_expiry(record, kind)
    if kind in ("message_posted", "message_edited"):
        return _tell_message(record, kind)
    if kind in ("message_deleted", "reaction_added", "reaction_removed"):
        return _tell_about_message(record, kind)
    return ToldEvent(
        seq=record["seq"],
        kind=kind,
        actor_id=record["actor_id"],
        at=record["recorded_at"],
        client_command_id=record["client_command_id"],
        **_subject(record, kind, people),
    )


def _tell_message(record: Record, kind: str) -> ToldEvent:
    common = ToldEvent(
        seq=record["seq"],
        kind=kind,
        actor_id=record["actor_id"],
        at=record["recorded_at"],
        subject_seq=record["subject_seq"],
    )
    if record["revision"] is None:
        return withhold(common)
    is_deleted = record["deleted_at"] is not None
    is_posted = kind == "message_posted"
    sent_elsewhen = is_posted and record["sent_at"] != record["recorded_at"]
    return ToldEvent(
        seq=common.seq,
        kind=kind,
        actor_id=common.actor_id,
        at=common.at,
        message_id=record["subject_id"],
        subject_seq=common.subject_seq,
        text="" if is_deleted else record["text"],
        mentions=[] if is_deleted else record["mentions"],
        reply_to=record["reply_to_message_id"] if is_posted else None,
        sent_at=record["sent_at"] if sent_elsewhen else None,
        client_command_id=record["client_command_id"] if is_posted else None,
        revision=record["revision"] if record["revision"] > 1 else None,
        edited_at=record["revised_at"] if record["revision"] > 1 else None,
        deleted_at=record["deleted_at"],
        deleted_by=record["deleted_by"],
    )


def _tell_file(record: Record, attached: dict[int, ToldFile]) -> ToldEvent:
    told = ToldEvent(
        seq=record["seq"],
        kind=record["kind"],
        actor_id=record["actor_id"],
        at=record["recorded_at"],
        message_id=record["subject_id"],
        subject_seq=record["subject_seq"],
    )
    position: int = record["subject_detail"]
    if position in attached:
        return msgspec.structs.replace(told, file=attached[position])
    return told if record["deleted_at"] is not None else withhold(told)


def _tell_expiry(record: Record, kind: str) -> ToldEvent:
    is_file = kind == "file_expired"
    return ToldEvent(
        seq=record["seq"],
        kind=kind,
        actor_id=record["actor_id"],
        at=record["recorded_at"],
        subject_seq=record["subject_seq"] if is_file else None,
        file_id=record["subject_id"] if is_file else None,
        first_seq=None if is_file else record["subject_seq"],
        last_seq=None if is_file else record["subject_detail"],
        expired_before=record["expired_before"],
    )


def _tell_about_message(record: Record, kind: str) -> ToldEvent:
    is_reaction = kind != "message_deleted"
    told = ToldEvent(
        seq=record["seq"],
        kind=kind,
        actor_id=record["actor_id"],
        at=record["recorded_at"],
        message_id=record["subject_id"],
        subject_seq=record["subject_seq"],
        emoji=record["emoji"],
        account_id=record["actor_id"] if is_reaction else None,
    )
    return withhold(told) if is_reaction and told.emoji is None else told


def _subject(record: Record, kind: str, people: dict[AccountId, Person]) -> dict[str, Any]:
    """The fields of an event that is not about a message."""
    if kind in ("member_joined", "member_changed"):
        return {"member": people.get(record["subject_id"]), "account_id": record["subject_id"]}
    if kind in ENDS_MEMBERSHIP or kind in ENDS_CERTAINTY or kind == "account_reactivated":
        return {"account_id": record["subject_id"]}
    if kind in ("room_created", "room_renamed"):
        return {"name": record["room_name"]}
    if kind in ("room_entered", "room_exited"):
        return {"room_id": record["subject_id"]}
    if kind == "read_marker_moved":
        return {"stream": record["subject_id"], "read_seq": record["subject_detail"]}
    return {}
