"""Promise 6: expired is gone. A word that was written everywhere is looked for everywhere when its time has come.

It stands in words, in those that were edited away, in a name of the room, in a file's name, in what the file says, in
the text beside a picture and, as pixels, in its preview. When it is due no door tells it, while the tables still have
it; after the run no table, no file, no key in Redis and no log has it, in any spelling in which they could.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from PIL import Image
from redis.asyncio import Redis

from tests.deeds import open_place, post
from tests.nodes import RunningNode
from tests.retaining import assign_default, make_class
from tests.tus import Meeting, Sender, meet, sign_in
from workroom.disposition import Pace, run_disposition
from workroom.expiry_rounds import tell_what_expired
from workroom.file_previews import make_previews
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.storage.open_stores import open_file_stores

Start = Callable[..., Awaitable[RunningNode]]
MoveTime = Callable[[timedelta], Awaitable[None]]
WORD = "Quetzalcoatlus"
SIGN = "🦕"
COLOUR = (201, 17, 98)
# Where it stands before the run: if it stood elsewhere, this test would have to know.
WRITTEN_IN = {
    "message_revisions", "message_files", "message_reactions", "file_contents", "room_names", "uploads",
}  # fmt: skip


def spellings() -> list[str]:
    """The word as tables, files and headers could have it."""
    name = f"{WORD}.txt".encode()
    return [
        WORD.lower(),
        WORD.encode().hex(),
        base64.b64encode(name).decode().lower(),
        SIGN,
        SIGN.encode().hex(),
    ]


async def find_in_tables(superuser: asyncpg.Connection) -> set[str]:
    """The tables of which a row has the word, in every schema that is not Postgres's own."""
    tables = await superuser.fetch(
        "select c.oid::regclass::text as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'p') and not c.relispartition "
        "and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"
    )
    assert len(tables) > 40
    found = set()
    for record in tables:
        name = record["name"]
        if await superuser.fetchval(
            f"select exists (select from {name} as t, unnest($1::text[]) as s where strpos(lower(t::text), s) > 0)",
            spellings(),
        ):
            found.add(name)
    return found


def find_in_folder(folder: Path) -> list[str]:
    """The files under a folder that have the word, or the colour of the picture in a picture."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if any(spelling.encode() in content.lower() for spelling in spellings()) or _shows(content):
            found.append(str(path))
    return found


def _shows(content: bytes) -> bool:
    try:
        picture = Image.open(io.BytesIO(content)).convert("RGB")
    except OSError:
        return False
    pixel = picture.getpixel((0, 0))
    return isinstance(pixel, tuple) and all(abs(a - b) < 20 for a, b in zip(pixel, COLOUR, strict=True))


async def find_in_redis(redis: Redis) -> list[bytes]:
    """The keys in Redis that have the word, in themselves or behind them."""
    found = []
    async for key in redis.scan_iter():
        behind: Any = await redis.dump(key)
        if any(spelling.encode() in (key + bytes(behind or b"")).lower() for spelling in spellings()):
            found.append(key)
    return found


async def ask_everywhere(meeting: Meeting, person: Sender, files: list[str]) -> str:
    """Everything that a member can be told of the room, as one text."""
    stream, client = meeting.place.shared, person.client
    told: list[Any] = [
        await client.command("list_rooms"),
        await client.command("open_room", room_id=meeting.place.room_id),
        await client.command("read_messages", stream=stream),
        await client.command("list_files", stream=stream),
        await client.command("read_since", stream=stream, seq=0),
    ]
    told += client.events.values()
    for file_id in files:
        for ending in ("", "?inline=1", "/preview"):
            answer = await person.fetch(file_id, ending)
            told.append((answer.headers, answer.body if answer.status < 300 else answer.status))
    return repr(told).lower()


async def write_everywhere(meeting: Meeting) -> list[str]:
    """Have the word stand wherever somebody can put it."""
    stream, (staff, customer) = meeting.place.shared, (meeting.staff, meeting.customer)
    picture = io.BytesIO()
    Image.new("RGB", (800, 600), COLOUR).save(picture, "PNG")
    paper = await customer.upload(stream, f"{WORD} and nothing else".encode() * 50, f"{WORD}.txt")
    shown = await customer.upload(stream, picture.getvalue(), "picture.png")
    room = {"room_id": str(meeting.place.room_id)}
    await staff.client.command("rename_room", name=f"The {WORD} room", **room)
    said = await customer.client.command(
        "post_message",
        stream=stream,
        text=f"A {WORD}",
        files=[{"file_id": paper}, {"file_id": shown, "alt_text": f"{WORD}, flying"}],
    )
    named = {"stream": stream, "message_id": said["message_id"]}
    await customer.client.command("edit_message", text=f"Two {WORD}", **named)
    await staff.client.command("add_reaction", emoji=SIGN, **named)
    await staff.client.command("post_message", stream=stream, text="Really?", reply_to=said["message_id"])
    await staff.client.command("post_message", stream=meeting.place.staff, text=f"He means a {WORD}")
    gone = await staff.client.command("post_message", stream=stream, text=f"No {WORD}")
    await staff.client.command("delete_message", stream=stream, message_id=gone["message_id"])
    await staff.client.command("rename_room", name="The room", **room)
    return [paper, shown]


async def make_all_previews(database: Database, stores: FileStores) -> None:
    while await make_previews(database, stores):
        pass


@pytest.mark.deadline(120)
@pytest.mark.parametrize("goes_as", ["rows", "a month"])
async def test_what_has_expired_is_found_nowhere(
    database: Database,
    owner: asyncpg.Connection,
    settings: Settings,
    running_node: Start,
    move_time: MoveTime,
    redis_url: str,
    goes_as: str,
) -> None:
    node = await running_node()
    redis = Redis.from_url(redis_url)
    installation_id = await owner.fetchval("select installation_id from installation")
    stores = await open_file_stores(settings, installation_id, has_files=True)
    folder = settings.data_dir / "files"
    async with meet(database, node.url) as meeting:
        files = await write_everywhere(meeting)
        await make_all_previews(database, stores)
        if goes_as == "rows":  # beside something that stays, a month is not dropped whole
            kept = await open_place(database, meeting.staff.account, meeting.customer.account, kind="private")
            await post(database, meeting.staff.account, kept.shared, "What no class ends")
        await assign_default(owner, "shared", await make_class(owner, destroy=10))
        assert await find_in_tables(owner) == WRITTEN_IN
        assert len(find_in_folder(folder)) == 3, "the paper, the picture, and its preview"
        told = await ask_everywhere(meeting, meeting.customer, files)
        assert WORD.lower() in told
        assert SIGN in told

        await move_time(timedelta(days=41))
        await tell_what_expired(database)
        late = await sign_in(database, node.url, meeting.customer.account)
        told = await ask_everywhere(meeting, late, files)
        assert [spelling for spelling in spellings() if spelling in told] == []
        assert await find_in_tables(owner) >= WRITTEN_IN - {"uploads"}, "there still, and shown to nobody"

        await run_disposition(database, stores, pace=Pace(rest=0.0))
        assert await find_in_tables(owner) == set()
        assert find_in_folder(folder) == []
        assert await find_in_redis(redis) == []
        told = await ask_everywhere(meeting, late, files)
        assert [spelling for spelling in spellings() if spelling in told] == []
        log = node.read_log().lower()
        assert [spelling for spelling in spellings() if spelling in log] == []
        # What is left is the proof that it went.
        assert await owner.fetchval("select count(*) from events where kind = 'message_posted'") >= 4
        assert await owner.fetchval("select sum(messages) from disposition_batches") == 4
        dropped = await owner.fetchval(
            "select count(*) from disposition_batches where phase = 'month' and messages > 0"
        )
        assert dropped == (goes_as == "a month")
        await late.client.disconnect()
    await redis.aclose()
