"""Real files of every kind that people send, made here, and the ways they come into a page."""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
import zipfile
from typing import Any

from PIL import Image, ImageDraw
from playwright.async_api import Page

from tests.browser.office import Person

PLACE = 0x8825  # Exif's pointer to where a picture was taken
BODY_TYPE = "application/offset+octet-stream"


def picture(form: str, width: int = 900, height: int = 600, **options: Any) -> bytes:
    """A picture of some circles."""
    drawn = Image.new("RGB", (width, height), "#d8c8a8")
    pencil = ImageDraw.Draw(drawn)
    for number in range(9):
        x, y, radius = number * width // 9, (number * 7 % 9) * height // 9, min(width, height) // 7
        pencil.ellipse((x, y, x + radius, y + radius), fill=(number * 27, 90, 255 - number * 27))
    written = io.BytesIO()
    drawn.save(written, form, **options)
    return written.getvalue()


def photograph() -> bytes:
    """A JPEG that lies on its side, and says where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(PLACE).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    return picture("JPEG", 1600, 900, exif=exif)


def statement() -> bytes:
    """A document of one page."""
    return picture("PDF", 620, 877)


def sound() -> bytes:
    """Half a second of a tone."""
    written = io.BytesIO()
    with wave.open(written, "wb") as tone:
        tone.setnchannels(1)
        tone.setsampwidth(2)
        tone.setframerate(8000)
        tone.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(at / 6))) for at in range(4000)))
    return written.getvalue()


def song() -> bytes:
    """A second of silence as MPEG layer 3: frames of 417 bytes, 128 kbit/s at 44.1 kHz."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * 40


def archive() -> bytes:
    """A ZIP with a text in it."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        packed.writestr("inside.txt", "Words\n" * 50)
    return written.getvalue()


PAPERS: dict[str, tuple[str, bytes]] = {
    "kiln.jpg": ("image/jpeg", photograph()),
    "receipt.png": ("image/png", picture("PNG", 400, 700)),
    "oven.gif": ("image/gif", picture("GIF", 300, 200)),
    "stall.webp": ("image/webp", picture("WEBP", 640, 480)),
    "drawing.svg": (
        "image/svg+xml",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>parent.broken = 1</script></svg>',
    ),
    "statement.pdf": ("application/pdf", statement()),
    "note.wav": ("audio/wav", sound()),
    "song.mp3": ("audio/mpeg", song()),
    "papers.zip": ("application/zip", archive()),
    "ledger.csv": ("text/csv", b"date,amount\n2026-03-01,12.50\n"),
    "page.html": ("text/html", b"<!doctype html><script>opener.broken = 1</script>"),
}


def payload(name: str, content: bytes | None = None, media_type: str = "") -> Any:
    """A file as Playwright gives it to a page; without content one of the papers."""
    known_type, known = PAPERS.get(name, (media_type, b""))
    return {"name": name, "mimeType": known_type, "buffer": known if content is None else content}


async def pick(page: Page, *payloads: Any, button: str = "Add files") -> None:
    """Choose files, also by their paths, as the browser asks for them."""
    async with page.expect_file_chooser() as asked:
        await page.get_by_role("button", name=button).click()
    await (await asked.value).set_files(list(payloads))


async def bring(page: Page, event: str, target: str, *payloads: Any, text: str = "") -> None:
    """Drag files over, drop or paste them: `event` is dragenter, dragleave, drop or paste."""
    files = [[one["name"], one["mimeType"], base64.b64encode(one["buffer"]).decode()] for one in payloads]
    await page.evaluate(
        """([event, target, files, text]) => {
            const transfer = new DataTransfer();
            for (const [name, type, content] of files) {
                const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type }));
            }
            if (text) transfer.setData('text/plain', text);
            const shape = { bubbles: true, cancelable: true };
            document.querySelector(target).dispatchEvent(event === 'paste'
                ? new ClipboardEvent(event, { ...shape, clipboardData: transfer })
                : new DragEvent(event, { ...shape, dataTransfer: transfer }));
        }""",
        [event, target, files, text],
    )


async def film(page: Page) -> bytes:
    """A short film, recorded by the browser itself."""
    content: str = await page.evaluate(
        """async () => {
            const canvas = document.createElement('canvas');
            const pencil = canvas.getContext('2d');
            const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm;codecs=vp8' });
            const pieces = [];
            recorder.ondataavailable = ({ data }) => pieces.push(data);
            const ended = new Promise((resolve) => { recorder.onstop = resolve; });
            recorder.start();
            for (let frame = 0; frame < 8; frame += 1) {
                pencil.fillRect(frame * 20, 10, 15, 80);
                await new Promise((resolve) => setTimeout(resolve, 40));
            }
            recorder.stop();
            await ended;
            const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
            return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
        }"""
    )
    return base64.b64decode(content)


async def upload(person: Person, stream: str, name: str, content: bytes | None = None) -> str:
    """Upload a whole file by a program; give its id."""
    body = PAPERS[name][1] if content is None else content
    named = {"filename": name, "stream": stream}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in named.items())
    headers = {
        "tus-resumable": "1.0.0",
        "upload-length": str(len(body)),
        "upload-metadata": metadata,
        "content-type": BODY_TYPE,
    }
    answer = await person.client.send("POST", "/api/uploads", body, **headers)
    assert answer.status == 201, (answer.status, answer.body)
    return str(answer.header("location")).rpartition("/")[2]


async def post_files(person: Person, stream: str, *names: str, text: str = "") -> list[str]:
    """Post a message with some of the papers by a program; give the files' ids."""
    file_ids = [await upload(person, stream, name) for name in names]
    await person.do(
        "post_message", stream=stream, text=text, files=[{"file_id": file_id} for file_id in file_ids]
    )
    return file_ids
