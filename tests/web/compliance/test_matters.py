"""Matters at the officers' doors."""

from __future__ import annotations

import pytest

from tests.web.compliance.conftest import Meeting, Officer


async def test_a_matter_is_opened_listed_shown_and_closed(officer: Officer) -> None:
    matter_id = await officer.open_matter("Case 7")
    listed = await officer.get("matters")
    assert [(each["name"], each["standing_holds"]) for each in listed["matters"]] == [("Case 7", 0)]
    assert listed["names"]["people"][0]["display_name"] == "Ruth Amadi"
    shown = await officer.get(f"matters/{matter_id}")
    assert (shown["matter"]["reason"], shown["holds"]) == ("A dispute", [])
    closed = await officer.post(f"matters/{matter_id}/close", {"reason": "Settled"})
    assert closed["matter"]["closed_at"] is not None


async def test_a_matter_with_a_hold_shows_it_and_stays_open(officer: Officer, meeting: Meeting) -> None:
    hold = await officer.place_hold(meeting.place.room_id)
    shown = await officer.get(f"matters/{hold['matter_id']}")
    assert [each["hold_id"] for each in shown["holds"]] == [hold["hold_id"]]
    assert [room["name"] for room in shown["names"]["rooms"]] == ["The room"]
    refused = await officer.post(f"matters/{hold['matter_id']}/close", {"reason": "Done"}, 409)
    assert refused["error"]["params"]["problem"] == "holds_stand"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "reason": "Why"}, "name"),
        ({"name": "Case", "reason": " "}, "reason"),
        ({"name": "Case"}, "reason"),
        ({"name": "x" * 201, "reason": "Why"}, "name"),
    ],
)
async def test_a_wrong_field_is_named(body: dict[str, str], field: str, officer: Officer) -> None:
    answer = await officer.post("matters", body, 422)
    assert answer["error"]["params"]["field"] == field
    assert (await officer.get("matters"))["matters"] == []
