"""How large a picture is, by its header."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workroom.picture_sizes import find_picture_size

TYPES = ["image/png", "image/gif", "image/webp", "image/jpeg"]


def encode(kind: str, size: tuple[int, int], **options: object) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, kind, **options)
    return written.getvalue()


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
def test_webp_in_its_three_forms(options: dict[str, object]) -> None:
    assert find_picture_size(encode("WEBP", (317, 41), **options), "image/webp") == (317, 41)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG"])
def test_the_size_is_in_the_header(kind: str) -> None:
    assert find_picture_size(encode(kind, (317, 41))[:4096], f"image/{kind.lower()}") == (317, 41)


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (317, 41)), (3, (317, 41)), (6, (41, 317)), (8, (41, 317))]
)
def test_a_picture_that_lies_on_its_side_is_measured_upright(orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert find_picture_size(encode("JPEG", (317, 41), exif=exif), "image/jpeg") == size


@given(st.binary(max_size=300), st.sampled_from(TYPES))
def test_broken_headers_have_no_size_or_a_plausible_one(content: bytes, media_type: str) -> None:
    size = find_picture_size(content, media_type)
    assert size is None or all(0 < side <= 100_000 for side in size)


def test_a_bomb_is_measured_and_not_decoded() -> None:
    head = bytearray(encode("PNG", (1, 1)))
    head[16:24] = (90_000).to_bytes(4, "big") * 2
    assert find_picture_size(bytes(head), "image/png") == (90_000, 90_000)
