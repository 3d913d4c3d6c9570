"""`/api/files/{id}`: files go out, to those who may read the message that has them, and to nobody else.

Each request asks anew, and a long answer asks again every second. Every block is verified before it leaves. Nothing
that people uploaded is ever a page of ours: it is saved, or shown by the browser's own viewer, under a policy that lets
nothing run.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from workroom import files
from workroom.clock import monotonic_seconds
from workroom.errors import NotFound
from workroom.file_names import content_disposition
from workroom.file_types import INLINE_TYPES, UNKNOWN
from workroom.files import ReadableFile
from workroom.ids import AccountId, FileId
from workroom.node import Node
from workroom.web.authentication import require_signed_in
from workroom.web.byte_ranges import ByteRange, RangeNotSatisfiable, parse_ranges
from workroom.web.running import running_node

Door = Callable[[Request, AccountId], Awaitable[Response]]

ASK_AGAIN_SECONDS = 1.0
POLICY = "default-src 'none'; sandbox"
# Would be documents with scripts, were they opened as what they are.
MARKUP_TYPES = frozenset({"text/html", "image/svg+xml", "application/xml"})


def counts_as_download(door: Door) -> Callable[[Request], Awaitable[Response]]:
    """A door whose whole answer, from the question of rights to the last byte, is one of the reader's downloads."""

    async def answer(request: Request) -> Response:
        return _Download(door, request, (await require_signed_in(request)).account_id)

    return answer


@counts_as_download
async def show_file(request: Request, reader_id: AccountId) -> Response:
    """GET, HEAD: the file, or ranges of it; `?inline=1` to show it in place, where it is of a kind that may be."""
    node = running_node(request)
    async with node.database.read() as reading:
        file = await files.require_readable_file(reading, reader_id, FileId(request.path_params["file_id"]))
    headers = _headers(file, inline=request.query_params.get("inline") == "1")
    if _matches(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        ranges = _find_ranges(request, file.byte_size, headers["etag"])
    except RangeNotSatisfiable:
        headers = {"content-range": f"bytes */{file.byte_size}", "cache-control": "no-store"}
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    body = _FileBody(node, file, reader_id)
    if ranges is None:
        return await body.answer(request, HTTPStatus.OK, headers, [(0, file.byte_size)])
    return await body.answer(request, HTTPStatus.PARTIAL_CONTENT, headers, ranges)


@counts_as_download
async def show_preview(request: Request, reader_id: AccountId) -> Response:
    """GET, HEAD: a small picture of the file."""
    node = running_node(request)
    file_id = FileId(request.path_params["file_id"])
    async with node.database.read() as reading:
        await files.require_readable_file(reading, reader_id, file_id)
        preview = await files.require_preview(reading, file_id)
    headers = {
        "content-type": preview.media_type,
        "content-security-policy": POLICY,
        "content-disposition": "inline",
        "etag": f'"{preview.sha256.hex()[:32]}"',
        "cache-control": "private, no-cache",
    }
    if _matches(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    content = await node.stored_bytes.read_preview(preview, file_id, reader_id)
    headers["content-length"] = str(len(content))
    return StreamingResponse(_alone(content), headers=headers)


class _Download(Response):
    """The answer of a door that counts: asked for once there is a place.

    It is over when the line has taken what lies before its last message: a StreamingResponse ends with an empty one.
    """

    def __init__(self, door: Door, request: Request, reader_id: AccountId) -> None:
        super().__init__()
        self._door = door
        self._request = request
        self._reader_id = reader_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with running_node(self._request).downloads.place_of(self._reader_id):
            response = await self._door(self._request, self._reader_id)
            await response(scope, receive, send)


class _FileBody:
    """The bytes of an answer: whole, one range, or several as multipart/byteranges (RFC 9110, section 14.6)."""

    def __init__(self, node: Node, file: ReadableFile, reader_id: AccountId) -> None:
        self._node = node
        self._file = file
        self._reader_id = reader_id

    async def answer(
        self, request: Request, status: HTTPStatus, headers: dict[str, str], ranges: Sequence[ByteRange]
    ) -> Response:
        """The answer, its first block read and verified: what is damaged from the beginning is never begun."""
        parts = [(b"", span) for span in ranges]
        closing = b""
        if len(ranges) == 1 and status == HTTPStatus.PARTIAL_CONTENT:
            headers["content-range"] = self._content_range(ranges[0])
        elif len(ranges) > 1:
            boundary = secrets.token_hex(16)
            parts = [(self._part_head(boundary, headers["content-type"], span), span) for span in ranges]
            closing = f"\r\n--{boundary}--\r\n".encode()
            headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
        length = sum(len(head) + until - start for head, (start, until) in parts) + len(closing)
        headers["content-length"] = str(length)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        pieces = self._pieces(parts, closing)
        first = await anext(pieces, b"")
        return StreamingResponse(_with_first(first, pieces), status, headers)

    async def _pieces(self, parts: Sequence[tuple[bytes, ByteRange]], closing: bytes) -> AsyncIterator[bytes]:
        asked_at = monotonic_seconds()
        for head, (start, until) in parts:
            reading = self._node.stored_bytes.read(
                self._file.file_id, self._file.byte_size, start, until, self._reader_id
            )
            async for piece in reading:
                if monotonic_seconds() - asked_at >= ASK_AGAIN_SECONDS:
                    await self._ask_again()
                    asked_at = monotonic_seconds()
                yield head + piece if head else piece
                head = b""
        if closing:
            yield closing

    async def _ask_again(self) -> None:
        async with self._node.database.read() as reading:
            if not await files.is_still_readable(reading, self._reader_id, self._file):
                raise NotFound("There is no such file any more.")

    def _content_range(self, span: ByteRange) -> str:
        return f"bytes {span[0]}-{span[1] - 1}/{self._file.byte_size}"

    def _part_head(self, boundary: str, content_type: str, span: ByteRange) -> bytes:
        lines = f"content-type: {content_type}\r\ncontent-range: {self._content_range(span)}"
        return f"\r\n--{boundary}\r\n{lines}\r\n\r\n".encode()


async def _alone(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _headers(file: ReadableFile, *, inline: bool) -> dict[str, str]:
    content_type = UNKNOWN if file.media_type in MARKUP_TYPES else file.media_type
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    is_shown = inline and file.media_type in INLINE_TYPES
    return {
        "content-type": content_type,
        "content-disposition": content_disposition(file.name, inline=is_shown),
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "accept-ranges": "bytes",
        "etag": f'"{file.sha256.hex()}"',
        "cache-control": "private, no-cache",
    }


def _find_ranges(request: Request, byte_size: int, etag: str) -> list[ByteRange] | None:
    asked = request.headers.get("range")
    condition = request.headers.get("if-range")
    # A date never holds: we say no Last-Modified (RFC 9110, section 13.1.5).
    if asked is None or (condition is not None and condition.strip() != etag):
        return None
    return parse_ranges(asked, byte_size)


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    given = {part.strip().removeprefix("W/") for part in header.split(",")}
    return etag in given or "*" in given
