"""Which passwords are taken: long ones, and none that anybody would try first."""

from __future__ import annotations

import pytest

from workroom.errors import InvalidInput
from workroom.password_rules import (
    MAX_PASSWORD_CHARACTERS,
    MIN_PASSWORD_CHARACTERS,
    require_good_password,
)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("x" * (MIN_PASSWORD_CHARACTERS - 1), "too_short"),
        ("seven words" * 100, "too_long"),
        ("aaaaaaaaaaaa", "too_guessable"),
        ("testtesttest", "too_guessable"),
        ("123456789012", "too_guessable"),
        ("qwertyuiop12", "too_guessable"),
        ("1q2w3e4r5t6y", "too_guessable"),
        ("password2026", "too_guessable"),
        ("P@ssw0rd2026!", "too_guessable"),
        ("Welcome12345", "too_guessable"),
        ("iloveyou1987!", "too_guessable"),
        ("WorkroomWorkroom", "too_guessable"),
        ("mara.lindt1984", "too_guessable"),
        ("lindt@example.org", "too_guessable"),
    ],
)
def test_a_password_that_anybody_would_try_is_refused(password: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        require_good_password(password, about=["Mara Lindt", "lindt@example.org"])
    assert refusal.value.params["problem"] == problem


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "vkq7-tolw-93nz",
        "all lower case letters",
        "83920174650213",
        "пароль из слов и ещё слов",
        "密码密码不太短的一个好密码啊",
        " leading and trailing ",
        "the quick fox " * (MAX_PASSWORD_CHARACTERS // 14),
    ],
)
def test_length_is_what_counts_and_nothing_has_to_be_in_it(password: str) -> None:
    require_good_password(password, about=["Mara Lindt", "lindt@example.org"])
