"""Why connections are closed: each code has a name and says whether to come back, here and in the document."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from workroom.sockets.close_codes import RETURNS, CloseCode, encode_goodbye, reason_of

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "protocol.md"
BROWSER = ROOT / "static" / "connection" / "close-codes.js"


def test_every_code_says_whether_to_come_back() -> None:
    assert set(RETURNS) == set(CloseCode)


@pytest.mark.parametrize("code", CloseCode)
def test_the_goodbye_says_what_the_table_says(code: CloseCode) -> None:
    said = json.loads(encode_goodbye(code))
    assert (said["type"], said["code"], said["reason"]) == ("goodbye", code, reason_of(code))
    assert said["reconnect"] == RETURNS[code].reconnect
    low = RETURNS[code].not_before_ms
    assert low <= said["not_before_ms"] <= low + RETURNS[code].spread_ms


def test_many_that_are_sent_away_at_once_do_not_come_back_at_once() -> None:
    waits = {json.loads(encode_goodbye(CloseCode.SERVICE_RESTART))["not_before_ms"] for _ in range(200)}
    assert len(waits) > 50
    assert max(waits) - min(waits) > 1_500


def test_a_rejected_sign_in_is_not_retried_like_a_lost_line() -> None:
    for code in (CloseCode.SIGN_IN_REQUIRED, CloseCode.SIGNED_OUT, CloseCode.ACCOUNT_DEACTIVATED):
        assert not RETURNS[code].reconnect


def test_a_reason_fits_into_a_close_frame() -> None:
    # RFC 6455, section 5.5: 125 bytes, two of which are the code.
    assert all(len(reason_of(code).encode()) <= 123 for code in CloseCode)


def test_the_document_has_the_same_codes() -> None:
    section = DOCUMENT.read_text("utf-8").partition("### Close codes\n")[2].partition("\n#")[0]
    said = {
        int(code): (name, reconnect)
        for code, name, reconnect in re.findall(
            r"^\| (\d{4}) \| `(\w+)` \| (yes|no)\b", section, re.MULTILINE
        )
    }
    assert said == {
        int(code): (reason_of(code), "yes" if RETURNS[code].reconnect else "no") for code in CloseCode
    }


def test_the_browser_has_the_same_codes() -> None:
    known = {
        int(code): (name, reconnect != "no")
        for code, name, reconnect in re.findall(
            r"^  (\d{4}): \{ name: '(\w+)', reconnect: '(\w+)' \}", BROWSER.read_text("utf-8"), re.MULTILINE
        )
    }
    # What a proxy between the two may close with is no code of ours.
    of_others = {1000, 1001}
    assert {code: said for code, said in known.items() if code not in of_others} == {
        int(code): (reason_of(code), RETURNS[code].reconnect) for code in CloseCode
    }
