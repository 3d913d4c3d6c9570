"""The headers of tus 1.0 (https://tus.io/protocols/resumable-upload), read and written. Pure: no state, no I/O."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from email.utils import format_datetime
from uuid import UUID

from starlette.datastructures import Headers

from workroom.errors import MalformedRequest, MediaTypeRefused, TusVersion
from workroom.ids import StreamId
from workroom.upload_receiver import CHECKSUM_ALGORITHMS, Checksum
from workroom.uploads import Upload

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
BODY_TYPE = "application/offset+octet-stream"
MAX_METADATA_CHARACTERS = 4096
LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class UploadMetadata:
    """What a creation says of its file; `text` is the header as it came, which HEAD repeats.

    `is_named`: the client gave the upload an id of its own, so that a repeat can be told from another upload.
    """

    text: str
    name: str
    stream_id: StreamId
    is_named: bool


def require_version(headers: Headers) -> None:
    """Raise TusVersion unless the request speaks tus 1.0.0."""
    if headers.get("tus-resumable") != VERSION:
        raise TusVersion("Tus-Resumable has to be 1.0.0.")


def require_body_type(headers: Headers) -> None:
    """Raise MediaTypeRefused unless the body is said to be bytes of an upload."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != BODY_TYPE:
        raise MediaTypeRefused(f"The body has to be {BODY_TYPE}.")


def has_body(headers: Headers) -> bool:
    """Whether the request says that bytes follow its head."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def read_number(headers: Headers, name: str) -> int:
    """A header that has to be there and be a whole number; MalformedRequest."""
    value = headers.get(name, "")
    if not value.isascii() or not value.isdecimal() or len(value) > 19 or int(value) > LARGEST:
        raise MalformedRequest(f"{name} has to be a whole number.")
    return int(value)


def read_metadata(headers: Headers) -> UploadMetadata:
    """`Upload-Metadata` with `filename` and `stream`; MalformedRequest."""
    text = headers.get("upload-metadata", "")
    if len(text) > MAX_METADATA_CHARACTERS:
        raise MalformedRequest("Upload-Metadata is too long.")
    values: dict[str, str] = {}
    for pair in text.split(","):
        key, _, encoded = pair.strip().partition(" ")
        if not key or key in values:
            raise MalformedRequest("Upload-Metadata has an empty key, or one twice.")
        values[key] = _decode(encoded)
    try:
        stream_id = StreamId(UUID(values["stream"]))
        name = values["filename"]
    except (KeyError, ValueError):
        raise MalformedRequest("Upload-Metadata needs filename and stream.") from None
    return UploadMetadata(text, name, stream_id, bool(values.get("client_upload_id")))


def read_checksum(headers: Headers) -> Checksum | None:
    """`Upload-Checksum`, or None; MalformedRequest for an algorithm that is not offered."""
    given = headers.get("upload-checksum")
    if given is None:
        return None
    algorithm, _, encoded = given.strip().partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRequest("Upload-Checksum is not base64.") from None
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise MalformedRequest("Upload-Checksum names an algorithm that is not offered.")
    return Checksum(algorithm, digest)


def progress_headers(upload: Upload) -> dict[str, str]:
    """How far an upload is and when it ends (RFC 9110 date)."""
    return {
        "tus-resumable": VERSION,
        "upload-offset": str(upload.received_bytes),
        "upload-expires": format_datetime(upload.expires_at, usegmt=True),
        "cache-control": "no-store",
    }


def _decode(encoded: str) -> str:
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise MalformedRequest("Upload-Metadata is not UTF-8 in base64.") from None
