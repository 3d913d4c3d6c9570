"""What clients are told: one shape for everybody, and a second one where somebody may not read all of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from workroom.event_frames import (
    ENDS_CERTAINTY,
    ENDS_MEMBERSHIP,
    FRAME_BYTES,
    ToldEvent,
    encode_events,
    frame_events,
    withhold,
    withhold_older,
)
from workroom.fanout.frames import StreamFrame
from workroom.ids import StreamId

STREAM = StreamId(uuid4())
ACTOR, OTHER = uuid4(), uuid4()
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

ABOUT_AN_OLDER_MESSAGE = ("message_edited", "message_deleted", "reaction_added", "reaction_removed")
ENDS = sorted(ENDS_MEMBERSHIP | ENDS_CERTAINTY)


def event(seq: int, kind: str = "message_posted", **fields: Any) -> ToldEvent:
    return ToldEvent(seq=seq, kind=kind, actor_id=ACTOR, at=NOW, **fields)


def told(frame: StreamFrame) -> list[dict[str, Any]]:
    decoded = json.loads(frame.full)
    assert (decoded["type"], decoded["stream"]) == ("events", str(STREAM))
    events: list[dict[str, Any]] = decoded["events"]
    return events


@st.composite
def streams(draw: st.DrawFn) -> list[ToldEvent]:
    kinds = draw(st.lists(st.sampled_from(("message_posted", *ABOUT_AN_OLDER_MESSAGE, *ENDS)), max_size=30))
    first = draw(st.integers(2, 50))
    made = []
    for seq, kind in enumerate(kinds, start=first):
        fields: dict[str, Any] = {}
        if kind in ABOUT_AN_OLDER_MESSAGE:
            fields = {"subject_seq": draw(st.integers(1, seq - 1)), "text": "secret", "message_id": uuid4()}
        elif kind in ENDS:
            fields = {"account_id": draw(st.sampled_from([ACTOR, OTHER]))}
        made.append(event(seq, kind, **fields))
    return made


@given(streams())
def test_frames_hold_every_event_once_in_order(events: list[ToldEvent]) -> None:
    frames = frame_events(STREAM, events)
    assert [one["seq"] for frame in frames for one in told(frame)] == [one.seq for one in events]
    for frame in frames:
        seqs = [one["seq"] for one in told(frame)]
        assert (frame.from_seq, frame.to_seq) == (seqs[0], seqs[-1])


@given(streams())
def test_an_event_about_an_older_message_has_a_frame_of_its_own_and_a_variant_without_content(
    events: list[ToldEvent],
) -> None:
    for frame in frame_events(STREAM, events):
        about_older = [one for one in told(frame) if one["kind"] in ABOUT_AN_OLDER_MESSAGE]
        if not about_older:
            assert (frame.oldest_subject_seq, frame.redacted) == (None, None)
            continue
        assert len(told(frame)) == 1
        assert frame.oldest_subject_seq == about_older[0]["subject_seq"]
        assert frame.redacted is not None
        (redacted,) = json.loads(frame.redacted)["events"]
        assert redacted == {
            "seq": frame.from_seq,
            "kind": about_older[0]["kind"],
            "actor_id": str(ACTOR),
            "at": "2026-11-22T09:30:00Z",
            "subject_seq": frame.oldest_subject_seq,
            "withheld": True,
        }


@given(streams())
def test_what_ends_somebodys_reading_is_the_last_of_its_frame(events: list[ToldEvent]) -> None:
    for frame in frame_events(STREAM, events):
        ends = [one for one in told(frame) if one["kind"] in ENDS]
        if ends:
            assert told(frame)[-1:] == ends
            assert frame.ends_account_id == UUID(ends[0]["account_id"])
        else:
            assert frame.ends_account_id is None


def test_plain_events_share_one_frame() -> None:
    frames = frame_events(STREAM, [event(seq) for seq in range(3, 10)], arrived_at_ms=77)
    assert [(frame.from_seq, frame.to_seq, frame.sent_at_ms) for frame in frames] == [(3, 9, 77)]


@given(st.lists(st.sampled_from([0, 200, 5_000, 20_000, 70_000]), min_size=1, max_size=40))
def test_a_frame_is_no_larger_than_it_may_be_or_one_event(sizes: list[int]) -> None:
    events = [event(seq, text="x" * size) for seq, size in enumerate(sizes, start=7)]
    frames = frame_events(STREAM, events, arrived_at_ms=77)
    assert [one["seq"] for frame in frames for one in told(frame)] == [one.seq for one in events]
    for frame in frames:
        seqs = [one["seq"] for one in told(frame)]
        assert len(frame.full) <= FRAME_BYTES or len(seqs) == 1
        assert (frame.from_seq, frame.to_seq, frame.sent_at_ms) == (seqs[0], seqs[-1], 77)


def test_two_hundred_long_posts_are_cut_into_few_frames() -> None:
    frames = frame_events(STREAM, [event(seq, text="x" * 20_000) for seq in range(1, 201)])
    assert sum(len(frame.full) for frame in frames) > 4_000_000
    assert len(frames) <= 2 * 200 * 20_000 / FRAME_BYTES


@given(streams(), st.integers(1, 60))
def test_a_reader_is_told_nothing_before_their_history_and_no_content_of_it(
    events: list[ToldEvent], reads_from_seq: int
) -> None:
    shown = withhold_older(events, reads_from_seq)
    assert [one.seq for one in shown] == [one.seq for one in events if one.seq >= reads_from_seq]
    for one in shown:
        if one.subject_seq is not None and one.subject_seq < reads_from_seq:
            assert one.withheld
            assert (one.text, one.message_id, one.emoji, one.mentions) == (None, None, None, [])
        else:
            assert not one.withheld


def test_what_is_withheld_says_that_something_happened_and_to_which_number() -> None:
    original = event(9, "message_edited", subject_seq=4, text="secret", message_id=uuid4(), revision=3)
    hidden = withhold(original)
    assert (hidden.seq, hidden.kind, hidden.actor_id, hidden.at, hidden.subject_seq) == (
        9, "message_edited", ACTOR, NOW, 4,
    )  # fmt: skip
    assert b"secret" not in encode_events(STREAM, [hidden])
    assert str(original.message_id).encode() not in encode_events(STREAM, [hidden])


def test_a_field_that_says_nothing_is_left_out() -> None:
    encoded = json.loads(encode_events(STREAM, [event(1, text="Good morning", message_id=OTHER)]))
    assert set(encoded["events"][0]) == {"seq", "kind", "actor_id", "at", "message_id", "text"}
