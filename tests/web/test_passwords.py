"""Setting and changing a password: whoever stole a session has it no more."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from starlette.applications import Starlette

from tests.gates import ends_or_waits, gate, until_at_the_gate
from tests.people import by
from tests.web.conftest import PASSWORD, Browser, People
from workroom import accounts, audit, one_time_links
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.passwords import PasswordHasher
from workroom.storage.database import Database

NEW_PASSWORD = "nine lanterns by the river"


async def make_link(database: Database, account: Account) -> str:
    async with database.transaction() as transaction:
        return (
            await one_time_links.mint_password_link(transaction, audit.by_shell(), account.account_id)
        ).token


async def test_a_link_sets_the_password_once_and_signs_in(
    browser: Browser, app: Starlette, people: People, database: Database
) -> None:
    account = await people.make()
    token = await make_link(database, account)
    answer = await browser.ask("POST", "/api/password", {"token": token, "password": NEW_PASSWORD})
    assert answer.status == 200
    assert answer.json()["account"]["account_id"] == str(account.account_id)
    assert await browser.is_signed_in()
    other = Browser(app)
    assert (await other.sign_in(account.email, PASSWORD)).status == 401
    assert (await other.sign_in(account.email, NEW_PASSWORD)).status == 200
    again = await other.ask("POST", "/api/password", {"token": token, "password": PASSWORD})
    assert (again.status, again.json()["error"]["code"]) == (410, "link_expired")


async def test_whoever_is_signed_in_changes_it_and_every_other_session_ends(
    browser: Browser, app: Starlette, people: People
) -> None:
    account = await people.make()
    thief = Browser(app)
    await browser.sign_in(account.email)
    await thief.sign_in(account.email)
    copied = Browser(app, dict(browser.cookies))
    answer = await browser.ask(
        "POST", "/api/password", {"current_password": PASSWORD, "password": NEW_PASSWORD}
    )
    assert answer.status == 200
    assert await browser.is_signed_in(), "this browser has a new session"
    assert not await thief.is_signed_in()
    assert not await copied.is_signed_in(), "the session that this browser had is worth nothing"
    assert (await thief.sign_in(account.email, NEW_PASSWORD)).status == 200


@pytest.mark.parametrize(
    ("meanwhile", "code"),
    [("set by a link", "sign_in_refused"), ("signed out everywhere", "sign_in_required")],
)
async def test_who_loses_password_or_session_while_changing_the_one_changes_nothing(
    meanwhile: str,
    code: str,
    app: Starlette,
    people: People,
    database: Database,
    hasher: PasswordHasher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = await people.make()
    owner, thief = Browser(app), Browser(app)
    await owner.sign_in(account.email)
    await thief.sign_in(account.email)
    token = await make_link(database, account)
    hash_password = hasher.hash_password

    async def hash_after_the_owner_acted(password: str) -> str:
        monkeypatch.undo()
        if meanwhile == "set by a link":
            await owner.ask("POST", "/api/password", {"token": token, "password": NEW_PASSWORD})
        else:
            await owner.ask("DELETE", "/api/sessions")
        return await hash_password(password)

    monkeypatch.setattr(hasher, "hash_password", hash_after_the_owner_acted)
    answer = await thief.ask(
        "POST", "/api/password", {"current_password": PASSWORD, "password": "ten foxes on the roof"}
    )
    assert (answer.status, answer.json()["error"]["code"]) == (401, code)
    assert not await thief.is_signed_in()
    assert await owner.is_signed_in() == (meanwhile == "set by a link")
    stands = NEW_PASSWORD if meanwhile == "set by a link" else PASSWORD
    assert (await owner.sign_in(account.email, stands)).status == 200


async def test_a_link_ends_every_session_there_was(
    browser: Browser, app: Starlette, people: People, database: Database
) -> None:
    account = await people.make()
    thief = Browser(app)
    await thief.sign_in(account.email)
    token = await make_link(database, account)
    await browser.ask("POST", "/api/password", {"token": token, "password": NEW_PASSWORD})
    assert not await thief.is_signed_in()


async def test_the_former_password_must_be_right_and_guessing_it_is_throttled(
    browser: Browser, people: People
) -> None:
    account = await people.make()
    await browser.sign_in(account.email)
    body = {"current_password": "not the former one", "password": NEW_PASSWORD}
    answers = [(await browser.ask("POST", "/api/password", body)) for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert answers[0].json()["error"]["code"] == "sign_in_refused"
    assert await browser.is_signed_in()


async def test_who_guesses_without_a_session_keeps_nobody_from_changing_it(
    browser: Browser, app: Starlette, people: People
) -> None:
    account = await people.make()
    await browser.sign_in(account.email)
    stranger = Browser(app)
    guesses = [(await stranger.sign_in(account.email, "not the former one")).status for _ in range(11)]
    assert guesses == [401] * 10 + [429], "from the same address: this proves something"
    body = {"current_password": PASSWORD, "password": NEW_PASSWORD}
    assert (await browser.ask("POST", "/api/password", body)).status == 200


async def test_without_a_session_only_a_link_helps(browser: Browser) -> None:
    answer = await browser.ask(
        "POST", "/api/password", {"current_password": PASSWORD, "password": NEW_PASSWORD}
    )
    assert (answer.status, answer.json()["error"]["code"]) == (401, "sign_in_required")


@pytest.mark.parametrize(
    "body",
    [
        {"password": NEW_PASSWORD},
        {"password": NEW_PASSWORD, "token": "x", "current_password": "y"},
        {"token": "x"},
    ],
)
async def test_it_is_said_what_is_missing(body: dict[str, str], browser: Browser) -> None:
    assert (await browser.ask("POST", "/api/password", body)).status == 422


@pytest.mark.parametrize(
    ("password", "problem"),
    [("short", "too_short"), ("password2026", "too_guessable"), ("mara.lindt77!", "too_guessable")],
)
async def test_a_bad_password_uses_no_link_up(
    password: str, problem: str, browser: Browser, people: People, database: Database
) -> None:
    account = await people.make(name="Mara Lindt")
    token = await make_link(database, account)
    answer = await browser.ask("POST", "/api/password", {"token": token, "password": password})
    assert (answer.status, answer.json()["error"]["params"]["problem"]) == (422, problem)
    good = await browser.ask("POST", "/api/password", {"token": token, "password": NEW_PASSWORD})
    assert good.status == 200


async def test_a_deactivated_account_gets_no_password_by_a_link(
    browser: Browser, people: People, database: Database
) -> None:
    admin, account = await people.make("admin"), await people.make()
    token = await make_link(database, account)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), account.account_id)
    answer = await browser.ask("POST", "/api/password", {"token": token, "password": NEW_PASSWORD})
    assert answer.status == 410


async def test_a_link_there_was_sets_no_password_after_its_person_changed_it(
    browser: Browser, app: Starlette, people: People, database: Database
) -> None:
    account = await people.make()
    token = await make_link(database, account)
    await browser.sign_in(account.email)
    body = {"current_password": PASSWORD, "password": NEW_PASSWORD}
    assert (await browser.ask("POST", "/api/password", body)).status == 200
    answer = await Browser(app).ask("POST", "/api/password", {"token": token, "password": PASSWORD})
    assert answer.status == 410
    assert await browser.is_signed_in()


@pytest.mark.parametrize(("road", "operation"), [("by a link", "insert"), ("its own", "update")])
async def test_a_password_and_a_kind_that_change_at_once_wait_for_each_other(
    road: str, operation: str, browser: Browser, people: People, database: Database, owner: asyncpg.Connection
) -> None:
    account = await people.make()
    token = await make_link(database, account)
    await browser.sign_in(account.email)
    proof = {"token": token} if road == "by a link" else {"current_password": PASSWORD}

    async def promote() -> None:
        async with database.transaction() as transaction:
            await accounts.change_kind(transaction, audit.by_shell(), account.account_id, AccountKind.ADMIN)

    async with gate(owner, "workroom.account_credentials", operation) as open_gate:
        changing = asyncio.create_task(
            browser.ask("POST", "/api/password", {**proof, "password": NEW_PASSWORD})
        )
        await until_at_the_gate(owner)
        promoting = asyncio.create_task(promote())
        await ends_or_waits(owner, promoting)
        await open_gate()
        await promoting
    assert (await changing).status == 200
    assert not await browser.is_signed_in(), "the new kind came after"


async def test_trying_links_is_limited_by_address(browser: Browser) -> None:
    body = {"token": "x" * 43, "password": NEW_PASSWORD}
    answers = [(await browser.ask("POST", "/api/password", body)).status for _ in range(101)]
    assert answers == [410] * 100 + [429]
