"""Promise 2: everything in a stream has a number without gaps, the same for everybody, and is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests import deeds
from tests.client import Client, CommandRefused
from tests.deeds import Place
from tests.journeys.visitors import visit
from tests.looking import take_breath
from tests.nodes import RunningNode
from tests.people import make_account
from workroom.settings import Settings
from workroom.storage.database import Database

StartNode = Callable[..., Awaitable[RunningNode]]


@dataclass
class Scene:
    """A provider's person and a customer's in one room, each at a node of their own."""

    staff: Client
    customer: Client
    place: Place
    urls: tuple[str, str]

    @property
    def stream(self) -> str:
        return str(self.place.shared)


@pytest_asyncio.fixture
async def scene(running_node: StartNode, database: Database, settings: Settings) -> AsyncIterator[Scene]:
    staff_account, customer_account = await make_account(database), await make_account(database, "customer")
    place = await deeds.open_place(database, staff_account, customer_account)
    first, second = await asyncio.gather(running_node(), running_node())
    staff = await visit(first.url, database, settings, staff_account)
    customer = await visit(second.url, database, settings, customer_account)
    for client in (staff, customer):
        await client.subscribe(place.shared)
    yield Scene(staff, customer, place, (first.url, second.url))


async def test_many_writers_at_two_nodes_make_one_order_for_all(scene: Scene) -> None:
    clients = (scene.staff, scene.customer)

    async def write(client: Client, name: str) -> list[int]:
        replies = [
            await client.command("post_message", stream=scene.stream, text=f"{name} {n}") for n in range(40)
        ]
        return [reply["seq"] for reply in replies]

    numbered = await asyncio.gather(
        *(write(client, f"{n}") for n, client in enumerate(clients) for _ in range(3))
    )
    for client in clients:
        await client.wait_for_seq(scene.stream, max(map(max, numbered)))
    seqs = sorted(seq for own in numbered for seq in own)
    assert seqs == list(range(seqs[0], seqs[0] + 240))
    assert all(own == sorted(own) for own in numbered), "an author's messages changed their order"
    heard = [
        [(event["seq"], event["message_id"], event["text"]) for event in client.events[scene.stream]]
        for client in clients
    ]
    assert heard[0] == heard[1]


async def test_the_same_command_at_two_nodes_at_once_is_done_once(
    scene: Scene, database: Database, settings: Settings, owner: asyncpg.Connection
) -> None:
    elsewhere = Client(scene.urls[1])
    elsewhere.cookie = scene.staff.cookie
    await elsewhere.connect()
    for number in range(20):
        command_id = uuid4()
        replies = await asyncio.gather(
            *(
                client.command(
                    "post_message", stream=scene.stream, text=f"once {number}", client_command_id=command_id
                )
                for client in (scene.staff, elsewhere, scene.staff, elsewhere)
            )
        )
        assert all(reply == replies[0] for reply in replies)
        await scene.customer.wait_for_seq(scene.stream, replies[0]["seq"])
    assert scene.customer.texts(scene.stream) == [f"once {number}" for number in range(20)]


async def test_the_same_id_with_other_content_is_an_error_and_changes_nothing(scene: Scene) -> None:
    command_id = uuid4()
    first = await scene.staff.command(
        "post_message", stream=scene.stream, text="what was said", client_command_id=command_id
    )
    with pytest.raises(CommandRefused) as refused:
        await scene.staff.command(
            "post_message", stream=scene.stream, text="something else", client_command_id=command_id
        )
    assert refused.value.code == "command_id_reused"
    assert not refused.value.error["retry"]
    second = await scene.staff.command("post_message", stream=scene.stream, text="next")
    assert second["seq"] == first["seq"] + 1


async def test_the_same_id_of_another_author_is_another_command(scene: Scene) -> None:
    command_id = uuid4()
    replies = [
        await client.command("post_message", stream=scene.stream, text="mine", client_command_id=command_id)
        for client in (scene.staff, scene.customer)
    ]
    assert replies[0]["message_id"] != replies[1]["message_id"]


async def test_a_message_that_waited_while_its_author_was_removed_is_refused(
    scene: Scene, owner: asyncpg.Connection
) -> None:
    customer_id = scene.customer.hello["account"]["account_id"]
    async with owner.transaction():
        # Whoever else has the room's lock: the message waits for it, and so does the removal before it.
        await owner.execute("select from rooms where room_id = $1 for no key update", scene.place.room_id)
        removing = asyncio.create_task(
            scene.staff.command("remove_member", room_id=scene.place.room_id, account_id=customer_id)
        )
        await wait_for_waiters(owner, 1)
        posting = asyncio.create_task(
            scene.customer.command("post_message", stream=scene.stream, text="too late")
        )
        await wait_for_waiters(owner, 2)
    removed = await removing
    with pytest.raises(CommandRefused) as refused:
        await posting
    assert refused.value.code == "not_found"
    after = await scene.staff.command("post_message", stream=scene.stream, text="we are alone")
    assert after["seq"] == removed["seq"] + 1


async def wait_for_waiters(owner: asyncpg.Connection, count: int) -> None:
    """Return when so many sessions of this database wait for a lock."""
    waiting = (
        "select count(distinct pid) from pg_locks join pg_stat_activity using (pid) "
        "where not granted and datname = current_database()"
    )
    while await owner.fetchval(waiting) < count:
        await take_breath()
        await owner.execute("select pg_stat_clear_snapshot()")


async def test_time_never_runs_backwards_in_a_stream(scene: Scene, owner: asyncpg.Connection) -> None:
    await scene.staff.command("post_message", stream=scene.stream, text="now")
    await owner.execute(
        "create or replace function workroom.current_instant() returns timestamptz language sql volatile "
        "parallel safe as $$ select clock_timestamp() - interval '1 hour' $$"
    )
    await scene.staff.command("post_message", stream=scene.stream, text="the clock was set back")
    times = await owner.fetch(
        "select recorded_at from events where stream_id = $1 order by seq", scene.place.shared
    )
    recorded = [row["recorded_at"] for row in times]
    assert recorded == sorted(recorded)
    assert len(recorded) >= 4
