"""The session cookie, as it is read. How it is written, `test_session.py` says."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from workroom.settings import Settings
from workroom.web.authentication import MAX_TOKEN_CHARACTERS, cookie_name, token_from_cookie

LOCAL = Settings()
TLS = replace(LOCAL, public_url="https://rooms.example.org")
INSTALLATION = UUID("0a1b2c3d-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    ("lines", "token"),
    [
        (["session=abc"], "abc"),
        (["a=1; session=abc; b=2"], "abc"),
        (["a=1", "session=abc"], "abc"),
        (["session=abc; session=def"], "abc"),
        (["session=a=b="], "a=b="),
        (["  session=abc "], "abc"),
        (["session=" + "x" * MAX_TOKEN_CHARACTERS], "x" * MAX_TOKEN_CHARACTERS),
        (["session=" + "x" * (MAX_TOKEN_CHARACTERS + 1)], None),
        (["session="], None),
        (["session"], None),
        (["Session=abc"], None),
        (["other_session=abc"], None),
        (["a=session=abc"], None),
        ([";;=;"], None),
        ([], None),
    ],
)
def test_the_token_is_what_the_cookie_of_that_very_name_holds(lines: list[str], token: str | None) -> None:
    headers = [(b"cookie", line.encode()) for line in lines]
    assert token_from_cookie(headers, "session") == token


def test_under_tls_only_the_name_that_no_neighbour_can_set_counts() -> None:
    assert cookie_name(TLS, INSTALLATION) == "__Host-workroom_session"


def test_two_installations_on_one_machine_do_not_share_a_cookie() -> None:
    other = UUID("9f000000-0000-4000-8000-000000000000")
    assert cookie_name(LOCAL, INSTALLATION) == "workroom_session_0a1b2c3d"
    assert cookie_name(LOCAL, INSTALLATION) != cookie_name(LOCAL, other)
