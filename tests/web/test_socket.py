"""The socket's door: who comes in is greeted first, who does not is told why, at once."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.client import CommandRefused, Json
from tests.deeds import open_place
from tests.journeys.crowd import take_frames
from tests.journeys.visitors import visit
from tests.nodes import RunningNode
from tests.people import make_account
from workroom.settings import Settings
from workroom.storage.database import Database

StartNode = Callable[..., Awaitable[RunningNode]]


@asynccontextmanager
async def line(
    node: RunningNode, cookie: str | None, origin: str | None = "own"
) -> AsyncIterator[ClientConnection]:
    """A plain WebSocket to the door."""
    async with connect(
        node.url.replace("http", "ws", 1) + "/socket",
        origin=None if origin is None else Origin(node.url if origin == "own" else origin),
        additional_headers={"Cookie": cookie} if cookie else {},
        proxy=None,
    ) as opened:
        yield opened


async def refusal_of(opened: ClientConnection) -> tuple[Json, int | None]:
    """The goodbye and the close code of a connection that is refused; it must not take long."""
    async with asyncio.timeout(3):
        goodbye: Json = json.loads(await opened.recv())
        await opened.wait_closed()
    return goodbye, opened.close_code


async def test_who_has_no_session_is_told_so_and_closed_at_once(
    running_node: StartNode, database: Database
) -> None:
    node = await running_node()
    for cookie in (None, "workroom_session=nonsense"):
        async with line(node, cookie) as opened:
            goodbye, code = await refusal_of(opened)
        assert (goodbye["type"], goodbye["code"], goodbye["reconnect"]) == ("goodbye", 4010, False)
        assert code == 4010


async def test_a_page_of_another_origin_or_of_none_gets_no_socket(
    running_node: StartNode, database: Database, settings: Settings
) -> None:
    node = await running_node()
    client = await visit(node.url, database, settings, await make_account(database))
    for origin in ("https://elsewhere.example", "null", None):
        with pytest.raises(InvalidStatus) as refused:
            async with line(node, client.cookie, origin):
                pass
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["error"]["code"] == "origin_refused"
    async with line(node, client.cookie) as opened:
        assert json.loads(await opened.recv())["type"] == "hello"
    await client.disconnect()


async def test_many_that_come_at_once_are_counted_one_by_one(
    running_node: StartNode, database: Database, settings: Settings
) -> None:
    node = await running_node(WORKROOM_CONNECTIONS_PER_ACCOUNT="4")
    client = await visit(node.url, database, settings, await make_account(database))
    everybody_is_answered = asyncio.Barrier(12)

    async def come() -> Json:
        async with line(node, client.cookie) as opened:
            first: Json = json.loads(await opened.recv())
            await everybody_is_answered.wait()
            if first["type"] == "goodbye":
                async with asyncio.timeout(3):
                    await opened.wait_closed()
                assert opened.close_code == first["code"] == 4004
            return first

    answers = [answer["type"] for answer in await asyncio.gather(*(come() for _ in range(12)))]
    assert sorted(answers) == ["goodbye"] * 9 + ["hello"] * 3  # the client itself is the fourth
    await client.disconnect()


async def test_the_greeting_says_to_how_many_streams_a_line_may_listen(
    running_node: StartNode, database: Database, settings: Settings
) -> None:
    node = await running_node(WORKROOM_ROOMS_PER_SUBSCRIPTION="2")
    staff = await make_account(database)
    streams = [(await open_place(database, staff)).shared for _ in range(5)]
    client = await visit(node.url, database, settings, staff)
    most = client.hello["limits"]["subscriptions"]
    assert most == 4
    await client.subscribe(*streams[:most])
    with pytest.raises(CommandRefused) as refused:
        await client.subscribe(streams[most])
    assert refused.value.error["params"] == {"limit": "subscriptions", "value": most}
    await client.disconnect()


async def test_the_greeting_comes_before_every_answer(
    running_node: StartNode, database: Database, settings: Settings
) -> None:
    node = await running_node()
    account = await make_account(database)
    place = await open_place(database, account)
    client = await visit(node.url, database, settings, account)
    commands: list[Json] = [
        {"ref": 1, "command": "no such command"},
        {
            "ref": 2, "command": "post_message", "client_command_id": str(uuid4()),
            "stream": str(place.shared), "text": "Hello",
        },
    ]  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(node.url).port)
    head = (
        f"GET /socket HTTP/1.1\r\nHost: {urlsplit(node.url).netloc}\r\nOrigin: {node.url}\r\n"
        f"Cookie: {client.cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"".join(masked(json.dumps(command).encode()) for command in commands))
    heard: list[Any] = []
    rest = b""
    while len(heard) < 3:
        payloads, rest = take_frames(rest + await reader.read(65_536))
        heard += map(json.loads, payloads)
    assert [frame["type"] for frame in heard] == ["hello", "reply", "reply"]
    assert heard[1]["error"]["code"] == "unknown_command"
    assert heard[2]["result"]["seq"] == 3
    writer.close()
    await client.disconnect()


def masked(payload: bytes) -> bytes:
    """A text frame as a client sends it, masked with zeros."""
    size = (
        bytes((0x80 | len(payload),))
        if len(payload) < 126
        else bytes((0xFE,)) + len(payload).to_bytes(2, "big")
    )
    return b"\x81" + size + bytes(4) + payload


async def test_a_line_that_is_lost_in_the_handshake_leaves_nothing_behind(
    running_node: StartNode, database: Database, settings: Settings
) -> None:
    node = await running_node(WORKROOM_CONNECTIONS_PER_ACCOUNT="2")
    client = await visit(node.url, database, settings, await make_account(database))
    head = (
        f"GET /socket HTTP/1.1\r\nHost: {urlsplit(node.url).netloc}\r\nOrigin: {node.url}\r\n"
        f"Cookie: {client.cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(node.url).port)
        writer.write(head.encode())
        writer.transport.abort()
    is_greeted = False
    while not is_greeted:  # as soon as it has seen that they are gone, there is room for one
        async with line(node, client.cookie) as opened:
            is_greeted = json.loads(await opened.recv())["type"] == "hello"
    await client.disconnect()
    assert "Traceback" not in node.read_log()
    assert "Exception" not in node.read_log()
