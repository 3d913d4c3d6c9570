"""Settings: one variable, one default, one meaning, and a sentence for what cannot be."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from workroom.errors import StartupError
from workroom.settings import DEFAULT_DATA_DIR, Settings, environment_of, load_settings

SETTINGS_PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

# How the page says a default that has no short value.
DEFAULTS_IN_WORDS: dict[object, str] = {None: "not set", (): "none", DEFAULT_DATA_DIR: "`data` in the clone"}


def test_nothing_has_to_be_set() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert settings.uses_embedded_servers
    assert settings.address == "http://127.0.0.1:8000"


def test_an_empty_value_counts_as_not_set() -> None:
    assert load_settings({"PORT": "", "WORKROOM_REDIS_URL": " "}) == Settings()


def test_every_setting_has_an_example_that_is_allowed() -> None:
    for setting in fields(Settings):
        setting.metadata["parse"](setting.metadata["example"])


def test_no_two_settings_share_a_variable() -> None:
    variables = [setting.metadata["variable"] for setting in fields(Settings)]
    assert len(variables) == len(set(variables))


def test_a_child_process_is_told_the_same_settings() -> None:
    examples = {setting.metadata["variable"]: setting.metadata["example"] for setting in fields(Settings)}
    settings = load_settings(examples)
    assert load_settings(environment_of(settings)) == settings
    assert load_settings(environment_of(Settings())) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("PORT", "eighty", "must be a whole number from 0 to 65535"),
        ("PORT", "65536", "must be a whole number from 0 to 65535"),
        ("WORKROOM_HOST", "rooms.example.org:80", "must be a host name or an IP address, without a port"),
        ("WORKROOM_PUBLIC_URL", "rooms.example.org", "must be http:// or https:// and a host"),
        ("WORKROOM_PUBLIC_URL", "https://example.org/rooms", "must be http:// or https:// and a host"),
        ("WORKROOM_TRUSTED_PROXIES", "10.0.0.1/8", "must be IP addresses or networks"),
        ("WORKROOM_REDIS_CLUSTER", "true", "must be yes or no"),
        ("WORKROOM_REGISTRATION", "no", "must be open or closed"),
        ("WORKROOM_HEARTBEAT_SECONDS", "nan", "must be a number of seconds from 1 to 300"),
        ("WORKROOM_DRAIN_SECONDS", "-1", "must be a number of seconds from 0 to 300"),
        ("WORKROOM_FRAME_BYTES", "131071", "must be a whole number from 131072 to 16777216"),
        ("WORKROOM_DATA_DIR", "a\0b", "must be the path of a folder"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_its_problem_and_an_example(
    variable: str, value: str, problem: str
) -> None:
    with pytest.raises(StartupError) as refused:
        load_settings({variable: value})
    sentence = refused.value.message
    assert sentence.startswith(f'{variable} is "{value}" and {problem}')
    assert f"for example {variable}=" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "variable", ["WORKROOM_DATABASE_URL", "WORKROOM_OWNER_DATABASE_URL", "WORKROOM_REDIS_URL"]
)
def test_the_address_of_a_server_is_never_repeated(variable: str) -> None:
    with pytest.raises(StartupError) as refused:
        load_settings({variable: "mysql://somebody:hush@db/rooms"})
    assert refused.value.message.startswith(f"{variable} must be an address that begins with ")
    assert "hush" not in refused.value.message


def test_a_variable_of_ours_that_does_not_exist_is_refused() -> None:
    with pytest.raises(StartupError, match=r"WORKROOM_PUBIC_URL .* did you mean WORKROOM_PUBLIC_URL\?"):
        load_settings({"WORKROOM_PUBIC_URL": "https://rooms.example.org"})
    with pytest.raises(StartupError, match=r"WORKROOM_ZEBRA .* docs/settings.md"):
        load_settings({"WORKROOM_ZEBRA": "1"})


def test_a_burst_below_the_sustained_rate_is_refused() -> None:
    with pytest.raises(StartupError, match="WORKROOM_COMMANDS_BURST is 200, below"):
        load_settings({"WORKROOM_COMMANDS_PER_SECOND": "201"})


def test_cookies_are_under_tls_exactly_when_the_public_address_is() -> None:
    assert load_settings({"WORKROOM_PUBLIC_URL": "https://rooms.example.org"}).uses_tls
    assert not load_settings({"WORKROOM_PUBLIC_URL": "http://rooms.example.org"}).uses_tls
    assert not load_settings({}).uses_tls


def test_a_public_address_is_written_as_browsers_write_an_origin() -> None:
    assert load_settings({"WORKROOM_PUBLIC_URL": "https://Rooms.example.org:443/"}).address == (
        "https://rooms.example.org"
    )


@pytest.mark.parametrize(
    ("host", "is_loopback", "address"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:8000"),
        ("127.1.2.3", True, "http://127.1.2.3:8000"),
        ("localhost", True, "http://localhost:8000"),
        ("::1", True, "http://[::1]:8000"),
        ("0.0.0.0", False, "http://localhost:8000"),
        ("::", False, "http://localhost:8000"),
        ("192.0.2.7", False, "http://192.0.2.7:8000"),
        ("rooms.example.org", False, "http://rooms.example.org:8000"),
    ],
)
def test_who_can_reach_us_is_known_from_the_host(host: str, is_loopback: bool, address: str) -> None:
    settings = load_settings({"WORKROOM_HOST": host})
    assert (settings.is_loopback, settings.address) == (is_loopback, address)


def test_the_page_lists_exactly_the_settings_in_code_with_their_defaults() -> None:
    rows = re.findall(
        r"^\| `([A-Z0-9_]+)` \| (.+?) \| \S.+ \|$", SETTINGS_PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert rows == [
        (setting.metadata["variable"], _default_in_words(setting.default)) for setting in fields(Settings)
    ]


def _default_in_words(default: object) -> str:
    if isinstance(default, bool):
        return "`yes`" if default else "`no`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return DEFAULTS_IN_WORDS.get(default) or f"`{default}`"
