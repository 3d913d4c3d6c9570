"""`/metrics`: what the process counts, for Prometheus. It tells nothing of people, and yet it is not for the world."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from workroom.errors import NotFound
from workroom.web.headers import find_header


async def show_metrics(request: Request) -> Response:
    """GET: the figures, for whoever asks this process itself; what comes through a proxy comes from outside."""
    if find_header(request.scope["headers"], b"x-forwarded-for") is not None:
        raise NotFound("There is no such thing here.")
    return Response(
        generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
    )
