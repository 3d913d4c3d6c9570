"""`/api/uploads`: files come in, by tus 1.0, whatever client speaks it.

Rights and limits are asked before a byte of the body is read, and the body is streamed. An error that comes while bytes
are on their way is answered after some of the rest was read: a line that is closed while bytes arrive
is reset, and clients that were still sending would never see the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from workroom.errors import MalformedRequest, MethodNotAllowed, TooLarge, TusVersion, WorkroomError
from workroom.ids import FileId
from workroom.upload_receiver import CHECKSUM_ALGORITHMS, Checksum
from workroom.uploads import Upload
from workroom.web import upload_headers as tus
from workroom.web.authentication import require_signed_in
from workroom.web.error_responses import error_response
from workroom.web.running import running_node

SPEND_BYTES = 64 * 1024 * 1024
SPEND_SECONDS = 3.0

Door = Callable[[Request], Awaitable[Response]]


def speaks_tus(door: Door) -> Door:
    """A door whose every answer, errors too, is one of tus 1.0."""

    async def answer(request: Request) -> Response:
        try:
            tus.require_version(request.headers)
            return await door(request)
        except WorkroomError as error:
            response = error_response(error)
            response.headers["tus-resumable"] = tus.VERSION
            if isinstance(error, TusVersion):
                response.headers["tus-version"] = tus.VERSION
            if tus.has_body(request.headers) and not await _spend(request):
                response.headers["connection"] = "close"
            return response

    return answer


async def show_abilities(request: Request) -> Response:
    """OPTIONS: what of tus is spoken here."""
    headers = {
        "tus-resumable": tus.VERSION,
        "tus-version": tus.VERSION,
        "tus-extension": tus.EXTENSIONS,
        "tus-max-size": str(running_node(request).settings.file_bytes),
        "tus-checksum-algorithm": ",".join(CHECKSUM_ALGORITHMS),
    }
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


@speaks_tus
async def begin_upload(request: Request) -> Response:
    """POST: an upload begins (Creation), perhaps with its first bytes (Creation With Upload)."""
    signed_in = await require_signed_in(request)
    if "upload-defer-length" in request.headers:
        raise MalformedRequest("Upload-Length has to be known from the beginning.")
    byte_size = tus.read_number(request.headers, "upload-length")
    metadata = tus.read_metadata(request.headers)
    checksum = tus.read_checksum(request.headers)
    brings_bytes = tus.has_body(request.headers)
    if brings_bytes:
        tus.require_body_type(request.headers)
        _require_within(request, byte_size)
    receiver = running_node(request).uploads
    upload = await receiver.begin(
        signed_in.account_id,
        metadata.stream_id,
        metadata.name,
        metadata.text,
        byte_size,
        is_named=metadata.is_named,
    )
    if upload.received_bytes == 0 and (brings_bytes or byte_size == 0):
        upload = await receiver.receive(upload, 0, _body(request), checksum)
        brings_bytes = False
    headers = tus.progress_headers(upload) | {"location": f"/api/uploads/{upload.file_id}"}
    # Of a repeat nothing more is taken: it says where the upload stands.
    if brings_bytes and not await _spend(request):
        headers["connection"] = "close"
    return Response(status_code=HTTPStatus.CREATED, headers=headers)


@speaks_tus
async def change_upload(request: Request) -> Response:
    """HEAD, PATCH, DELETE; or POST with one of them in `X-HTTP-Method-Override`."""
    method = request.method
    if method == "POST":
        method = request.headers.get("x-http-method-override", "").upper()
    signed_in = await require_signed_in(request)
    receiver = running_node(request).uploads
    upload = await receiver.find(signed_in.account_id, FileId(request.path_params["file_id"]))
    if method == "HEAD":
        headers = {"upload-length": str(upload.byte_size), "upload-metadata": upload.metadata}
        return Response(headers=tus.progress_headers(upload) | headers)
    if method == "PATCH":
        return await _take_bytes(request, upload)
    if method == "DELETE":
        await receiver.abandon(upload)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"tus-resumable": tus.VERSION})
    raise MethodNotAllowed("The path does not take this method.")


async def _take_bytes(request: Request, upload: Upload) -> Response:
    tus.require_body_type(request.headers)
    offset = tus.read_number(request.headers, "upload-offset")
    checksum: Checksum | None = tus.read_checksum(request.headers)
    if offset == upload.received_bytes:
        _require_within(request, upload.byte_size - offset)
    receiver = running_node(request).uploads
    after = await receiver.receive(upload, offset, _body(request), checksum)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=tus.progress_headers(after))


def _require_within(request: Request, most_bytes: int) -> None:
    """Refuse a body that says it is too long before any of it is read."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise TooLarge("More is to come than was declared.", limit=most_bytes)


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


async def _spend(request: Request) -> bool:
    """Read what little may be left of a refused body; whether that was all of it."""
    spent = 0
    try:
        async with asyncio.timeout(SPEND_SECONDS):
            async for chunk in request.stream():
                spent += len(chunk)
                if spent > SPEND_BYTES:
                    return False
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return False  # RuntimeError: nothing was left
    return True
