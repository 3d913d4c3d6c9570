"""An installation with many people and rooms: a prompt reader gets every answer whole and stays, whatever its size.

One node for the whole file. The kernels take next to nothing, so that what waits waits in the node; the limit is the
smallest there is.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from scripts.measure.people import Person, Room, make_people, make_rooms
from tests.client import Client, Json
from tests.http_client import request
from tests.looking import take_breath
from tests.nodes import RunningNode, run_node
from tests.servers import SharedServers
from workroom.settings import load_settings
from workroom.storage.database import open_database
from workroom.storage.queries import queries
from workroom.web.authentication import cookie_name

OUTBOUND_BYTES = 65_536
BUFFER_BYTES = 8_192
PEOPLE, LISTED, MEMBERS, ROOMS = 1_500, 1_000, 1_000, 600  # list_people shows no more than so many
LONGEST_TEXT = "\x01" * 20_000  # each sign is six bytes of JSON
STUBBORN_COMMANDS = 60
SERVED_MEANWHILE = 20  # far below what one account may send at once

pytestmark = pytest.mark.deadline(120)


@dataclass
class Crowd:
    """Everybody is in the first room; the first of them is in all."""

    node: RunningNode
    cookie_name: str
    people: Sequence[Person]
    rooms: Sequence[Room]

    async def visitor(self, number: int = 0) -> Client:
        """One of them, connected."""
        client = Client(self.node.url, BUFFER_BYTES)
        client.cookie = f"{self.cookie_name}={self.people[number].token}"
        await client.connect()
        return client


@pytest_asyncio.fixture(scope="module")
async def crowd(servers: SharedServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    log_file: Path = tmp_path_factory.mktemp("large") / "node.log"
    async with servers.clone_template() as urls:
        environment = {
            "WORKROOM_DATABASE_URL": urls.service_url,
            "WORKROOM_REDIS_URL": servers.redis_url,
            "WORKROOM_DATA_DIR": str(log_file.parent / "data"),
            "WORKROOM_OUTBOUND_BYTES": str(OUTBOUND_BYTES),
            "WORKROOM_HEARTBEAT_SECONDS": "1",
        }
        owner = await asyncpg.connect(urls.owner_url)
        people = await make_people(owner, PEOPLE)
        rooms = await make_rooms(owner, [people[:MEMBERS], *[people[:3]] * (ROOMS - 1)])
        await owner.close()
        database = await open_database(urls.service_url, application_name="workroom test")
        async with database.read() as reading:
            epoch = await reading.fetch_one(queries.events.read_epoch)
        await database.close(0.5)
        async with run_node(environment, log_file, BUFFER_BYTES) as node:
            name = cookie_name(load_settings(environment), epoch["installation_id"])
            yield Crowd(node, name, people, rooms)


async def stays(client: Client) -> None:
    """The connection was not closed behind the answers; it is now."""
    assert await client.command("list_files", stream=client.hello["account"]["stream"]) is not None
    assert client.goodbye is None
    await client.disconnect()


def byte_size(answer: Json) -> int:
    return len(json.dumps(answer, ensure_ascii=False).encode())


async def test_a_room_of_a_thousand_and_lists_of_all_arrive_whole_and_the_reader_stays(crowd: Crowd) -> None:
    client = await crowd.visitor()
    asked = [
        client.command("open_room", room_id=crowd.rooms[0].room_id),
        client.command("list_people"),
        client.command("list_rooms"),
    ]
    room, people, rooms = await asyncio.gather(*asked)
    assert min(byte_size(room), byte_size(people), byte_size(rooms)) > 2 * OUTBOUND_BYTES
    assert len(room["room"]["members"]) == MEMBERS
    assert len(people["accounts"]) == LISTED
    assert len(rooms["rooms"]) == ROOMS
    await stays(client)


async def test_the_longest_message_that_quotes_another_arrives_whole_and_the_reader_stays(
    crowd: Crowd,
) -> None:
    client = await crowd.visitor()
    stream = crowd.rooms[1].stream_id
    first = await client.command("post_message", stream=stream, text=LONGEST_TEXT)
    await client.command("post_message", stream=stream, text=LONGEST_TEXT, reply_to=first["message_id"])
    page = await client.command("read_messages", stream=stream)
    assert byte_size(page) > 2 * OUTBOUND_BYTES
    [message], [quoted] = page["messages"], page["quoted"]
    assert (message["text"], quoted["text"]) == (LONGEST_TEXT, LONGEST_TEXT)
    await stays(client)


async def test_many_pages_asked_for_at_once_arrive_whole_and_the_reader_stays(crowd: Crowd) -> None:
    client = await crowd.visitor(1)
    stream = crowd.rooms[2].stream_id
    for _ in range(3):
        await client.command("post_message", stream=stream, text="x" * 20_000)
    asked = [client.command("read_since", stream=stream, seq=1) for _ in range(40)]
    pages = await asyncio.gather(*asked)
    assert sum(map(byte_size, pages)) > 20 * OUTBOUND_BYTES
    assert [[len(event["text"]) for event in page["events"]] for page in pages] == [[20_000] * 3] * 40
    await stays(client)


async def test_whoever_asks_and_does_not_read_is_closed_and_little_was_kept_for_it(crowd: Crowd) -> None:
    before = await count_slow(crowd.node)
    reader, stubborn = await crowd.visitor(1), await crowd.visitor()
    stubborn.connection.transport.pause_reading()
    for ref in range(STUBBORN_COMMANDS):
        await stubborn.send_frame(json.dumps({"ref": 1_000 + ref, "command": "list_people"}))
    for _ in range(SERVED_MEANWHILE):
        assert len((await reader.command("list_people"))["accounts"]) == LISTED
    while await count_slow(crowd.node) == before:  # it is closed by its heartbeats
        await take_breath()
    stubborn.connection.transport.resume_reading()
    assert await stubborn.wait_closed() in (4008, 1006)
    # What its own kernel had taken, and what waited here.
    assert len([hint for hint in stubborn.hints if hint["type"] == "reply"]) <= 3
    await stubborn.connect()
    assert len((await stubborn.command("list_people"))["accounts"]) == LISTED
    for client in (reader, stubborn):
        await client.disconnect()


async def count_slow(node: RunningNode) -> float:
    """How many connections of the node were closed because they did not read."""
    metrics = (await request("GET", f"{node.url}/metrics")).body.decode()
    found = re.search(r"^workroom_slow_consumers_closed_total (\S+)$", metrics, re.MULTILINE)
    assert found is not None, metrics
    return float(found[1])
