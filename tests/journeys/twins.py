"""Two installations that are alike to the last row, but for a hold over everything in one of them.

The same is done at both, step by step. What comes back is compared with ids, times and tokens replaced by
numbers in the order in which they appear; so a reply, an event, a count or a header that differs is found.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
from starlette.applications import Starlette

from tests.client import CommandRefused
from tests.http_client import Answer
from tests.local_client import LocalClient, local_client
from tests.people import make_account
from tests.servers import DatabaseUrls, SharedServers
from tests.web.conftest import Browser, running_node
from workroom import customers
from workroom.accounts import Account
from workroom.ids import CustomerId
from workroom.node import Node
from workroom.passwords import PasswordHasher
from workroom.settings import load_settings
from workroom.storage.database import Database, open_database
from workroom.storage.file_store import FileStores
from workroom.storage.open_stores import open_file_stores
from workroom.web.routes import build_app

PASSWORD = "seven ledgers in the attic"
UUID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DATE_FORM = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
TOKEN_FORM = re.compile(r"(?<=token=)[\w-]{43}|(?<![\w-])[\w-]{43}(?![\w-])")
COOKIE_FORM = re.compile(r"workroom_session_\w+=[^;]*")
# Lists without an order of their own.
UNORDERED = {"online", "people", "accounts", "customers", "offline"}
KINDS = {
    "admin": "admin",
    "staff": "staff",
    "customer": "customer",
    "colleague": "customer",
    "outsider": "customer",
}


class Kept(str):
    """The name of something that a twin keeps, in the place of its id."""


@dataclass
class Person:
    """Somebody at one of the twins, with a browser and a line."""

    account: Account
    browser: Browser
    line: LocalClient


@dataclass
class Twin:
    """One of the two installations."""

    database: Database
    stores: FileStores
    owner: asyncpg.Connection
    node: Node
    app: Starlette
    people: dict[str, Person] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    later: timedelta = timedelta()
    _names: dict[str, str] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)
    doors: set[tuple[str, str]] = field(default_factory=set)

    async def do(self, who: str, command: str, /, **fields: Any) -> Any:
        """What a command answers, or the error it was refused with."""
        self.commands.add(command)
        known = {
            name: self.kept[value] if isinstance(value, Kept) else value for name, value in fields.items()
        }
        try:
            return await self.people[who].line.command(command, **known)
        except CommandRefused as refused:
            return {"error": refused.error}

    async def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What a door answers: status, headers and body. The path may name what is kept, in braces."""
        path = path.format(**self.kept)
        self.doors.add((method, re.sub(UUID_FORM, "{}", path.partition("?")[0])))
        answer = await self.people[who].browser.ask(method, path, body, **headers)
        return {"status": answer.status, "headers": _headers(answer), "body": _body(answer)}

    async def move_time(self, by: timedelta) -> None:
        """From here on, now is so much later."""
        self.later += by
        await self.owner.execute(
            "create or replace function workroom.current_instant() returns timestamptz language sql volatile "
            f"parallel safe as $$ select clock_timestamp() + interval '{self.later.total_seconds()} seconds' $$"
        )

    def plain(self, value: Any) -> Any:
        """The same with ids, times and tokens as numbers and names of ours."""
        if isinstance(value, dict):
            return {self.plain(key): self._member(key, each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(each) for each in value]
        if isinstance(value, str):
            text = TIME_FORM.sub("<time>", DATE_FORM.sub("<date>", COOKIE_FORM.sub("<cookie>", value)))
            return TOKEN_FORM.sub("<token>", UUID_FORM.sub(self._number, text))
        return value

    def heard(self, who: str) -> Any:
        """What a person's line was told since it was opened, by stream in the order of their numbers."""
        line = self.people[who].line
        events = {self.plain(stream): self.plain(told) for stream, told in line.events.items()}
        # Presence and the desk are looked at now and then: how often they are told differs from day to day.
        hints = [self.plain(hint) for hint in line.hints if hint["type"] in ("read_marker", "typing")]
        return {"events": dict(sorted(events.items())), "hints": hints}

    def _member(self, key: Any, value: Any) -> Any:
        if key in UNORDERED and isinstance(value, list):
            value = sorted(value, key=_sign)
            return len(value) if key in ("online", "offline") else self.plain(value)
        return self.plain(value)

    def _number(self, found: re.Match[str]) -> str:
        return self._names.setdefault(found[0], f"<id {len(self._names) + 1}>")


@dataclass
class Twins:
    """The two, and what is done at both."""

    held: Twin
    free: Twin

    async def both(self, name: str, deed: Callable[[Twin], Awaitable[Any]]) -> None:
        """Do the same at both; what comes back has to be the same."""
        answers = [twin.plain(await deed(twin)) for twin in (self.held, self.free)]
        assert answers[0] == answers[1], f"{name}: {_difference(*answers)}"

    async def do(self, who: str, command: str, /, **fields: Any) -> None:
        """Send the same command at both."""

        async def deed(twin: Twin) -> Any:
            return await twin.do(who, command, **fields)

        await self.both(f"{command} by {who}, {fields}", deed)

    async def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Ask the same door at both."""

        async def deed(twin: Twin) -> Any:
            return await twin.ask(who, method, path, body, **headers)

        await self.both(f"{method} {path} by {who}", deed)

    async def settle(self) -> None:
        """Wait until everybody has heard at both what somebody has heard at one of them."""
        for who in KINDS:
            for one, other in ((self.held, self.free), (self.free, self.held)):
                heard = one.people[who].line
                far = {other.plain(name): seq for name, seq in other.people[who].line.positions.items()}
                for stream in list(heard.positions):
                    await heard.wait_for_seq(stream, far[one.plain(stream)])

    def compare_what_was_heard(self) -> None:
        """Everybody has heard the same."""
        for who in KINDS:
            heard = [twin.heard(who) for twin in (self.held, self.free)]
            assert heard[0] == heard[1], f"{who} heard: {_difference(*heard)}"


@asynccontextmanager
async def run_twins(
    servers: SharedServers, hasher: PasswordHasher, environment: dict[str, str]
) -> AsyncIterator[Twins]:
    """Two installations with the same people, all of them connected."""
    async with AsyncExitStack() as stack:
        twins = []
        for name in ("held", "free"):
            urls = await stack.enter_async_context(servers.clone_template())
            twins.append(await _run_twin(stack, name, urls, hasher, environment))
        yield Twins(*twins)


async def _run_twin(
    stack: AsyncExitStack, name: str, urls: DatabaseUrls, hasher: PasswordHasher, environment: dict[str, str]
) -> Twin:
    settings = load_settings(
        {
            **environment,
            "WORKROOM_DATABASE_URL": urls.service_url,
            "WORKROOM_OWNER_DATABASE_URL": urls.owner_url,
            "WORKROOM_DATA_DIR": f"{environment['WORKROOM_DATA_DIR']}-{name}",
        }
    )
    database = await open_database(urls.service_url, application_name=f"workroom test {name}")
    stack.push_async_callback(database.close, 0.5)
    owner = await asyncpg.connect(urls.owner_url, server_settings={"search_path": "workroom"})
    stack.push_async_callback(owner.close)
    node = await stack.enter_async_context(running_node(settings))
    stores = await open_file_stores(settings, node.installation_id, has_files=False)
    twin = Twin(database, stores, owner, node, build_app(node, hasher))
    password_hash = await hasher.hash_password(PASSWORD)
    for who, kind in KINDS.items():
        account = await make_account(
            database,
            kind,
            name=who.capitalize(),
            email=f"{who}@example.org",
            password_hash=password_hash,
            customer_id=await _customer_of(database, who) if kind == "customer" else None,
        )
        browser = Browser(twin.app)
        assert (await browser.sign_in(account.email, PASSWORD)).status == 200
        twin.kept[who] = str(account.account_id)
        line = await stack.enter_async_context(local_client(node, account))
        twin.people[who] = Person(account, browser, line)
    return twin


async def _customer_of(database: Database, who: str) -> CustomerId:
    async with database.transaction() as transaction:
        return (await customers.create_customer(transaction, f"{who.capitalize()} & Co")).customer_id


def _headers(answer: Answer) -> Any:
    # What was found by content (an ETag is a digest) is the same at both; when it was asked is not.
    return sorted(
        [name, _metadata(value) if name == "upload-metadata" else value]
        for name, value in answer.headers
        if name != "date"
    )


def _metadata(header: str) -> str:
    pairs = (pair.split(" ") for pair in header.split(","))
    return ",".join(f"{name} {base64.b64decode(value).decode()}" for name, value in pairs)


def _body(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return answer.body.decode("latin-1")


def _difference(held: Any, free: Any, at: str = "") -> str:
    if isinstance(held, dict) and isinstance(free, dict) and held.keys() == free.keys():
        return next(
            _difference(held[key], free[key], f"{at}.{key}") for key in held if held[key] != free[key]
        )
    if isinstance(held, list) and isinstance(free, list) and len(held) == len(free):
        return next(
            _difference(one, other, f"{at}[{place}]")
            for place, (one, other) in enumerate(zip(held, free, strict=True))
            if one != other
        )
    return f"{at} is {held!r} where it is held, {free!r} where it is not"


def _sign(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("display_name") or value.get("name") or "")
    return ""
