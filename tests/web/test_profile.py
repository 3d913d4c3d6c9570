"""What people may change about themselves."""

from __future__ import annotations

import asyncpg
import pytest

from tests.people import make_room
from tests.web.conftest import Browser, People


async def test_another_name_is_kept_and_told_where_the_person_is_seen(
    browser: Browser, people: People, owner: asyncpg.Connection
) -> None:
    account = await people.make()
    await make_room(people.database, account)
    await browser.sign_in(account.email)
    answer = await browser.ask("PATCH", "/api/profile", {"display_name": "  Mara  Lindt "})
    assert answer.json()["account"]["display_name"] == "Mara Lindt"
    assert (await browser.ask("GET", "/api/session")).json() == answer.json()
    kinds = {row["kind"] for row in await owner.fetch("select kind from events")}
    assert {"account_changed", "member_changed"} <= kinds


@pytest.mark.parametrize(
    "body", [{}, {"display_name": ""}, {"display_name": None}, {"display_name": "x", "kind": "admin"}]
)
async def test_nothing_else_can_be_changed(body: dict[str, str], browser: Browser, people: People) -> None:
    await browser.sign_in((await people.make()).email)
    assert (await browser.ask("PATCH", "/api/profile", body)).status == 422


async def test_it_needs_a_session(browser: Browser) -> None:
    assert (await browser.ask("PATCH", "/api/profile", {"display_name": "x"})).status == 401
