"""A node: commits first, then tells here and elsewhere, finds what Redis lost, and ends in order."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.client import CommandRefused, Json
from tests.deeds import a_command, add, open_place, post, read_all, remove, rename
from tests.local_client import LocalClient, local_client, local_node, split_frames
from tests.people import actor_of, make_account, make_accounts
from workroom import event_reading, room_overview, rooms
from workroom.errors import TryAgain, Unavailable
from workroom.event_frames import ToldEvent
from workroom.fanout.frames import StreamFrame
from workroom.ids import StreamId
from workroom.node import Node
from workroom.settings import Settings
from workroom.storage.database import Database


@pytest_asyncio.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    async with local_node(settings) as running:
        yield running


@asynccontextmanager
async def two_nodes(settings: Settings) -> AsyncIterator[tuple[Node, Node]]:
    async with local_node(settings) as one, local_node(settings) as other:
        for node in (one, other):
            while not node.broker.is_listening:
                await node.broker.ask()
        yield one, other


def is_without_gap(client: LocalClient, stream: Any, from_seq: int) -> bool:
    seqs = [event["seq"] for event in client.events[str(stream)]]
    return seqs == list(range(from_seq, from_seq + len(seqs)))


async def test_what_is_rolled_back_is_told_to_nobody(node: Node, database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared)
        with pytest.raises(TryAgain):
            async with node.transaction() as work:
                _, recorded = await rooms.rename_room(
                    work.transaction, actor_of(staff), place.room_id, "Never", a_command()
                )
                work.recorded(recorded)
                raise TryAgain("changed our mind")
        await client.command("post_message", stream=place.shared, text="Hello")
        await client.wait_for_event(place.shared, text="Hello")
        assert [event["kind"] for event in client.events[str(place.shared)]] == ["message_posted"]


async def test_the_author_hears_the_acknowledgement_and_then_the_event_in_one_write(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared)
        written: list[list[tuple[str, int]]] = []
        write_frame = client.line.write_frame

        def watch(data: bytes) -> None:
            frames = [json.loads(payload) for payload in split_frames(data)]
            written.append([_numbered(frame) for frame in frames if frame["type"] in ("reply", "events")])
            write_frame(data)

        monkeypatch.setattr(client.line, "write_frame", watch)
        for n in range(10):
            posted = await client.command("post_message", stream=place.shared, text=str(n))
            await client.wait_for_seq(place.shared, posted["seq"])
            both = [("reply", posted["seq"]), ("events", posted["seq"])]
            assert [frames for frames in written if frames] == [both]
            written.clear()


def _numbered(frame: Json) -> tuple[str, int]:
    numbered = frame["result"] if frame["type"] == "reply" else frame["events"][0]
    return frame["type"], numbered["seq"]


@pytest.mark.parametrize("direction", [1, -1])
async def test_what_happens_on_one_node_is_heard_on_the_other(
    settings: Settings, database: Database, direction: int
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with two_nodes(settings) as nodes:
        here, there = nodes[::direction]
        async with local_client(here, staff) as author, local_client(there, customer) as reader:
            await reader.subscribe(place.shared)
            for n in range(20):
                await author.command("post_message", stream=place.shared, text=str(n))
            await author.command("rename_room", room_id=place.room_id, name="Second name")
            await reader.wait_for_event(place.shared, kind="room_renamed", name="Second name")
            assert reader.texts(place.shared) == [str(n) for n in range(20)]


async def test_a_publication_that_is_lost_is_found_by_the_position_check(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with (
        two_nodes(settings) as (here, there),
        local_client(here, staff) as author,
        local_client(there, customer) as reader,
    ):
        await reader.subscribe(place.shared)
        monkeypatch.setattr(here.broker, "publish_frame", lambda frame: None)
        await author.command("post_message", stream=place.shared, text="Lost")
        await reader.wait_for_event(place.shared, text="Lost")  # and nothing came after it
        assert is_without_gap(reader, place.shared, 4)


async def test_a_desk_that_cannot_be_looked_at_keeps_nothing_from_those_who_hear_a_stream(
    settings: Settings, database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with (
        two_nodes(settings) as (here, there),
        local_client(here, staff) as author,
        local_client(there, customer) as reader,
        local_client(there, staff) as watching,
    ):
        await reader.subscribe(place.shared)
        await watching.command("watch_desk", watching=True)
        await owner.execute("revoke select on waiting_list from workroom_service")
        monkeypatch.setattr(here.broker, "publish_frame", lambda frame: None)
        await author.command("post_message", stream=place.shared, text="Lost")
        await reader.wait_for_event(place.shared, text="Lost")


async def test_a_publication_that_is_lost_is_read_when_the_next_one_comes(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with two_nodes(settings) as (here, there):
        monkeypatch.setattr(there, "_check_positions", _never)
        async with local_client(here, staff) as author, local_client(there, customer) as reader:
            await reader.subscribe(place.shared)
            publish = here.broker.publish_frame
            monkeypatch.setattr(here.broker, "publish_frame", lambda frame: None)
            await author.command("post_message", stream=place.shared, text="Lost")
            monkeypatch.setattr(here.broker, "publish_frame", publish)
            await author.command("post_message", stream=place.shared, text="Next")
            await reader.wait_for_event(place.shared, text="Next")
            assert reader.texts(place.shared) == ["Lost", "Next"]


async def _never() -> None:
    return None


async def test_frames_that_arrive_in_any_order_are_heard_in_one(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with (
        two_nodes(settings) as (here, there),
        local_client(here, staff) as author,
        local_client(there, customer) as reader,
    ):
        await reader.subscribe(place.shared)
        kept: list[StreamFrame] = []
        monkeypatch.setattr(here.broker, "publish_frame", kept.append)
        for n in range(6):
            await author.command("post_message", stream=place.shared, text=str(n))
        frames = [frame for frame in kept if frame.stream_id == place.shared]
        monkeypatch.undo()
        for n in (3, 5, 1, 3, 0, 4, 2, 5):  # shuffled, some of them twice
            here.broker.publish_frame(frames[n])
        await reader.wait_for_event(place.shared, text="5")
        assert reader.texts(place.shared) == [str(n) for n in range(6)]
        assert is_without_gap(reader, place.shared, 4)


async def test_a_commit_that_could_not_be_read_back_is_told_by_the_position_check(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)

    async def be_away(*_: object) -> None:
        monkeypatch.undo()
        raise Unavailable("the database does not answer")

    async with local_client(node, staff) as client:
        await client.subscribe(place.shared)
        monkeypatch.setattr(event_reading, "read_recorded", be_away)
        await client.command("rename_room", room_id=place.room_id, name="Second name")
        await client.wait_for_event(place.shared, kind="room_renamed")


async def test_what_other_programs_write_is_heard_too(node: Node, database: Database) -> None:
    """The command line and the worker tell nobody: the position check does."""
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with local_client(node, customer) as client:
        await client.subscribe(place.shared)
        await rename(database, staff, place.room_id, "Second name")
        posted = await post(database, staff, place.shared, "From elsewhere")
        await client.wait_for_seq(place.shared, posted.seq)
        await remove(database, staff, place.room_id, customer)
        await client.wait_for_hint(type="unsubscribed", stream=place.shared)


async def test_an_idle_node_asks_postgres_one_small_question_and_no_more(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared)
        asked: list[None] = []
        positions = node.hub.positions

        def count_and_ask() -> Any:
            asked.append(None)
            return positions()

        monkeypatch.setattr(node.hub, "positions", count_and_ask)
        before = ""
        # Other tests write to the same servers: a look counts when nothing was under way, and nothing was written.
        while not re.fullmatch(r"(\d+):\1:", before) or node._snapshot != before:
            before = node._snapshot
            asked.clear()
            await node._check_positions()
        assert asked == []
        await post(database, staff, place.shared)
        await node._check_positions()
        assert asked == [None]
        await client.wait_for_seq(place.shared, 3)


async def test_a_position_that_was_read_before_a_commit_and_learned_after_a_look_is_looked_at_again(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    check_positions, ask = node._check_positions, node.reads.listening.ask
    monkeypatch.setattr(node, "_check_positions", _never)

    async def ask_and_be_late(request: Any) -> Any:
        found = await ask(request)
        await post(database, staff, place.shared, "Unheard")  # at another node, and Redis lost it
        await check_positions()
        return found

    monkeypatch.setattr(node.reads.listening, "ask", ask_and_be_late)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared)
        await check_positions()  # nothing has been committed since the last look
        await client.wait_for_event(place.shared, text="Unheard")


async def test_after_a_gap_everything_is_looked_at_whatever_the_snapshot_says(
    node: Node, database: Database
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared)
        node._snapshot = "anything"
        node.check_positions_soon()
        assert node._snapshot == ""
        await post(database, staff, place.shared, "Hello")
        await client.wait_for_event(place.shared, text="Hello")


async def test_the_desk_is_told_when_its_list_changes(settings: Settings, database: Database) -> None:
    staff, colleague, customer = await make_accounts(database, "staff", "staff", "customer")
    place = await open_place(database, staff, customer)
    async with (
        two_nodes(settings) as (here, there),
        local_client(here, customer) as asking,
        local_client(there, staff) as watching,
        local_client(there, colleague) as not_watching,
    ):
        with pytest.raises(CommandRefused) as refused:
            await asking.command("watch_desk", watching=True)
        assert refused.value.code == "forbidden"
        await watching.command("watch_desk", watching=True)
        await asking.command("post_message", stream=place.shared, text="Hello?")
        await watching.wait_for_hint(type="desk_changed")
        watching.hints.clear()
        await watching.command("post_message", stream=place.shared, text="Good morning")
        await watching.wait_for_hint(type="desk_changed")
        watching.hints.clear()
        await watching.command("watch_desk", watching=False)
        await asking.command("post_message", stream=place.shared, text="And another thing")
        # Back to what it was when somebody last watched: whoever begins to watch now must not miss the next.
        await watching.command("watch_desk", watching=True)
        await watching.command("post_message", stream=place.shared, text="Yes?")
        await watching.wait_for_hint(type="desk_changed")
        assert not_watching.hints == []


async def test_a_desk_that_was_fetched_between_two_looks_is_told_when_it_is_again_what_it_was(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, colleague, customer = await make_accounts(database, "staff", "staff", "customer")
    place = await open_place(database, staff, customer)
    await post(database, staff, place.shared)  # who wrote last is the provider: nobody waits
    check_positions = node._check_positions
    monkeypatch.setattr(node, "_check_positions", _never)
    async with local_client(node, staff) as client, local_client(node, colleague) as other:
        for each in (client, other):
            await each.command("watch_desk", watching=True)
            assert (await each.command("list_waiting_rooms"))["rooms"] == []
        await check_positions()
        await post(database, customer, place.shared)
        (waiting,) = (await client.command("list_waiting_rooms"))["rooms"]
        assert waiting["room_id"] == str(place.room_id)
        await post(database, staff, place.shared)
        await check_positions()
        await client.wait_for_hint(type="desk_changed")
        assert (await client.command("list_waiting_rooms"))["rooms"] == []
        client.hints.clear()
        await check_positions()
        for each in (client, other):  # who holds what is true is left alone
            await each.command("list_rooms")
            assert each.hints == []


async def test_whoever_has_no_list_of_the_desk_or_an_old_one_is_told_whatever_the_snapshot_says(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    check_positions = node._check_positions
    monkeypatch.setattr(node, "_check_positions", _never)
    async with local_client(node, staff) as client:
        await check_positions()
        await client.command("watch_desk", watching=True)
        await check_positions()  # nothing has been committed since, but who begins to watch has no list yet
        await client.wait_for_hint(type="desk_changed")
        client.hints.clear()
        async with database.read() as reading:
            read_early = await room_overview.list_waiting_rooms(reading, actor_of(staff))
        await post(database, customer, place.shared)
        await check_positions()
        await client.wait_for_hint(type="desk_changed")
        client.hints.clear()
        (session,) = node.sessions[staff.account_id]
        node.desk_seen(session, read_early.fingerprint)  # the answer to an older question
        await check_positions()  # though nothing has been committed since
        await client.wait_for_hint(type="desk_changed")


async def test_sockets_are_counted_by_account(node: Node, database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    async with local_client(node, staff), local_client(node, customer):
        async with local_client(node, staff):
            assert node.count_connections(staff.account_id) == 2
            waiting = asyncio.ensure_future(node.wait_until_empty())
        assert node.count_connections(staff.account_id) == 1
        assert not waiting.done()
    await waiting
    assert node.count_connections(staff.account_id) == 0


async def test_who_is_there_is_told_to_the_rooms_they_listen_to(
    settings: Settings, database: Database
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with two_nodes(settings) as (here, there), local_client(here, staff) as watching:
        await watching.subscribe(place.shared)
        async with local_client(there, customer) as coming:
            await coming.subscribe(place.shared)
            await watching.wait_until(
                lambda: any(str(customer.account_id) in hint.get("online", []) for hint in watching.hints)
            )
            room = (await watching.command("open_room", room_id=place.room_id))["room"]
            assert set(room["online"]) >= {str(staff.account_id)}
        await watching.wait_until(
            lambda: any(str(customer.account_id) in hint.get("offline", []) for hint in watching.hints)
        )


async def test_what_is_queued_when_a_node_ends_is_written_and_acknowledged(
    settings: Settings, database: Database
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_node(settings) as node, local_client(node, staff) as client:
        commands = [
            asyncio.ensure_future(client.command("post_message", stream=place.shared, text=str(n)))
            for n in range(30)
        ]
        await client.command("list_rooms")
        node.is_draining = True
        await node.writer.drain()
        node.flusher.flush()
        answers = await asyncio.gather(*commands)
    stored = {event.seq: event.text for event in await read_all(database, place.shared, 2)}
    assert stored == {answer["seq"]: str(n) for n, answer in enumerate(answers)}


async def test_a_frame_of_another_epoch_is_not_believed(settings: Settings, database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with two_nodes(settings) as (here, there), local_client(there, staff) as reader:
        await reader.subscribe(place.shared)
        forged = ToldEvent(
            seq=3, kind="message_posted", actor_id=staff.account_id, at=staff.created_at, text="Forged"
        )
        here.broker._epoch = here.node_id
        here.tell(StreamId(place.shared), [forged])
        here.broker._epoch = here.epoch
        await reader.command("post_message", stream=place.shared, text="True")
        await reader.wait_for_event(place.shared, text="True")
        assert reader.texts(place.shared) == ["True"]


async def test_the_way_in_between_two_nodes_is_open_to_whoever_joins(
    settings: Settings, database: Database
) -> None:
    """A newcomer on another node hears from their first number on."""
    staff, newcomer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    async with (
        two_nodes(settings) as (here, there),
        local_client(here, staff) as author,
        local_client(there, newcomer) as reader,
    ):
        joined, _ = await add(database, staff, place.room_id, newcomer)
        await reader.wait_for_event(newcomer.stream_id, kind="room_entered")
        reader.positions[str(place.shared)] = joined - 1
        await reader.subscribe(place.shared)
        await author.command("post_message", stream=place.shared, text="Welcome")
        await reader.wait_for_event(place.shared, text="Welcome")
        assert is_without_gap(reader, place.shared, joined)
