"""The figures, for Prometheus."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.web.conftest import Browser


async def test_the_figures_are_in_prometheus_form(browser: Browser) -> None:
    answer = await browser.ask("GET", "/metrics")
    assert answer.status == 200
    assert (answer.header("content-type") or "").startswith("text/plain")
    names = {family.name for family in text_string_to_metric_families(answer.body.decode())}
    assert {
        "workroom_connections",
        "workroom_streams_listened_to",
        "workroom_deliveries",
        "workroom_commit_batch_commands",
        "workroom_commit_seconds",
        "workroom_send_to_deliver_seconds",
        "workroom_slow_consumers_closed",
        "workroom_position_check_repairs",
        "workroom_loop_lag_seconds",
    } <= names


async def test_through_a_proxy_there_are_none(browser: Browser) -> None:
    assert (await browser.ask("GET", "/metrics", x_forwarded_for="203.0.113.9")).status == 404
