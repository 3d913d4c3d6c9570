"""The program that makes previews, as a process of its own: what it reads was made by strangers.

It limits itself before it looks at a byte: memory, processor time, files, processes. A picture that is too large is
refused by its header. What it writes is painted anew, so that nothing but the pixels is in it: no place, no camera, no
text. It gets no setting and no secret of ours; a broken file costs this process and nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import warnings
from io import BytesIO
from typing import Any, BinaryIO

MAX_PIXELS = 100_000_000
PREVIEW_SIDE = 640
PAGE_SIDE = 960
MEMORY_BYTES = 1024**3
CPU_SECONDS = 20
TOO_LARGE, BROKEN = 3, 4
# Each type's own decoder and no other: dozens more are there, and what begins like one format may be read by another.
DECODERS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
}


def main() -> int:
    """Read a file from standard input, of the media type that is named; write a JSON line and a WebP picture."""
    limit_this_process()
    warnings.simplefilter("error")
    media_type, content = sys.argv[1], sys.stdin.buffer
    try:
        if media_type == "application/pdf":
            painted, sizes = paint_page(content)
        else:
            painted, sizes = paint_picture(content, DECODERS[media_type])
    except OverflowError:
        return TOO_LARGE
    except Exception as error:  # noqa: BLE001 - decoders raise whatever they like; the parent wants one answer
        sys.stderr.write(type(error).__name__)
        return BROKEN
    sys.stdout.buffer.write(json.dumps(sizes).encode() + b"\n" + painted)
    sys.stdout.buffer.flush()
    return 0


def limit_this_process() -> None:
    """Take away what a preview does not need; none of it can be taken back."""
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(kind, (limit, limit))
    os.nice(10)


def paint_picture(content: BinaryIO, decoder: str) -> tuple[bytes, dict[str, int]]:
    """A small copy of a picture, upright, and how large the picture itself is when upright."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # the limit below is ours, and is asked before anything is decoded
    with Image.open(content, formats=[decoder]) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise OverflowError("too many pixels")
        picture.draft("RGB", (PREVIEW_SIDE * 2, PREVIEW_SIDE * 2))  # lets JPEG decode small
        is_turned = picture.getexif().get(0x0112) in (5, 6, 7, 8)
        upright = ImageOps.exif_transpose(picture)
        painted, sizes = _paint(upright, PREVIEW_SIDE)
    shown = (height, width) if is_turned else (width, height)
    return painted, sizes | {"shown_width": shown[0], "shown_height": shown[1]}


def paint_page(content: BinaryIO) -> tuple[bytes, dict[str, int]]:
    """A picture of a document's first page."""
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    page = document[0]
    scale = PAGE_SIDE / max(*page.get_size(), 1)
    picture = page.render(scale=scale).to_pil()
    return _paint(picture, PAGE_SIDE)


def _paint(picture: Any, side: int) -> tuple[bytes, dict[str, int]]:
    from PIL import Image

    has_holes = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    plain = picture.convert("RGBA" if has_holes else "RGB")
    plain.thumbnail((side, side), Image.Resampling.LANCZOS)
    clean = Image.new(plain.mode, plain.size)
    clean.paste(plain)
    written = BytesIO()
    clean.save(written, "WEBP", quality=80, method=4)
    return written.getvalue(), {"width": clean.width, "height": clean.height}


if __name__ == "__main__":
    sys.exit(main())
