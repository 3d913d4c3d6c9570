"""What the program did not expect: answered at every door with a reference, which the log has too, and nothing more.

Neither the answer nor that line has a message or a value of what was raised: it may quote what people wrote, or say
that the guard refused.
"""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from workroom.errors import InternalError, WorkroomError
from workroom.logs import LogValue, describe_exception, log_event


def hide_unexpected(error: Exception, name: str, /, **fields: LogValue) -> WorkroomError:
    """Give the error that may be answered: the one raised where it is meant for whoever asked, or else an InternalError
    with the reference of a line in the log, of which `name` is the event's name and `fields` are ids and figures."""
    if isinstance(error, WorkroomError) and (
        error.http_status < HTTPStatus.INTERNAL_SERVER_ERROR or error.retry or "reference" in error.params
    ):
        return error
    reference = secrets.token_hex(6)
    log_event(name, logging.ERROR, reference=reference, **fields, **describe_exception(error))
    return InternalError("Something went wrong on our side.", reference=reference)
