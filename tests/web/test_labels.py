"""Labels at the doors: staff on what they may read, compliance on anything, customers not at all."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from tests.retaining import make_class
from tests.web.conftest import People
from tests.web.tus_doors import Meeting, Person, meet, seat
from workroom.ids import RetentionClassId
from workroom.storage.database import Database


@pytest_asyncio.fixture
async def meeting(database: Database, people: People, app: Starlette) -> Meeting:
    return await meet(database, people, app)


@pytest_asyncio.fixture
async def class_id(owner: asyncpg.Connection) -> RetentionClassId:
    return await make_class(owner, keep=3650)


@pytest_asyncio.fixture
async def officer(database: Database, people: People, app: Starlette) -> Person:
    return await seat(database, app, await people.make("compliance"))


async def said(meeting: Meeting) -> str:
    """The id of a message that the customer posted with a file; the file's behind it."""
    file_id = await meeting.customer.upload(meeting.place.shared, b"paper")
    posted = await meeting.customer.post(meeting.place.shared, file_id)
    return f"{posted.message_id} {file_id}"


async def test_staff_and_compliance_set_a_label_see_it_and_take_it_away(
    meeting: Meeting, officer: Person, class_id: RetentionClassId
) -> None:
    message_id, file_id = (await said(meeting)).split()
    for person in (meeting.staff, officer):
        path = f"/api/labels/messages/{message_id}"
        before = (await person.browser.ask("GET", path)).json()
        assert (before["class_id"], [each["class_id"] for each in before["classes"]]) == (
            None,
            [str(class_id)],
        )
        assert (await person.browser.ask("PATCH", path, {"class_id": str(class_id)})).status == 204
        assert (await person.browser.ask("GET", path)).json()["class_id"] == str(class_id)
        assert (await person.browser.ask("PATCH", path, {"class_id": None})).status == 204
        of_file = f"/api/labels/files/{file_id}"
        assert (await person.browser.ask("PATCH", of_file, {"class_id": str(class_id)})).status == 204
        assert (await person.browser.ask("PATCH", of_file, {"class_id": None})).status == 204


async def test_for_customers_and_for_staff_of_other_rooms_there_is_nothing_to_label(
    meeting: Meeting, class_id: RetentionClassId, database: Database, people: People, app: Starlette
) -> None:
    message_id, file_id = (await said(meeting)).split()
    elsewhere = await seat(database, app, await people.make("staff"))
    nowhere = (await meeting.customer.browser.ask("GET", "/api/nothing")).json()
    for person in (meeting.customer, meeting.outsider, elsewhere):
        for method, path in (
            ("GET", f"/api/labels/messages/{message_id}"),
            ("PATCH", f"/api/labels/messages/{message_id}"),
            ("PATCH", f"/api/labels/files/{file_id}"),
        ):
            answer = await person.browser.ask(method, path, {"class_id": str(class_id)})
            assert (answer.status, answer.json()["error"]["code"]) == (404, nowhere["error"]["code"]), path


async def test_a_label_of_a_class_that_is_not_there_changes_nothing(meeting: Meeting) -> None:
    message_id, _ = (await said(meeting)).split()
    path = f"/api/labels/messages/{message_id}"
    assert (await meeting.staff.browser.ask("PATCH", path, {"class_id": str(uuid4())})).status == 404
    assert (await meeting.staff.browser.ask("GET", path)).json()["class_id"] is None


@pytest.mark.parametrize("body", [{}, {"class_id": "ten years"}, {"class_id": None, "why": "x"}])
async def test_a_wrong_body_is_said(body: dict[str, object], meeting: Meeting) -> None:
    message_id, _ = (await said(meeting)).split()
    answer = await meeting.staff.browser.ask("PATCH", f"/api/labels/messages/{message_id}", body)
    assert answer.status == 422
