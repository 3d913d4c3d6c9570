"""Asks an ASGI application directly, without a server: one request, its answer, and the pieces its body came in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message

from tests.http_client import Answer

ADDRESS = "http://rooms.test"


@dataclass
class Line:
    """A line that is full with the first bytes of an answer, until the test says that it has taken them."""

    is_full: asyncio.Event = field(default_factory=asyncio.Event)
    has_taken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Withheld:
    """The body of a request, withheld until the test lets it come."""

    is_awaited: asyncio.Event = field(default_factory=asyncio.Event)
    may_come: asyncio.Event = field(default_factory=asyncio.Event)


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    pieces: Sequence[bytes] | None = None,
    client: str = "192.0.2.7",
    line: Line | None = None,
    withheld: Withheld | None = None,
) -> Answer:
    """Send one request. A body that is not bytes goes as JSON; `pieces` sends it in several parts. An answer
    over a `line` goes on after its first bytes when that has taken them; a `withheld` body comes when it may.

    An unsafe method comes from our own page unless an `origin` is given; an empty header is left out.
    """
    data = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, default=str).encode()
    )
    sent = {"host": urlsplit(ADDRESS).netloc, "origin": ADDRESS}
    if body is not None and not isinstance(body, bytes):
        sent["content-type"] = "application/json"
    if pieces is None:
        sent["content-length"] = str(len(data))
    sent |= {name.lower(): value for name, value in (headers or {}).items()}
    parts = urlsplit(path)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value],
        "client": (client, 50_000),
        "server": ("rooms.test", 80),
        "state": {},
    }
    waiting = [*pieces] if pieces is not None else [data]
    told: list[Message] = []

    async def receive() -> Message:
        if withheld is not None:
            withheld.is_awaited.set()
            await withheld.may_come.wait()
        if not waiting:
            await asyncio.Event().wait()  # the client stays until it has its answer
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        if line is not None and any(earlier.get("body") for earlier in told):
            line.is_full.set()
            await line.has_taken.wait()
        told.append(message)

    await app(scope, receive, send)
    start, *rest = told
    answered = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"])
    return Answer(start["status"], answered, b"".join(message.get("body", b"") for message in rest))
