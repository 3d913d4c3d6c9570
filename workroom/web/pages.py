"""The pages: one document for every address of the application, which shows what belongs there by itself.

The document is the same for everybody and tells nothing; what there is to see comes through the doors.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from workroom.errors import NotFound
from workroom.web.error_responses import answer_http_exception
from workroom.web.static_files import StaticFolder

INDEX = "index.html"
NOT_FOUND_PAGE = "not-found.html"


class Pages:
    """The doors for documents and static files of one folder."""

    def __init__(self, folder: StaticFolder) -> None:
        self._folder = folder

    async def show_index(self, request: Request) -> Response:
        """The application's document."""
        return self._folder.respond(request, INDEX)

    async def show_static(self, request: Request) -> Response:
        """A file of the application."""
        return self._folder.respond(request, request.path_params["path"])

    async def answer_http_exception(self, request: Request, error: Exception) -> Response:
        """No such path: a page for a person who opens one, JSON for a program."""
        response = answer_http_exception(request, error)
        if response.status_code == HTTPStatus.NOT_FOUND and "text/html" in request.headers.get("accept", ""):
            try:
                return self._folder.respond(request, NOT_FOUND_PAGE, HTTPStatus.NOT_FOUND)
            except NotFound:
                return response
        return response
