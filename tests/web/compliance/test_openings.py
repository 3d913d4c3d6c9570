"""The door to what is written: the mark comes first, then everything that is left is shown."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from starlette.applications import Starlette

from tests.deeds import delete, edit, post, react
from tests.web.compliance.conftest import Meeting, Officer
from tests.web.conftest import People
from tests.web.tus_doors import Person, seat
from workroom import openings
from workroom.errors import Unavailable
from workroom.storage.database import Database


async def opened(officer: Officer, meeting: Meeting, **fields: Any) -> Any:
    matter_id = await officer.open_matter()
    body = {"matter_id": matter_id, "room_id": str(meeting.place.room_id), "reason": "The dispute", **fields}
    return await officer.post("openings", body)


async def test_everything_is_shown_with_who_and_when(
    officer: Officer, meeting: Meeting, database: Database
) -> None:
    place, customer, staff = meeting.place, meeting.customer, meeting.staff
    await edit(database, customer, place.shared, meeting.message_id, "Where is my invoice?")
    await react(database, staff, place.shared, meeting.message_id)
    await react(database, staff, place.shared, meeting.message_id, is_added=False)
    await delete(database, customer, place.shared, meeting.message_id)
    answer = await opened(officer, meeting)
    first, second, note = answer["messages"]
    assert [version["text"] for version in first["versions"]] == [
        "Where is the invoice?",
        "Where is my invoice?",
    ]
    assert {version["author_id"] for version in first["versions"]} == {str(customer.account_id)}
    assert first["deleted_by"] == str(customer.account_id)
    assert first["reactions"][0]["removed_at"] is not None
    assert (second["stream"], note["stream"], note["versions"][0]["text"]) == (
        "shared",
        "staff",
        "She asks every week",
    )
    assert {person["display_name"] for person in answer["names"]["people"]} == {"Mara Lindt", "Tomas Sato"}
    assert (answer["destroyed"], answer["place"]) == (0, None)


async def test_the_mark_stands_before_anything_is_read(
    officer: Officer, meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(openings, "read_opened", fail)
    matter_id = await officer.open_matter()
    body = {"matter_id": matter_id, "room_id": str(meeting.place.room_id), "reason": "The dispute"}
    await officer.post("openings", body, 503)
    [entry] = (await officer.get(f"audit?subject={meeting.place.room_id}"))["entries"]
    assert (entry["act"], entry["facts"]["matter_id"], entry["texts"]["reason"]) == (
        "content_opened",
        matter_id,
        "The dispute",
    )


async def test_a_room_is_read_page_by_page_and_each_page_leaves_its_mark(
    officer: Officer, meeting: Meeting, database: Database
) -> None:
    for number in range(110):
        await post(database, meeting.staff, meeting.place.shared, f"Line {number}")
    texts: list[str] = []
    place: Any = {}
    pages = 0
    while place is not None:
        answer = await opened(officer, meeting, place=place)
        texts = [message["versions"][0]["text"] for message in answer["messages"]] + texts
        place, pages = answer["place"], pages + 1
    assert pages == 3
    assert texts == [
        "Where is the invoice?",
        "On its way",
        "She asks every week",
        *(f"Line {number}" for number in range(110)),
    ]
    marks = (await officer.get(f"audit?subject={meeting.place.room_id}&act=content_opened"))["entries"]
    assert len(marks) == 3


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"reason": "  "}, 422),
        ({"room_id": str(uuid4())}, 404),
        ({"matter_id": str(uuid4())}, 404),
        ({"place": {"shared": "first"}}, 422),
    ],
)
async def test_nothing_opens_without_a_matter_a_room_and_a_reason(
    change: dict[str, Any], status: int, officer: Officer, meeting: Meeting
) -> None:
    matter_id = await officer.open_matter()
    body = {"matter_id": matter_id, "room_id": str(meeting.place.room_id), "reason": "Why", **change}
    answer = await officer.post("openings", body, status)
    assert "messages" not in answer
    assert (await officer.get("audit?act=content_opened"))["entries"] == []


async def test_a_closed_matter_opens_nothing(officer: Officer, meeting: Meeting) -> None:
    matter_id = await officer.open_matter()
    await officer.post(f"matters/{matter_id}/close", {"reason": "Settled"})
    body = {"matter_id": matter_id, "room_id": str(meeting.place.room_id), "reason": "Why"}
    answer = await officer.post("openings", body, 409)
    assert answer["error"]["params"]["problem"] == "matter_closed"


async def test_a_file_is_fetched_with_the_opening_of_its_room_and_that_leaves_a_mark(
    officer: Officer,
    second_officer: Officer,
    meeting: Meeting,
    database: Database,
    people: People,
    app: Starlette,
) -> None:
    person: Person = await seat(database, app, meeting.customer)
    file_id = await person.upload(meeting.place.shared, b"the paper itself", "paper.txt")
    await person.post(meeting.place.shared, file_id)
    answer = await opened(officer, meeting)
    [file] = answer["messages"][-1]["files"]
    assert (file["file_id"], file["name"], file["byte_size"]) == (str(file_id), "paper.txt", 16)
    path = f"/api/compliance/openings/{answer['entry_number']}/files/{file_id}"
    fetched = await officer.browser.ask("GET", path)
    assert (fetched.status, fetched.body) == (200, b"the paper itself")
    assert (
        fetched.header(
            "content-disposition",
        )
        is not None
    )
    assert fetched.header("content-security-policy") == "default-src 'none'; sandbox"
    [mark] = (await officer.get(f"audit?subject={file_id}"))["entries"]
    assert (mark["act"], mark["facts"]["opening"]) == ("file_opened", answer["entry_number"])
    assert (await second_officer.browser.ask("GET", path)).status == 404, "another's opening"
    other = path.replace(f"openings/{answer['entry_number']}/", "openings/1/")
    assert (await officer.browser.ask("GET", other)).status == 404, "no opening"
    assert (await officer.browser.ask("GET", f"{path[:-36]}{uuid4()}")).status == 404
