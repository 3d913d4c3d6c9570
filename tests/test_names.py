"""Names and addresses: what is taken, and in which form."""

from __future__ import annotations

import pytest

from workroom.errors import InvalidInput
from workroom.names import clean_customer_name, clean_display_name, clean_email, make_email_key


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Mara Lindt", "Mara Lindt"),
        ("  Mara   Lindt ", "Mara Lindt"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("山田 太郎", "山田 太郎"),
        ("O'Brien-Nuñez, Jr.", "O'Brien-Nuñez, Jr."),
        ("👩🏽‍💻", "👩🏽‍💻"),
    ],
)
def test_people_are_called_what_they_say(written: str, stored: str) -> None:
    assert clean_display_name(written) == stored
    assert clean_customer_name(written) == stored


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "too_short"),
        ("   ", "too_short"),
        ("\u200d\u200d", "too_short"),
        ("Mara\nLindt", "not_a_name"),
        ("Mara\0", "not_a_name"),
        ("\u202emoc.knab", "not_a_name"),
        ("Mara\u2028Lindt", "not_a_name"),
        ("\ud800", "not_a_name"),
        ("x" * 101, "too_long"),
    ],
)
def test_a_name_that_cannot_be_seen_or_deceives_is_refused(written: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        clean_display_name(written)
    assert (refusal.value.params["field"], refusal.value.params["problem"]) == ("display_name", problem)


def test_a_name_may_be_exactly_as_long_as_the_limit() -> None:
    assert clean_display_name("x" * 100) == "x" * 100
    assert clean_customer_name("x" * 200) == "x" * 200
    with pytest.raises(InvalidInput):
        clean_customer_name("x" * 201)


@pytest.mark.parametrize(
    "email", ["a@b", "Mara.Lindt+books@Example.ORG", "žofie@příklad.cz", " mara@example.org "]
)
def test_an_address_is_kept_as_it_was_written(email: str) -> None:
    assert clean_email(email) == email.strip()


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "mara",
        "@example.org",
        "mara@",
        "a@b@c",
        "a@\uff20c",
        "mara lindt@example.org",
        "mara@exa\u202emple.org",
        "mara@.org",
        "mara@example..org",
        "mara\0@example.org",
        "x" * 250 + "@b.cd",
    ],
)
def test_what_cannot_be_an_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        clean_email(email)
    assert refusal.value.params == {"field": "email", "problem": "not_an_address"}


def test_two_ways_to_write_an_address_are_one_address() -> None:
    assert make_email_key("Mara@Example.ORG") == make_email_key("\uff4dara@example.org ")
    assert make_email_key("STRASSE@example.org") == make_email_key("straße@example.org")
    assert make_email_key("mara@example.org") != make_email_key("mara@example.com")
