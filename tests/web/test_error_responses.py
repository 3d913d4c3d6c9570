"""Every failure as one JSON shape, and nothing that nobody meant to say."""

from __future__ import annotations

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.web.asgi import ask
from workroom.errors import (
    ERRORS,
    InternalError,
    NotFound,
    RateExceeded,
    TooLarge,
    Unavailable,
    WorkroomError,
)
from workroom.sockets.protocol import describe_error
from workroom.web.error_responses import ErrorResponses


def failing(error: BaseException) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return ErrorResponses(app)


@pytest.mark.parametrize("error_class", [error for error in ERRORS.values() if error.http_status < 500])
async def test_a_named_error_is_answered_as_on_the_socket(error_class: type[WorkroomError]) -> None:
    error = error_class("For engineers.", field="name")
    answer = await ask(failing(error), "GET", "/")
    assert answer.status == error_class.http_status
    assert answer.json() == {"error": describe_error(error)}
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"


async def test_an_error_of_the_program_is_answered_by_a_reference_that_the_log_has_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = await ask(failing(KeyError("what somebody wrote")), "GET", "/")
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["retry"]) == (500, "internal_error", False)
    assert "somebody" not in answer.body.decode()
    [line] = caplog.messages
    assert f"reference={error['params']['reference']}" in line
    assert "exception=KeyError" in line
    assert "somebody" not in line


async def test_an_internal_error_that_was_named_does_not_show_its_message_either() -> None:
    answer = await ask(failing(InternalError("query accounts.find gave no row")), "GET", "/")
    assert "query" not in answer.body.decode()
    assert answer.json()["error"]["params"]["reference"]


async def test_an_unavailable_part_says_that_one_may_try_again() -> None:
    answer = await ask(failing(Unavailable("the database does not answer")), "GET", "/")
    assert (answer.status, answer.json()["error"]["retry"]) == (503, True)


async def test_too_many_requests_say_when_to_come_back() -> None:
    answer = await ask(failing(RateExceeded("Too many.", retry_after_seconds=7)), "GET", "/")
    assert (answer.status, answer.header("retry-after")) == (429, "7")


async def test_after_a_body_that_was_not_read_the_connection_ends() -> None:
    assert (await ask(failing(TooLarge("Too large.")), "GET", "/")).header("connection") == "close"
    assert (await ask(failing(NotFound("Nothing.")), "GET", "/")).header("connection") is None


async def test_what_fails_after_the_answer_began_says_nothing_more() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("what somebody wrote")

    assert (await ask(ErrorResponses(app), "GET", "/")).status == 200


async def test_a_client_that_has_gone_is_answered_nothing() -> None:
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await failing(ClientDisconnect())({"type": "http"}, receive, send)
    assert told == []
