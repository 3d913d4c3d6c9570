"""Lines about what the program does: one event, one line, and nothing that people wrote."""

from __future__ import annotations

import logging

import pytest

from workroom.logs import LineFormatter, describe_exception, log_event


def format_record(record: logging.LogRecord) -> str:
    return LineFormatter().format(record)


def test_an_event_is_one_line_of_key_and_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="workroom")
    log_event("session_started", kind="staff", count=3, took_ms=1.23456, absent=None)
    assert caplog.messages == ["session_started kind=staff count=3 took_ms=1.235"]


def test_a_value_can_neither_break_the_line_nor_forge_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="workroom")
    log_event("frame_refused", code="x\nevil_event admin=yes")
    assert caplog.messages == ['frame_refused code="x\\nevil_event admin=yes"']


def test_an_exception_is_logged_by_type_and_place_and_never_by_its_message() -> None:
    try:
        raise ValueError("what somebody wrote")
    except ValueError as error:
        described = describe_exception(error)
    assert described["exception"] == "ValueError"
    assert "test_logs.py:" in str(described["at"])
    assert "somebody" not in str(described)


def test_a_library_that_logs_an_exception_does_not_bring_its_message_into_the_log() -> None:
    try:
        raise ValueError("what somebody wrote")
    except ValueError as error:
        record = logging.LogRecord(
            "uvicorn.error", logging.ERROR, "", 0, "Exception in ASGI application", None, None
        )
        record.exc_info = (ValueError, error, error.__traceback__)
    line = format_record(record)
    assert "library_said" in line
    assert "exception=ValueError" in line
    assert "somebody" not in line
    assert "\n" not in line
