"""What keeps a message is said to compliance about every message, and never what is written in it."""

from __future__ import annotations

from uuid import uuid4

import asyncpg

from tests.retaining import assign_room, make_class
from tests.web.compliance.conftest import Meeting, Officer, checked


async def test_a_message_says_what_keeps_it_without_its_words(
    officer: Officer, meeting: Meeting, owner: asyncpg.Connection
) -> None:
    class_id = await make_class(owner, keep=3650, destroy=3650)
    await assign_room(owner, meeting.place.room_id, class_id)
    hold = await officer.place_hold(meeting.place.room_id)
    answer = await officer.get(f"explanations/{meeting.message_id}")
    explained = answer["explanation"]
    assert (explained["state"], explained["reason"]) == ("shown", "ended")
    assert [(one["source"], one["class_id"]) for one in explained["classes"]] == [("room", str(class_id))]
    assert [one["hold_id"] for one in explained["holds"]] == [hold["hold_id"]]
    assert [room["room_id"] for room in answer["names"]["rooms"]] == [str(meeting.place.room_id)]
    assert [each["hold_id"] for each in answer["names"]["holds"]] == [hold["hold_id"]]
    assert "invoice" not in str(answer)


async def test_a_message_that_is_not_there_is_not_found(officer: Officer) -> None:
    answer = await officer.browser.ask("GET", f"/api/compliance/explanations/{uuid4()}")
    assert checked(answer, 404)["error"]["code"] == "not_found"
