"""`/health/live` and `/health/ready`: for whoever watches the process and sends it work.

Live: the loop turns. Ready: Postgres answers, in time, when asked now. Redis is asked too and its state is
told, but a lost Redis costs latency and nothing else: all nodes would lose it at once, and taking them all
out would make an outage of a delay.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from workroom.errors import WorkroomError
from workroom.node import Node
from workroom.web.error_responses import JsonResponse
from workroom.web.running import running_node

PING_SECONDS = 2.0


async def show_live(request: Request) -> Response:
    """GET: the process answers."""
    return JsonResponse({"status": "live"})


async def show_ready(request: Request) -> Response:
    """GET: 200 when work can be sent here; 503 while Postgres does not answer, or when the process is ending."""
    node = running_node(request)
    postgres, redis = await asyncio.gather(_ask_postgres(node), _ask_redis(node))
    status = "draining" if node.is_draining else "ready" if postgres == "ok" else "unavailable"
    answer = {"status": status, "postgres": postgres, "redis": redis}
    return JsonResponse(answer, HTTPStatus.OK if status == "ready" else HTTPStatus.SERVICE_UNAVAILABLE)


async def _ask_postgres(node: Node) -> str:
    try:
        await node.database.ping(PING_SECONDS)
    except WorkroomError:
        return "lost"
    return "ok"


async def _ask_redis(node: Node) -> str:
    try:
        await node.broker.ask()
    except WorkroomError:
        return "lost"
    return "ok"
