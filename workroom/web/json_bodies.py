"""Reading what a request brings: a small JSON object of a known shape, or an error that names field and problem.

The body is read piece by piece and refused as soon as it is over its limit, or when it has not come in
time. What a person wrote never comes back in an error.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import Request

from workroom.errors import MalformedRequest, TooLarge
from workroom.field_problems import find_problem
from workroom.web.running import running_node

MAX_BODY_BYTES = 16 * 1024

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


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
        problem = find_problem(str(error))
        raise problem or MalformedRequest("The body is not a JSON object of the right fields.") from None
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
