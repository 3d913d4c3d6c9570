"""The files of the browser's program, and nothing else of the disk."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from starlette.requests import Request

from workroom.errors import NotFound
from workroom.web.static_files import CONTENT_TYPES, STATIC_FOLDER, StaticFolder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "rooms").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "rooms" / "room.js").write_text("export const name = 'room';\n" * 50)
    (folder / ".hidden.js").write_text("secret")
    (folder / "notes.py").write_text("secret")
    (tmp_path / "outside.js").write_text("secret")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    return folder


def asking(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "headers": raw})


def test_a_file_is_given_with_our_type_and_is_asked_about_again(folder: Path) -> None:
    response = StaticFolder(folder).respond(asking(), "rooms/room.js")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.body == (folder / "rooms" / "room.js").read_bytes()


def test_a_file_that_the_browser_has_is_not_sent_again_until_it_changes(folder: Path) -> None:
    static = StaticFolder(folder)
    etag = static.respond(asking(), "index.html").headers["etag"]
    again = static.respond(asking(if_none_match=etag), "index.html")
    assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", etag)
    (folder / "index.html").write_text("<!doctype html><p>new")
    os.utime(folder / "index.html", ns=(1, 1))
    changed = static.respond(asking(if_none_match=etag), "index.html")
    assert (changed.status_code, changed.body) == (200, b"<!doctype html><p>new")


def test_a_large_file_is_compressed_once_for_those_who_can_read_it(folder: Path) -> None:
    static = StaticFolder(folder)
    plain = static.respond(asking(), "rooms/room.js")
    compressed = static.respond(asking(accept_encoding="gzip, br"), "rooms/room.js")
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(compressed.body)) == plain.body
    assert len(compressed.body) < len(plain.body) // 4
    assert "content-encoding" not in static.respond(asking(accept_encoding="gzip"), "index.html").headers


@pytest.mark.parametrize(
    "path",
    [
        "../outside.js",
        "rooms/../../outside.js",
        "/etc/passwd",
        "rooms//room.js",
        "./index.html",
        ".hidden.js",
        "notes.py",
        "link.js",
        "rooms",
        "rooms/",
        "",
        "missing.js",
        "..\\outside.js",
        "index.html\0.js",
        "x" * 5000 + ".js",
    ],
)
def test_nothing_else_of_the_disk_is_given(folder: Path, path: str) -> None:
    with pytest.raises(NotFound):
        StaticFolder(folder).respond(asking(), path)


def test_every_file_of_the_program_has_a_type() -> None:
    endings = {
        file.suffix for file in STATIC_FOLDER.rglob("*") if file.is_file() and not file.name.startswith(".")
    }
    assert endings, "no files: this proves nothing"
    assert endings <= set(CONTENT_TYPES)
