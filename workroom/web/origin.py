"""Requests that another site makes a browser send are refused, on every unsafe method and on the socket.

A browser says in `Origin` which page a request comes from, and no page can lie about it. So whatever
changes something, and every socket, needs an `Origin` that is our own; a missing one is refused like a
foreign one, because a cookie without it proves nothing. Our own is the public address; where none is set,
plain HTTP at the address asked.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from workroom.errors import OriginRefused
from workroom.settings import Settings
from workroom.web.headers import Headers, find_header, list_header

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class OwnOriginOnly:
    """Lets unsafe HTTP requests through only when they come from our own pages. Sockets ask for themselves."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            require_own_origin(scope["headers"], self._settings)
        await self._app(scope, receive, send)


def require_own_origin(headers: Headers, settings: Settings) -> None:
    """Raise OriginRefused unless the headers name exactly one origin, and it is our own."""
    given = list_header(headers, b"origin")
    if len(given) != 1 or given[0].lower() != _own_origin(headers, settings):
        raise OriginRefused("The request does not come from a page of ours. Is WORKROOM_PUBLIC_URL right?")


def _own_origin(headers: Headers, settings: Settings) -> str | None:
    if settings.public_url is not None:
        return settings.public_url
    host = find_header(headers, b"host")
    return f"http://{host.lower()}" if host else None
