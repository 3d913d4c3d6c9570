"""docs/protocol.md is true: its tables are those of the code, and its conversation is held, frame by frame."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from tests.client import Client, Json
from tests.journeys.visitors import visit
from tests.nodes import RunningNode
from tests.people import make_account
from workroom import customers
from workroom.errors import ERRORS
from workroom.event_frames import ToldEvent
from workroom.file_previews import make_previews
from workroom.settings import Settings
from workroom.sockets.protocol import COMMANDS, PROTOCOL_VERSION
from workroom.storage.database import Database
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text("utf-8")

NAME = re.compile(r"<[^<>]+>")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TOKEN = re.compile(r"[\w-]{43}")
# What is sent, where the document says which bytes.
FILES = {
    "<the bytes of statement.png>": bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6310503000"
        "0000a4006134667d720000000049454e44ae426082"
    )
}
# Fields whose content depends on the moment: who is here just now.
PRESENT = ("online", "offline")
# Lists of people without an order.
UNORDERED = ("people",)


@dataclass(frozen=True)
class Block:
    """One fenced block of the conversation: whose line it is, and what went over it."""

    kind: str
    who: str
    text: str

    def frames(self) -> Iterator[Json]:
        """The JSON objects of the block, in order."""
        decoder, rest = json.JSONDecoder(), self.text.lstrip()
        while rest:
            frame, end = decoder.raw_decode(rest)
            yield frame
            rest = rest[end:].lstrip()


def section(title: str) -> str:
    """The text under a heading, up to the next of its level or above."""
    level = title.partition(" ")[0]
    found = re.search(
        rf"^{re.escape(title)}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL
    )
    assert found, title
    return found[1]


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def names(cell: str) -> set[str]:
    """What stands between backticks."""
    return set(re.findall(r"`([a-z_]+\*?)(?=[`:])", cell))


def conversation() -> list[Block]:
    found = re.findall(
        r"^```(json|http) (\w+)\n(.*?)^```$",
        section("## A conversation, frame by frame"),
        re.MULTILINE | re.DOTALL,
    )
    return [Block(*parts) for parts in found]


# -- tables ------------------------------------------------------------------------------------------------------


def test_every_command_is_listed_with_its_fields() -> None:
    said = {
        command: names(fields)
        for cell, fields, _ in rows("### Commands and replies")
        for command in names(cell)
    }
    assert said == {
        name: {
            field.name if field.required else f"{field.name}*"
            for field in msgspec.structs.fields(command)
            if field.name != "ref"
        }
        for name, command in COMMANDS.items()
    }


async def test_every_kind_of_event_is_listed_with_the_fields_that_it_may_have(
    owner: asyncpg.Connection,
) -> None:
    constraint = await owner.fetchval(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'event_kind' "
        "and connamespace = 'workroom'::regnamespace"
    )
    said = {kind: names(fields) for cell, _, fields in rows("### Events") for kind in names(cell)}
    assert set(said) == set(re.findall(r"'(\w+)'", constraint))
    every = {field.name for field in msgspec.structs.fields(ToldEvent)}
    told = {name.rstrip("*") for fields in said.values() for name in fields}
    assert told == every - {"seq", "kind", "actor_id", "at", "withheld"}


def test_every_error_is_listed() -> None:
    said = {code: (int(status), again) for (code, status, again, _) in rows("### Errors")}
    assert said == {
        f"`{code}`": (error.http_status, "yes" if error.retry else "no") for code, error in ERRORS.items()
    }


def test_every_frame_that_the_server_sends_by_itself_is_listed() -> None:
    said = {kind for cell, *_ in rows("### Hints") for kind in names(cell)}
    source = "".join(path.read_text("utf-8") for path in (ROOT / "workroom").rglob("*.py"))
    sent = set(re.findall(r'"type":\s?"(\w+)"', source)) - {"hello", "reply"}
    assert said == sent


def test_hello_is_described() -> None:
    hello = next(conversation()[1].frames())
    assert {name for cell, _ in rows("## The socket")[:7] for name in names(cell)} == set(hello) - {"type"}
    assert hello["protocol"] == PROTOCOL_VERSION


def test_the_conversation_uses_every_command_event_and_hint() -> None:
    frames = [frame for block in conversation() if block.kind == "json" for frame in block.frames()]
    assert {frame["command"] for frame in frames if "command" in frame} == set(COMMANDS)
    types = {frame["type"] for frame in frames if "type" in frame}
    assert types == {kind for cell, *_ in rows("### Hints") for kind in names(cell)} | {
        "hello",
        "reply",
        "events",
    }
    told = [event for frame in frames if frame.get("type") == "events" for event in frame["events"]]
    told += [event for frame in frames for event in frame.get("result", {}).get("events", [])]
    kinds = {kind for cell, *_ in rows("### Events") for kind in names(cell)}
    # Of some nobody hears, their sockets are closed by them; some take longer than a conversation.
    assert {event["kind"] for event in told} == kinds - {
        "account_deactivated", "account_reactivated", "sessions_ended",
        "messages_expired", "messages_restored", "file_expired",
    }  # fmt: skip


def test_events_have_the_fields_that_the_table_says() -> None:
    fields = {kind: names(cell) for kinds, _, cell in rows("### Events") for kind in names(kinds)}
    frames = [frame for block in conversation() if block.kind == "json" for frame in block.frames()]
    for frame in frames:
        for event in frame.get("events", []):
            if "withheld" in event:
                continue
            has = set(event) - {"seq", "kind", "actor_id", "at"}
            said = fields[event["kind"]]
            assert {name for name in said if not name.endswith("*")} <= has, event
            assert has <= {name.rstrip("*") for name in said}, event


# -- the conversation --------------------------------------------------------------------------------------------


class Stage:
    """Plays the conversation: names in angle brackets are bound to what they stand for when they first come.

    Args:
        work: does what the worker does, when something is to be heard of it.
    """

    def __init__(self, work: Callable[[], Awaitable[object]]) -> None:
        self._work = work
        self.people: dict[str, Client] = {}
        self.bound: dict[str, str] = {}
        self.replies: dict[int, Json] = {}

    def bind(self, name: str, value: object) -> None:
        self.bound[f"<{name}>"] = str(value)

    async def play(self, block: Block) -> None:
        person = self.people[block.who]
        if block.kind == "http":
            await self._send_http(person, block.text)
            return
        for frame in block.frames():
            if "command" in frame:
                reply = await _send_command(person, self._filled(frame))
                self.replies[frame["ref"]] = reply
            elif frame["type"] == "reply":
                self.compare(frame, self.replies.pop(frame["ref"]))
            elif frame["type"] == "hello":
                self.compare(frame, await person.connect())
            elif frame["type"] == "events":
                await self._hear(person, frame)
            else:
                await self._hear_hint(person, frame)

    async def _send_http(self, person: Client, text: str) -> None:
        request, _, answer = text.partition("\n\n")
        line, headers, body = _split(request)
        method, path = NAME.sub(lambda name: self.bound[name[0]], line).split(" ")
        content = self._filled(json.loads(body)) if body.startswith("{") else FILES.get(body)
        sent = await person.send(method, path, content, **{n: self._header(v) for n, v in headers.items()})
        status, expected_headers, expected = _split(answer.strip())
        assert sent.status == int(status), (line, sent.body)
        for name, value in expected_headers.items():
            self._compare_header(value, sent.header(name) or "")
        if expected:
            self.compare(json.loads(expected), sent.json())

    def _header(self, value: str) -> str:
        plain = NAME.sub(lambda name: self.bound[name[0]], value)
        return re.sub(r'"([^"]*)"', lambda quoted: base64.b64encode(quoted[1].encode()).decode(), plain)

    def _compare_header(self, expected: str, actual: str) -> None:
        found = re.fullmatch(NAME.sub("(.+)", re.escape(expected)), actual)
        assert found, (expected, actual)
        for name, value in zip(NAME.findall(expected), found.groups(), strict=True):
            self._compare_named(name, value)

    async def _hear(self, person: Client, frame: Json) -> None:
        stream = self.bound[frame["stream"]]
        if any(event["kind"] == "file_changed" for event in frame["events"]):
            await self._work()
        for event in frame["events"]:
            person.positions.setdefault(stream, event["seq"] - 1)
            await person.wait_for_seq(stream, event["seq"])
            self.compare(event, next(one for one in person.events[stream] if one["seq"] == event["seq"]))

    async def _hear_hint(self, person: Client, frame: Json) -> None:
        def find() -> bool:
            return any(hint["type"] == frame["type"] and self._matches(frame, hint) for hint in person.hints)

        await person.wait_until(find)

    def _matches(self, expected: Json, actual: Json) -> bool:
        try:
            self.compare(expected, actual)
        except AssertionError:
            return False
        return True

    def _filled(self, value: Any, key: str = "") -> Any:
        """What is sent: names replaced by what they stand for; a client makes its command ids itself."""
        if isinstance(value, dict):
            return {name: self._filled(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each, key) for each in value]
        if isinstance(value, str) and NAME.fullmatch(value):
            if key == "client_command_id":
                self.bound.setdefault(value, str(uuid4()))
            assert value in self.bound, f"{value} is sent before it was heard of"
            return self.bound[value]
        return value

    def compare(self, expected: Any, actual: Any, key: str = "") -> None:
        """Raise unless what came is what the document says, in every field and in every order."""
        if key in PRESENT:
            assert isinstance(actual, list)
            known = {self.bound.get(each) for each in expected}
            assert key != "online" or known & set(actual), (expected, actual)
        elif isinstance(expected, dict):
            assert isinstance(actual, dict)
            assert set(expected) == set(actual), (key, set(expected) ^ set(actual))
            for name, value in expected.items():
                self.compare(value, actual[name], name)
        elif isinstance(expected, list):
            assert isinstance(actual, list)
            assert len(expected) == len(actual), (key, expected, actual)
            if key in UNORDERED:
                by_id = {one["account_id"]: one for one in actual}
                actual = [by_id[self.bound[one["account_id"]]] for one in expected]
            for one, other in zip(expected, actual, strict=True):
                self.compare(one, other, key)
        elif isinstance(expected, str) and NAME.fullmatch(expected):
            self._compare_named(expected, actual)
        else:
            assert expected == actual, (key, expected, actual)

    def _compare_named(self, name: str, actual: Any) -> None:
        assert isinstance(actual, str)
        if name not in self.bound:
            assert actual not in self.bound.values(), (name, actual)
            form = TIME if name.startswith("<time") else TOKEN if name.startswith("<token") else None
            assert form.fullmatch(actual) if form else UUID(actual)
            self.bound[name] = actual
        assert self.bound[name] == actual, name


def _split(text: str) -> tuple[str, dict[str, str], str]:
    """The first line of a request or an answer, its headers, and its body."""
    first, *lines = text.split("\n")
    headers: dict[str, str] = {}
    while lines and (header := re.fullmatch(r"([A-Z][\w-]*): (.*)", lines[0])):
        headers[header[1].lower()] = header[2]
        lines.pop(0)
    return first, headers, "\n".join(lines)


async def _send_command(person: Client, frame: Json) -> Json:
    await person.send_frame(json.dumps(frame))
    reply: Json = await person.wait_until(
        lambda: next((one for one in person.hints if one.get("ref") == frame["ref"]), None)
    )
    return reply


@pytest.mark.deadline(90)
async def test_the_conversation_is_held_as_it_is_written(
    running_node: Callable[..., Awaitable[RunningNode]], database: Database, settings: Settings
) -> None:
    node = await running_node()
    async with database.read() as reading:
        installation_id = (await reading.fetch_one(queries.events.read_epoch))["installation_id"]
    stores = await open_file_stores(settings, installation_id, has_files=True)
    stage = Stage(lambda: make_previews(database, stores))
    async with database.transaction() as transaction:
        bakery = await customers.create_customer(transaction, "Orchard Bakery")
    stage.bind("Orchard Bakery", bakery.customer_id)
    staff = await make_account(database, "staff", name="Jonas Feld")
    admin = await make_account(database, "admin", name="Ada Brink")
    guest = await make_account(database, "customer", name="Ines Vale", customer_id=bakery.customer_id)
    for account, name in ((staff, "Jonas"), (admin, "Ada"), (guest, "Ines")):
        stage.bind(name, account.account_id)
    stage.people = {
        "Mara": Client(node.url),
        "Jonas": await visit(node.url, database, settings, staff),
        "Ines": await visit(node.url, database, settings, guest),
    }
    played = conversation()
    assert len(played) > 40
    for block in played:
        await stage.play(block)
    for person in ("Jonas", "Ines"):
        await stage.people[person].disconnect()
    assert await stage.people["Mara"].wait_closed() == 4001
