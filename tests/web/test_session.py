"""Signing in and out, and what is told to somebody who guesses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from starlette.applications import Starlette

from tests.people import by
from tests.web.asgi import ask
from tests.web.conftest import PASSWORD, Browser, People, running_node
from workroom import accounts, credentials, sessions
from workroom.node import Node
from workroom.passwords import PasswordCheck, PasswordCost, PasswordHasher
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.web.routes import build_app

MoveTime = Callable[[timedelta], Awaitable[None]]


async def test_signing_in_tells_who_one_is_and_what_one_may(browser: Browser, people: People) -> None:
    account = await people.make("customer", name="Mara Lindt", email="Mara@example.org")
    answer = await browser.sign_in(" mara@EXAMPLE.org")
    assert answer.status == 200
    assert answer.json() == {
        "account": {
            "account_id": str(account.account_id),
            "kind": "customer",
            "display_name": "Mara Lindt",
            "email": "Mara@example.org",
            "customer_id": str(account.customer_id),
            "customer_name": account.customer_name,
            "stream": str(account.stream_id),
            "abilities": ["take_part", "create_private_room"],
        }
    }
    assert (await browser.ask("GET", "/api/session")).json() == answer.json()


async def test_without_tls_the_cookie_is_http_only_lax_and_the_installations_own(
    browser: Browser, people: People, node: Node
) -> None:
    account = await people.make()
    answer = await browser.sign_in(account.email)
    cookie = answer.header("set-cookie") or ""
    name, _, attributes = cookie.partition("; ")
    assert name.startswith(f"workroom_session_{node.installation_id.hex[:8]}=")
    assert attributes == "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"


async def test_under_tls_the_cookie_is_secure_and_no_neighbour_can_set_it(
    settings: Settings, hasher: PasswordHasher, people: People
) -> None:
    account = await people.make()
    async with running_node(replace(settings, public_url="https://rooms.example.org")) as node:
        browser = Browser(build_app(node, hasher))
        answer = await browser.ask(
            "POST",
            "/api/session",
            {"email": account.email, "password": PASSWORD},
            origin="https://rooms.example.org",
        )
        cookie = answer.header("set-cookie") or ""
        assert cookie.startswith("__Host-workroom_session=")
        assert cookie.endswith("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure")
        assert await browser.is_signed_in()
        [token] = browser.cookies.values()
        assert (await browser.ask("GET", "/api/session", cookie=f"workroom_session={token}")).status == 401
        assert (await browser.ask("GET", "/", origin="")).header("strict-transport-security")


@pytest.mark.parametrize("kind", ["unknown", "wrong", "no password", "deactivated"])
async def test_unknown_wrong_and_deactivated_look_the_same(
    kind: str, browser: Browser, people: People, database: Database
) -> None:
    admin, account = await people.make("admin"), await people.make()
    email, password = account.email, PASSWORD
    if kind == "unknown":
        email = "nobody@example.org"
    elif kind == "wrong":
        password = "eight ledgers in the attic"
    elif kind == "no password":
        people.password_hash = None  # type: ignore[assignment]
        email = (await people.make()).email
    else:
        async with database.transaction() as transaction:
            await accounts.deactivate_account(transaction, by(admin), account.account_id)
    answer = await browser.sign_in(email, password)
    assert answer.status == 401
    assert answer.json() == {
        "error": {
            "code": "sign_in_refused",
            "message": "E-mail or password are wrong.",
            "retry": False,
            "params": {},
        }
    }
    assert answer.header("set-cookie") is None


async def test_unknown_and_known_cost_the_same_work(
    browser: Browser, people: People, hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await people.make()
    compared: list[str | None] = []
    check = hasher.check_password

    async def watch(password_hash: str | None, password: str) -> PasswordCheck:
        compared.append(password_hash)
        return await check(password_hash, password)

    monkeypatch.setattr(hasher, "check_password", watch)
    await browser.sign_in("nobody@example.org")
    await browser.sign_in(account.email, "eight ledgers in the attic")
    assert compared == [None, people.password_hash]


async def test_a_password_that_is_changed_while_it_is_checked_lets_nobody_in(
    browser: Browser, people: People, hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await people.make()
    check = hasher.check_password

    async def change_meanwhile(password_hash: str | None, password: str) -> PasswordCheck:
        answer = await check(password_hash, password)
        async with people.database.transaction() as transaction:
            await credentials.store_password(transaction, account.account_id, "another")
        return answer

    monkeypatch.setattr(hasher, "check_password", change_meanwhile)
    assert (await browser.sign_in(account.email)).status == 401
    assert not await browser.is_signed_in()


async def test_a_session_is_asked_of_the_database_each_time(
    browser: Browser, people: People, database: Database, move_time: MoveTime
) -> None:
    account = await people.make()
    await browser.sign_in(account.email)
    assert await browser.is_signed_in()
    await move_time(timedelta(days=7, seconds=1))
    answer = await browser.ask("GET", "/api/session")
    assert (answer.status, answer.json()["error"]["code"]) == (401, "sign_in_required")


async def test_a_browser_that_comes_back_within_the_week_stays_signed_in_for_a_month(
    browser: Browser, people: People, move_time: MoveTime
) -> None:
    account = await people.make()
    await browser.sign_in(account.email)
    for _ in range(4):
        await move_time(timedelta(days=6))
        assert await browser.is_signed_in()
    await move_time(timedelta(days=6))
    assert not await browser.is_signed_in(), "thirty days have gone by"


@pytest.mark.parametrize("cookie", ["", "workroom_session=x", "=", ";;;", "a" * 5000])
async def test_a_cookie_that_is_nobodys_is_nobody(cookie: str, browser: Browser, node: Node) -> None:
    assert (await browser.ask("GET", "/api/session", cookie=cookie)).status == 401
    name = f"workroom_session_{node.installation_id.hex[:8]}"
    for token in ("", "x" * 43, "x" * 5000, "\xe9", "'; drop table sessions; --"):
        assert (await browser.ask("GET", "/api/session", cookie=f"{name}={token}")).status == 401


async def test_signing_out_ends_the_session_also_for_whoever_copied_the_cookie(
    browser: Browser, people: People, app: Starlette
) -> None:
    await browser.sign_in((await people.make()).email)
    thief = Browser(app, dict(browser.cookies))
    assert await thief.is_signed_in()
    answer = await browser.ask("DELETE", "/api/session")
    assert (answer.status, answer.body) == (204, b"")
    assert "Max-Age=0" in (answer.header("set-cookie") or "")
    assert browser.cookies == {}
    assert not await thief.is_signed_in()


async def test_signing_out_without_a_session_is_no_error(browser: Browser) -> None:
    assert (await browser.ask("DELETE", "/api/session")).status == 204


async def test_signing_out_everywhere_ends_every_session_of_the_account(
    browser: Browser, people: People, app: Starlette
) -> None:
    account, other = await people.make(), await people.make()
    phone, stranger = Browser(app), Browser(app)
    for each, email in ((browser, account.email), (phone, account.email), (stranger, other.email)):
        await each.sign_in(email)
    assert (await browser.ask("DELETE", "/api/sessions")).status == 204
    assert [await each.is_signed_in() for each in (browser, phone, stranger)] == [False, False, True]


async def test_signing_out_everywhere_needs_a_session(browser: Browser) -> None:
    assert (await browser.ask("DELETE", "/api/sessions")).status == 401


async def test_signing_in_again_ends_the_session_that_the_browser_had(
    browser: Browser, people: People, app: Starlette
) -> None:
    account = await people.make()
    await browser.sign_in(account.email)
    before = Browser(app, dict(browser.cookies))
    await browser.sign_in(account.email)
    assert await browser.is_signed_in()
    assert not await before.is_signed_in()


async def test_an_end_of_a_session_is_told_to_every_node(
    browser: Browser, people: People, owner: asyncpg.Connection
) -> None:
    account = await people.make()
    await browser.sign_in(account.email)
    await browser.ask("DELETE", "/api/session")
    kinds = await owner.fetch("select kind from events where stream_id = $1", account.stream_id)
    assert [row["kind"] for row in kinds] == ["sessions_ended"]


async def test_a_password_stored_at_another_cost_is_stored_anew(
    browser: Browser, people: People, owner: asyncpg.Connection
) -> None:
    with PasswordHasher(PasswordCost(memory_kib=128, iterations=2)) as dearer:
        people.password_hash = await dearer.hash_password(PASSWORD)
    account = await people.make()
    assert (await browser.sign_in(account.email)).status == 200
    stored = await owner.fetchval(
        "select password_hash from account_credentials where account_id = $1", account.account_id
    )
    assert "m=64,t=1" in stored
    assert (await browser.sign_in(account.email)).status == 200


async def test_guessing_is_throttled_by_account_whether_it_exists_or_not(
    browser: Browser, people: People
) -> None:
    account = await people.make()
    for email in (account.email, "nobody@example.org"):
        answers = [await browser.sign_in(email, "eight ledgers in the attic") for _ in range(11)]
        assert [answer.status for answer in answers] == [401] * 10 + [429]
        error = answers[-1].json()["error"]
        assert (error["code"], error["retry"]) == ("rate_exceeded", True)
        assert int(answers[-1].header("retry-after") or 0) == error["params"]["retry_after_seconds"] > 0
    assert (await browser.sign_in(account.email)).status == 429, "also with the right password"


async def test_who_guesses_elsewhere_keeps_nobody_out(browser: Browser, people: People) -> None:
    account = await people.make()

    async def try_from(address: str, password: str) -> int:
        body = {"email": account.email, "password": password}
        return (await ask(browser.app, "POST", "/api/session", body, client=address)).status

    assert await try_from("203.0.113.9", PASSWORD) == 200
    guesses = [
        await try_from(f"198.51.100.{number // 9}", "eight ledgers in the attic") for number in range(100)
    ]
    # The first sign-in counts, too: it came from an address that was new then.
    assert guesses == [401] * 99 + [429], "nobody guesses on: this proves something"
    assert await try_from("203.0.113.10", PASSWORD) == 429
    assert await try_from("203.0.113.9", PASSWORD) == 200


async def test_the_right_password_gives_all_tries_back(browser: Browser, people: People) -> None:
    account = await people.make()
    for _ in range(3):
        for _ in range(8):
            await browser.sign_in(account.email, "eight ledgers in the attic")
        assert (await browser.sign_in(account.email)).status == 200


async def test_throttling_counts_on_all_nodes_together(
    browser: Browser, people: People, settings: Settings, hasher: PasswordHasher
) -> None:
    account = await people.make()
    async with running_node(settings) as second:
        elsewhere = Browser(build_app(second, hasher))
        for _ in range(5):
            await browser.sign_in(account.email, "eight ledgers in the attic")
            await elsewhere.sign_in(account.email, "eight ledgers in the attic")
        assert (await elsewhere.sign_in(account.email)).status == 429


async def test_neither_password_nor_address_nor_token_is_logged(
    browser: Browser, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    account = await people.make(email="lindt@example.org")
    await browser.sign_in(account.email)
    await browser.sign_in(account.email, "eight ledgers in the attic")
    [token] = browser.cookies.values()
    assert "session_started" in caplog.text
    for secret in ("ledgers", "lindt", token, "192.0.2.7", sessions.hash_token(token).hex()):
        assert secret not in caplog.text


@pytest.mark.parametrize("origin", ["", "https://evil.example", "null"])
async def test_no_other_page_can_sign_anybody_in_or_out(
    origin: str, browser: Browser, people: People
) -> None:
    account = await people.make()
    await browser.sign_in(account.email)
    for method, path in (("POST", "/api/session"), ("DELETE", "/api/session"), ("DELETE", "/api/sessions")):
        answer = await browser.ask(
            method, path, {"email": account.email, "password": PASSWORD}, origin=origin
        )
        assert (answer.status, answer.json()["error"]["code"]) == (403, "origin_refused")
    assert await browser.is_signed_in()
