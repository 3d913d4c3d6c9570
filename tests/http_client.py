"""A small HTTP client for tests: one request on one connection, JSON in and out, nothing done unasked.

No cookies are kept and no redirects followed, so that a test sees and sends exactly what it names.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in order (names in lower case), and the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Give the first header of that name."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self) -> Any:
        """Give the body as JSON."""
        return json.loads(self.body)

    def cookies(self) -> dict[str, str]:
        """Give what the Set-Cookie headers set, without their attributes."""
        pairs = (value.partition(";")[0].partition("=") for key, value in self.headers if key == "set-cookie")
        return {name: value for name, _, value in pairs}


async def request(
    method: str,
    url: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 15.0,
) -> Answer:
    """Send one request and give its answer. A body that is not bytes is sent as JSON."""
    parts = urlsplit(url)
    data = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, default=str).encode()
    )
    sent = {"host": parts.netloc, "connection": "close", "content-length": str(len(data))}
    if body is not None and not isinstance(body, bytes):
        sent["content-type"] = "application/json"
    sent.update({name.lower(): value for name, value in (headers or {}).items()})
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    async with asyncio.timeout(timeout_seconds):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        try:
            writer.write(head.encode() + b"\r\n" + data)
            return _parse(await reader.read())
        finally:
            writer.close()


def _parse(received: bytes) -> Answer:
    if not received:
        raise ConnectionResetError("the server closed the connection without an answer")
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    if ("transfer-encoding", "chunked") in headers:
        body = _join_chunks(body)
    return Answer(int(status.split()[1]), headers, body)


def _join_chunks(body: bytes) -> bytes:
    joined = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        joined += rest[:length]
        body = rest[length + 2 :]
    return joined
