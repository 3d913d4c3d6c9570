"""How commands of the shell say numbers, sizes and times to people. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime

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
