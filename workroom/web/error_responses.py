"""Every failure as one JSON shape, the same as on the socket: code, message, whether to try again, parameters.

Nothing that is not named reaches a person or a log: an error of the program itself is answered
`internal_error` with a reference, and the log has a line with the same reference, its type and its place,
without any message or value.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workroom.errors import MalformedRequest, MethodNotAllowed, NotFound, WorkroomError
from workroom.failures import hide_unexpected
from workroom.sockets.protocol import describe_error

RETRY_AFTER = "retry_after_seconds"


class JsonResponse(Response):
    """JSON that no cache keeps."""

    media_type = "application/json"

    def __init__(self, content: object, status_code: int = HTTPStatus.OK) -> None:
        super().__init__(msgspec.json.encode(content), status_code, {"cache-control": "no-store"})


class ErrorResponses:
    """Answers whatever is raised further in. Sockets close themselves, so their errors pass through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_and_see(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_see)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last place to answer what nobody named
            response = error_response(error)
        else:
            return
        if not has_begun:
            await response(scope, receive, send)


def error_response(raised: Exception) -> Response:
    """The answer for an error. One that the program did not expect is answered without its message."""
    error = hide_unexpected(raised, "request_failed")
    response = JsonResponse({"error": describe_error(error)}, error.http_status)
    if RETRY_AFTER in error.params:
        response.headers["retry-after"] = str(error.params[RETRY_AFTER])
    if error.http_status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        response.headers["connection"] = "close"  # the rest of the body is not read
    return response


def answer_http_exception(request: Request, error: Exception) -> Response:
    """The answer for what the router itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    response = error_response(_name_http_exception(error))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["allow"] = ", ".join(_list_methods(request))
    return response


def _name_http_exception(error: HTTPException) -> WorkroomError:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound("There is no such thing here.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed("The path does not take this method.")
    return MalformedRequest("The request could not be read.")


def _list_methods(request: Request) -> list[str]:
    """Every method that the path takes, over all its routes (RFC 9110, section 15.5.6)."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matching for method in route.methods or ()})
