"""Rooms and people as records: found by name, with their holds, and nothing of what is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg

from tests.deeds import open_place
from tests.retaining import assign_room, make_class
from tests.web.compliance.conftest import Meeting, Officer
from tests.web.conftest import People
from workroom.storage.database import Database


async def test_rooms_are_found_by_a_part_of_their_name_or_their_customers(
    officer: Officer, meeting: Meeting, database: Database, people: People
) -> None:
    await open_place(database, await people.make("staff"), await people.make("customer"))
    assert len((await officer.get("rooms"))["rooms"]) == 2
    assert len((await officer.get("rooms?name=THE%20ro"))["rooms"]) == 2
    assert len((await officer.get("rooms?limit=1"))["rooms"]) == 1
    assert (await officer.get("rooms?name=nowhere"))["rooms"] == []
    assert (await officer.get("rooms?name=%25"))["rooms"] == [], "a sign, not a pattern"
    customer = str(meeting.customer.customer_name).replace(" ", "%20")
    [found] = (await officer.get(f"rooms?name={customer}"))["rooms"]
    assert (found["room_id"], found["holds"]) == (str(meeting.place.room_id), 0)


async def test_a_rooms_record_shows_its_holds_and_not_what_is_written(
    officer: Officer, meeting: Meeting
) -> None:
    hold = await officer.place_hold(meeting.place.room_id)
    answer = await officer.browser.ask("GET", f"/api/compliance/rooms/{meeting.place.room_id}")
    assert [each["hold_id"] for each in answer.json()["holds"]] == [hold["hold_id"]]
    assert answer.json()["room"]["holds"] == 1
    assert b"invoice" not in answer.body


async def test_people_are_found_whatever_became_of_their_account(officer: Officer, meeting: Meeting) -> None:
    [found] = (await officer.get("people?name=lindt"))["people"]
    assert found == {
        "account_id": str(meeting.customer.account_id),
        "kind": "customer",
        "display_name": "Mara Lindt",
        "customer_name": meeting.customer.customer_name,
    }


async def test_a_limit_that_is_none_is_said(officer: Officer) -> None:
    for limit in ("0", "101", "-1", "x", "9" * 30):
        answer = await officer.browser.ask("GET", f"/api/compliance/rooms?limit={limit}")
        assert (answer.status, answer.json()["error"]["params"]["field"]) == (422, "limit")


async def test_what_is_due_is_told_month_by_month_and_how_much_of_it_a_hold_keeps(
    officer: Officer, meeting: Meeting, owner: asyncpg.Connection
) -> None:
    path = f"rooms/{meeting.place.room_id}/due"
    never = {"month": None, "messages": 3, "files": 0, "bytes": 0, "held": 0}
    assert (await officer.get(path))["due"] == [never]
    class_id = await make_class(owner, destroy=10)
    await assign_room(owner, meeting.place.room_id, class_id)
    await officer.place_hold(meeting.place.room_id)
    [due] = (await officer.get(path))["due"]
    month = (datetime.now(UTC) + timedelta(days=10)).replace(day=1).date().isoformat()
    assert due == {"month": month, "messages": 3, "files": 0, "bytes": 0, "held": 3}
    room = await officer.get(f"rooms/{meeting.place.room_id}")
    assert (room["room_class"]["class_id"], room["default_class"]) == (str(class_id), None)


async def test_no_room_has_nothing_due(officer: Officer) -> None:
    for path in (f"rooms/{uuid4()}", f"rooms/{uuid4()}/due"):
        assert (await officer.browser.ask("GET", f"/api/compliance/{path}")).status == 404
