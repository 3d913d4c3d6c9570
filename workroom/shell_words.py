"""How commands of the shell say numbers, sizes, times, and what went wrong and what to do, to people. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from workroom.errors import WorkroomError

# What the domain says is for programs as well; who types is told which option it is about, and what to do.
_ADVICE = {
    "empty_scope": "A hold has to cover something: name at least one --room or --custodian.",
    "out_of_order": "The span ends before it begins: --until has to lie after --from.",
    "nothing_new": "The hold covers all of this already: name another --room, --custodian or --kind, or a wider span.",
    "narrows_hold": "A hold only ever widens. Leave --from or --until as it is, or move it the other way. "
    "To keep less, place a second hold and have this one released.",
    "released": "This hold was released already. Place another one.",
    "release_requested": "The release of this hold was asked for already: another officer confirms it.",
    "release_not_requested": "Nobody asks for the release of this hold: there is nothing to take back.",
    "same_officer": "Another officer has to confirm the release: --as names the one who asked for it.",
    "matter_closed": "This matter is closed. Name another --matter; a new name opens one.",
    "before_keep": "No end comes before the shortest time: --destroy-days has to be at least --keep-days.",
    "locked_class": "This class is locked: it is only made longer, and left only for one that keeps as long.",
    "class_in_use": "This class is in use: give its rooms, kinds of rooms and labels another one first. "
    "`workroom retention classes` shows what uses it.",
    "simulation_is_stale": "No simulation has this fingerprint, or the change would destroy something else by now. "
    "Simulate it once more.",
    "applied_already": "This change was made already. Simulate it once more to make it again.",
}
_FIELDS = {
    ("rooms", "unknown"): "A room that is named does not exist. Give its whole name, or its id.",
    ("custodians", "unknown"): "A custodian that is named does not exist. Give the person's e-mail address.",
    ("reason", "missing"): "Say why: --reason must not be empty.",
    ("instant", "out_of_range"): "--at has to lie ahead, within a century.",
}
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1000


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 room`, `1,204 rooms`. `many` is the plural where it does not just end in s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def write_size(byte_size: int) -> str:
    """So many bytes in three digits: `0 bytes`, `4.21 MB`."""
    size, unit = float(byte_size), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    if unit == 0:
        return counted(byte_size, "byte")
    digits = max(0, 2 - int(math.log10(size)))
    return f"{round(size, digits):,g} {_UNITS[unit]}"


def write_time(instant: datetime | None, missing: str = "never") -> str:
    """A time in UTC, to the second; `missing` where there is none."""
    return missing if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def advise(error: WorkroomError) -> str:
    """What went wrong and what to do, for whoever typed the command; what the error says where nothing is known."""
    problem = str(error.params.get("problem", ""))
    said = _FIELDS.get((str(error.params.get("field", "")), problem))
    return said or _ADVICE.get(problem) or error.message
