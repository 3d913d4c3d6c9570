"""What keeps a message is said to compliance about every message, and never what is written in it."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import asyncpg

from tests.retaining import assign_room, make_class
from tests.web.compliance.conftest import Meeting, Officer, checked

ROOT = Path(__file__).parents[3]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text("utf-8")
WORDS = (
    (ROOT / "static" / "words" / "english-compliance.js").read_text("utf-8").partition("\n  opening: {")[2]
)


def test_the_protocol_names_what_the_console_has_words_for() -> None:
    told = re.findall(r"`(\w+)`", PROTOCOL.partition("of an **explanation**")[2].partition("\n\n")[0])
    states, reasons = (
        re.findall(r"^ {6}(\w+): ", WORDS.partition(f"\n    {field}: {{")[2].partition("}")[0], re.MULTILINE)
        for field in ("states", "reasons")
    )
    assert {"shown", "gone"} <= set(states), "nothing to compare: this proves nothing"
    assert told == [*states, "reason", *reasons]


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
