"""What a file is, by its content and never by its name; and which few kinds a browser may show in place.

The beginning of the file is looked at. What claims to be two things at once is what its first bytes say; what is not
known is `application/octet-stream`, which every browser only saves.
"""

from __future__ import annotations

import re

HEAD_BYTES = 64 * 1024
UNKNOWN = "application/octet-stream"

# Shown in place where asked for: no scripts in them, or (PDF) only inside the browser's own viewer.
INLINE_TYPES = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "application/pdf",
        "audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/flac",
        "video/mp4", "video/webm", "video/ogg",
    }
)  # fmt: skip
PREVIEWED_TYPES = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/bmp",
        "image/tiff",
        "image/avif",
        "application/pdf",
    }
)

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_ZIPPED = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_BRANDS = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime",
}  # fmt: skip
_DOCUMENTS = frozenset(
    {
        "application/pdf",
        "application/rtf",
        "application/x-ole-storage",
        *(media_type for _, media_type in _ZIPPED),
    }
)
_ARCHIVES = frozenset(
    {
        "application/zip", "application/x-7z-compressed", "application/vnd.rar", "application/gzip",
        "application/x-bzip2", "application/x-xz", "application/zstd", "application/x-tar",
    }
)  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(rb"<\s*(!doctype|html|svg|script|\?xml)", re.IGNORECASE)


def detect_type(head: bytes) -> str:
    """The media type of what begins with these bytes (the first 64 KiB, or all there is)."""
    for offset, signature, media_type in _SIGNATURES:
        if head.startswith(signature, offset):
            return _refine(media_type, head)
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(
            head[8:12], UNKNOWN
        )
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _look_into_zip(head)
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return "audio/mpeg"
    return _look_at_text(head)


def kind_of(media_type: str) -> str:
    """What a person calls it: picture, document, audio, video, text, archive, other."""
    if media_type in _DOCUMENTS or media_type.startswith("application/vnd.oasis."):
        return "document"
    if media_type in _ARCHIVES:
        return "archive"
    major = media_type.partition("/")[0]
    if major == "image":
        return "other" if media_type == "image/svg+xml" else "picture"
    return major if major in ("audio", "video", "text") else "other"


def _refine(media_type: str, head: bytes) -> str:
    if media_type == "video/webm" and b"webm" not in head[:64]:
        return "video/x-matroska"
    if media_type == "audio/ogg" and b"theora" in head[:128]:
        return "video/ogg"
    if media_type == "image/bmp" and head[14:18] not in (
        b"\x28\0\0\0",
        b"\x6c\0\0\0",
        b"\x7c\0\0\0",
        b"\x0c\0\0\0",
    ):
        return _look_at_text(head)
    if media_type.endswith("portable-executable") and b"PE\0\0" not in head[:4096]:
        return _look_at_text(head)
    return media_type


def _look_into_zip(head: bytes) -> str:
    if head[30:38] == b"mimetype":
        named = re.match(rb"application/(vnd\.oasis\.opendocument\.[a-z-]+|epub\+zip)", head[38:120])
        if named:
            return named[0].decode()
    if b"[Content_Types].xml" in head or b"_rels/.rels" in head:
        for folder, media_type in _ZIPPED:
            if folder in head:
                return media_type
    return "application/zip"


def _look_at_text(head: bytes) -> str:
    if not head or _CONTROL.search(head):
        return UNKNOWN
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(head) - 3:
            return UNKNOWN  # a character cut off by the end of what was looked at is no fault
    found = _MARKUP.search(head[:1024])
    if found is None:
        return "text/plain"
    if b"<svg" in head[:4096].lower():
        return "image/svg+xml"
    return "application/xml" if found[1].lower() == b"?xml" else "text/html"
