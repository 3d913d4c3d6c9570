"""A node that is told to end does so within its time, and says goodbye to everybody, whatever Postgres does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests import deeds
from tests.client import Client
from tests.journeys.visitors import Outbox, visit
from tests.line import Line, open_line
from tests.looking import take_breath, until_yes
from tests.nodes import RunningNode, run_node
from tests.people import make_account
from tests.servers import FAST_SETTINGS
from workroom.children.child_process import list_processes_in
from workroom.embedded import EmbeddedServers
from workroom.settings import Settings, load_settings
from workroom.storage.database import Database, open_database
from workroom.storage.migrate import migrate

StartNode = Callable[..., Awaitable[RunningNode]]

DRAIN_SECONDS = 2
LISTENERS = 80
"""Enough for goodbyes in several steps."""
SOMEBODY_WAITS = """
    select exists (
        select from pg_locks as l
        join pg_stat_activity as a using (pid)
        where a.datname = current_database() and not l.granted
    )
"""


@pytest_asyncio.fixture(scope="module")
async def own_servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServers]:
    """Servers of this file alone: they are stopped and go on."""
    data_dir = tmp_path_factory.mktemp("ends") / "data"
    embedded = await EmbeddedServers.start(data_dir, postgres_settings=FAST_SETTINGS)
    await migrate(embedded.owner_url)
    yield embedded
    await embedded.stop(immediate=True)


@contextlib.contextmanager
def stopped(servers: EmbeddedServers) -> Iterator[None]:
    """Every process of the cluster stands still: it takes what is sent, and answers nothing."""
    processes = list_processes_in(servers.directory.cluster, "postgres")
    assert len(processes) > 2, "no connection is served: this proves nothing"
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@contextlib.contextmanager
def half_open(line: Line) -> Iterator[None]:
    """The line to Postgres takes what is sent, and nothing comes of it."""
    line.silence()
    try:
        yield
    finally:
        line.resume()


async def write_on(outbox: Outbox, stop: asyncio.Event) -> None:
    for number in count(1):
        if stop.is_set():
            return
        await outbox.post(str(number))


async def hear_the_end(line: ClientConnection) -> tuple[str, int | None, float]:
    """What was said last, the close code, and when."""
    said = ""
    with contextlib.suppress(ConnectionClosed):
        async for frame in line:
            said = json.loads(frame)["type"]
    return said, line.close_code, asyncio.get_running_loop().time()


@dataclass
class Scene:
    """Two nodes; at the first, whose Postgres will fall silent, one who writes and many who listen."""

    node: RunningNode
    line: Line
    database: Database
    place: deeds.Place
    author: Client
    outbox: Outbox
    ends: list[asyncio.Task[tuple[str, int | None, float]]]


@pytest_asyncio.fixture
async def scene(own_servers: EmbeddedServers, tmp_path: Path) -> AsyncIterator[Scene]:
    async with contextlib.AsyncExitStack() as stack:
        line = await stack.enter_async_context(open_line(own_servers.service_url))
        environment = {
            "WORKROOM_DATABASE_URL": own_servers.service_url,
            "WORKROOM_REDIS_URL": own_servers.redis_url,
            "WORKROOM_DATA_DIR": str(tmp_path),
            "WORKROOM_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "WORKROOM_CONNECTIONS_PER_ACCOUNT": str(LISTENERS + 10),
        }
        by_line = environment | {"WORKROOM_DATABASE_URL": line.url}
        node = await stack.enter_async_context(run_node(by_line, tmp_path / "node.log"))
        other = await stack.enter_async_context(run_node(environment, tmp_path / "other.log"))
        database = await open_database(own_servers.service_url, application_name="workroom test")
        stack.push_async_callback(database.close, 0.5)
        account = await make_account(database)
        place = await deeds.open_place(database, account)
        author = await visit(node.url, database, load_settings(environment), account)
        sockets = [await stack.enter_async_context(socket_to(author)) for _ in range(LISTENERS)]
        ends = [asyncio.create_task(hear_the_end(socket)) for socket in sockets]
        outbox = Outbox(author, place.shared, [other.url])
        yield Scene(node, line, database, place, author, outbox, ends)


@pytest.mark.parametrize("how", ["stopped", "half-open"])
async def test_a_silent_postgres_keeps_nobody_from_the_goodbye_and_the_node_not_from_its_end(
    own_servers: EmbeddedServers, scene: Scene, how: str
) -> None:
    clock = asyncio.get_running_loop()
    stop = asyncio.Event()
    writing = asyncio.create_task(write_on(scene.outbox, stop))
    await scene.outbox.wait_for_more(20)
    with stopped(own_servers) if how == "stopped" else half_open(scene.line):
        acknowledged = dict(scene.outbox.acknowledged)
        asking = asyncio.create_task(scene.author.send("GET", "/api/session"))
        await take_breath()
        ordered_at = clock.time()
        scene.node.send_signal(signal.SIGTERM)
        assert await scene.node.stop() == 0, scene.node.read_log()
        assert clock.time() - ordered_at < DRAIN_SECONDS + 1
        heard = await asyncio.gather(*scene.ends)
        assert (await asking).status == 500, "nothing waited for Postgres: this proves nothing"
    assert {(said, code) for said, code, _ in heard} == {("goodbye", 1012)}
    heard_at = sorted(at - ordered_at for _, _, at in heard)
    assert heard_at[-1] < DRAIN_SECONDS, "whoever waits for the deadline is not told in time"
    assert heard_at[-1] - heard_at[0] > 0.1, "told all at once, they would come back all at once"
    assert any(hint["type"] == "goodbye" and hint["code"] == 1012 for hint in scene.author.hints)
    await scene.outbox.wait_for_more(1)  # what was given up is sent again elsewhere, under the same id
    stop.set()
    await writing
    stored = [event.text for event in await deeds.read_all(scene.database, scene.place.shared) if event.text]
    assert acknowledged.items() <= scene.outbox.acknowledged.items()
    assert stored == list(scene.outbox.acknowledged)


def socket_to(client: Client) -> connect:
    """One more line of an account that is signed in."""
    return connect(
        client.url.replace("http", "ws", 1) + "/socket",
        origin=client.url,  # type: ignore[arg-type]
        additional_headers={"Cookie": client.cookie},
        compression=None,
        ping_interval=None,
        proxy=None,
    )


@pytest.mark.parametrize("began", ["before", "after"])
async def test_who_comes_while_the_node_ends_is_told_so_at_once(
    running_node: StartNode,
    environment: dict[str, str],
    database: Database,
    settings: Settings,
    owner: asyncpg.Connection,
    began: str,
) -> None:
    account = await make_account(database)
    place = await deeds.open_place(database, account)
    async with open_line(environment["WORKROOM_DATABASE_URL"]) as to_postgres:
        node = await running_node(WORKROOM_DATABASE_URL=to_postgres.url)
        client = await visit(node.url, database, settings, account)
        reader, writer = await open_kept_line(node.url)
        async with owner.transaction():
            # A message that waits for its room holds up the goodbyes of those who are here.
            await owner.execute("select from rooms where room_id = $1 for update", place.room_id)
            posting = asyncio.create_task(client.command("post_message", stream=place.shared, text="waits"))
            await until_yes(owner, SOMEBODY_WAITS)
            to_postgres.silence()
            if began == "before":
                ask_for_socket(writer, client)
            node.send_signal(signal.SIGTERM)
            await until_refused(node.url)
            if began == "before":
                to_postgres.resume()
            else:
                ask_for_socket(writer, client)
            first = await read_frame(reader)
            to_postgres.resume()
            assert (first["type"], first.get("code"), first.get("reconnect")) == ("goodbye", 1012, True)
            assert client.goodbye is None
        await posting
        assert await client.wait_closed() == 1012
        writer.close()
        assert await node.stop() == 0


async def open_kept_line(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A line that the node has accepted already, and keeps."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET /health/live HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    await reader.readuntil(b"}")
    return reader, writer


def ask_for_socket(writer: asyncio.StreamWriter, client: Client) -> None:
    """Begin to go over to a WebSocket."""
    head = (
        f"GET /socket HTTP/1.1\r\nHost: {urlsplit(client.url).netloc}\r\nOrigin: {client.url}\r\n"
        f"Cookie: {client.cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    writer.write(head.encode())


async def read_frame(reader: asyncio.StreamReader) -> dict[str, object]:
    """The first frame after the handshake."""
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101"), answer
    _, size = await reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2))
    frame: dict[str, object] = json.loads(await reader.readexactly(size))
    return frame


async def until_refused(url: str) -> None:
    """Return when the node takes no new lines: it is ending."""
    with pytest.raises(ConnectionError):  # refused, or reset where it had waited to be accepted
        while True:
            _, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
            writer.close()
            await take_breath()
