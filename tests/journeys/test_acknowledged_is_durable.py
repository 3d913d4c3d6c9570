"""Promise 1: a message whose author was told that it is sent is committed. Killing anything loses none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.client import Client
from tests.journeys.visitors import LOST, Outbox, visit
from tests.line import open_line
from tests.nodes import RunningNode, run_node
from tests.people import make_account, make_room
from workroom.embedded import EmbeddedServers
from workroom.settings import Settings, load_settings
from workroom.storage.database import Database, open_database
from workroom.storage.migrate import migrate

StartNode = Callable[..., Awaitable[RunningNode]]


async def find_stream(owner: asyncpg.Connection, room_id: object) -> str:
    return str(
        await owner.fetchval("select stream_id from streams where room_id = $1 and kind = 'shared'", room_id)
    )


async def read_stored(owner: asyncpg.Connection, stream: str) -> dict[str, tuple[str, int]]:
    """What is stored, by text: message id and number. Fails where a text is stored twice."""
    rows = await owner.fetch(
        "select r.text, m.message_id, m.seq from workroom.messages m "
        "join workroom.message_revisions r using (message_id) where m.stream_id = $1 order by m.seq",
        stream,
    )
    stored = {row["text"]: (str(row["message_id"]), row["seq"]) for row in rows}
    assert len(stored) == len(rows), "a message is stored twice"
    return stored


async def post_until_stopped(outbox: Outbox, name: str, stop: asyncio.Event) -> None:
    for number in count(1):
        if stop.is_set():
            return
        await outbox.post(f"{name} {number}")


@pytest.mark.deadline(90)
async def test_killing_the_web_process_loses_nothing_that_was_acknowledged(
    running_node: StartNode, database: Database, settings: Settings, owner: asyncpg.Connection
) -> None:
    staff, customer = await make_account(database), await make_account(database, "customer")
    room_id = await make_room(database, staff, customer)
    stream = await find_stream(owner, room_id)
    first, second = await running_node(), await running_node()
    outboxes = [
        Outbox(await visit(first.url, database, settings, account), stream, [first.url, second.url])
        for account in (staff, customer)
    ]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as writing:
        for number, outbox in enumerate(outboxes):
            writing.create_task(post_until_stopped(outbox, f"writer {number}:", stop))
        for node in (first, second, first):
            await asyncio.gather(*(outbox.wait_for_more(20) for outbox in outboxes))
            await node.kill()
            await node.start()
        stop.set()
    stored = await read_stored(owner, stream)
    for outbox in outboxes:
        assert len(outbox.acknowledged) >= 60, "hardly anything was acknowledged: this proves nothing"
        for text, reply in outbox.acknowledged.items():
            assert stored[text] == (reply["message_id"], reply["seq"])
    seqs = sorted(seq for _, seq in stored.values())
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_killed_between_commit_and_acknowledgement_it_is_done_once(
    running_node: StartNode,
    environment: dict[str, str],
    database: Database,
    settings: Settings,
    owner: asyncpg.Connection,
) -> None:
    staff, other = await make_account(database), await make_account(database)
    stream = await find_stream(owner, await make_room(database, staff, other))
    async with open_line(environment["WORKROOM_DATABASE_URL"]) as line:
        doomed, healthy = await running_node(WORKROOM_DATABASE_URL=line.url), await running_node()
        author = await visit(doomed.url, database, settings, staff)
        reader = await visit(healthy.url, database, settings, other)
        await reader.subscribe(stream)
        await author.command("post_message", stream=stream, text="the line stands")
        # The commit reaches Postgres, its answer never reaches the node; then the node dies.
        line.lose_answer_to(b"commit\x00")
        line.refuse()
        command_id = uuid4()
        posting = asyncio.create_task(
            author.command("post_message", stream=stream, text="once", client_command_id=command_id)
        )
        heard = await reader.wait_for_event(stream, kind="message_posted", text="once")
        await doomed.kill()
        with pytest.raises(LOST):
            await posting
        await author.connect(healthy.url)
        reply = await author.command("post_message", stream=stream, text="once", client_command_id=command_id)
    assert (reply["message_id"], reply["seq"]) == (heard["message_id"], heard["seq"])
    assert list(await read_stored(owner, stream)) == ["the line stands", "once"]


async def test_a_commit_whose_answer_was_lost_is_settled_by_the_commands_id(
    running_node: StartNode,
    environment: dict[str, str],
    database: Database,
    settings: Settings,
    owner: asyncpg.Connection,
) -> None:
    staff = await make_account(database)
    stream = await find_stream(owner, await make_room(database, staff))
    async with open_line(environment["WORKROOM_DATABASE_URL"]) as line:
        node = await running_node(WORKROOM_DATABASE_URL=line.url)
        author = await visit(node.url, database, settings, staff)
        await author.subscribe(stream)
        line.lose_answer_to(b"commit\x00")
        reply = await author.command("post_message", stream=stream, text="asked about")
        heard = await author.wait_for_event(stream, kind="message_posted")
    assert heard["seq"] == reply["seq"]
    assert await read_stored(owner, stream) == {"asked about": (reply["message_id"], reply["seq"])}


async def test_a_transaction_that_never_reached_postgres_is_written_again(
    running_node: StartNode,
    environment: dict[str, str],
    database: Database,
    settings: Settings,
    owner: asyncpg.Connection,
) -> None:
    staff = await make_account(database)
    stream = await find_stream(owner, await make_room(database, staff))
    async with open_line(environment["WORKROOM_DATABASE_URL"]) as line:
        node = await running_node(WORKROOM_DATABASE_URL=line.url)
        author = await visit(node.url, database, settings, staff)
        line.lose_request(b"commit\x00")
        reply = await author.command("post_message", stream=stream, text="second try")
    assert await read_stored(owner, stream) == {"second try": (reply["message_id"], reply["seq"])}


async def test_nothing_is_acknowledged_while_postgres_cannot_commit(
    running_node: StartNode,
    environment: dict[str, str],
    database: Database,
    settings: Settings,
    owner: asyncpg.Connection,
) -> None:
    staff = await make_account(database)
    stream = await find_stream(owner, await make_room(database, staff))
    async with open_line(environment["WORKROOM_DATABASE_URL"]) as line:
        node = await running_node(WORKROOM_DATABASE_URL=line.url)
        author = await visit(node.url, database, settings, staff)
        line.silence()
        await author.send_frame(post_frame(stream, "held back"))
        pending = asyncio.create_task(author.wait_for_hint(type="reply", ref=9_000_001))
        assert await read_stored(owner, stream) == {}
        assert not pending.done()
        line.resume()
        await pending
    assert list(await read_stored(owner, stream)) == ["held back"]


def post_frame(stream: str, text: str) -> str:
    return json.dumps(
        {
            "ref": 9_000_001,
            "command": "post_message",
            "client_command_id": str(uuid4()),
            "stream": stream,
            "text": text,
        }
    )


@pytest.mark.deadline(120)
async def test_killing_postgres_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A cluster of its own, durable as in earnest; killed, it is started again, and everybody goes on."""
    embedded = await EmbeddedServers.start(tmp_path / "data")
    try:
        await migrate(embedded.owner_url)
        environment = {
            "WORKROOM_DATABASE_URL": embedded.service_url,
            "WORKROOM_REDIS_URL": embedded.redis_url,
            "WORKROOM_DATA_DIR": str(tmp_path / "files"),
        }
        settings = load_settings(environment)
        database = await open_database(embedded.service_url, application_name="workroom test")
        staff, customer = await make_account(database), await make_account(database, "customer")
        room_id = await make_room(database, staff, customer)
        async with run_node(environment, tmp_path / "node.log") as node:
            clients = [await visit(node.url, database, settings, account) for account in (staff, customer)]
            await database.close(0.5)
            stream = (await clients[0].command("open_room", room_id=room_id))["room"]["streams"]["shared"][
                "stream"
            ]
            outboxes = [Outbox(client, stream, [node.url]) for client in clients]
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as writing:
                for number, outbox in enumerate(outboxes):
                    writing.create_task(post_until_stopped(outbox, f"writer {number}:", stop))
                for _ in range(2):
                    await asyncio.gather(*(outbox.wait_for_more(20) for outbox in outboxes))
                    embedded.postgres.kill()
                await asyncio.gather(*(outbox.wait_for_more(20) for outbox in outboxes))
                stop.set()
        owner = await asyncpg.connect(embedded.owner_url)
        try:
            stored = await read_stored(owner, stream)
        finally:
            await owner.close()
        for outbox in outboxes:
            for text, reply in outbox.acknowledged.items():
                assert stored[text] == (reply["message_id"], reply["seq"])
    finally:
        await embedded.stop()


async def test_what_was_acknowledged_is_delivered_when_the_author_and_the_node_are_gone(
    running_node: StartNode,
    redis_url: str,
    database: Database,
    settings: Settings,
    owner: asyncpg.Connection,
) -> None:
    staff, other = await make_account(database), await make_account(database)
    stream = await find_stream(owner, await make_room(database, staff, other))
    async with open_line(redis_url) as line:
        first, second = await running_node(WORKROOM_REDIS_URL=line.url), await running_node()
        author = await visit(first.url, database, settings, staff)
        reader: Client = await visit(second.url, database, settings, other)
        await reader.subscribe(stream)
        # Nobody but Postgres is told: the node cannot publish any more, and dies.
        line.refuse()
        line.cut()
        reply = await author.command("post_message", stream=stream, text="my last words")
        await first.kill()
        heard = await reader.wait_for_event(stream, kind="message_posted")
    assert heard["seq"] == reply["seq"]
