"""Every address, and what stands before all of them."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from tests.web.asgi import ask
from tests.web.conftest import Browser
from workroom.node import Node
from workroom.storage.database import Database
from workroom.web.origin import SAFE_METHODS

PROTOCOL_PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def doors(app: Starlette) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"{(\w+)(:\w+)?}", "{}", route.path))
        for route in app.routes
        if isinstance(route, Route) and route.path.startswith(("/api/", "/health/", "/metrics"))
        for method in (route.methods or set()) - {"HEAD"}
    }


async def test_the_docs_list_exactly_the_doors_that_there_are(app: Starlette) -> None:
    written = re.findall(r"`(GET|POST|PATCH|DELETE|OPTIONS) (/[^`]*)`", PROTOCOL_PAGE.read_text())
    documented = {(method, re.sub(r"{\w+}", "{}", path)) for method, path in written if path != "/socket"}
    assert documented == doors(app)


async def test_every_unsafe_door_asks_for_our_own_origin_before_anything_else(app: Starlette) -> None:
    unsafe = [(method, path) for method, path in doors(app) if method not in SAFE_METHODS]
    assert len(unsafe) >= 8, "hardly any: this proves nothing"
    for method, path in [*unsafe, ("DELETE", "/"), ("POST", "/nowhere"), ("PUT", "/api/session")]:
        for origin in ("", "https://evil.example"):
            answer = await ask(app, method, path.replace("{}", "x"), {}, headers={"origin": origin})
            assert (answer.status, answer.json()["error"]["code"]) == (403, "origin_refused"), (method, path)


async def test_every_answer_has_the_security_headers(browser: Browser) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/static/application.js"),
        ("GET", "/api/session"),
        ("GET", "/nowhere"),
        ("POST", "/api/session"),
        ("PUT", "/api/session"),
        ("GET", "/health/live"),
    ):
        answer = await browser.ask(method, path)
        assert "default-src 'none'" in (answer.header("content-security-policy") or ""), (method, path)
        assert answer.header("x-content-type-options") == "nosniff"


async def test_an_address_with_another_method_says_which_it_takes(browser: Browser) -> None:
    answer = await browser.ask("PUT", "/api/session")
    assert (answer.status, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.header("allow") == "DELETE, GET, HEAD, POST"


async def test_an_address_with_a_slash_too_many_is_another_one(browser: Browser) -> None:
    assert (await browser.ask("GET", "/api/session/")).status == 404


async def test_a_head_request_is_answered_like_a_get(browser: Browser) -> None:
    assert (await browser.ask("HEAD", "/")).status == 200


async def test_a_database_that_is_away_is_said_and_may_be_tried_again(
    browser: Browser, node: Node, database: Database
) -> None:
    await node.database.close(0)
    answer = await browser.ask(
        "GET", "/api/session", cookie=f"workroom_session_{node.installation_id.hex[:8]}=x"
    )
    assert (answer.status, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.json()["error"]["retry"] is True
