"""What clients are told about events: one shape for what just happened and for what is read later.

Frames are encoded once for all who listen. An event about an older message goes in a frame of its own, with a second
variant without content for listeners who may not read that message; an event that ends a membership, or makes sessions
prove themselves again, is the last of its frame. No frame is so large that whoever reads promptly could not take it.
docs/protocol.md lists the shapes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from workroom.fanout.frames import StreamFrame
from workroom.ids import AccountId, StreamId

FRAME_BYTES = 64 * 1024
"""JSON of one frame at most; an event that is larger alone has a frame of its own."""
ENDS_MEMBERSHIP = frozenset({"member_left", "member_removed"})
ENDS_CERTAINTY = frozenset({"sessions_ended", "account_changed", "account_deactivated"})
"""Kinds in an account's own stream after which its sockets must show that their session still holds."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account as others see it. `display_name` is None once the profile was erased."""

    account_id: AccountId
    kind: str
    display_name: str | None
    customer_id: UUID | None
    customer_name: str | None
    deactivated: bool


class ToldReaction(msgspec.Struct, frozen=True):
    """One kind of reaction on a message and who stands behind it, in order."""

    emoji: str
    account_ids: list[UUID]


class PictureSize(msgspec.Struct, frozen=True):
    """Width and height in pixels."""

    width: int
    height: int


class ToldFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a message. `state`: ready, checking (not to be fetched yet), infected (never).

    `preparing`: a preview is still to come.
    """

    file_id: UUID
    name: str
    byte_size: int
    type: str
    kind: str
    state: str
    alt_text: str = ""
    width: int | None = None
    height: int | None = None
    preview: PictureSize | None = None
    preparing: bool = False


class ToldEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event as it goes over the wire; which fields are there follows from `kind`."""

    seq: int
    kind: str
    actor_id: UUID
    at: datetime
    message_id: UUID | None = None
    subject_seq: int | None = None
    text: str | None = None
    mentions: list[UUID] = []
    reply_to: UUID | None = None
    sent_at: datetime | None = None
    client_command_id: UUID | None = None
    revision: int | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    deleted_by: UUID | None = None
    files: list[ToldFile] = []
    file: ToldFile | None = None
    file_id: UUID | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    expired_before: datetime | None = None
    emoji: str | None = None
    account_id: UUID | None = None
    member: Person | None = None
    name: str | None = None
    room_id: UUID | None = None
    stream: UUID | None = None
    read_seq: int | None = None
    withheld: bool = False


class _EventsFrame(msgspec.Struct, frozen=True, tag_field="type", tag="events"):
    stream: UUID
    events: list[ToldEvent]


_encoder = msgspec.json.Encoder()


def encode_events(stream_id: StreamId, events: list[ToldEvent]) -> bytes:
    """The JSON of one events frame."""
    return _encoder.encode(_EventsFrame(stream_id, events))


def withhold(event: ToldEvent) -> ToldEvent:
    """The event without content: that something happened to a message which the listener may not read."""
    return ToldEvent(
        seq=event.seq,
        kind=event.kind,
        actor_id=event.actor_id,
        at=event.at,
        subject_seq=event.subject_seq,
        withheld=True,
    )


def withhold_older(events: Iterable[ToldEvent], reads_from_seq: int) -> list[ToldEvent]:
    """What a reader may be told whose history begins at `reads_from_seq`."""
    return [
        withhold(event) if event.subject_seq is not None and event.subject_seq < reads_from_seq else event
        for event in events
        if event.seq >= reads_from_seq
    ]


def frame_events(stream_id: StreamId, events: list[ToldEvent], arrived_at_ms: int = 0) -> list[StreamFrame]:
    """Frames for consecutive events of one stream, cut so that each listener can be served whole bytes.

    `arrived_at_ms` is when the oldest command behind them arrived, wall clock; 0 when nobody measures.
    """
    frames: list[StreamFrame] = []
    run: list[ToldEvent] = []
    for event in events:
        ends = _ended_account(event)
        if event.subject_seq is None and ends is None:
            run.append(event)
            continue
        if run:
            frames += _frames_of_run(stream_id, run, arrived_at_ms)
            run = []
        frames.append(_frame(stream_id, [event], ends, arrived_at_ms))
    if run:
        frames += _frames_of_run(stream_id, run, arrived_at_ms)
    return frames


def _frames_of_run(stream_id: StreamId, run: list[ToldEvent], arrived_at_ms: int) -> list[StreamFrame]:
    """One frame, nearly always; as many parts as its length asks for, and their parts again, where it is too long."""
    frame = _frame(stream_id, run, None, arrived_at_ms)
    part_count = len(frame.full) // FRAME_BYTES + 1
    if part_count == 1 or len(run) == 1:
        return [frame]
    size = -(-len(run) // part_count)
    frames: list[StreamFrame] = []
    for start in range(0, len(run), size):
        frames += _frames_of_run(stream_id, run[start : start + size], arrived_at_ms)
    return frames


def _frame(
    stream_id: StreamId, events: list[ToldEvent], ends: AccountId | None, arrived_at_ms: int
) -> StreamFrame:
    oldest = events[0].subject_seq
    redacted = encode_events(stream_id, [withhold(events[0])]) if oldest is not None else None
    return StreamFrame(
        stream_id=stream_id,
        from_seq=events[0].seq,
        to_seq=events[-1].seq,
        full=encode_events(stream_id, events),
        oldest_subject_seq=oldest,
        redacted=redacted,
        ends_account_id=ends,
        sent_at_ms=arrived_at_ms,
    )


def _ended_account(event: ToldEvent) -> AccountId | None:
    if event.kind in ENDS_MEMBERSHIP or event.kind in ENDS_CERTAINTY:
        return AccountId(event.account_id) if event.account_id else None
    return None
