"""How people come in through the doors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette

from tests.people import actor_of, make_room
from tests.web.conftest import PASSWORD, Browser, People, running_node
from workroom import accounts, audit, invitations, one_time_links
from workroom.node import Node
from workroom.passwords import PasswordHasher
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.web.routes import build_app

MARA = {
    "email": "mara@example.org",
    "password": PASSWORD,
    "display_name": "Mara Lindt",
    "customer_name": "Lindt Bakery",
}


async def invite(
    node: Node, inviter: accounts.Account, *others: accounts.Account, kind: str = "private"
) -> str:
    room_id = await make_room(node.database, inviter, *others, kind=kind)
    async with node.transaction() as work:
        invitation = await invitations.create_invitation(
            work.transaction, actor_of(inviter), room_id, grants_history=False, expires_in_hours=1
        )
    return invitation.token


async def first_link(database: Database) -> str:
    async with database.transaction() as transaction:
        link = await one_time_links.mint_first_admin_link(transaction)
    assert link is not None
    return link.token


async def test_whoever_registers_is_signed_in_as_a_customers_person(browser: Browser) -> None:
    answer = await browser.ask("POST", "/api/registration", MARA)
    assert answer.status == 201
    account = answer.json()["account"]
    assert (account["kind"], account["customer_name"], account["email"]) == (
        "customer",
        "Lindt Bakery",
        "mara@example.org",
    )
    assert (await browser.ask("GET", "/api/session")).json()["account"] == account
    assert (await browser.sign_in("mara@example.org")).status == 200


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"email": "mara"}, "email", "not_an_address"),
        ({"email": 3}, "email", "wrong_type"),
        ({"password": "short"}, "password", "too_short"),
        ({"password": "x" * 1025}, "password", "too_long"),
        ({"password": "mara@example.org"}, "password", "too_guessable"),
        ({"display_name": " "}, "display_name", "too_short"),
        ({"display_name": "x" * 101}, "display_name", "too_long"),
        ({"display_name": "\u202eMara"}, "display_name", "not_a_name"),
        ({"customer_name": ""}, "customer_name", "too_short"),
        ({"customer_name": None}, "customer_name", "missing"),
        ({"kind": "admin"}, "kind", "unknown_field"),
        ({"customer_id": "5b0b7fd4-0f6a-4a59-9a53-000000000000"}, "customer_id", "unknown_field"),
    ],
)
async def test_a_wrong_field_is_named_and_nobody_is_made(
    change: dict[str, Any], field: str, problem: str, browser: Browser, owner: asyncpg.Connection
) -> None:
    answer = await browser.ask("POST", "/api/registration", {**MARA, **change})
    assert answer.status == 422
    params = answer.json()["error"]["params"]
    assert (params["field"], params["problem"]) == (field, problem)
    assert await owner.fetchval("select count(*) from accounts") == 0
    assert await owner.fetchval("select count(*) from customers") == 0


async def test_an_address_that_has_an_account_is_refused_whatever_its_password(
    browser: Browser, people: People
) -> None:
    await people.make("staff", email="mara@example.org")
    answer = await browser.ask("POST", "/api/registration", {**MARA, "email": "MARA@example.org"})
    assert (answer.status, answer.json()["error"]["code"]) == (409, "conflict")
    assert answer.json()["error"]["params"] == {"field": "email"}
    assert not await browser.is_signed_in()


async def test_how_often_one_can_register_is_limited_by_address(browser: Browser) -> None:
    wrong = {**MARA, "email": "mara"}
    answers = [(await browser.ask("POST", "/api/registration", wrong)).status for _ in range(101)]
    assert answers == [422] * 100 + [429]


async def test_where_registration_is_closed_only_invited_people_come_in(
    settings: Settings, hasher: PasswordHasher, people: People
) -> None:
    async with running_node(replace(settings, registration="closed")) as node:
        browser = Browser(build_app(node, hasher))
        answer = await browser.ask("POST", "/api/registration", MARA)
        assert (answer.status, answer.json()["error"]["code"]) == (403, "forbidden")
        staff, person = await people.make(), await people.make("customer")
        token = await invite(node, staff, person)
        answer = await browser.ask("POST", "/api/registration", {**MARA, "invitation_token": token})
        assert answer.status == 201


async def test_an_invited_person_becomes_one_of_the_private_rooms_customer_and_its_member(
    browser: Browser, people: People, node: Node, owner: asyncpg.Connection
) -> None:
    staff, person = await people.make(), await people.make("customer")
    token = await invite(node, staff, person)
    body = {name: value for name, value in MARA.items() if name != "customer_name"} | {
        "invitation_token": token
    }
    answer = await browser.ask("POST", "/api/registration", body)
    assert answer.status == 201
    account = answer.json()["account"]
    assert account["customer_id"] == str(person.customer_id)
    members = await owner.fetch("select account_id from memberships where left_seq is null")
    assert account["account_id"] in {str(row["account_id"]) for row in members}


@pytest.mark.parametrize("token", ["x" * 43, "", "' or 1=1 --"])
async def test_an_invitation_that_does_not_work_makes_nobody(
    token: str, browser: Browser, owner: asyncpg.Connection
) -> None:
    answer = await browser.ask("POST", "/api/registration", {**MARA, "invitation_token": token})
    assert (answer.status, answer.json()["error"]["code"]) == (410, "link_expired")
    assert await owner.fetchval("select count(*) from accounts") == 0


async def test_the_first_admin_comes_in_once(browser: Browser, app: Starlette, database: Database) -> None:
    admin = {
        "token": await first_link(database),
        "email": "a@example.org",
        "password": PASSWORD,
        "display_name": "A",
    }
    answer = await browser.ask("POST", "/api/first-admin", admin)
    assert answer.status == 201
    assert "manage_accounts" in answer.json()["account"]["abilities"]
    assert await browser.is_signed_in()
    again = await Browser(app).ask("POST", "/api/first-admin", {**admin, "email": "b@example.org"})
    assert (again.status, again.json()["error"]["code"]) == (410, "link_expired")


async def test_the_first_link_survives_a_form_that_was_filled_in_wrongly(
    browser: Browser, database: Database
) -> None:
    admin = {
        "token": await first_link(database),
        "email": "a@example.org",
        "password": "short",
        "display_name": "A",
    }
    assert (await browser.ask("POST", "/api/first-admin", admin)).status == 422
    assert (await browser.ask("POST", "/api/first-admin", {**admin, "password": PASSWORD})).status == 201


async def test_a_link_for_a_password_makes_no_admin(
    browser: Browser, people: People, database: Database
) -> None:
    account = await people.make()
    async with database.transaction() as transaction:
        link = await one_time_links.mint_password_link(transaction, audit.by_shell(), account.account_id)
    admin = {"token": link.token, "email": "a@example.org", "password": PASSWORD, "display_name": "A"}
    assert (await browser.ask("POST", "/api/first-admin", admin)).status == 410


async def test_a_full_queue_of_passwords_says_to_come_back(
    browser: Browser, hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hasher._places, "_value", 0)
    for path, body in (
        ("/api/registration", MARA),
        ("/api/session", {"email": "mara@example.org", "password": PASSWORD}),
    ):
        answer = await browser.ask("POST", path, body)
        assert (answer.status, answer.json()["error"]["code"]) == (503, "try_again")
        assert answer.json()["error"]["retry"] is True
