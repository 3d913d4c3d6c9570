"""What the process says to whoever watches it."""

from __future__ import annotations

import pytest

from tests.web.conftest import Browser
from workroom.errors import Unavailable
from workroom.node import Node


def lost(*arguments: object) -> None:
    raise Unavailable("no answer")


async def test_live_asks_nobody(browser: Browser, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node.database, "ping", lost)
    monkeypatch.setattr(node.broker, "ask", lost)
    answer = await browser.ask("GET", "/health/live")
    assert (answer.status, answer.json()) == (200, {"status": "live"})


async def test_ready_asks_both(browser: Browser) -> None:
    answer = await browser.ask("GET", "/health/ready")
    assert (answer.status, answer.json()) == (200, {"status": "ready", "postgres": "ok", "redis": "ok"})


async def test_without_postgres_no_work_should_be_sent_here(
    browser: Browser, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.database, "ping", lost)
    answer = await browser.ask("GET", "/health/ready")
    assert (answer.status, answer.json()) == (
        503,
        {"status": "unavailable", "postgres": "lost", "redis": "ok"},
    )


async def test_without_redis_work_goes_on_and_it_is_said(
    browser: Browser, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.broker, "ask", lost)
    answer = await browser.ask("GET", "/health/ready")
    assert (answer.status, answer.json()) == (200, {"status": "ready", "postgres": "ok", "redis": "lost"})


async def test_a_process_that_is_ending_wants_no_more_work(
    browser: Browser, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "is_draining", True)
    answer = await browser.ask("GET", "/health/ready")
    assert (answer.status, answer.json()["status"]) == (503, "draining")
