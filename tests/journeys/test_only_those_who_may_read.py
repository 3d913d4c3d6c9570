"""Promise 4: only those who may, read: by every door, at every node, from the moment on that they may not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests import deeds
from tests.client import Client, CommandRefused, Json
from tests.deeds import Place
from tests.journeys.promptness import at_once
from tests.journeys.visitors import visit
from tests.nodes import RunningNode, run_node
from tests.people import make_account
from tests.servers import SharedServers
from workroom.accounts import Account
from workroom.settings import Settings, load_settings
from workroom.storage.database import Database, open_database


@dataclass
class House:
    """One node for the whole file."""

    node: RunningNode
    database: Database
    settings: Settings

    async def visitor(self, account: Account) -> Client:
        """A browser of the account, connected."""
        return await visit(self.node.url, self.database, self.settings, account)


@dataclass
class Scene:
    """A room of the provider and one customer, and somebody who is not in it."""

    place: Place
    staff: Client
    customer: Client
    stranger: Client
    accounts: dict[str, Account]


@pytest_asyncio.fixture(scope="module")
async def house(servers: SharedServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    log_file: Path = tmp_path_factory.mktemp("reading") / "node.log"
    async with servers.clone_template() as urls:
        environment = {
            "WORKROOM_DATABASE_URL": urls.service_url,
            "WORKROOM_REDIS_URL": servers.redis_url,
            "WORKROOM_DATA_DIR": str(log_file.parent / "data"),
        }
        database = await open_database(urls.service_url, application_name="workroom test")
        async with run_node(environment, log_file) as node:
            yield House(node, database, load_settings(environment))
        await database.close(0.5)


@pytest_asyncio.fixture
async def scene(house: House) -> AsyncIterator[Scene]:
    accounts = {
        name: await make_account(house.database, kind)
        for name, kind in (("staff", "staff"), ("customer", "customer"), ("stranger", "customer"))
    }
    place = await deeds.open_place(house.database, accounts["staff"], accounts["customer"])
    clients = {name: await house.visitor(account) for name, account in accounts.items()}
    yield Scene(place, clients["staff"], clients["customer"], clients["stranger"], accounts)
    for client in clients.values():
        await client.disconnect()


async def refusal(client: Client, command: str, **fields: object) -> Json:
    with pytest.raises(CommandRefused) as refused:
        await client.command(command, **fields)
    return refused.value.error


READING = ("read_since", "read_messages", "typing", "mark_read", "post_message")


@pytest.mark.parametrize("command", READING)
async def test_a_foreign_stream_and_none_at_all_are_answered_alike(
    house: House, scene: Scene, command: str
) -> None:
    fields: dict[str, object] = {}
    if command in ("read_since", "mark_read"):
        fields["seq"] = 0
    if command == "post_message":
        fields["text"] = "may I?"
    foreign = await refusal(scene.stranger, command, stream=scene.place.shared, **fields)
    absent = await refusal(scene.stranger, command, stream=uuid4(), **fields)
    assert foreign == absent
    assert foreign["code"] == "not_found"


@pytest.mark.parametrize("command", ["open_room", "leave_room"])
async def test_a_foreign_room_and_none_at_all_are_answered_alike(
    house: House, scene: Scene, command: str
) -> None:
    foreign = await refusal(scene.stranger, command, room_id=scene.place.room_id)
    absent = await refusal(scene.stranger, command, room_id=uuid4())
    assert foreign == absent


async def test_nobody_hears_a_stream_they_may_not_read(scene: Scene) -> None:
    streams = [scene.place.shared, scene.place.staff]
    reply = await scene.stranger.command("subscribe", streams=[{"stream": stream} for stream in streams])
    assert reply == {"streams": [], "refused": [str(stream) for stream in streams], "reset": []}
    own = await scene.customer.command("subscribe", streams=[{"stream": scene.place.staff}])
    assert own["refused"] == [str(scene.place.staff)]


async def test_a_customer_finds_no_trace_of_internal_notes(scene: Scene) -> None:
    await scene.customer.subscribe(scene.place.shared)
    note = await scene.staff.command("post_message", stream=scene.place.staff, text="between us")
    await scene.staff.command(
        "add_reaction", stream=scene.place.staff, message_id=note["message_id"], emoji="🤫"
    )
    posted = await scene.staff.command("post_message", stream=scene.place.shared, text="for all")
    await scene.customer.wait_for_seq(scene.place.shared, posted["seq"])
    answers = [
        await scene.customer.command("list_rooms"),
        await scene.customer.command("open_room", room_id=scene.place.room_id),
        await scene.customer.command("read_since", stream=scene.place.shared, seq=0),
        await scene.customer.command("read_messages", stream=scene.place.shared),
    ]
    heard = [scene.customer.events, scene.customer.hints, scene.customer.hello]
    everything = json.dumps([answers, heard], default=str)
    for trace in ("staff_", "between us", str(scene.place.staff), note["message_id"], "waiting_since"):
        assert trace not in everything
    visible = await refusal(scene.customer, "read_messages", stream=scene.place.staff)
    assert visible == await refusal(scene.customer, "read_messages", stream=uuid4())


async def test_a_newcomer_hears_of_older_messages_without_their_content(house: House, scene: Scene) -> None:
    old = await scene.staff.command("post_message", stream=scene.place.shared, text="before your time")
    newcomer_account = await make_account(house.database, "customer")
    await scene.staff.command(
        "add_member", room_id=scene.place.room_id, account_id=newcomer_account.account_id
    )
    newcomer = await house.visitor(newcomer_account)
    for client in (newcomer, scene.customer):
        await client.subscribe(scene.place.shared)
    edit = await scene.staff.command(
        "edit_message", stream=scene.place.shared, message_id=old["message_id"], text="still before your time"
    )
    react = await scene.staff.command(
        "add_reaction", stream=scene.place.shared, message_id=old["message_id"], emoji="🎈"
    )
    for client in (newcomer, scene.customer):
        await client.wait_for_seq(scene.place.shared, react["seq"])
    full = await scene.customer.wait_for_event(scene.place.shared, seq=edit["seq"])
    assert full["text"] == "still before your time"
    for seq in (edit["seq"], react["seq"]):
        event = await newcomer.wait_for_event(scene.place.shared, seq=seq)
        assert event["withheld"]
        assert not {"text", "message_id", "emoji", "mentions"} & event.keys()
    everything = json.dumps(
        [
            newcomer.events,
            await newcomer.command("read_since", stream=scene.place.shared, seq=0),
            await newcomer.command("read_messages", stream=scene.place.shared),
            await newcomer.command("open_room", room_id=scene.place.room_id),
            await newcomer.command("list_rooms"),
        ],
        default=str,
        ensure_ascii=False,
    )
    assert "before your time" not in everything
    assert "🎈" not in everything
    refused = await refusal(
        newcomer, "add_reaction", stream=scene.place.shared, message_id=old["message_id"], emoji="👍"
    )
    assert refused["code"] == "not_found"
    await newcomer.disconnect()


async def test_a_newcomer_who_was_granted_the_history_reads_all_of_it(house: House, scene: Scene) -> None:
    await scene.staff.command("post_message", stream=scene.place.shared, text="from the beginning")
    account = await make_account(house.database, "customer")
    await scene.staff.command(
        "add_member", room_id=scene.place.room_id, account_id=account.account_id, grants_history=True
    )
    newcomer = await house.visitor(account)
    page = await newcomer.command("read_messages", stream=scene.place.shared)
    assert [message["text"] for message in page["messages"]] == ["from the beginning"]
    await newcomer.disconnect()


async def test_who_was_removed_reads_nothing_any_more_not_even_what_they_read_before(scene: Scene) -> None:
    await scene.customer.subscribe(scene.place.shared)
    posted = await scene.staff.command("post_message", stream=scene.place.shared, text="while you were here")
    await scene.customer.wait_for_seq(scene.place.shared, posted["seq"])
    await scene.staff.command(
        "remove_member",
        room_id=scene.place.room_id,
        account_id=scene.accounts["customer"].account_id,
    )
    await scene.customer.wait_for_hint(type="unsubscribed", stream=str(scene.place.shared))
    for command in ("read_messages", "typing"):
        assert (await refusal(scene.customer, command, stream=scene.place.shared))["code"] == "not_found"
    assert (await refusal(scene.customer, "open_room", room_id=scene.place.room_id))["code"] == "not_found"
    assert (await scene.customer.command("list_rooms"))["rooms"] == []


@pytest.mark.parametrize("how", ["leave_room", "remove_member"])
async def test_staff_who_leave_hear_no_internal_note_any_more(house: House, scene: Scene, how: str) -> None:
    account = await make_account(house.database)
    colleague = await house.visitor(account)
    await colleague.command("join_room", room_id=scene.place.room_id)
    await colleague.subscribe(scene.place.staff)  # only this one: the shared stream is not heard
    async with at_once(house.node.url):
        if how == "leave_room":
            await colleague.command(how, room_id=scene.place.room_id)
        else:
            await scene.staff.command(how, room_id=scene.place.room_id, account_id=account.account_id)
        await colleague.wait_for_hint(type="unsubscribed", stream=str(scene.place.staff))
    await scene.staff.command("post_message", stream=scene.place.staff, text="without them")
    await colleague.command("list_rooms")
    assert "without them" not in json.dumps(colleague.events)
    await colleague.disconnect()


async def test_compliance_and_customers_find_no_way_into_a_room(house: House, scene: Scene) -> None:
    officer = await house.visitor(await make_account(house.database, "compliance"))
    for client in (officer, scene.stranger):
        refused = await refusal(client, "join_room", room_id=scene.place.room_id)
        assert refused["code"] == "forbidden"
        assert refused == await refusal(client, "join_room", room_id=uuid4())
    await officer.disconnect()


async def test_a_page_names_its_authors_also_those_who_have_left(scene: Scene) -> None:
    await scene.customer.command("post_message", stream=scene.place.shared, text="good-bye")
    customer_id = str(scene.accounts["customer"].account_id)
    await scene.staff.command("remove_member", room_id=scene.place.room_id, account_id=customer_id)
    page = await scene.staff.command("read_messages", stream=scene.place.shared)
    assert [message["author_id"] for message in page["messages"]] == [customer_id]
    assert [person["account_id"] for person in page["people"]] == [customer_id]
    assert page["people"][0]["display_name"] == scene.accounts["customer"].display_name
