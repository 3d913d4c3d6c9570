"""What happens to a person's rights reaches their open sockets at once, also at another node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.client import Client
from tests.journeys.promptness import at_once
from tests.nodes import RunningNode
from tests.people import make_account
from tests.servers import SharedServers
from workroom.accounts import Account
from workroom.passwords import PasswordCost, PasswordHasher
from workroom.storage.database import Database, open_database

PASSWORD = "seven ledgers in the attic"
NEW_PASSWORD = "nine lanterns by the river"


@dataclass
class Nodes:
    """Two nodes on one database."""

    urls: tuple[str, str]
    database: Database


@dataclass
class Journey:
    """Two nodes, an admin signed in at the first, and a person of staff."""

    urls: tuple[str, str]
    admin: Client
    staff: Account
    stack: AsyncExitStack

    async def sign_in(self, node: int = 1, *, password: str = PASSWORD) -> Client:
        """One more browser of the person of staff, signed in and connected."""
        client = Client(self.urls[node])
        await client.sign_in(self.staff.email or "", password)
        await client.connect()
        self.stack.push_async_callback(client.disconnect)
        return client

    async def change(self, **change: object) -> None:
        answer = await self.admin.send("PATCH", f"/api/accounts/{self.staff.account_id}", change)
        assert answer.status == 200, answer.body


@pytest_asyncio.fixture(scope="module")
async def nodes(servers: SharedServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nodes]:
    """Two nodes for all tests here: each test has people of its own."""
    folder = tmp_path_factory.mktemp("nodes")
    async with servers.clone_template() as database_urls, AsyncExitStack() as stack:
        environment = {
            "WORKROOM_DATABASE_URL": database_urls.service_url,
            "WORKROOM_REDIS_URL": servers.redis_url,
            "WORKROOM_DATA_DIR": str(folder / "data"),
            "PORT": "0",
        }
        running = [RunningNode(environment, folder / f"{name}.log") for name in ("one", "two")]
        for node in running:
            stack.push_async_callback(node.kill)
        await asyncio.gather(*(node.start() for node in running))
        database = await open_database(database_urls.service_url, application_name="workroom test")
        stack.push_async_callback(database.close, 0.5)
        yield Nodes((running[0].url, running[1].url), database)


@pytest_asyncio.fixture
async def journey(nodes: Nodes) -> AsyncIterator[Journey]:
    with PasswordHasher(PasswordCost(memory_kib=64, iterations=1)) as hasher:
        password_hash = await hasher.hash_password(PASSWORD)
    admin = await make_account(nodes.database, "admin", password_hash=password_hash)
    staff = await make_account(nodes.database, "staff", password_hash=password_hash)
    admins = Client(nodes.urls[0])
    await admins.sign_in(admin.email or "", PASSWORD)
    async with AsyncExitStack() as stack:
        yield Journey(nodes.urls, admins, staff, stack)


async def closed_at_once(*clients: Client) -> list[int]:
    """The close codes of sockets that the server closes within a second from now on."""
    async with at_once(*{client.url for client in clients}):
        return [await client.wait_closed() for client in clients]


async def test_a_deactivated_persons_sockets_close_at_every_node_and_nobody_comes_back(
    journey: Journey,
) -> None:
    here, there = await journey.sign_in(0), await journey.sign_in(1)
    await journey.change(deactivated=True)
    assert await closed_at_once(here, there) == [4002, 4002]
    with pytest.raises(AssertionError, match="sign_in_required"):
        await there.connect()
    refused = await there.send("POST", "/api/session", {"email": journey.staff.email, "password": PASSWORD})
    assert refused.status == 401
    await journey.change(deactivated=False)
    await journey.sign_in(1)


@pytest.mark.parametrize("kind", ["admin", "compliance"])
async def test_another_kind_closes_every_socket_and_asks_to_sign_in_anew(kind: str, journey: Journey) -> None:
    here, there = await journey.sign_in(0), await journey.sign_in(1)
    await journey.change(kind=kind)
    for code in await closed_at_once(here, there):
        assert code in (4001, 4003)
    for client in (here, there):
        assert (await client.send("GET", "/api/session")).status == 401
    again = await journey.sign_in(1)
    assert again.hello["account"]["kind"] == kind


async def test_signing_out_closes_the_sockets_of_that_session_alone(journey: Journey) -> None:
    laptop, phone = await journey.sign_in(0), await journey.sign_in(1)
    tab = Client(journey.urls[1])
    tab.cookie = laptop.cookie
    await tab.connect()
    journey.stack.push_async_callback(tab.disconnect)
    assert (await laptop.send("DELETE", "/api/session")).status == 204
    assert await closed_at_once(laptop, tab) == [4001, 4001]
    assert await phone.command("list_rooms") == {"rooms": []}


async def test_signing_out_everywhere_closes_every_socket(journey: Journey) -> None:
    laptop, phone = await journey.sign_in(0), await journey.sign_in(1)
    assert (await phone.send("DELETE", "/api/sessions")).status == 204
    assert await closed_at_once(laptop, phone) == [4001, 4001]
    for client in (laptop, phone):
        assert client.goodbye is not None
        assert client.goodbye["reconnect"] is False


async def test_another_password_closes_every_socket_and_this_browser_goes_on_with_its_new_cookie(
    journey: Journey,
) -> None:
    mine, thief = await journey.sign_in(0), await journey.sign_in(1)
    body = {"current_password": PASSWORD, "password": NEW_PASSWORD}
    assert (await mine.send("POST", "/api/password", body)).status == 200
    [code, _] = await closed_at_once(thief, mine)
    assert code == 4001
    with pytest.raises(AssertionError, match="sign_in_required"):
        await thief.connect()
    await mine.connect()
    assert await mine.command("list_rooms") == {"rooms": []}


async def test_a_session_of_one_node_is_one_of_every_node(journey: Journey) -> None:
    client = await journey.sign_in(0)
    await client.disconnect()
    hello = await client.connect(journey.urls[1])
    assert hello["account"]["account_id"] == str(journey.staff.account_id)
