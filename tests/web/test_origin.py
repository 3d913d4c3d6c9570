"""Whose pages may make a browser send something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workroom.errors import OriginRefused
from workroom.settings import Settings
from workroom.web.origin import require_own_origin

LOCAL = Settings()
PUBLIC = replace(LOCAL, public_url="https://rooms.example.org")


def headers(*origins: str, host: str = "127.0.0.1:8000") -> list[tuple[bytes, bytes]]:
    return [(b"host", host.encode()), *((b"origin", origin.encode()) for origin in origins)]


def test_our_own_page_may() -> None:
    require_own_origin(headers("http://127.0.0.1:8000"), LOCAL)
    require_own_origin(headers("http://LOCALHOST:8000", host="LocalHost:8000"), LOCAL)
    require_own_origin(headers("https://rooms.example.org"), PUBLIC)


@pytest.mark.parametrize(
    "origins",
    [
        (),
        ("null",),
        ("",),
        ("https://evil.example",),
        ("http://127.0.0.1:8001",),
        ("http://127.0.0.1",),
        ("https://127.0.0.1:8000",),
        ("http://127.0.0.1:8000.evil.example",),
        ("http://127.0.0.1:8000/",),
        ("http://127.0.0.1:8000", "https://evil.example"),
    ],
)
def test_any_other_page_may_not_and_one_that_does_not_say_neither(origins: tuple[str, ...]) -> None:
    with pytest.raises(OriginRefused):
        require_own_origin(headers(*origins), LOCAL)


@pytest.mark.parametrize(
    "origin", ["http://rooms.example.org", "https://evil.example", "http://127.0.0.1:8000"]
)
def test_behind_a_public_address_only_that_address_is_our_own(origin: str) -> None:
    with pytest.raises(OriginRefused):
        require_own_origin(headers(origin), PUBLIC)


def test_without_a_host_nothing_is_our_own() -> None:
    with pytest.raises(OriginRefused):
        require_own_origin([(b"origin", b"http://127.0.0.1:8000")], LOCAL)
