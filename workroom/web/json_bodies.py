"""Reading what a request brings: a small JSON object of a known shape, or an error that names field and problem.

The body is read piece by piece and refused as soon as it is over its limit, or when it has not come in
time. What a person wrote never comes back in an error.
"""

from __future__ import annotations

import asyncio
import re
from typing import TypeVar

import msgspec
from starlette.requests import Request

from workroom.errors import InvalidInput, MalformedRequest, TooLarge
from workroom.web.running import running_node

MAX_BODY_BYTES = 16 * 1024

_Shape = TypeVar("_Shape", bound=msgspec.Struct)

_FIELD_MISSING = re.compile(r"missing required field `(\w+)`")
_FIELD_UNKNOWN = re.compile(r"unknown field `(\w{1,50})`")
_FIELD_WRONG = re.compile(r"at `\$\.(\w+)")
_LENGTH = re.compile(r"of length (<=|>=) (\d+)")


async def read_json(request: Request, shape: type[_Shape], max_bytes: int = MAX_BODY_BYTES) -> _Shape:
    """Read the body as a JSON object of this shape.

    Raises:
        TooLarge: it is over `max_bytes`, 16 KiB unless the door says otherwise.
        MalformedRequest: it is no JSON object in UTF-8, is not said to be JSON, or did not come in time.
        InvalidInput: a field is missing, unknown or wrong.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise MalformedRequest("The body has to be application/json.")
    body = await _read_body(request, max_bytes)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _name_problem(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedRequest("The body is not a JSON object in UTF-8.") from None


async def _read_body(request: Request, max_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(running_node(request).settings.header_seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError:
        raise MalformedRequest("The body did not come in time.") from None
    return bytes(body)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge("The body is over its limit.", limit=max_bytes)


def _name_problem(said: str) -> InvalidInput | MalformedRequest:
    if found := _FIELD_MISSING.search(said):
        return InvalidInput("A field is missing.", field=found[1], problem="missing")
    if found := _FIELD_UNKNOWN.search(said):
        return InvalidInput("There is no such field.", field=found[1], problem="unknown_field")
    if not (found := _FIELD_WRONG.search(said)):
        return MalformedRequest("The body is not a JSON object of the right fields.")
    if length := _LENGTH.search(said):
        problem = "too_long" if length[1] == "<=" else "too_short"
        return InvalidInput("A field has the wrong length.", field=found[1], problem=problem)
    problem = "unknown_value" if "enum" in said else "wrong_type"
    return InvalidInput("A field is wrong.", field=found[1], problem=problem)
