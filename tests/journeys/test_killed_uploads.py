"""A node that is killed at any step of an upload: another goes on with it, or the sweep leaves nothing of it.

Two uploads are brought to the same step, and the node dies with both. One is gone on with at another node; of the
other, which nobody comes back for, neither a row nor a byte is left a day later. To stand still between two statements
of the program, the test holds a lock that the next of them needs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.journeys.visitors import LOST
from tests.looking import until
from tests.nodes import RunningNode
from tests.servers import DatabaseUrls
from tests.tus import Meeting, meet
from workroom.file_sweep import sweep_files
from workroom.settings import load_settings
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.storage.open_stores import open_file_stores
from workroom.stored_bytes import StoredBytes

pytestmark = pytest.mark.deadline(120)

Start = Callable[..., Awaitable[RunningNode]]
Move = Callable[[timedelta], Awaitable[None]]
CONTENT = os.urandom(3_000_000)
# Row locks are waited for as locks of transactions, which have no database of their own.
WAITING = """
    select count(*) from pg_stat_activity as a
    where a.datname = current_database() and exists (select from pg_locks as l where l.pid = a.pid and not l.granted)
"""


@dataclass
class Scene:
    """Two uploads of one person at a node that is about to die."""

    meeting: Meeting
    owner: asyncpg.Connection
    locks: asyncpg.Connection
    node: RunningNode
    addresses: list[str]

    @asynccontextmanager
    async def hold(self, table: str, waiting: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Nothing is written into a table; gives what waits until so many connections want to, and kills the node."""

        async def kill() -> None:
            await until(lambda: self._is_waiting(waiting))
            await self.node.kill()

        async with self.locks.transaction():
            await self.locks.execute(f"lock table {table} in share mode")
            yield kill

    async def send_both(self, *, offset: int = 0, until_byte: int = len(CONTENT)) -> None:
        """Send bytes of both; the node may die before it answers."""
        body = CONTENT[offset:until_byte]
        async with asyncio.TaskGroup() as together:
            for address in self.addresses:
                together.create_task(_or_lost(self.meeting.customer.send(address, offset, body)))

    async def post_both(self) -> None:
        """Post each in a message; the node may die before it answers."""
        async with asyncio.TaskGroup() as together:
            for address in self.addresses:
                post = self.meeting.customer.post(self.meeting.place.shared, file_id_of(address))
                together.create_task(_or_lost(post))

    async def _is_waiting(self, count: int) -> bool:
        await self.owner.execute("select pg_stat_clear_snapshot()")
        waiting: int = await self.owner.fetchval(WAITING)
        return waiting >= count


async def _or_lost(asked: Awaitable[Any]) -> None:
    try:
        await asked
    except LOST:
        return


def file_id_of(address: str) -> str:
    return address.rpartition("/")[2]


# -- steps: each ends with a dead node -----------------------------------------------------------------------


async def begun(scene: Scene) -> None:
    await scene.node.kill()


async def taking_bytes(scene: Scene) -> None:
    await scene.send_both(until_byte=1_000_000)
    lines = [
        await scene.meeting.customer.send_some(address, 1_000_000, CONTENT[1_000_000:], 1_500_000)
        for address in scene.addresses
    ]

    async def is_more_written_than_acknowledged() -> bool:
        sizes = list_sizes(Path(scene.node.environment["WORKROOM_DATA_DIR"], "files"))
        return len(sizes) == 2 and min(sizes) > 1_000_000

    await until(is_more_written_than_acknowledged)
    await scene.node.kill()
    for line in lines:
        line.close()


def list_sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.glob("??/*/*")]


async def acknowledging(scene: Scene) -> None:
    lines = [
        await scene.meeting.customer.send_some(address, 0, CONTENT, 1_000_000) for address in scene.addresses
    ]
    begun = "select count(*) = 2 from file_segments"
    await until(lambda: scene.owner.fetchval(begun))
    async with scene.hold("uploads", 2) as kill:
        for line in lines:
            line.write(CONTENT[1_000_000:])
        await kill()
    for line in lines:
        line.close()


async def receiving(scene: Scene) -> None:
    async with scene.hold("files", 2) as kill, asyncio.TaskGroup() as together:
        together.create_task(scene.send_both())
        await kill()
    assert await scene.owner.fetchval("select min(received_bytes) from uploads") == len(CONTENT)


async def received(scene: Scene) -> None:
    await scene.send_both()
    await scene.node.kill()


async def claiming(scene: Scene) -> None:
    await scene.send_both()
    # Posts into one room go together in one transaction.
    async with scene.hold("message_files", 1) as kill, asyncio.TaskGroup() as together:
        together.create_task(scene.post_both())
        await kill()


async def claimed(scene: Scene) -> None:
    await scene.send_both()
    await scene.post_both()
    await scene.node.kill()


ON_DISK = (begun, taking_bytes, acknowledging, receiving, received, claiming, claimed)
IN_A_BUCKET = (acknowledging, received)


# -- what holds after each -----------------------------------------------------------------------------------


@pytest.fixture
def environment(environment: dict[str, str], store: str, request: pytest.FixtureRequest) -> dict[str, str]:
    if store == "disk":
        return environment
    return {**environment, "WORKROOM_FILE_STORE": "s3", **request.getfixturevalue("object_server")}


@pytest.mark.parametrize(
    ("bring_to", "store"), [*((step, "disk") for step in ON_DISK), *((step, "s3") for step in IN_A_BUCKET)]
)
async def test_another_node_goes_on_and_the_sweep_leaves_nothing_of_what_nobody_went_on_with(
    database: Database,
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    running_node: Start,
    move_time: Move,
    environment: dict[str, str],
    bring_to: Callable[[Scene], Awaitable[None]],
) -> None:
    node, other = await running_node(), await running_node()
    locks = await asyncpg.connect(database_urls.owner_url, server_settings={"search_path": "workroom"})
    async with meet(database, node.url) as meeting:
        addresses = [await begin(meeting), await begin(meeting)]
        await bring_to(Scene(meeting, owner, locks, node, addresses))
        await locks.close()
        meeting.customer.client.url = other.url
        await move_time(timedelta(seconds=31))  # whoever held a lease is dead
        await meeting.customer.client.connect()
        if bring_to is not claimed:
            assert await owner.fetchval("select count(*) from messages") == 0
            await go_on(meeting, addresses[0])
        fetched = await meeting.customer.fetch(file_id_of(addresses[0]))
        assert (fetched.status, fetched.body) == (200, CONTENT)
    stores = await open_stores(owner, environment)
    await move_time(timedelta(hours=25))
    await sweep_files(database, stores)
    kept = addresses if bring_to is claimed else addresses[:1]
    await see_that_only_these_are_left(database, owner, stores, [UUID(file_id_of(each)) for each in kept])
    for key in await stores.writing.list_keys():
        await stores.writing.delete(key)  # the bucket is every test's


async def begin(meeting: Meeting) -> str:
    answer = await meeting.customer.begin(meeting.place.shared, len(CONTENT))
    return answer.header("location") or ""


async def go_on(meeting: Meeting, address: str) -> None:
    """What a client does that comes back: ask how far it is, send the rest, post."""
    asked = await meeting.customer.ask(address)
    assert asked.status == 200
    offset = int(asked.header("upload-offset") or 0)
    if offset < len(CONTENT):
        assert (await meeting.customer.send(address, offset, CONTENT[offset:])).status == 204
    await meeting.customer.post(meeting.place.shared, file_id_of(address))


async def open_stores(owner: asyncpg.Connection, environment: dict[str, str]) -> FileStores:
    installation_id = await owner.fetchval("select installation_id from installation")
    return await open_file_stores(load_settings(environment), installation_id, has_files=True)


async def see_that_only_these_are_left(
    database: Database, owner: asyncpg.Connection, stores: FileStores, file_ids: list[UUID]
) -> None:
    for table in ("files", "file_contents", "message_files"):
        rows = await owner.fetch(f"select file_id from {table}")
        assert sorted(row["file_id"] for row in rows) == sorted(file_ids), table
    for table in ("uploads", "stray_segments"):
        assert await owner.fetchval(f"select count(*) from {table}") == 0, table
    segments = await owner.fetch("select file_id, byte_size, store_key from file_segments")
    assert {segment["file_id"] for segment in segments} == set(file_ids)
    assert sorted(segment["store_key"] for segment in segments) == await stores.writing.list_keys()
    for segment in segments:
        key, byte_size = segment["store_key"], segment["byte_size"]
        assert len(await stores.writing.read(key, 0, byte_size)) == byte_size
    assert sum(segment["byte_size"] for segment in segments) == len(CONTENT) * len(file_ids)
    assert await owner.fetchval("select visible_bytes from room_file_bytes") == len(CONTENT) * len(file_ids)
    for file_id in file_ids:
        reading = StoredBytes(database, stores).read(file_id, len(CONTENT), 0, len(CONTENT))  # type: ignore[arg-type]
        assert b"".join([piece async for piece in reading]) == CONTENT
