"""An admin looks after people; for everybody else these doors do not exist."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from tests.web.asgi import Withheld
from tests.web.conftest import PASSWORD, Browser, People
from workroom import accounts as domain
from workroom.accounts import Account


@pytest_asyncio.fixture
async def admin(people: People) -> Account:
    return await people.make("admin", name="Ada")


@pytest_asyncio.fixture
async def admins_browser(app: Starlette, admin: Account) -> Browser:
    browser = Browser(app)
    assert (await browser.sign_in(admin.email)).status == 200
    return browser


def token_of(link: str) -> str:
    return link.partition("#token=")[2]


@pytest.mark.parametrize("kind", ["customer", "staff", "compliance"])
async def test_for_everybody_but_an_admin_these_doors_do_not_exist(
    kind: str, browser: Browser, people: People
) -> None:
    account = await people.make(kind)
    await browser.sign_in(account.email)
    nowhere = (await browser.ask("GET", "/api/nothing")).json()
    for method, path, body in (
        ("GET", "/api/accounts", None),
        ("POST", "/api/accounts", {"kind": "admin", "email": "x@example.org", "display_name": "X"}),
        ("PATCH", f"/api/accounts/{account.account_id}", {"kind": "admin"}),
        ("POST", f"/api/accounts/{account.account_id}/link", None),
    ):
        answer = await browser.ask(method, path, body)
        assert (answer.status, answer.json()) == (404, nowhere), path


async def test_without_a_session_one_has_to_sign_in_first(browser: Browser, people: People) -> None:
    account = await people.make()
    for method, path in (
        ("GET", "/api/accounts"),
        ("POST", "/api/accounts"),
        ("PATCH", f"/api/accounts/{account.account_id}"),
        ("POST", f"/api/accounts/{account.account_id}/link"),
    ):
        assert (await browser.ask(method, path, {})).status == 401


async def test_an_admin_sees_everybody(admins_browser: Browser, admin: Account, people: People) -> None:
    person = await people.make("customer", name="Mara Lindt", email="mara@example.org")
    answer = await admins_browser.ask("GET", "/api/accounts")
    assert answer.json()["more"] is False
    assert [each["account_id"] for each in answer.json()["accounts"]] == [
        str(admin.account_id),
        str(person.account_id),
    ]
    assert answer.json()["accounts"][1] == {
        "account_id": str(person.account_id),
        "kind": "customer",
        "display_name": "Mara Lindt",
        "email": "mara@example.org",
        "customer_id": str(person.customer_id),
        "customer_name": person.customer_name,
        "created_at": person.created_at.isoformat().replace("+00:00", "Z"),
        "deactivated_at": None,
    }


async def test_many_accounts_come_in_pages(
    admins_browser: Browser, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "MAX_PAGE_ACCOUNTS", 2)
    for _ in range(2):
        await people.make()
    first = (await admins_browser.ask("GET", "/api/accounts")).json()
    after = first["accounts"][-1]["account_id"]
    rest = (await admins_browser.ask("GET", f"/api/accounts?after={after}")).json()
    assert (len(first["accounts"]), first["more"], len(rest["accounts"]), rest["more"]) == (2, True, 1, False)
    assert (await admins_browser.ask("GET", "/api/accounts?after=x")).status == 422


@pytest.mark.parametrize("kind", ["staff", "compliance", "admin"])
async def test_a_new_person_of_the_provider_sets_a_password_by_the_link(
    kind: str, admins_browser: Browser, browser: Browser
) -> None:
    body = {"kind": kind, "email": "otto@example.org", "display_name": "Otto Brandt"}
    answer = await admins_browser.ask("POST", "/api/accounts", body)
    assert answer.status == 201
    assert answer.json()["account"]["kind"] == kind
    assert "/set-password#token=" in answer.json()["link"]
    assert (await browser.sign_in("otto@example.org")).status == 401, "there is no password yet"
    token = token_of(answer.json()["link"])
    answer = await browser.ask("POST", "/api/password", {"token": token, "password": PASSWORD})
    assert answer.json()["account"]["kind"] == kind


async def test_a_customers_person_is_made_for_a_customer_there_is_or_a_new_one(
    admins_browser: Browser, people: People
) -> None:
    person = await people.make("customer")
    body = {"kind": "customer", "email": "otto@example.org", "display_name": "Otto"}
    existing = await admins_browser.ask(
        "POST", "/api/accounts", {**body, "customer_id": str(person.customer_id)}
    )
    assert existing.json()["account"]["customer_name"] == person.customer_name
    fresh = {**body, "email": "ida@example.org", "customer_name": "Ida's Flowers"}
    assert (await admins_browser.ask("POST", "/api/accounts", fresh)).json()["account"]["customer_name"] == (
        "Ida's Flowers"
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "superuser"}, "kind"),
        ({"email": "x"}, "email"),
        ({"display_name": ""}, "display_name"),
        ({"kind": "customer"}, "customer_id"),
        ({"customer_name": "For staff"}, "customer_name"),
        ({"customer_id": "5b0b7fd4-0f6a-4a59-9a53-000000000000"}, "customer_id"),
        ({"kind": "customer", "customer_id": "5b0b7fd4-0f6a-4a59-9a53-000000000000"}, "customer_id"),
        ({"kind": "customer", "customer_id": "no id"}, "customer_id"),
    ],
)
async def test_a_wrong_field_is_named(change: dict[str, str], field: str, admins_browser: Browser) -> None:
    body = {"kind": "staff", "email": "otto@example.org", "display_name": "Otto", **change}
    answer = await admins_browser.ask("POST", "/api/accounts", body)
    assert (answer.status, answer.json()["error"]["params"]["field"]) == (422, field)


async def test_an_address_that_is_taken_is_a_conflict(admins_browser: Browser, people: People) -> None:
    account = await people.make()
    body = {"kind": "staff", "email": account.email, "display_name": "Otto"}
    answer = await admins_browser.ask("POST", "/api/accounts", body)
    assert (answer.status, answer.json()["error"]["params"]) == (409, {"field": "email"})


async def test_another_kind_and_deactivating_end_the_sessions_at_once(
    admins_browser: Browser, browser: Browser, people: People
) -> None:
    account = await people.make()
    path = f"/api/accounts/{account.account_id}"
    for change in ({"kind": "admin"}, {"kind": "staff"}, {"deactivated": True}):
        assert (await browser.sign_in(account.email)).status == 200
        assert (await admins_browser.ask("PATCH", path, change)).status == 200
        assert not await browser.is_signed_in()
    assert (await browser.sign_in(account.email)).status == 401
    answer = await admins_browser.ask("PATCH", path, {"deactivated": False})
    assert answer.json()["account"]["deactivated_at"] is None
    assert (await browser.sign_in(account.email)).status == 200


async def test_kind_and_deactivation_change_together_or_not_at_all(
    admins_browser: Browser, people: People
) -> None:
    account, customer = await people.make(), await people.make("customer")
    both = await admins_browser.ask(
        "PATCH", f"/api/accounts/{account.account_id}", {"kind": "compliance", "deactivated": True}
    )
    assert both.json()["account"]["kind"] == "compliance"
    assert both.json()["account"]["deactivated_at"] is not None
    refused = await admins_browser.ask(
        "PATCH", f"/api/accounts/{customer.account_id}", {"kind": "staff", "deactivated": True}
    )
    assert (refused.status, refused.json()["error"]["params"]["problem"]) == (409, "kind_is_fixed")
    listed = (await admins_browser.ask("GET", "/api/accounts")).json()["accounts"]
    assert [each["deactivated_at"] for each in listed if each["kind"] == "customer"] == [None]


async def test_the_last_admin_can_lock_nobody_out(admins_browser: Browser, admin: Account) -> None:
    for change in ({"kind": "staff"}, {"deactivated": True}):
        answer = await admins_browser.ask("PATCH", f"/api/accounts/{admin.account_id}", change)
        assert (answer.status, answer.json()["error"]["params"]["problem"]) == (409, "last_admin")
    assert await admins_browser.is_signed_in()


@pytest.mark.parametrize(
    "body", [{}, {"kind": "superuser"}, {"deactivated": "yes"}, {"email": "x@example.org"}]
)
async def test_a_change_says_what_to_change(
    body: dict[str, str], admins_browser: Browser, admin: Account
) -> None:
    answer = await admins_browser.ask("PATCH", f"/api/accounts/{admin.account_id}", body)
    assert answer.status == 422


async def test_an_account_that_does_not_exist_is_not_found(admins_browser: Browser) -> None:
    nobody = uuid4()
    assert (await admins_browser.ask("PATCH", f"/api/accounts/{nobody}", {"kind": "staff"})).status == 404
    assert (await admins_browser.ask("POST", f"/api/accounts/{nobody}/link")).status == 404
    assert (await admins_browser.ask("POST", "/api/accounts/not-an-id/link")).status == 404


async def test_a_new_link_replaces_the_one_before(
    admins_browser: Browser, browser: Browser, people: People
) -> None:
    account = await people.make()
    path = f"/api/accounts/{account.account_id}/link"
    first, second = [(await admins_browser.ask("POST", path)).json()["link"] for _ in range(2)]
    used = [
        (await browser.ask("POST", "/api/password", {"token": token_of(link), "password": PASSWORD})).status
        for link in (first, second)
    ]
    assert used == [410, 200]


async def test_a_deactivated_account_gets_no_link(admins_browser: Browser, people: People) -> None:
    account = await people.make()
    await admins_browser.ask("PATCH", f"/api/accounts/{account.account_id}", {"deactivated": True})
    answer = await admins_browser.ask("POST", f"/api/accounts/{account.account_id}/link")
    assert (answer.status, answer.json()["error"]["params"]["problem"]) == (409, "deactivated")


@pytest.mark.parametrize("loss", [{"deactivated": True}, {"kind": "staff"}])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/accounts/{own}", {"deactivated": False}),
        ("PATCH", "/api/accounts/{own}", {"kind": "admin"}),
        ("POST", "/api/accounts", {"kind": "admin", "email": "x@example.org", "display_name": "X"}),
    ],
)
async def test_an_admin_who_is_dismissed_while_the_body_is_withheld_changes_nothing(
    method: str,
    path: str,
    body: dict[str, object],
    loss: dict[str, object],
    admins_browser: Browser,
    browser: Browser,
    people: People,
) -> None:
    dismissed = await people.make("admin")
    await browser.sign_in(dismissed.email)
    own = str(dismissed.account_id)
    browser.withheld = withheld = Withheld()
    asking = asyncio.create_task(browser.ask(method, path.format(own=own), body))
    await withheld.is_awaited.wait()
    assert (await admins_browser.ask("PATCH", f"/api/accounts/{own}", loss)).status == 200
    left = (await admins_browser.ask("GET", "/api/accounts")).json()
    withheld.may_come.set()
    answer = await asking
    assert (answer.status, answer.json()["error"]["code"]) == (401, "sign_in_required")
    assert (await admins_browser.ask("GET", "/api/accounts")).json() == left
