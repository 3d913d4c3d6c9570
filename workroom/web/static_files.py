"""The files of the browser's program, as they lie in `static/`: no build, one address each, revalidated by ETag.

A browser keeps every file and asks whether it has changed; the answer is usually 304 with nothing in it. So
a new version is there with the next page that is opened, and no two versions mix for longer. Only files
inside the folder with a known ending are given out; their type is ours to say, never guessed by machine or
browser.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from workroom.errors import NotFound

STATIC_FOLDER = Path(__file__).resolve().parents[2] / "static"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
COMPRESSED_ALREADY = frozenset({".ico", ".png", ".woff2"})
WORTH_COMPRESSING_BYTES = 512


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it was read: its content, the same compressed (None where it brings nothing), its ETag."""

    modified_ns: int
    content_type: str
    content: bytes
    compressed: bytes | None
    etag: str


class StaticFolder:
    """Reads a folder's files when they are first asked for, and again when they have changed on the disk."""

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        self._folder = folder.resolve()
        self._read: dict[Path, StaticFile] = {}  # at most as many as there are files in the folder

    def respond(self, request: Request, path: str, status: int = HTTPStatus.OK) -> Response:
        """Answer with the file at this path below the folder; NotFound when there is none that may be given."""
        file = self._find(path)
        headers = {"cache-control": "no-cache", "etag": file.etag, "vary": "accept-encoding"}
        if status == HTTPStatus.OK and file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        content = file.content
        if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["content-encoding"] = file.compressed, "gzip"
        headers["content-type"] = file.content_type
        return Response(content, status, headers)

    def _find(self, path: str) -> StaticFile:
        parts = path.split("/")
        if any(
            part in ("", ".", "..") or part.startswith(".") or "\\" in part or "\0" in part for part in parts
        ):
            raise NotFound("There is no such file.")
        found = self._folder.joinpath(*parts)
        content_type = CONTENT_TYPES.get(found.suffix)
        if content_type is None or not _is_inside(found, self._folder):
            raise NotFound("There is no such file.")
        modified_ns = found.stat().st_mtime_ns
        known = self._read.get(found)
        if known is None or known.modified_ns != modified_ns:
            known = self._read[found] = _read_file(found, content_type, modified_ns)
        return known


def _is_inside(path: Path, folder: Path) -> bool:
    try:
        return path.is_file() and path.resolve().is_relative_to(folder)
    except OSError:
        return False  # a name that no disk could have


def _read_file(path: Path, content_type: str, modified_ns: int) -> StaticFile:
    content = path.read_bytes()
    compressed: bytes | None = None
    if len(content) >= WORTH_COMPRESSING_BYTES and path.suffix not in COMPRESSED_ALREADY:
        compressed = gzip.compress(content, mtime=0)
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'  # weak: the same for both encodings
    return StaticFile(modified_ns, content_type, content, compressed, etag)
