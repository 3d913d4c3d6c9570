"""What a file is follows from its content, and only harmless kinds are shown in place."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workroom.file_types import INLINE_TYPES, UNKNOWN, detect_type, kind_of

EICAR_LOOK_ALIKE = b"X5O!P%@AP[4"


def a_picture(kind: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (3, 2)).save(written, kind)
    return written.getvalue()


def a_zip(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name in names:
            archive.writestr(name, "application/vnd.oasis.opendocument.text" if name == "mimetype" else "x")
    return written.getvalue()


def a_tar() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type", "kind"),
    [
        (a_picture("PNG"), "image/png", "picture"),
        (a_picture("JPEG"), "image/jpeg", "picture"),
        (a_picture("GIF"), "image/gif", "picture"),
        (a_picture("WEBP"), "image/webp", "picture"),
        (a_picture("BMP"), "image/bmp", "picture"),
        (a_picture("TIFF"), "image/tiff", "picture"),
        (b"%PDF-1.7\n", "application/pdf", "document"),
        (a_zip("[Content_Types].xml", "word/document.xml"), DOCX := "application/vnd.openxmlformats-officedocument"
         ".wordprocessingml.document", "document"),
        (a_zip("mimetype"), "application/vnd.oasis.opendocument.text", "document"),
        (a_zip("a.txt"), "application/zip", "archive"),
        (a_tar(), "application/x-tar", "archive"),
        (b"\x1f\x8b\x08", "application/gzip", "archive"),
        (b"ID3\x04", "audio/mpeg", "audio"),
        (b"\xff\xfb\x90\x00", "audio/mpeg", "audio"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav", "audio"),
        (b"\0\0\0\x20ftypisom", "video/mp4", "video"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4", "audio"),
        (b"\x1aE\xdf\xa3....webm", "video/webm", "video"),
        ("Grüße, nichts weiter".encode(), "text/plain", "text"),
        (("ü" * 40_000).encode()[: 64 * 1024 - 1], "text/plain", "text"),
        (b"<html><script>", "text/html", "text"),
        (b"  <!DOCTYPE html>", "text/html", "text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "other"),
        (b"<?xml version='1.0'?><svg/>", "image/svg+xml", "other"),
        (b"MZ" + bytes(100) + b"PE\0\0", "application/vnd.microsoft.portable-executable", "other"),
        (b"\x7fELF", "application/x-elf", "other"),
        (b"\0\0\0", UNKNOWN, "other"),
        (b"", UNKNOWN, "other"),
        (EICAR_LOOK_ALIKE, "text/plain", "text"),
    ],
)  # fmt: skip
def test_content_says_what_a_file_is(content: bytes, media_type: str, kind: str) -> None:
    assert detect_type(content) == media_type
    assert kind_of(media_type) == kind


def test_nothing_with_scripts_in_it_is_shown_in_place() -> None:
    shown = {media_type.partition("/")[0] for media_type in INLINE_TYPES}
    assert shown == {"image", "audio", "video", "application"}
    assert INLINE_TYPES.isdisjoint({"image/svg+xml", "text/html", "application/xml", "text/plain", UNKNOWN})


@pytest.mark.parametrize("first", [b"GIF89a", b"%PDF-1.4", b"PK\x03\x04", b"\xff\xd8\xff\xe0"])
def test_a_file_that_is_two_things_is_what_its_first_bytes_say(first: bytes) -> None:
    assert detect_type(first + b"<html><script>alert(1)</script>") not in ("text/html", "image/svg+xml")


@given(st.binary(max_size=4000))
def test_whatever_comes_has_a_type_and_a_kind(content: bytes) -> None:
    assert kind_of(detect_type(content)) in (
        "picture", "document", "audio", "video", "text", "archive", "other"
    )  # fmt: skip


def test_noise_is_nothing() -> None:
    assert detect_type(b"\x00" + os.urandom(1000)) == UNKNOWN
