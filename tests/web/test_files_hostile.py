"""Files that were made to harm: whatever they are called and whatever they claim to be, they are bytes to be saved."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from tests.web.conftest import People
from tests.web.tus_doors import Meeting, meet
from workroom.settings import Settings
from workroom.storage.database import Database

SCRIPT = b"<script>alert(document.domain)</script>"
OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"
PROGRAM = "application/vnd.microsoft.portable-executable"
SHOWN = ("image/gif", "image/png", "image/jpeg", "application/pdf", "audio/mpeg")
# What a browser runs, or reads other files by, when it is told that it is this.
RUNNABLE = ("html", "xml", "script", "css", "wasm", "flash", "java", "manifest", "calendar")


def a_zip(content: bytes = b"x", name: str = "a.txt") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return written.getvalue()


# Name, content, and the type that it goes out as.
SAMPLES = {
    "two endings": ("invoice.pdf.exe", b"MZ" + bytes(62) + b"PE\0\0", PROGRAM),
    "a page called a picture": ("photo.png", b"<!DOCTYPE html>" + SCRIPT, OCTETS),
    "a picture's ending before a page's": ("photo.jpg.html", SCRIPT, OCTETS),
    "a page behind a byte order mark": ("a.txt", b"\xef\xbb\xbf  <html>" + SCRIPT, OCTETS),
    "a page behind a comment": ("a.txt", b"<!-- " + b"x" * 900 + b" -->" + SCRIPT, OCTETS),
    "a page far behind a comment": ("a.txt", b"<!-- " + b"x" * 5000 + b" -->" + SCRIPT, TEXT),
    "a page in UTF-16": ("a.html", "\ufeff<html><script>alert(1)</script>".encode("utf-16-le"), OCTETS),
    "a page in UTF-7": ("a.html", b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", TEXT),
    "a drawing with a script": ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>", OCTETS),
    "a drawing behind a declaration": ("a.png", b"<?xml version='1.0'?><svg onload='alert(1)'/>", OCTETS),
    "an XHTML page": ("a.xhtml", b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", OCTETS),
    "an archive of a page": ("a.mht", b"MIME-Version: 1.0\nContent-Type: text/html\n\n" + SCRIPT, OCTETS),
    "a picture that is a script": ("a.gif", b"GIF89a=1;/*" + bytes(20) + b"*/;alert(1)", "image/gif"),
    "a picture that is a page": ("a.png", b"\x89PNG\r\n\x1a\n" + SCRIPT, "image/png"),
    "a picture that is a program's archive": ("a.jpg", b"\xff\xd8\xff\xe0" + a_zip(name="Evil.class"), "image/jpeg"),
    "a document that is a page": ("a.pdf", b"%PDF-1.4\n" + SCRIPT, "application/pdf"),
    "a page that is a document": ("a.pdf", SCRIPT + b"%PDF-1.4", OCTETS),
    "a sound that is a page": ("a.mp3", b"ID3" + SCRIPT, "audio/mpeg"),
    "a script": ("a.js", b"fetch('/api/session')", TEXT),
    "a style": ("a.css", b"@import '/api/session'", TEXT),
    "a shell script": ("a.sh", b"#!/bin/sh\nrm -rf /\n", TEXT),
    "a module": ("a.wasm", b"\0asm\1\0\0\0", OCTETS),
    "a Flash film": ("a.swf", b"CWS\x0a" + bytes(range(40)), OCTETS),
    "a small archive of very much": ("a.zip", a_zip(bytes(100_000_000)), "application/zip"),
}  # fmt: skip


@pytest_asyncio.fixture
async def meeting(database: Database, people: People, app: Starlette) -> Meeting:
    return await meet(database, people, app)


@pytest.mark.parametrize("sample", SAMPLES)
async def test_it_is_saved_as_what_it_is_and_nothing_of_it_runs(meeting: Meeting, sample: str) -> None:
    name, content, content_type = SAMPLES[sample]
    file_id = await meeting.customer.share(meeting.place.shared, content, name)
    for ending, headers in (("?inline=1", {}), ("", {}), ("?inline=1", {"range": "bytes=0-3"})):
        answer = await meeting.staff.fetch(file_id, ending, **headers)
        assert answer.status == (206 if headers else 200)
        assert answer.header("content-type") == content_type
        assert not any(word in content_type for word in RUNNABLE)
        is_shown = content_type in SHOWN and bool(ending)
        disposition = answer.header("content-disposition") or ""
        assert disposition.startswith("inline;" if is_shown else "attachment;")
        assert disposition.endswith(f"filename*=UTF-8''{name}")
        assert [value for key, value in answer.headers if key == "content-security-policy"] == [
            "default-src 'none'; sandbox"
        ]
        assert answer.header("x-content-type-options") == "nosniff"
    assert (await meeting.staff.fetch(file_id)).body == content


async def test_a_small_archive_of_very_much_takes_what_it_is_and_no_more(
    meeting: Meeting, settings: Settings
) -> None:
    name, content, _ = SAMPLES["a small archive of very much"]
    await meeting.customer.share(meeting.place.shared, content, name)
    lying = sum(path.stat().st_size for path in list_written(settings))
    assert len(content) <= lying < len(content) + 1000


NAMES = [
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\x",
    "/etc/passwd",
    "....//....//etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "a/../../b",
    "C:\\a",
    "\\\\server\\share",
    "a\0.txt",
    "a\r\nSet-Cookie: x=1",
    'a"; filename="b.html',
    "a\u202etxt.exe",
    "con",
    ".",
    "..",
    "~/.ssh/authorized_keys",
    "installation",
    "$(id)",
    "-rf",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_no_name_leads_anywhere(
    meeting: Meeting, settings: Settings, name: str, tmp_path: Path
) -> None:
    before = list_all(tmp_path)
    file_id = await meeting.customer.share(meeting.place.shared, b"paper", name)
    written = list_all(tmp_path) - before
    assert {path.relative_to(settings.data_dir / "files").parts[1] for path in written} == {file_id.hex}
    answer = await meeting.staff.fetch(file_id)
    told = unquote((answer.header("content-disposition") or "").rpartition("''")[2])
    assert told
    assert not set(told) & set('/\\\r\n\0":')
    assert told not in (".", "..")
    assert answer.header("set-cookie") is None


@pytest.mark.parametrize(
    "path",
    [
        "/api/files/../../../etc/passwd",
        "/api/files/..%2f..%2f..%2fetc%2fpasswd",
        "/api/files/%2e%2e/%2e%2e/etc/passwd",
        "/api/files/{file_id}/../../session",
        "/api/files/{file_id}%00",
        "/api/files/{file_id}/preview/../../../../etc/passwd",
        "/api/files/{folder}/{file_id}/0-1",
        "/api/files/installation",
        "/api/uploads/../files/installation",
        "/static/../files/installation",
    ],
)
async def test_no_address_leads_anywhere(meeting: Meeting, path: str) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    asked = path.format(file_id=file_id, folder=str(file_id)[-2:])
    assert (await meeting.staff.ask("GET", asked)).status in (404, 405)


async def test_an_id_that_is_not_one_is_no_file(meeting: Meeting) -> None:
    for asked in (uuid4(), "0" * 32, "-1", "null", "1 or 1=1", "'"):
        assert (await meeting.staff.fetch(asked)).status == 404


def list_all(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def list_written(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "files").glob("??/*/*") if path.is_file()]
