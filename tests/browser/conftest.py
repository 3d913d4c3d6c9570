"""One browser for all tests in it, one node with an office for each module, fresh windows for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chromium import Windows, run_chromium
from tests.browser.office import Office, found_office
from tests.line import Line, open_line
from tests.nodes import RunningNode, run_node
from tests.servers import DatabaseUrls, SharedServers


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The one Chromium of this run."""
    async with run_chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def office_database(servers: SharedServers) -> AsyncIterator[DatabaseUrls]:
    """The module's database, migrated and empty."""
    async with servers.clone_template() as cloned:
        yield cloned


@pytest.fixture(scope="module")
def node_environment(
    servers: SharedServers, office_database: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The settings of the module's node."""
    return {
        "WORKROOM_DATABASE_URL": office_database.service_url,
        "WORKROOM_OWNER_DATABASE_URL": office_database.owner_url,
        "WORKROOM_REDIS_URL": servers.redis_url,
        "WORKROOM_DATA_DIR": str(tmp_path_factory.mktemp("office") / "data"),
        "PORT": "0",
        # Programs fill rooms here, faster than people write.
        "WORKROOM_COMMANDS_PER_SECOND": "1000",
        "WORKROOM_COMMANDS_BURST": "2000",
    }


@pytest_asyncio.fixture(scope="module")
async def node(
    node_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningNode]:
    """The module's node."""
    async with run_node(node_environment, tmp_path_factory.mktemp("node") / "node.log") as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def office(node: RunningNode, office_database: DatabaseUrls) -> AsyncIterator[Office]:
    """A provider with its first admin."""
    founded = await found_office(node.url, office_database.owner_url)
    yield founded
    await founded.close()


@pytest_asyncio.fixture
async def wire(node: RunningNode) -> AsyncIterator[Line]:
    """A line between a browser and the node, which can be cut."""
    async with open_line(node.url) as opened:
        yield opened


@pytest_asyncio.fixture
async def windows(browser: Browser, node: RunningNode) -> AsyncIterator[Windows]:
    """Opens windows; fails the test if a page complained of an error or of its security policy."""
    opened = Windows(browser, node.url)
    yield opened
    await opened.close()
    assert opened.complaints == []
