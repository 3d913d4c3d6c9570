"""A provider and its customers on a running node, set up by programs so that a test can begin where it is about.

People are made over HTTP and the socket as the browser would; what a test is about it does in the browser itself.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.client import Client
from tests.line import Line

PASSWORD = "a lake of quiet herons"

Json = dict[str, Any]
_numbers = count(1)


class Person:
    """Somebody with an account, and a program that acts for them."""

    def __init__(self, client: Client, name: str, email: str, account: Json) -> None:
        self.client = client
        self.name = name
        self.email = email
        self.account = account

    @property
    def id(self) -> str:
        """The account's id."""
        return str(self.account["account_id"])

    async def do(self, command: str, /, **fields: Any) -> Json:
        """Send a command on a socket of this person's own."""
        if not self.client.hello:
            await self.client.connect()
        return await self.client.command(command, **fields)

    async def say(self, stream: str, text: str, **fields: Any) -> Json:
        """Post a message."""
        return await self.do("post_message", stream=stream, text=text, **fields)


class Office:
    """A node with a first admin. Makes people and rooms."""

    def __init__(self, url: str, first_admin: Person) -> None:
        self.url = url
        self.admin = first_admin
        self._people = [first_admin]

    async def make_staff(self, name: str, kind: str = "staff") -> Person:
        """An account of the provider, made by the admin, its password set by the link."""
        email = f"person{next(_numbers)}@provider.example"
        body = {"kind": kind, "email": email, "display_name": name}
        answer = (await self.admin.client.send("POST", "/api/accounts", body)).json()
        client = Client(self.url)
        token = answer["link"].partition("#token=")[2]
        await client.send("POST", "/api/password", {"token": token, "password": PASSWORD})
        return self._add(Person(client, name, email, answer["account"]))

    async def make_customer(self, name: str, customer_name: str) -> Person:
        """A person who registered, with a customer of its own."""
        email = f"person{next(_numbers)}@customer.example"
        client = Client(self.url)
        account = await client.register(
            email=email, password=PASSWORD, display_name=name, customer_name=customer_name
        )
        return self._add(Person(client, name, email, account))

    async def make_room(self, creator: Person, name: str, *members: Person, kind: str = "private") -> Json:
        """A room with these members; staff join, customers are added with the history."""
        people = [creator, *members]
        customer_ids = [person.account["customer_id"] for person in people if person.account["customer_id"]]
        room = await creator.do(
            "create_room", kind=kind, name=name, customer_ids=list(dict.fromkeys(customer_ids))
        )
        for member in members:
            if member.account["customer_id"] is None:
                await member.do("join_room", room_id=room["room_id"])
                continue
            await creator.do("add_member", room_id=room["room_id"], account_id=member.id, grants_history=True)
        return room

    async def close(self) -> None:
        """End the programs' connections."""
        for person in self._people:
            if person.client.hello:
                await person.client.disconnect()

    def _add(self, person: Person) -> Person:
        self._people.append(person)
        return person


async def found_office(url: str, owner_url: str) -> Office:
    """Make the first admin, by a link put into the database as the first start would."""
    client = Client(url)
    token = "first-admin-of-the-browser-tests"
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(
            "insert into workroom.one_time_links (token_hash, purpose, expires_at)"
            " values (sha256(convert_to($1, 'UTF8')), 'first_admin', now() + interval '1 hour')",
            token,
        )
    finally:
        await connection.close()
    body = {
        "token": token,
        "email": "ada@provider.example",
        "password": PASSWORD,
        "display_name": "Ada Lindqvist",
    }
    answer = await client.send("POST", "/api/first-admin", body)
    assert answer.status == 201, answer.body
    return Office(url, Person(client, "Ada Lindqvist", "ada@provider.example", answer.json()["account"]))


async def sign_in(page: Page, person: Person) -> Page:
    """Sign in at the door, as the person would."""
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("navigation", name="Rooms")).to_be_visible()
    return page


async def open_for(windows: Windows, person: Person, path: str = "/", **options: Any) -> Page:
    """A window where this person has signed in already."""
    name, _, value = person.client.cookie.partition("=")
    page = await windows.open(path, cookies={name: value}, **options)
    await expect(page.locator("workroom-shell")).to_be_attached()
    return page


async def enter_room(page: Page, name: str) -> None:
    """Open a room from the list, and wait until one can write in it."""
    await page.locator(".room-link", has_text=name).click()
    await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    await expect(composer(page)).to_be_visible()


async def write(page: Page, text: str) -> None:
    """Write a message and send it with Enter."""
    await composer(page).fill(text)
    await composer(page).press("Enter")


async def lose_line(page: Page, wire: Line) -> None:
    """Cut the line between a page and the node, and wait until the page says so."""
    wire.break_off()
    await expect(page.locator("connection-banner")).to_contain_text("No connection")


def composer(page: Page) -> Any:
    """The field one writes in."""
    return page.get_by_role("textbox", name=re.compile("^(Message|Internal note)$"))


def messages(page: Page) -> Any:
    """The texts of the messages that are shown, in order."""
    return page.locator(".message .text")


def line(page: Page, room: str) -> Any:
    """A room's line in the list."""
    return page.locator(".room-line", has_text=room)


async def open_details(page: Page) -> Any:
    """The details of the open room."""
    details = page.get_by_role("complementary", name="Room details")
    if not await details.is_visible():
        await page.get_by_role("button", name="Details").click()
    await expect(details).to_be_visible()
    return details


def path_of(link: str) -> str:
    """A link without the address in front of it: the node's settings do not know its port."""
    address = urlsplit(link)
    return f"{address.path}#{address.fragment}"
