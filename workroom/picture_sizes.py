"""How large a picture is, read from its first bytes alone, so that its place can be kept before it is fetched.

Nothing is decoded: a few numbers are looked up where the formats put them. What does not look right has no size.
"""

from __future__ import annotations

from struct import error as StructError
from struct import unpack_from

LARGEST_SIDE = 100_000
_TURNED = {5, 6, 7, 8}  # Exif orientations that swap width and height (CIPA DC-008, 4.6.4)


def find_picture_size(head: bytes, media_type: str) -> tuple[int, int] | None:
    """Width and height as the picture is shown, or None."""
    try:
        if media_type == "image/png":
            size = unpack_from(">II", head, 16)
        elif media_type == "image/gif":
            size = unpack_from("<HH", head, 6)
        elif media_type == "image/webp":
            size = _webp_size(head)
        elif media_type == "image/jpeg":
            size = _jpeg_size(head)
        else:
            return None
    except (StructError, IndexError):
        return None
    width, height = size
    return (width, height) if 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE else None


def _webp_size(head: bytes) -> tuple[int, int]:
    if head[12:16] == b"VP8X":
        return (
            1 + int.from_bytes(head[24:27], "little"),
            1 + int.from_bytes(head[27:30], "little"),
        )
    if head[12:16] == b"VP8L":
        (bits,) = unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(head: bytes) -> tuple[int, int]:
    place, is_turned = 2, False
    while True:
        while head[place] == 0xFF and head[place + 1] == 0xFF:
            place += 1
        marker = head[place + 1]
        (length,) = unpack_from(">H", head, place + 2)
        if marker == 0xE1 and head[place + 4 : place + 10] == b"Exif\0\0":
            is_turned = _exif_orientation(head[place + 10 : place + 2 + length]) in _TURNED
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = unpack_from(">HH", head, place + 5)
            return (height, width) if is_turned else (width, height)
        if head[place] != 0xFF or length < 2:
            raise IndexError("no marker where one was due")
        place += 2 + length


def _exif_orientation(exif: bytes) -> int:
    order = "<" if exif[:2] == b"II" else ">"
    try:
        (first,) = unpack_from(f"{order}I", exif, 4)
        (count,) = unpack_from(f"{order}H", exif, first)
        for entry in range(min(count, 64)):
            tag, _, _, value = unpack_from(f"{order}HHIH", exif, first + 2 + entry * 12)
            if tag == 0x0112:
                return int(value)
    except StructError:
        return 1
    return 1
