"""For everybody but compliance the officers' doors do not exist."""

from __future__ import annotations

from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.web.compliance.conftest import Officer
from tests.web.conftest import Browser, People
from workroom.web.compliance.routes import list_officers_routes

FOR_STAFF_TOO: set[str] = set()


def doors() -> list[tuple[str, str]]:
    found = []
    for route in list_officers_routes():
        assert isinstance(route, Route)
        path = route.path.replace(":uuid}", "}").replace(":int}", "}")
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", "1" if name == "entry_number" else str(uuid4()))
        found += [(method, path) for method in (route.methods or set()) - {"HEAD"}]
    return found


@pytest.mark.parametrize("kind", ["customer", "staff", "admin"])
async def test_for_everybody_but_compliance_these_doors_do_not_exist(
    kind: str, browser: Browser, people: People
) -> None:
    account = await people.make(kind)
    await browser.sign_in(account.email)
    nowhere = (await browser.ask("GET", "/api/nothing")).json()
    assert len(doors()) > 15, "hardly any: this proves nothing"
    for method, path in doors():
        answer = await browser.ask(method, path, {} if method == "POST" else None)
        assert (answer.status, answer.json()) == (404, nowhere), (method, path)


async def test_without_a_session_one_has_to_sign_in_first(browser: Browser) -> None:
    for method, path in doors():
        answer = await browser.ask(method, path, {} if method == "POST" else None)
        assert answer.status == 401, (method, path)


async def test_an_officer_who_becomes_staff_is_out_at_once(
    officer: Officer, app: Starlette, people: People
) -> None:
    admin = await people.make("admin")
    admins = Browser(app)
    await admins.sign_in(admin.email)
    await officer.get("matters")
    path = f"/api/accounts/{officer.account.account_id}"
    assert (await admins.ask("PATCH", path, {"kind": "staff"})).status == 200
    assert (await officer.browser.ask("GET", "/api/compliance/matters")).status == 401
    await officer.browser.sign_in(officer.account.email)
    assert (await officer.browser.ask("GET", "/api/compliance/matters")).status == 404
