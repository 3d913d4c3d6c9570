"""Reading headers as the server gives them."""

from __future__ import annotations

from workroom.web.headers import find_header, list_header

HEADERS = [(b"cookie", b"a=1"), (b"host", b"rooms.test"), (b"cookie", b"b=\xe9")]


def test_the_first_of_a_name_is_found_and_all_are_listed_in_order() -> None:
    assert find_header(HEADERS, b"cookie") == "a=1"
    assert list_header(HEADERS, b"cookie") == ["a=1", "b=\xe9"]


def test_a_header_that_is_not_there_is_none() -> None:
    assert find_header(HEADERS, b"origin") is None
    assert list_header(HEADERS, b"origin") == []
