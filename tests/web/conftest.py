"""A running node with its web application, asked without a server in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from tests.http_client import Answer
from tests.people import make_account
from tests.web.asgi import Withheld, ask
from workroom.accounts import Account
from workroom.node import Node, run_node
from workroom.passwords import PasswordCost, PasswordHasher
from workroom.settings import Settings
from workroom.storage.database import Database, open_database
from workroom.web.routes import build_app

PASSWORD = "seven ledgers in the attic"


@dataclass
class Browser:
    """Keeps cookies as a browser would, and sends requests from our own page."""

    app: Starlette
    cookies: dict[str, str] = field(default_factory=dict)
    withheld: Withheld | None = None

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies and "cookie" not in sent:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await ask(self.app, method, path, body, headers=sent, withheld=self.withheld)
        for name, value in answer.cookies().items():
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer

    async def sign_in(self, email: str | None, password: str = PASSWORD) -> Answer:
        return await self.ask("POST", "/api/session", {"email": email, "password": password})

    async def is_signed_in(self) -> bool:
        return (await self.ask("GET", "/api/session")).status == 200


@dataclass
class People:
    """Makes accounts that can sign in."""

    database: Database
    password_hash: str

    async def make(self, kind: str = "staff", **fields: Any) -> Account:
        return await make_account(self.database, kind, password_hash=self.password_hash, **fields)


@asynccontextmanager
async def running_node(settings: Settings) -> AsyncIterator[Node]:
    """A node in a task of its own: a fixture begins and ends in two different ones."""
    started: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
    end = asyncio.Event()

    async def run() -> None:
        assert settings.database_url is not None
        url = settings.database_url
        try:
            async with run_node(
                settings, lambda: open_database(url, application_name="workroom test")
            ) as node:
                started.set_result(node)
                await end.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    task = asyncio.create_task(run())
    try:
        yield await started
    finally:
        end.set()
        await task


@pytest.fixture(scope="session")
def hasher() -> PasswordHasher:
    return PasswordHasher(PasswordCost(memory_kib=64, iterations=1))


@pytest_asyncio.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    async with running_node(settings) as node:
        yield node


@pytest.fixture
def app(node: Node, hasher: PasswordHasher) -> Starlette:
    return build_app(node, hasher)


@pytest.fixture
def browser(app: Starlette) -> Browser:
    return Browser(app)


@pytest_asyncio.fixture
async def people(database: Database, hasher: PasswordHasher) -> People:
    return People(database, await hasher.hash_password(PASSWORD))
