"""Previews: small pictures with nothing but pixels in them; whatever is wrong with a file costs one child."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from PIL import Image, PngImagePlugin

from tests.deeds import open_place, read_all
from tests.gates import ends_or_waits, gate, until_at_the_gate
from tests.people import make_account
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import file_failures, file_findings, file_previews, files
from workroom.clock import monotonic_seconds
from workroom.errors import StorageFull
from workroom.file_failures import FileFailures
from workroom.file_previews import FIRST_PAUSE_SECONDS, Painted, PainterDied, make_previews, paint
from workroom.file_sweep import sweep_files
from workroom.storage.database import Database, Transaction
from workroom.storage.file_store import StoreUnavailable
from workroom.stored_bytes import StoredBytes

PLACE = 0x8825  # Exif's pointer to where a picture was taken


def a_photograph(size: tuple[int, int] = (1600, 900), orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera"
    exif.get_ifd(PLACE).update({1: "N", 2: (48.0, 8.0, 0.0)})
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, "JPEG", exif=exif, comment=b"at home")
    return written.getvalue()


def a_png(width: int, height: int, bit_depth: int, colours: int, lines: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, bit_depth, colours, 0, 0, 0)
    packed = zlib.compress(lines)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def a_bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that says it has side * side pixels."""
    return a_png(side, side, 8, 2, bytes(3_000_000))


def a_large_picture(width: int, height: int) -> bytes:
    """A PNG that has as many pixels as it says, all of them black."""
    return a_png(width, height, 1, 0, bytes((1 + (width + 7) // 8) * height))


def a_bomb_in_words() -> bytes:
    """A PNG of one pixel, with a compressed text of 80 million characters beside it."""
    written = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", " " * 80_000_000, zip=True)
    Image.new("RGB", (1, 1)).save(written, "PNG", pnginfo=info)
    return written.getvalue()


def a_document(drawing: bytes = b"") -> bytes:
    """The smallest PDF with one page; `drawing`: what is on it, compressed twice."""
    packed = zlib.compress(zlib.compress(drawing))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents 4 0 R >>",
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
        % (len(packed), packed),
    ]
    written, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(written)
    return written + b"xref\n0 5\n0000000000 65535 f \n" + table + end


async def painted(content: bytes, media_type: str, tmp_path: Path) -> Painted | None:
    path = tmp_path / "content"
    path.write_bytes(content)
    with path.open("rb") as file:
        return await paint(file, media_type)


async def test_a_picture_becomes_small_and_upright(tmp_path: Path) -> None:
    made = await painted(a_photograph(), "image/jpeg", tmp_path)
    assert made is not None
    assert (made.sizes.width, made.sizes.height) == (360, 640)
    assert (made.sizes.shown_width, made.sizes.shown_height) == (900, 1600)
    with Image.open(io.BytesIO(made.content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (360, 640))


async def test_nothing_but_pixels_is_in_a_preview(tmp_path: Path) -> None:
    content = a_photograph()
    with Image.open(io.BytesIO(content)) as before:
        assert before.getexif().get_ifd(PLACE), "no place in it: this proves nothing"
    made = await painted(content, "image/jpeg", tmp_path)
    assert made is not None
    with Image.open(io.BytesIO(made.content)) as picture:
        assert not picture.getexif()
        assert set(picture.info) <= {"loop", "background", "timestamp", "duration"}
    assert b"camera" not in made.content
    assert b"home" not in made.content


async def test_holes_in_a_picture_stay(tmp_path: Path) -> None:
    written = io.BytesIO()
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(written, "PNG")
    made = await painted(written.getvalue(), "image/png", tmp_path)
    assert made is not None
    with Image.open(io.BytesIO(made.content)) as picture:
        assert picture.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


async def test_a_document_shows_its_first_page(tmp_path: Path) -> None:
    made = await painted(a_document(), "application/pdf", tmp_path)
    assert made is not None
    assert (made.sizes.width, made.sizes.height, made.sizes.shown_width) == (720, 960, None)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (a_bomb(60_000), "image/png"),
        (a_bomb(9_900), "image/png"),
        (
            b"GIF89a" + b"\xff" * 4 + b"\x80\0\0" + bytes(6) + b"," + bytes(4) + b"\xff" * 4 + bytes(60),
            "image/gif",
        ),
        (b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, 60_000, 1, 24, 0) + bytes(60), "image/bmp"),
        (a_bomb_in_words(), "image/png"),
        (a_photograph(), "image/png"),  # each type has its own decoder and no other
        (a_photograph(), "image/x-icon"),
        (a_photograph()[:300], "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(500), "image/png"),
        (b"%PDF-1.4 and then nothing", "application/pdf"),
        (b"", "image/gif"),
        (b"II*\0" + b"\xff" * 200, "image/tiff"),
    ],
)
async def test_a_bomb_and_a_broken_file_have_no_preview(
    content: bytes, media_type: str, tmp_path: Path
) -> None:
    assert await painted(content, media_type, tmp_path) is None


@pytest.mark.deadline(120)
async def test_a_document_that_unfolds_without_end_costs_its_child_and_some_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_previews, "PAINT_SECONDS", 5.0)
    content = a_document(drawing=b"0 0 300 400 re f " * 12_000_000)
    assert len(content) < 10_000
    began = monotonic_seconds()
    try:
        made = await painted(content, "application/pdf", tmp_path)
    except PainterDied:
        made = None
    assert monotonic_seconds() - began < 20
    assert made is None or made.sizes.width == 720


async def test_a_picture_over_the_limit_of_pixels_has_no_preview(tmp_path: Path) -> None:
    assert await painted(a_large_picture(10_000, 10_000), "image/png", tmp_path) is not None
    assert await painted(a_large_picture(10_001, 10_000), "image/png", tmp_path) is None


ATTEMPTS = """
import tempfile
from workroom.children import preview_painter

def attempt(name, deed):
    try:
        deed()
    except (MemoryError, OSError) as error:
        print(name, type(error).__name__)
    else:
        print(name, "was possible")

file = tempfile.TemporaryFile()
attempt("before", lambda: bytearray(2**30 + 1))
preview_painter.limit_this_process()
attempt("memory", lambda: bytearray(2**30 + 1))
attempt("files", lambda: [open("/dev/null") for _ in range(70)])
attempt("writing", lambda: (file.write(b"x"), file.flush()))
"""


async def test_the_child_has_little_memory_few_files_and_writes_none() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", ATTEMPTS, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    assert said.decode().splitlines() == [
        "before was possible",
        "memory MemoryError",
        "files OSError",
        "writing OSError",
    ]


async def test_the_child_is_told_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, object]] = []
    create = asyncio.create_subprocess_exec

    async def watch(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
        started.append(options)
        return await create(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watch)
    assert await painted(a_photograph(), "image/jpeg", tmp_path) is not None
    assert [(options["env"], options["cwd"]) for options in started] == [({}, "/")]


async def test_a_preview_is_stored_and_told_in_the_room(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    file_id = await upload(make_receiver(database, stores), author, place, a_photograph(), "photo.jpg")
    posted = await claim(database, author, place, file_id)
    assert posted.told is not None
    assert posted.told.files[0].preview is None
    assert (posted.told.files[0].width, posted.told.files[0].height) == (900, 1600)
    assert await make_previews(database, stores) == 1
    assert await make_previews(database, stores) == 0
    told = (await read_all(database, place.shared))[-1]
    assert (told.kind, told.message_id, told.subject_seq) == ("file_changed", posted.message_id, posted.seq)
    assert told.file is not None
    assert told.file.preview is not None
    assert (told.file.preview.width, told.file.preview.height) == (360, 640)
    async with database.read() as reading:
        preview = await files.require_preview(reading, file_id)
    content = await StoredBytes(database, stores).read_preview(preview, file_id, author.account_id)
    assert content[8:12] == b"WEBP"


async def test_a_file_without_a_preview_stays_a_plain_file(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    file_id = await upload(make_receiver(database, stores), author, place, a_bomb(60_000), "bomb.png")
    await claim(database, author, place, file_id)
    posted = (await read_all(database, place.shared))[-1]
    assert posted.files[0].preparing
    assert await make_previews(database, stores) == 1
    assert await owner.fetchval("select preview_state from files") == "failed"
    told = (await read_all(database, place.shared))[-1]
    assert told.file is not None
    assert (told.kind, told.file.preview, told.file.preparing) == ("file_changed", None, False)
    assert await make_previews(database, stores) == 0


async def test_a_store_that_is_away_for_a_moment_costs_no_file_its_preview(
    database: Database, owner: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    await upload(make_receiver(database, stores), author, place, a_photograph())

    async def be_away(*arguments: object) -> bytes:
        raise StoreUnavailable("The store does not answer.")

    with monkeypatch.context() as away:
        away.setattr(stores.writing, "read", be_away)
        assert await make_previews(database, stores) == 0
    assert await owner.fetchval("select preview_state from files") == "wanted"
    assert await make_previews(database, stores) == 1
    assert await owner.fetchval("select preview_state from files") == "made"


async def test_a_file_that_is_not_as_it_was_received_has_no_preview(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    await upload(make_receiver(database, stores), author, place, a_photograph())
    for key in await stores.writing.list_keys():
        await stores.writing.delete(key)
    assert await make_previews(database, stores) == 1
    assert await owner.fetchval("select preview_state from files") == "failed"
    assert await owner.fetchval("select count(*) from file_damages") == 1


@pytest.mark.parametrize(
    ("name", "broken", "states"),
    [
        ("PAINT_SECONDS", 0.0, ["wanted", "failed"]),
        ("PAINTER", "workroom.children.there_is_none", ["wanted", "wanted"]),
    ],
)
async def test_a_painter_that_says_nothing_of_a_file_is_asked_again_before_it_counts_as_failed(
    database: Database,
    owner: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    broken: object,
    states: list[str],
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    file_id = await upload(make_receiver(database, stores), author, place, a_photograph())
    clock = monotonic_seconds()
    monkeypatch.setattr(file_failures, "monotonic_seconds", lambda: clock)
    failures = FileFailures(FIRST_PAUSE_SECONDS)
    is_state = "select preview_state from files where file_id = $1"
    with monkeypatch.context() as breaking:
        breaking.setattr(file_previews, name, broken)
        for state in states:
            await make_previews(database, stores, failures)
            assert await owner.fetchval(is_state, file_id) == state
            clock += FIRST_PAUSE_SECONDS * 2
        another = await upload(make_receiver(database, stores), author, place, a_photograph())
        await make_previews(database, stores, failures)
        assert await owner.fetchval(is_state, another) == "wanted"
    clock += FIRST_PAUSE_SECONDS * 2
    while await make_previews(database, stores, failures):
        pass
    assert await owner.fetchval(is_state, another) == "made"


@pytest.mark.parametrize("step", ["the copy", "the painter", "the store"])
async def test_a_preview_that_cannot_be_made_now_holds_up_no_other_and_is_made_later(
    database: Database,
    owner: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    receiver = make_receiver(database, stores)
    for _ in range(2):
        await claim(database, author, place, await upload(receiver, author, place, a_photograph()))
    breaks: dict[str, tuple[object, str, BaseException]] = {
        "the copy": (tempfile, "TemporaryFile", OSError(errno.ENOSPC, "no room")),
        "the painter": (asyncio, "create_subprocess_exec", BlockingIOError(errno.EAGAIN, "no process")),
        "the store": (stores.writing, "open_segment", StorageFull("The disk is full.")),
    }
    owner_of_it, name, error = breaks[step]
    whole, refused = getattr(owner_of_it, name), iter([error])

    def fail_once(*arguments: Any, **options: Any) -> Any:
        for each in refused:
            raise each
        return whole(*arguments, **options)

    monkeypatch.setattr(owner_of_it, name, fail_once)
    failures = FileFailures(FIRST_PAUSE_SECONDS)
    states = "select array_agg(preview_state order by file_id) from files"
    assert await make_previews(database, stores, failures) == 1
    assert await owner.fetchval(states) == ["wanted", "made"]
    assert await make_previews(database, stores, failures) == 0
    later = monotonic_seconds() + FIRST_PAUSE_SECONDS
    monkeypatch.setattr(file_failures, "monotonic_seconds", lambda: later)
    assert await make_previews(database, stores, failures) == 1
    assert await owner.fetchval(states) == ["made", "made"]


async def test_an_attempt_that_died_leaves_nothing_and_the_next_one_makes_the_preview(
    database: Database, owner: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    await claim(
        database, author, place, await upload(make_receiver(database, stores), author, place, a_photograph())
    )

    async def die(*arguments: object) -> bool:
        raise DiesOnce

    with monkeypatch.context() as broken:
        broken.setattr(file_findings, "add_preview", die)
        with pytest.raises(DiesOnce):
            await make_previews(database, stores)
    assert len(await stores.writing.list_keys()) == 2
    await make_previews(database, stores)
    await sweep_files(database, stores)
    rows = await owner.fetch("select store_key from file_segments order by store_key")
    assert await stores.writing.list_keys() == [row["store_key"] for row in rows]
    assert len(rows) == 2


class DiesOnce(BaseException):
    """A kill of the worker."""


async def test_two_workers_at_the_same_file_never_write_over_what_is_served(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    file_id = await upload(make_receiver(database, stores), author, place, a_photograph())
    await claim(database, author, place, file_id)
    await asyncio.gather(*(make_previews(database, stores) for _ in range(3)))
    await sweep_files(database, stores)
    rows = await owner.fetch("select store_key from file_segments order by store_key")
    assert await stores.writing.list_keys() == [row["store_key"] for row in rows]
    async with database.read() as reading:
        preview = await files.require_preview(reading, file_id)
    assert await StoredBytes(database, stores).read_preview(preview, file_id, author.account_id)
    changes = [told for told in await read_all(database, place.shared) if told.kind == "file_changed"]
    assert [told.file.preview is not None for told in changes if told.file] == [True]


async def test_who_comes_to_a_file_while_its_preview_is_being_kept_leaves_it_alone(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    file_id = await upload(make_receiver(database, stores), author, place, a_photograph())
    await claim(database, author, place, file_id)
    async with gate(owner, "files", "update") as open_gate:
        first = asyncio.create_task(make_previews(database, stores))
        await until_at_the_gate(owner)
        second = asyncio.create_task(make_previews(database, stores))
        await ends_or_waits(owner, second)
        await open_gate()
        await asyncio.gather(first, second)
    await sweep_files(database, stores)
    rows = await owner.fetch("select store_key from file_segments order by store_key")
    assert await stores.writing.list_keys() == [row["store_key"] for row in rows]
    async with database.read() as reading:
        preview = await files.require_preview(reading, file_id)
    assert await StoredBytes(database, stores).read_preview(preview, file_id, author.account_id)


async def test_a_preview_that_was_made_stays_whatever_becomes_of_another_attempt(
    database: Database, owner: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    file_id = await upload(make_receiver(database, stores), author, place, a_photograph())
    await claim(database, author, place, file_id)
    add = file_findings.add_preview

    async def another_fails_first(transaction: Transaction, *arguments: Any) -> bool:
        async with database.transaction() as another:
            await file_findings.record_preview_state(another, file_id, is_made=False)
        return await add(transaction, *arguments)

    monkeypatch.setattr(file_findings, "add_preview", another_fails_first)
    await make_previews(database, stores)
    assert await owner.fetchval("select preview_state from files") == "made"
    async with database.read() as reading:
        assert await files.require_preview(reading, file_id)


async def test_a_preview_of_a_swept_file_leaves_nothing(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, stores = await open_place(database, author), disk_stores(tmp_path / "files")
    await upload(make_receiver(database, stores), author, place, a_photograph(), "photo.jpg")
    await make_previews(database, stores)
    assert len(await stores.writing.list_keys()) == 2
    await owner.execute("update uploads set expires_at = now() - interval '1 second'")
    await sweep_files(database, stores)
    assert await stores.writing.list_keys() == []
    assert await owner.fetchval("select count(*) from file_previews") == 0
