"""Two officers at their browsers, and a room with a customer and staff in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from starlette.applications import Starlette

from tests.deeds import Place, open_place, post
from tests.http_client import Answer
from tests.web.conftest import Browser, People
from workroom.accounts import Account
from workroom.storage.database import Database

DOORS = "/api/compliance"


@dataclass
class Officer:
    """A compliance officer who is signed in."""

    account: Account
    browser: Browser

    async def get(self, path: str) -> Any:
        """What a door answers to a look that succeeds."""
        return checked(await self.browser.ask("GET", f"{DOORS}/{path}"), 200)

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """What a door answers to a deed."""
        return checked(await self.browser.ask("POST", f"{DOORS}/{path}", body or {}), status)

    async def open_matter(self, name: str = "Case 7") -> str:
        """A matter's id."""
        answer = await self.post("matters", {"name": name, "reason": "A dispute"}, 201)
        return str(answer["matter"]["matter_id"])

    async def place_hold(self, room_id: object, **fields: Any) -> Any:
        """A hold over a room, in a matter of its own."""
        body = {"matter_id": await self.open_matter(), "reason": "Because", **scope_of(room_id), **fields}
        return (await self.post("holds", body, 201))["hold"]


def checked(answer: Answer, status: int) -> Any:
    """The answer's JSON; fails when the status is another."""
    assert answer.status == status, answer.body
    return answer.json() if answer.body else None


def scope_of(*room_ids: object, **fields: Any) -> dict[str, Any]:
    """A scope of some rooms, at any time, of both kinds."""
    rooms = [str(room_id) for room_id in room_ids]
    return {"rooms": rooms, "custodians": [], "kinds": ["messages", "files"], **fields}


@dataclass
class Meeting:
    """A room where a customer and staff have said something."""

    place: Place
    customer: Account
    staff: Account
    message_id: Any


@pytest_asyncio.fixture
async def officer(app: Starlette, people: People) -> Officer:
    return await _seat(app, people, "Ruth Amadi")


@pytest_asyncio.fixture
async def second_officer(app: Starlette, people: People) -> Officer:
    return await _seat(app, people, "Ivo Brandt")


@pytest_asyncio.fixture
async def meeting(database: Database, people: People) -> Meeting:
    customer = await people.make("customer", name="Mara Lindt")
    staff = await people.make("staff", name="Tomas Sato")
    place = await open_place(database, staff, customer)
    said = await post(database, customer, place.shared, "Where is the invoice?")
    await post(database, staff, place.shared, "On its way")
    await post(database, staff, place.staff, "She asks every week")
    return Meeting(place, customer, staff, said.message_id)


async def _seat(app: Starlette, people: People, name: str) -> Officer:
    account = await people.make("compliance", name=name)
    browser = Browser(app)
    assert (await browser.sign_in(account.email)).status == 200
    return Officer(account, browser)
