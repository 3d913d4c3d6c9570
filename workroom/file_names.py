"""What files are called: names as people gave them, cleaned of what would mislead a person or a program, and on the way
out as RFC 6266 has it. A name never decides what a file is, or where it lies."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_NAME_CHARACTERS = 255
MAX_NAME_BYTES = 255
MAX_ALT_TEXT_CHARACTERS = 1000
UNNAMED = "file"

# Separators of every system, and what Windows keeps for itself.
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
# Turn the direction of writing, so that "gpj.exe" can be shown as "exe.jpg".
_DIRECTION = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def clean_file_name(given: str) -> str:
    """A name that may be stored and shown: the last part of a path, normal form C, nothing invisible that misleads.

    Never refuses: what remains of a name that was nothing else is `file`. At most 255 characters and, so that every
    disk takes it, 255 bytes; what is cut off is before the ending.
    """
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    name = _DIRECTION.sub("", name)
    name = "".join("_" if _is_control(character) else character for character in name)
    name = _FORBIDDEN.sub("_", name).strip().strip(".").strip()
    if _DEVICES.match(name):
        name = f"_{name}"
    return _shorten(name) or UNNAMED


def content_disposition(name: str, *, inline: bool) -> str:
    """The header's value (RFC 6266, section 4; RFC 8187): a plain name for old programs, and the true one."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'[^ -~]|["\\%;]', "_", plain).strip() or UNNAMED
    disposition = "inline" if inline else "attachment"
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_control(character: str) -> bool:
    # Cc: controls; Cs: lone surrogates; Zl, Zp: line and paragraph separators; Co, Cn: nobody knows what they show.
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp", "Co", "Cn")


def _shorten(name: str) -> str:
    if len(name) <= MAX_NAME_CHARACTERS and len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 20:
        stem, ending = name, ""
    else:
        ending = f".{ending}"
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip() + ending
