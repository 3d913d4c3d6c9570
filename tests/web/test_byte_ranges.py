"""Range headers: the bytes they name, however strangely they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workroom.web.byte_ranges import MAX_RANGES, RangeNotSatisfiable, parse_ranges


def test_ranges_that_overlap_are_joined_so_that_no_byte_goes_twice() -> None:
    assert parse_ranges("bytes=" + ",".join(["0-"] * 16), 100) == [(0, 100)]
    assert parse_ranges("bytes=50-60,0-10,5-20", 100) == [(0, 21), (50, 61)]


def test_too_many_ranges_are_refused() -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 40, 2)), 100)
    assert (
        len(parse_ranges("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 32, 2)), 100) or []) == MAX_RANGES
    )


@given(st.text(alphabet="bytes=0123456789-, ", max_size=60), st.integers(0, 1000))
def test_whatever_is_asked_what_comes_lies_in_the_file_and_goes_once(header: str, byte_size: int) -> None:
    try:
        ranges = parse_ranges(header, byte_size)
    except RangeNotSatisfiable:
        return
    before = -1
    for start, until in ranges or []:
        assert before < start < until <= byte_size
        before = until
