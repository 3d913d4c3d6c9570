"""One connection's session: what it answers, what it refuses, when it is closed, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.client import CommandRefused
from tests.deeds import open_place
from tests.local_client import LocalClient, local_client, local_node, sign_in
from tests.people import by, make_account, make_accounts
from workroom import accounts, clock, sessions
from workroom.abilities import AccountKind
from workroom.errors import Unavailable
from workroom.node import Node
from workroom.settings import Settings
from workroom.sockets import protocol
from workroom.sockets import session as session_module
from workroom.sockets.session import MOST_MALFORMED, MOST_REFUSED_IN_A_ROW, MOST_UNDER_WAY
from workroom.storage.database import Database
from workroom.storage.database_errors import HELD


@pytest_asyncio.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    async with local_node(replace(settings, commands_per_second=1000, commands_burst=1000)) as running:
        yield running


@pytest.mark.parametrize(
    ("frame", "ref", "code"),
    [
        (b"hello", None, "malformed_request"),
        (b"[" * 50_000, None, "malformed_request"),
        (b'{"ref": 5, "command": "make_coffee"}', 5, "unknown_command"),
        (b'{"ref": 5, "command": "read_messages"}', 5, "invalid_input"),
        (b'{"ref": 5, "command": "list_rooms", "more": 1}', 5, "invalid_input"),
    ],
)
async def test_a_frame_that_is_no_command_is_answered_and_the_connection_stays(
    node: Node, database: Database, frame: bytes, ref: int | None, code: str
) -> None:
    async with local_client(node, await make_account(database)) as client:
        await client.send_frame(frame.decode())
        reply = await client.wait_for_hint(type="reply")
        assert (reply["ref"], reply["error"]["code"]) == (ref, code)
        assert await client.command("list_rooms") == {"rooms": []}


async def test_what_is_malformed_again_and_again_is_closed_and_a_wrong_field_never(
    node: Node, database: Database
) -> None:
    async with local_client(node, await make_account(database)) as client:
        for _ in range(3 * MOST_MALFORMED):
            with pytest.raises(CommandRefused):
                await client.command("read_messages", stream="not an id")
        for _ in range(3 * MOST_MALFORMED):
            await client.send_frame('{"ref": 1, "command": "of a later version"}')
        for _ in range(MOST_MALFORMED):
            await client.send_frame("hello")
        await client.command("list_rooms")
        await client.send_frame("hello")
        assert await client.wait_closed() == 4005
        assert (client.goodbye or {})["reconnect"] is False


async def test_too_many_commands_are_refused_until_there_is_room_again(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.monotonic_seconds()
    monkeypatch.setattr(session_module, "monotonic_seconds", lambda: now)
    limited = replace(settings, commands_per_second=2, commands_burst=5)
    staff = await make_account(database)
    async with local_node(limited) as node, local_client(node, staff) as client:
        for _ in range(5):
            await client.command("list_rooms")
        for _ in range(3):
            with pytest.raises(CommandRefused) as refused:
                await client.command("list_rooms")
            assert (refused.value.code, refused.value.error["retry"]) == ("rate_exceeded", True)
            assert refused.value.error["params"] == {"retry_after_seconds": 1}
        now += 1.0
        for _ in range(2):
            await client.command("list_rooms")
        with pytest.raises(CommandRefused):
            await client.command("list_rooms")
        now += 3600.0  # never more than the burst
        for _ in range(5):
            await client.command("list_rooms")
        with pytest.raises(CommandRefused):
            await client.command("list_rooms")


async def test_what_is_over_the_rate_is_not_parsed(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.monotonic_seconds()
    monkeypatch.setattr(session_module, "monotonic_seconds", lambda: now)
    parsed: list[int] = []
    parse_command = protocol.parse_command

    def count(data: bytes) -> protocol.Command:
        parsed.append(len(data))
        return parse_command(data)

    monkeypatch.setattr(protocol, "parse_command", count)
    limited = replace(settings, commands_per_second=1, commands_burst=1)
    async with local_node(limited) as node, local_client(node, await make_account(database)) as client:
        await client.command("list_rooms")
        for number, frame in enumerate(
            (f'{{"ref": 5, "command": "x", "a": "{"x" * 100_000}"}}', "[" * 1000), 1
        ):
            await client.send_frame(frame)
            await client.wait_until(lambda count=number: len(client.hints) == count)  # type: ignore[misc]
        assert [(hint["ref"], hint["error"]["code"]) for hint in client.hints] == [
            (5, "rate_exceeded"), (None, "rate_exceeded"),
        ]  # fmt: skip
        assert len(parsed) == 1


async def test_who_does_not_stop_is_closed_and_told_when_to_come_back(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.monotonic_seconds()
    monkeypatch.setattr(session_module, "monotonic_seconds", lambda: now)
    limited = replace(settings, commands_per_second=1, commands_burst=1)
    staff = await make_account(database)
    async with local_node(limited) as node, local_client(node, staff) as client:
        # Frames that are no commands count like all others.
        frames = ['{"ref": 1, "command": "list_rooms"}', '{"ref": 1, "command": "unknown"}']
        for n in range(MOST_REFUSED_IN_A_ROW + 2):
            await client.send_frame(frames[n % 2])
        assert await client.wait_closed() == 4006
        assert client.goodbye is not None
        assert client.goodbye["reconnect"]
        assert client.goodbye["not_before_ms"] >= 5_000


async def test_while_too_much_is_under_way_nothing_more_is_read(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    go_on = asyncio.Event()
    ask = node.reads.catch_up.ask

    async def ask_later(request: Any) -> Any:
        await go_on.wait()
        return await ask(request)

    monkeypatch.setattr(node.reads.catch_up, "ask", ask_later)
    async with local_client(node, staff) as client:
        commands = []
        for n in range(MOST_UNDER_WAY):
            assert not client.line.is_reading_paused, n
            commands.append(asyncio.ensure_future(client.command("read_since", stream=place.shared, seq=0)))
            await _until_sent(commands)
        assert client.line.is_reading_paused
        go_on.set()
        await asyncio.gather(*commands)
        assert not client.line.is_reading_paused


async def _until_sent(commands: list[Any]) -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_defect_in_one_command_is_answered_and_ends_nothing(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(node.reads.catch_up, "ask", fail)
    staff = await make_account(database)
    async with local_client(node, staff) as client:
        with pytest.raises(CommandRefused) as refused:
            await client.command("read_since", stream=staff.stream_id, seq=0)
        assert refused.value.code == "internal_error"
        assert "ZeroDivision" not in json.dumps(refused.value.error)
        reference = refused.value.error["params"]["reference"]
        assert any(f"reference={reference} command=ReadSince" in line for line in caplog.messages)
        await client.command("list_rooms")


@pytest.mark.parametrize("command", ["post_message", "rename_room"])
async def test_what_the_guard_refuses_is_answered_by_a_reference_that_the_log_has_too(
    node: Node,
    database: Database,
    owner: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
    command: str,
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    await owner.execute(
        "create function refuse() returns trigger language plpgsql "
        f"as $$ begin raise exception 'held' using errcode = '{HELD}'; end $$"
    )
    for table in ("events", "room_names"):
        await owner.execute(f"create trigger refuse before insert on {table} execute function refuse()")
    fields = {
        "post_message": {"stream": place.shared, "text": "Good morning"},
        "rename_room": {"room_id": place.room_id, "name": "Another name"},
    }
    async with local_client(node, staff) as client:
        with pytest.raises(CommandRefused) as refused:
            await client.command(command, **fields[command])
    error = refused.value.error
    reference = error["params"].pop("reference")
    assert error == {
        "code": "internal_error",
        "message": "Something went wrong on our side.",
        "retry": False,
        "params": {},
    }
    assert any(
        f"reference={reference}" in line and "exception=GuardRefused" in line for line in caplog.messages
    )


async def test_nothing_of_a_lost_connection_stays_behind(node: Node, database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared, place.staff)
        await client.command("watch_desk", watching=True)
        assert node.count_connections(staff.account_id) == 1
        for stream_id in (place.shared, place.staff, staff.stream_id):
            assert node.hub.has_listeners(stream_id)
        await client.cut_off()
        for stream_id in (place.shared, place.staff, staff.stream_id):
            assert not node.hub.has_listeners(stream_id)
        assert node.count_connections(staff.account_id) == 0
        assert node._desk_watchers == {}
        assert not node.presence._streams
        assert node.sessions == {}


async def test_a_connection_lost_while_it_subscribes_leaves_no_listener(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await make_account(database)
    places = [await open_place(database, staff) for _ in range(2)]
    ask = node.reads.listening.ask
    asked = asyncio.Event()

    async def ask_and_lose(request: Any) -> Any:
        answer = await ask(request)
        await client.cut_off()
        asked.set()
        return answer

    monkeypatch.setattr(node.reads.listening, "ask", ask_and_lose)
    async with local_client(node, staff) as client:
        with pytest.raises(ConnectionResetError):
            await client.command("subscribe", streams=[{"stream": place.shared} for place in places])
        await asked.wait()
        await node.database.ping(5)  # a turn of the loop later
        for place in places:
            assert not node.hub.has_listeners(place.shared)
        assert not node.presence._streams


# -- when the session behind it ends -------------------------------------------------------------------------------


async def test_signing_out_ends_the_sockets_of_that_session_and_of_no_other(
    node: Node, database: Database
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    token = await sign_in(database, staff)
    ended = [LocalClient(node, token) for _ in range(2)]
    for client in ended:
        await client.connect()
    async with local_client(node, staff) as other:
        await other.subscribe(place.shared)
        async with node.transaction() as work:
            signed_in = await sessions.find_session(work.transaction, token)
            assert signed_in is not None
            work.recorded(await sessions.end_session(work.transaction, signed_in))
        for client in ended:
            assert await client.wait_closed() == 4001
            assert (client.goodbye or {})["reconnect"] is False
        await other.command("post_message", stream=place.shared, text="Still here")
        await other.wait_for_event(place.shared, text="Still here")


async def test_signing_out_everywhere_ends_every_socket(node: Node, database: Database) -> None:
    staff = await make_account(database)
    async with local_client(node, staff) as one, local_client(node, staff) as other:
        async with node.transaction() as work:
            work.recorded(
                await sessions.end_every_session(work.transaction, staff.account_id, staff.stream_id)
            )
        assert [await one.wait_closed(), await other.wait_closed()] == [4001, 4001]


async def test_deactivating_an_account_ends_its_sockets(node: Node, database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    async with local_client(node, customer) as client:
        async with node.transaction() as work:
            changed = await accounts.deactivate_account(work.transaction, by(staff), customer.account_id)
            work.recorded(changed.events)
        assert await client.wait_closed() == 4002
        assert (client.goodbye or {})["reconnect"] is False


async def test_another_kind_ends_the_sockets(node: Node, database: Database) -> None:
    admin, staff = await make_accounts(database, "admin", "staff")
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared, place.staff)
        async with node.transaction() as work:
            changed = await accounts.change_kind(
                work.transaction, by(admin), staff.account_id, AccountKind.COMPLIANCE
            )
            work.recorded(changed.events)
        assert await client.wait_closed() == 4001
        for stream in (place.shared, place.staff):
            assert client.events[str(stream)][-1]["kind"] == "member_removed"


async def test_not_knowing_whether_a_session_stands_is_no_right(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_away(token_hash: bytes) -> None:
        raise Unavailable("the database does not answer")

    staff = await make_account(database)
    async with local_client(node, staff) as client:
        async with node.transaction() as work:
            changed = await accounts.change_name(work.transaction, staff.account_id, "Second name")
            work.recorded(changed.events)
            monkeypatch.setattr(node.reads.signed_in, "ask", be_away)
        assert await client.wait_closed() == 4003
        assert (client.goodbye or {})["reconnect"] is True


async def test_a_session_that_expires_closes_its_sockets(node: Node, database: Database, owner: Any) -> None:
    staff = await make_account(database)
    async with local_client(node, staff) as client, local_client(node, staff) as other:
        await owner.execute(
            "update sessions set expires_at = now() - interval '1 s' where token_hash = $1", client.token_hash
        )
        await node._check_sessions()
        assert await client.wait_closed() == 4001
        await other.command("list_rooms")


async def test_an_open_socket_is_use_of_its_session(
    node: Node, database: Database, move_time: Callable[[timedelta], Awaitable[None]]
) -> None:
    client = LocalClient(node, await sign_in(database, await make_account(database), days=1))
    await client.connect()
    await move_time(timedelta(hours=23))
    await node._check_sessions()
    await move_time(timedelta(days=node.settings.session_idle_days, seconds=-30))
    await node._check_sessions()
    await client.command("list_rooms")
    await client.disconnect()
    await move_time(timedelta(days=node.settings.session_idle_days, seconds=1))
    with pytest.raises(AssertionError, match="not signed in"):
        await client.connect()


async def test_while_the_node_drains_commands_are_told_to_go_elsewhere(
    node: Node, database: Database
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        node.is_draining = True
        for name, fields in (
            ("post_message", {"stream": place.shared, "text": "Too late"}),
            ("list_rooms", {}),
            ("read_since", {"stream": uuid4(), "seq": 0}),
        ):
            with pytest.raises(CommandRefused) as refused:
                await client.command(name, **fields)
            assert (refused.value.code, refused.value.error["retry"]) == ("try_again", True)
