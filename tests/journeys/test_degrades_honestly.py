"""Promise 10: whatever is wrong, slow, too much or ending has a stated behaviour and a clear error.

One node for the whole file, with limits small enough to reach; people and rooms of each test's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from tests import deeds
from tests.client import Client, CommandRefused
from tests.http_client import request
from tests.journeys.crowd import crowd
from tests.journeys.promptness import at_once
from tests.journeys.visitors import Outbox, visit
from tests.line import open_line
from tests.looking import take_breath
from tests.nodes import RunningNode, run_node
from tests.people import make_account
from tests.servers import SharedServers
from workroom.fanout.presence import RENEW_SECONDS
from workroom.settings import Settings, load_settings
from workroom.storage.database import Database, open_database
from workroom.storage.queries import queries

StartNode = Callable[..., Awaitable[RunningNode]]

MANY_MESSAGES = 600
LIMITS = {
    "WORKROOM_COMMANDS_PER_SECOND": "20",
    "WORKROOM_COMMANDS_BURST": "60",
    "WORKROOM_CONNECTIONS_PER_ACCOUNT": "3",
    "WORKROOM_FRAME_BYTES": "131072",
}


@dataclass
class House:
    """The node of this file."""

    node: RunningNode
    database: Database
    settings: Settings

    async def visitor(self) -> Client:
        """Somebody new, connected."""
        account = await make_account(self.database)
        return await visit(self.node.url, self.database, self.settings, account)


@pytest_asyncio.fixture(scope="module")
async def house(servers: SharedServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    log_file: Path = tmp_path_factory.mktemp("degrades") / "node.log"
    async with servers.clone_template() as urls:
        environment = {
            "WORKROOM_DATABASE_URL": urls.service_url,
            "WORKROOM_REDIS_URL": servers.redis_url,
            "WORKROOM_DATA_DIR": str(log_file.parent / "data"),
            **LIMITS,
        }
        database = await open_database(urls.service_url, application_name="workroom test")
        async with run_node(environment, log_file) as node:
            yield House(node, database, load_settings(environment))
        await database.close(0.5)


async def refusal_of(client: Client, frame: str | bytes, ref: int | None) -> str:
    """The code of the error reply to one frame."""
    await client.send_frame(frame)
    reply = await client.wait_until(
        lambda: next((hint for hint in client.hints if hint["type"] == "reply" and hint["ref"] == ref), None)
    )
    client.hints.remove(reply)
    code: str = reply["error"]["code"]
    return code


@pytest.mark.parametrize(
    ("frame", "ref", "code"),
    [
        ("", None, "malformed_request"),
        ("no json", None, "malformed_request"),
        ("[1, 2]", None, "malformed_request"),
        ("[" * 20_000, None, "malformed_request"),
        ('{"ref": 1, "command": "typing", "x": ' + "[" * 20_000, None, "malformed_request"),
        ('{"ref": 2, "command": "fly"}', 2, "unknown_command"),
        ('{"ref": 3, "command": "typing"}', 3, "invalid_input"),
        ('{"ref": 4, "command": "typing", "stream": 17}', 4, "invalid_input"),
        ('{"ref": "five", "command": "list_rooms"}', None, "invalid_input"),
        ('{"ref": 6, "command": "list_rooms", "more": 1}', 6, "invalid_input"),
    ],
)
async def test_a_frame_that_is_no_command_is_answered_and_the_connection_stays(
    house: House, frame: str, ref: int | None, code: str
) -> None:
    client = await house.visitor()
    assert await refusal_of(client, frame, ref) == code
    assert await client.command("list_rooms") == {"rooms": []}
    await client.disconnect()


@pytest.mark.parametrize("text", ["", "x" * 20_001, "a\0b", "\ud800"])
async def test_text_that_cannot_be_stored_is_refused_with_the_reason(house: House, text: str) -> None:
    client = await house.visitor()
    frame = {
        "ref": 1,
        "command": "post_message",
        "stream": str(uuid4()),
        "client_command_id": str(uuid4()),
        "text": text,
    }
    assert await refusal_of(client, json.dumps(frame), 1) == "invalid_input"
    await client.disconnect()


async def test_who_sends_nothing_but_nonsense_is_closed(house: House) -> None:
    client = await house.visitor()
    for _ in range(30):
        await client.send_frame("nonsense")
    assert await client.wait_closed() == 4005
    assert client.goodbye is not None
    assert (client.goodbye["code"], client.goodbye["reconnect"]) == (4005, False)


@pytest.mark.parametrize(("data", "code"), [(b"\x81\x82\0\0\0\0\xff\xfe", 1007), (b"\x83\x80\0\0\0\0", 1002)])
async def test_bytes_that_break_the_protocol_end_the_connection(house: House, data: bytes, code: int) -> None:
    client = await house.visitor()
    client.connection.transport.write(data)
    assert await client.wait_closed() == code


async def test_a_frame_over_the_limit_ends_the_connection(house: House) -> None:
    client = await house.visitor()
    await client.send_frame("x" * 131_073)
    assert await client.wait_closed() == 1009


async def test_nobody_without_a_session_is_heard(house: House) -> None:
    async with connect(
        house.node.url.replace("http", "ws") + "/socket", origin=Origin(house.node.url), proxy=None
    ) as line:
        first = json.loads(await line.recv())
        with contextlib.suppress(ConnectionClosed):
            await line.send('{"ref": 1, "command": "list_rooms"}')
            assert await line.recv() == "nothing: the line is closed"
        await line.wait_closed()
    assert (first["type"], first["code"], first["reconnect"]) == ("goodbye", 4010, False)
    assert line.close_code == 4010


@pytest.mark.parametrize("origin", ["https://elsewhere.example", None])
async def test_a_socket_from_a_page_that_is_not_ours_is_refused(house: House, origin: str | None) -> None:
    visitor = await house.visitor()
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            house.node.url.replace("http", "ws") + "/socket",
            origin=origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": visitor.cookie},
            proxy=None,
        )
    assert refused.value.response.status_code == 403
    await visitor.disconnect()


async def test_too_many_commands_are_refused_for_a_while_and_then_the_line_is_closed(house: House) -> None:
    client = await house.visitor()
    with pytest.raises(CommandRefused) as refused:
        for _ in range(80):
            await client.command("list_rooms")
    assert refused.value.code == "rate_exceeded"
    assert refused.value.error["retry"]
    assert refused.value.error["params"]["retry_after_seconds"] >= 1
    for ref in range(1_000):
        await client.send_frame(json.dumps({"ref": 10_000 + ref, "command": "list_rooms"}))
    assert await client.wait_closed() == 4006
    assert client.goodbye is not None
    assert client.goodbye["reconnect"]
    assert client.goodbye["not_before_ms"] >= 5_000


async def test_one_account_has_a_limited_number_of_connections(house: House) -> None:
    first = await house.visitor()
    others = []
    for _ in range(2):
        other = Client(house.node.url)
        other.cookie = first.cookie
        await other.connect()
        others.append(other)
    async with connect(
        house.node.url.replace("http", "ws") + "/socket",
        origin=house.node.url,  # type: ignore[arg-type]
        additional_headers={"Cookie": first.cookie},
        proxy=None,
    ) as line:
        await line.wait_closed()
    assert line.close_code == 4004
    assert await first.command("list_rooms") == {"rooms": []}
    for client in (first, *others):
        await client.disconnect()


@pytest.mark.deadline(90)
async def test_while_one_stops_reading_a_thousand_others_go_on(
    running_node: StartNode, database: Database, settings: Settings
) -> None:
    author_account, slow_account, many_account = [await make_account(database) for _ in range(3)]
    place = await deeds.open_place(database, author_account, slow_account, many_account)
    flood = await deeds.open_place(database, author_account, slow_account)
    node = await running_node(
        WORKROOM_OUTBOUND_BYTES="65536",
        WORKROOM_COMMANDS_PER_SECOND="10000",
        WORKROOM_COMMANDS_BURST="10000",
        WORKROOM_CONNECTIONS_PER_ACCOUNT="2000",
    )
    author = await visit(node.url, database, settings, author_account)
    slow = await visit(node.url, database, settings, slow_account)
    many = await visit(node.url, database, settings, many_account)
    await slow.subscribe(place.shared, flood.shared)
    async with crowd(node.url, many.cookie, place.shared, 1_000) as listeners:
        slow.connection.transport.pause_reading()
        last = 0
        for _ in range(MANY_MESSAGES // 12):
            # More than the kernel keeps for the one, next to little for all.
            floods = [
                author.command("post_message", stream=flood.shared, text="x" * 19_000) for _ in range(12)
            ]
            await asyncio.gather(*floods)
            async with at_once(node.url):
                last = (await author.command("post_message", stream=place.shared, text="Hello"))["seq"]
                await asyncio.gather(*(listener.wait_for_seq(last) for listener in listeners))
        assert [listener.faults for listener in listeners if listener.faults] == []
        slow.connection.transport.resume_reading()
        assert await slow.wait_closed() in (4008, 1006)
    metrics = (await request("GET", f"{node.url}/metrics")).body.decode()
    assert "slow_consumers_closed_total 1.0" in metrics
    await slow.connect()
    await slow.subscribe(place.shared, flood.shared)
    assert slow.positions[str(place.shared)] == last
    assert len(slow.texts(flood.shared)) == MANY_MESSAGES


async def test_a_node_that_ends_says_goodbye_keeps_its_word_and_exits_with_0(
    running_node: StartNode, database: Database, settings: Settings
) -> None:
    account = await make_account(database)
    place = await deeds.open_place(database, account)
    node = await running_node(WORKROOM_DRAIN_SECONDS="5")
    client = await visit(node.url, database, settings, account)
    idle = await visit(node.url, database, settings, account)
    outbox = Outbox(client, place.shared, [node.url])
    writing = asyncio.create_task(write_on(outbox))
    await outbox.wait_for_more(20)
    node.send_signal(signal.SIGTERM)
    assert await idle.wait_closed() == 1012
    assert idle.goodbye is not None
    assert idle.goodbye["reconnect"]
    assert idle.goodbye["not_before_ms"] >= 200
    assert await node.stop() == 0
    writing.cancel()
    stored = {event.text for event in await deeds.read_all(database, place.shared) if event.text}
    assert set(outbox.acknowledged) <= stored


async def test_who_was_at_a_node_that_was_killed_is_seen_to_have_gone(
    running_node: StartNode, redis_url: str, database: Database, settings: Settings
) -> None:
    account, other_account = await make_account(database), await make_account(database, "customer")
    place = await deeds.open_place(database, account, other_account)
    async with Redis.from_url(redis_url) as redis:
        before = await find_living(redis, database)
        doomed = await running_node()
        other = await visit(doomed.url, database, settings, other_account)
        await other.subscribe(place.shared)
        while not (born := await find_living(redis, database) - before):
            await take_breath()  # its first word to Redis is on its way
        [(key, dead)] = born
        node = await running_node()
        client = await visit(node.url, database, settings, account)
        await client.subscribe(place.shared)
        other_id = str(other_account.account_id)
        assert other_id in (await client.command("list_rooms"))["rooms"][0]["online"]
        await doomed.kill()
        # Its life in Redis runs out: three quarters of a minute are not waited for here.
        await redis.zadd(key, {dead: 1})
        wanted = {"type": "presence", "stream": str(place.shared), "online": [], "offline": [other_id]}
        await client.wait_until(lambda: wanted in client.hints, seconds=2 * RENEW_SECONDS)
        assert (await client.command("list_rooms"))["rooms"][0]["online"] == [str(account.account_id)]


async def find_living(redis: Redis, database: Database) -> set[tuple[Any, Any]]:
    """The nodes of this installation that live, each with the key under which they are listed."""
    async with database.read() as reading:
        installation = await reading.fetch_one(queries.events.read_epoch)
    key = f"workroom:{installation['installation_id'].hex}:presence:nodes"
    return {(key, node) for node in await redis.zrange(key, 0, -1)}


async def write_on(outbox: Outbox) -> None:
    number = 0
    while True:
        number += 1
        await outbox.post(f"{number}")


async def test_a_node_without_postgres_says_so_and_comes_back(
    running_node: StartNode, environment: dict[str, str], database: Database, settings: Settings
) -> None:
    account = await make_account(database)
    async with open_line(environment["WORKROOM_DATABASE_URL"]) as line:
        node = await running_node(WORKROOM_DATABASE_URL=line.url, WORKROOM_DATABASE_ACQUIRE_SECONDS="1")
        client = await visit(node.url, database, settings, account)
        line.refuse()
        line.cut()
        with pytest.raises(CommandRefused) as refused:
            await client.command("list_rooms")
        assert refused.value.error["retry"], refused.value.error
        assert (await request("GET", f"{node.url}/health/ready")).status == 503
        assert (await request("GET", f"{node.url}/health/live")).status == 200
        line.accept()
        assert await client.command("list_rooms") == {"rooms": []}
        assert (await request("GET", f"{node.url}/health/ready")).status == 200
