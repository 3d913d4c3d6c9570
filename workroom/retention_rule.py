"""When the time of something comes: the one rule of retention, pure. The views of `storage/sql/schema.sql` say it
once more.

The principles are those that the field has published as its "principles of retention" (Microsoft Purview, "Learn
about retention policies and retention labels", section of that name): a hold beats everything; what must be kept is
kept, over any deletion; of several periods to keep, the longest wins; for the end, what was said of the thing
itself beats what was said of the place where it lies. Ours has three places: a label, the room's class, and the
default of the room's kind.

- Every class that applies says for itself until when it keeps: all of them apply, the latest instant wins.
- The end is that of the first of label, room, default whose class has one. Content that was deleted or superseded
  ends earlier: so many days after that as the first class there is says.
- No end comes before the keep. A period that is counted from a closing which has not come keeps without end, or has
  no end yet.

A hold is no part of this rule: it does not change when the time comes, only what happens then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from workroom.ids import RetentionClassId

DEFAULT_REMOVED_DAYS = 30
SETTLING = timedelta(hours=24)
"""A changed rule destroys nothing for so long."""

Instant = datetime | None
"""None: never."""
_ANY_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)


class CountedFrom(StrEnum):
    """What a class's days are counted from.

    A closed customer's room goes on until it is archived: CUSTOMER_CLOSED is the later of both, so that nothing is due
    before it was sent.
    """

    SENT = "sent"
    ROOM_CLOSED = "room_closed"
    CUSTOMER_CLOSED = "customer_closed"


class Source(StrEnum):
    """Where a class applies from, nearest first."""

    FILE_LABEL = "file_label"
    LABEL = "label"
    ROOM = "room"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Period:
    """What a class says: keep at least, destroy after, in days of 24 hours; None is open."""

    counted_from: CountedFrom
    keep_days: int | None
    destroy_days: int | None
    removed_days: int = DEFAULT_REMOVED_DAYS


@dataclass(frozen=True, slots=True)
class AppliedClass:
    """A class that applies to something, and from where."""

    source: Source
    class_id: RetentionClassId
    period: Period


@dataclass(frozen=True, slots=True)
class Times:
    """What periods are counted from: None has not happened.

    `removed_at`: when it was deleted or superseded. `customer_closed_at`: when the last of the room's customers was.
    """

    sent_at: datetime
    removed_at: Instant = None
    room_closed_at: Instant = None
    customer_closed_at: Instant = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Until when one class keeps; None without end."""

    applied: AppliedClass
    until: Instant


@dataclass(frozen=True, slots=True)
class Verdict:
    """When the time comes, and what decided.

    `keep` is the keep that won, None when no class keeps. `end` is the class whose end counts, None when none has one.
    `is_removal`: the period after the deletion came before that end. `is_kept_longer`: the keep won over the end.
    """

    due_at: Instant
    keeps: tuple[Keep, ...]
    keep: Keep | None
    end: AppliedClass | None
    end_at: Instant
    is_removal: bool
    is_kept_longer: bool


def judge(times: Times, classes: Sequence[AppliedClass]) -> Verdict:
    """When the time of something comes to which these classes apply, nearest first."""
    keeps = tuple(
        Keep(applied, _counted(applied.period, applied.period.keep_days, times))
        for applied in classes
        if applied.period.keep_days is not None
    )
    keep = max(keeps, key=lambda one: _never_is_late(one.until), default=None)
    end = next((applied for applied in classes if applied.period.destroy_days is not None), None)
    ordinary = _counted(end.period, end.period.destroy_days, times) if end is not None else None
    removal = _removal(times, classes)
    is_removal = removal is not None and _never_is_late(removal) < _never_is_late(ordinary)
    end_at = removal if is_removal else ordinary
    is_kept_longer = keep is not None and _never_is_late(keep.until) > _never_is_late(end_at)
    return Verdict(
        due_at=keep.until if keep is not None and is_kept_longer else end_at,
        keeps=keeps,
        keep=keep,
        end=end,
        end_at=end_at,
        is_removal=is_removal,
        is_kept_longer=is_kept_longer,
    )


def judge_message(
    times: Times, classes: Sequence[AppliedClass], files: Sequence[Sequence[AppliedClass]]
) -> tuple[Verdict, tuple[Verdict, ...]]:
    """A message, and its files that have a label: the message stays until the latest of them all.

    Args:
        files: for each labelled file what applies to it, its own label first. A file without a label goes with the
            message.
    """
    return judge(times, classes), tuple(judge(times, of_file) for of_file in files)


def latest(*instants: Instant) -> Instant:
    """The latest of instants; None, never, is the latest of all."""
    return max(instants, key=_never_is_late)


def is_over(instant: Instant, now: datetime) -> bool:
    """Whether an instant has come."""
    return instant is not None and instant <= now


def keeps_as_long(new: Period, old: Period) -> bool:
    """Whether what was kept under one class is kept as long under another: only then is a locked class left for it."""
    return (
        new.counted_from == old.counted_from
        and (new.keep_days or 0) >= (old.keep_days or 0)
        and max(new.destroy_days or 0, new.keep_days or 0) >= (old.destroy_days or 0)
        and new.removed_days >= old.removed_days
    )


def _counted(period: Period, days: int | None, times: Times) -> Instant:
    anchor = {
        CountedFrom.SENT: times.sent_at,
        CountedFrom.ROOM_CLOSED: times.room_closed_at,
        CountedFrom.CUSTOMER_CLOSED: latest(times.customer_closed_at, times.room_closed_at),
    }[period.counted_from]
    return None if anchor is None or days is None else anchor + timedelta(days=days)


def _removal(times: Times, classes: Sequence[AppliedClass]) -> Instant:
    if times.removed_at is None:
        return None
    days = classes[0].period.removed_days if classes else DEFAULT_REMOVED_DAYS
    return times.removed_at + timedelta(days=days)


def _never_is_late(instant: Instant) -> tuple[bool, datetime]:
    return (instant is None, instant or _ANY_INSTANT)
