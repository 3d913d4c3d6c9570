"""Reading what a request brings."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from tests.web.asgi import ask
from workroom.web.error_responses import ErrorResponses, JsonResponse
from workroom.web.json_bodies import MAX_BODY_BYTES, read_json


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    number: int = 0


def make_app(header_seconds: float = 5.0) -> Starlette:
    async def door(request: Request) -> Response:
        return JsonResponse(await read_json(request, Shape))

    app = Starlette(routes=[Route("/", door, methods=["POST"])], middleware=[Middleware(ErrorResponses)])
    app.state.node = SimpleNamespace(settings=SimpleNamespace(header_seconds=header_seconds))
    return app


async def test_an_object_of_the_right_shape_is_read_also_in_pieces() -> None:
    assert (await ask(make_app(), "POST", "/", {"name": "Zoë", "number": 3})).json() == {
        "name": "Zoë",
        "number": 3,
    }
    pieces = [b'{"na', b'me": "Zo', "ë".encode(), b'"}']
    answer = await ask(make_app(), "POST", "/", headers={"content-type": "application/json"}, pieces=pieces)
    assert answer.json() == {"name": "Zoë", "number": 0}


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({}, "name", "missing"),
        ({"name": 3}, "name", "wrong_type"),
        ({"name": None}, "name", "wrong_type"),
        ({"name": ["x"]}, "name", "wrong_type"),
        ({"name": "x", "number": "3"}, "number", "wrong_type"),
        ({"name": "x", "number": 1.5}, "number", "wrong_type"),
        ({"name": "x", "is_admin": True}, "is_admin", "unknown_field"),
    ],
)
async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(
    body: object, field: str, problem: str
) -> None:
    answer = await ask(make_app(), "POST", "/", body)
    assert answer.status == 422
    error = answer.json()["error"]
    assert (error["code"], error["params"]) == ("invalid_input", {"field": field, "problem": problem})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b"[" * 10_000,
        b'{"name": {"a":' * 900,
    ],
)
async def test_what_is_no_object_in_utf8_is_refused(body: bytes) -> None:
    answer = await ask(make_app(), "POST", "/", body, headers={"content-type": "application/json"})
    assert (answer.status, answer.json()["error"]["code"]) in (
        (400, "malformed_request"),
        (422, "invalid_input"),
    )


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_is_not_said_to_be_json_is_refused(content_type: str) -> None:
    answer = await ask(make_app(), "POST", "/", b'{"name":"x"}', headers={"content-type": content_type})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "malformed_request")


async def test_a_body_over_the_limit_is_refused_by_its_declared_size_and_by_its_real_one() -> None:
    huge = b'{"name":"' + b"x" * MAX_BODY_BYTES + b'"}'
    declared = await ask(make_app(), "POST", "/", huge, headers={"content-type": "application/json"})
    pieces = [huge[at : at + 1000] for at in range(0, len(huge), 1000)]
    real = await ask(make_app(), "POST", "/", headers={"content-type": "application/json"}, pieces=pieces)
    for answer in (declared, real):
        assert (answer.status, answer.json()["error"]["code"]) == (413, "too_large")
        assert answer.header("connection") == "close"


async def test_a_body_that_trickles_is_refused_after_its_deadline() -> None:
    answered: list[Message] = []

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        answered.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"", "state": {},
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"10")],
    }  # fmt: skip
    await make_app(header_seconds=0.02)(scope, never, send)
    assert answered[0]["status"] == 400
