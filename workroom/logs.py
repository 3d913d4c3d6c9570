"""What the program says about itself while it runs: an event's name and key=value, one line each, on stderr.

Ids, counts, codes and milliseconds. Never text of messages, names of people or files, e-mail or IP addresses,
tokens or search words. A value that could break a line or forge a key is quoted. The access log is off.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from uuid import UUID

LogValue = str | int | float | bool | UUID | None

_PLAIN = re.compile(r"[A-Za-z0-9_.:/+-]+")
_logger = logging.getLogger("workroom")


class LineFormatter(logging.Formatter):
    """`time level event key=value ...`, for our lines and for those of the libraries alike."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = record.getMessage()
        if not record.name.startswith("workroom"):
            message = _pairs("library_said", {"library": record.name, "said": message})
        if record.exc_info and record.exc_info[1]:
            message += " " + _pairs("", describe_exception(record.exc_info[1])).strip()
        return f"{at} {record.levelname.lower()} {message}"


def configure_logs(level: str = "INFO") -> None:
    """Send our lines, and the libraries' warnings, to stderr; the web server's access log stays off."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _logger.setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True


def log_event(name: str, /, level: int = logging.INFO, **fields: LogValue) -> None:
    """Write one line: `name` is a verb in the past (`session_started`), fields are ids and figures."""
    if _logger.isEnabledFor(level):
        _logger.log(level, "%s", _pairs(name, fields))


def log_failure(name: str, error: BaseException, /, **fields: LogValue) -> None:
    """Write one line about a defect: the event's name, what was raised and where, and ids. Never its message."""
    if _logger.isEnabledFor(logging.ERROR):
        _logger.error("%s", _pairs(name, {**fields, **describe_exception(error)}))


def describe_exception(error: BaseException) -> dict[str, LogValue]:
    """What may be logged of an exception: its type and where it was raised, never its message or a value."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return {"exception": type(error).__name__, "at": where}


def _pairs(name: str, fields: dict[str, LogValue]) -> str:
    return " ".join([name, *(f"{key}={_value(value)}" for key, value in fields.items() if value is not None)])


def _value(value: LogValue) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
