"""The audit trail at the officers' doors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.compliance.conftest import Meeting, Officer
from workroom.audit import Act
from workroom.audit_chain import verify_export
from workroom.customer_commands import close_customer
from workroom.settings import Settings

WORDS = (Path(__file__).parents[3] / "static" / "words" / "english-compliance.js").read_text("utf-8")


def test_every_act_has_words_in_the_console() -> None:
    said = set(re.findall(r"^ {6}(\w+): '", WORDS, re.MULTILINE))
    assert {act.value for act in Act} - said == set()


async def test_every_act_is_there_newest_first_with_names_beside_it(
    officer: Officer, meeting: Meeting
) -> None:
    hold = await officer.place_hold(meeting.place.room_id)
    answer = await officer.get("audit")
    assert [entry["act"] for entry in answer["entries"]][:2] == ["hold_placed", "matter_opened"]
    first = answer["entries"][0]
    assert first["subject"] == {"kind": "hold", "subject_id": hold["hold_id"]}
    assert (first["origin"], first["actor_id"]) == ("session", str(officer.account.account_id))
    assert first["texts"] == {"reason": "Because"}
    assert [room["room_id"] for room in answer["names"]["rooms"]] == [str(meeting.place.room_id)]
    assert answer["more"] is False
    numbers = [entry["entry_number"] for entry in answer["entries"]]
    assert numbers == list(range(len(numbers), 0, -1))


async def test_a_customer_that_was_closed_is_named(
    settings: Settings, officer: Officer, meeting: Meeting
) -> None:
    customer_id = str(meeting.customer.customer_id)
    await close_customer(settings, customer_id)
    answer = await officer.get("audit?act=customer_closed")
    assert [entry["subject"]["subject_id"] for entry in answer["entries"]] == [customer_id]
    assert answer["names"]["customers"] == [
        {"customer_id": customer_id, "name": meeting.customer.customer_name}
    ]


async def test_the_trail_is_filtered_by_act_actor_subject_and_time(
    officer: Officer, second_officer: Officer, meeting: Meeting
) -> None:
    hold = await officer.place_hold(meeting.place.room_id)
    await second_officer.open_matter("Another case")

    async def acts(query: str) -> list[str]:
        return [entry["act"] for entry in (await officer.get(f"audit?{query}"))["entries"]]

    assert await acts("act=hold_placed") == ["hold_placed"]
    own = await acts(f"actor={officer.account.account_id}")
    assert (own.count("hold_placed"), own.count("matter_opened")) == (1, 1)
    others = await acts(f"actor={second_officer.account.account_id}")
    assert (others.count("hold_placed"), others.count("matter_opened")) == (0, 1)
    assert await acts(f"subject={hold['hold_id']}") == ["hold_placed"]
    assert await acts("until=2020-01-01T00:00:00Z") == []
    assert await acts("from=2020-01-01T00:00:00Z&act=hold_placed") == ["hold_placed"]
    assert await acts("act=nothing_of_the_kind") == []


async def test_long_trails_come_in_pages(officer: Officer) -> None:
    for number in range(4):
        await officer.open_matter(f"Case {number}")
    first = await officer.get("audit?act=matter_opened&limit=3")
    last = first["entries"][-1]["entry_number"]
    rest = await officer.get(f"audit?act=matter_opened&limit=3&before={last}")
    assert (len(first["entries"]), first["more"], len(rest["entries"]), rest["more"]) == (3, True, 1, False)


async def test_what_one_can_filter_by_is_told(officer: Officer, second_officer: Officer) -> None:
    await officer.open_matter()
    answer = await officer.get("audit/filters")
    assert {"hold_placed", "content_opened", "signed_in"} <= set(answer["acts"])
    assert "Ruth Amadi" in [actor["display_name"] for actor in answer["actors"]]


@pytest.mark.parametrize("query", ["actor=x", "subject=1", "from=yesterday", "until=2026-01-01", "before=0"])
async def test_a_wrong_filter_is_named(query: str, officer: Officer) -> None:
    answer = await officer.browser.ask("GET", f"/api/compliance/audit?{query}")
    assert (answer.status, answer.json()["error"]["params"]["field"]) == (422, query.partition("=")[0])


async def test_the_export_is_whole_without_us_and_is_its_own_last_entry(officer: Officer) -> None:
    await officer.open_matter()
    answer = await officer.browser.ask("POST", "/api/compliance/audit/export", {})
    assert answer.header("content-disposition") == (
        "attachment; filename=\"workroom-audit.jsonl\"; filename*=UTF-8''workroom-audit.jsonl"
    )
    check = verify_export(answer.body.splitlines(keepends=True))
    assert check.findings == []
    [latest, *_] = (await officer.get("audit"))["entries"]
    assert (latest["act"], latest["entry_number"]) == ("audit_exported", check.entries)
