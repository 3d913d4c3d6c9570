"""Range requests (RFC 9110, section 14): which bytes were asked for. Pure: no I/O."""

from __future__ import annotations

import re

MAX_RANGES = 16
_RANGE = re.compile(r"(\d{0,19})-(\d{0,19})")

ByteRange = tuple[int, int]
"""From (inclusive) and until (exclusive)."""


class RangeNotSatisfiable(Exception):
    """None of the ranges has a byte of the file in it, or there are too many of them."""


def parse_ranges(header: str, byte_size: int) -> list[ByteRange] | None:
    """The ranges that a Range header names, in order and joined where they overlap; None where it counts for nothing.

    Raises RangeNotSatisfiable. Ranges that overlap are joined (14.2), so that nobody gets the same bytes many times.
    """
    unit, equals, listed = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    parts = [part.strip() for part in listed.split(",") if part.strip()]
    if not parts:
        return None
    if len(parts) > MAX_RANGES:
        raise RangeNotSatisfiable
    ranges: list[ByteRange] = []
    for part in parts:
        found = _RANGE.fullmatch(part)
        if found is None or part == "-":
            return None
        first, last = found.groups()
        if first and last and int(last) < int(first):
            return None
        start, until = _resolve(first, last, byte_size)
        if start < until:
            ranges.append((start, until))
    if not ranges:
        raise RangeNotSatisfiable
    return _join(sorted(ranges))


def _resolve(first: str, last: str, byte_size: int) -> ByteRange:
    if not first:
        return max(0, byte_size - int(last)), byte_size
    return int(first), min(int(last) + 1 if last else byte_size, byte_size)


def _join(ranges: list[ByteRange]) -> list[ByteRange]:
    joined = [ranges[0]]
    for start, until in ranges[1:]:
        before_start, before_until = joined[-1]
        if start <= before_until:
            joined[-1] = before_start, max(before_until, until)
        else:
            joined.append((start, until))
    return joined
