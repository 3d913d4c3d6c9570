"""Holds at the officers' doors: counted, placed, widened, released by two."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from starlette.applications import Starlette

from tests.deeds import post
from tests.people import by
from tests.web.compliance.conftest import Meeting, Officer, scope_of
from workroom import audit_erasure
from workroom.node import Node
from workroom.settings import load_settings
from workroom.storage.database import Database


async def test_the_count_before_placing_is_what_the_hold_covers_and_grows_with_the_room(
    officer: Officer, meeting: Meeting, database: Database
) -> None:
    counted = (await officer.post("holds/count", scope_of(meeting.place.room_id)))["covers"]
    assert counted == {"rooms": 1, "messages": 3, "files": 0, "byte_size": 0, "people": 2}
    hold = await officer.place_hold(meeting.place.room_id)
    shown = await officer.get(f"holds/{hold['hold_id']}")
    assert shown["covers"] == counted
    await post(database, meeting.customer, meeting.place.shared, "And later")
    assert (await officer.get(f"holds/{hold['hold_id']}"))["covers"]["messages"] == 4


async def test_a_reason_that_was_erased_is_null_wherever_it_stood(
    officer: Officer, meeting: Meeting, database: Database
) -> None:
    hold = await officer.place_hold(meeting.place.room_id)
    path = f"holds/{hold['hold_id']}"
    await officer.post(f"{path}/release", {"reason": "Over"})
    numbers = [
        each["entry_number"] for each in (await officer.get(f"audit?subject={hold['hold_id']}"))["entries"]
    ]
    async with database.transaction() as transaction:
        for number in numbers:
            await audit_erasure.erase_texts(transaction, by(officer.account), number, "A name was in it")
    shown = await officer.get(path)
    assert (shown["hold"]["reason"], shown["hold"]["release"]["reason"]) == (None, None)
    assert [each["reason"] for each in shown["acts"]] == [None, None]


async def test_counting_places_nothing_and_leaves_no_mark(officer: Officer, meeting: Meeting) -> None:
    before = (await officer.get("audit"))["entries"]
    await officer.post("holds/count", scope_of(meeting.place.room_id))
    assert (await officer.get("audit"))["entries"] == before
    assert (await officer.get("holds"))["holds"] == []


async def test_a_hold_tells_its_scope_with_names_beside_it(officer: Officer, meeting: Meeting) -> None:
    custodian = {"account_id": str(meeting.customer.account_id), "covers": "sent"}
    hold = await officer.place_hold(
        meeting.place.room_id,
        custodians=[custodian],
        sent_from="2020-01-01T00:00:00Z",
        sent_until="2100-01-01T00:00:00Z",
        kinds=["messages"],
    )
    shown = await officer.get(f"holds/{hold['hold_id']}")
    assert shown["hold"]["scope"] == {
        "rooms": [str(meeting.place.room_id)],
        "custodians": [custodian],
        "sent_from": "2020-01-01T00:00:00Z",
        "sent_until": "2100-01-01T00:00:00Z",
        "kinds": ["messages"],
    }
    assert (shown["hold"]["number"], shown["hold"]["state"], shown["needs_two"]) == (1, "standing", True)
    people = {person["display_name"] for person in shown["names"]["people"]}
    assert people == {"Ruth Amadi", "Mara Lindt"}
    assert [(act["act"], act["reason"]) for act in shown["acts"]] == [("hold_placed", "Because")]


async def test_holds_of_a_matter_are_numbered_in_the_order_of_placing(
    officer: Officer, meeting: Meeting
) -> None:
    matter_id = await officer.open_matter()
    body = {"matter_id": matter_id, "reason": "Because", **scope_of(meeting.place.room_id)}
    numbers = [(await officer.post("holds", body, 201))["hold"]["number"] for _ in range(3)]
    assert numbers == [1, 2, 3]
    listed = await officer.get(f"holds?matter={matter_id}&state=standing")
    assert [hold["number"] for hold in listed["holds"]] == [3, 2, 1]
    assert (await officer.get(f"holds?matter={uuid4()}"))["holds"] == []


async def test_a_hold_is_widened_and_never_narrowed(officer: Officer, meeting: Meeting) -> None:
    hold = await officer.place_hold(
        meeting.place.room_id, sent_from="2026-01-01T00:00:00Z", kinds=["messages"]
    )
    path = f"holds/{hold['hold_id']}/amend"
    nothing = {**scope_of(), "sent_from": "2026-01-01T00:00:00Z", "kinds": []}
    later = await officer.post(path, {**nothing, "sent_from": "2026-02-01T00:00:00Z", "reason": "Less"}, 409)
    assert later["error"]["params"]["problem"] == "narrows_hold"
    wider = await officer.post(path, {**nothing, "sent_from": None, "kinds": ["files"], "reason": "More"})
    assert wider["hold"]["scope"]["sent_from"] is None
    assert wider["hold"]["scope"]["kinds"] == ["files", "messages"]
    acts = (await officer.get(f"holds/{hold['hold_id']}"))["acts"]
    assert [(act["act"], act["reason"]) for act in acts] == [
        ("hold_placed", "Because"),
        ("hold_amended", "More"),
    ]


async def test_a_release_is_asked_for_by_one_and_confirmed_by_another(
    officer: Officer, second_officer: Officer, meeting: Meeting
) -> None:
    hold = await officer.place_hold(meeting.place.room_id)
    path = f"holds/{hold['hold_id']}/release"
    asked = await officer.post(path, {"reason": "Settled"})
    assert asked["hold"]["state"] == "release_requested"
    own = await officer.post(f"{path}/confirm", {"reason": "Myself"}, 409)
    assert own["error"]["params"]["problem"] == "same_officer"
    waiting = await second_officer.get("holds?state=release_requested")
    assert [each["hold_id"] for each in waiting["holds"]] == [hold["hold_id"]]
    await second_officer.post(f"{path}/withdraw", {"reason": "Not yet"})
    assert (await officer.get(f"holds/{hold['hold_id']}"))["hold"]["state"] == "standing"
    await officer.post(path, {"reason": "Settled now"})
    released = await second_officer.post(f"{path}/confirm", {"reason": "Agreed"})
    assert released["hold"]["state"] == "grace"
    assert released["hold"]["release"]["kept_until"] > released["hold"]["release"]["confirmed_at"]


async def test_where_one_officer_is_enough_the_same_one_confirms(
    officer: Officer, meeting: Meeting, node: Node, environment: dict[str, str]
) -> None:
    node.settings = load_settings({**environment, "WORKROOM_HOLD_RELEASE": "one"})
    hold = await officer.place_hold(meeting.place.room_id)
    path = f"holds/{hold['hold_id']}/release"
    await officer.post(path, {"reason": "Settled"})
    assert (await officer.post(f"{path}/confirm", {"reason": "Settled"}))["hold"]["state"] == "grace"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rooms": []}, "rooms"),
        ({"rooms": [str(uuid4())]}, "rooms"),
        ({"rooms": ["no id"]}, "rooms"),
        ({"custodians": [{"account_id": str(uuid4()), "covers": "sent"}]}, "custodians"),
        ({"custodians": [{"account_id": str(uuid4()), "covers": "all"}]}, "custodians.covers"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["pictures"]}, "kinds"),
        ({"sent_from": "2026-02-01T00:00:00Z", "sent_until": "2026-01-01T00:00:00Z"}, "sent_until"),
        ({"sent_from": "2026-02-01T00:00:00Z", "sent_until": "2026-02-01T00:00:00Z"}, "sent_until"),
        ({"sent_from": "2026-02-01T00:00:00"}, "sent_from"),
        ({"reason": ""}, "reason"),
        ({"number": 7}, "number"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_placed(
    change: dict[str, Any], field: str, officer: Officer, meeting: Meeting
) -> None:
    body = {"matter_id": await officer.open_matter(), "reason": "Why", **scope_of(meeting.place.room_id)}
    answer = await officer.post("holds", {**body, **change}, 422)
    assert answer["error"]["params"]["field"] == field
    assert (await officer.get("holds"))["holds"] == []


async def test_what_is_not_there_is_not_found(officer: Officer, meeting: Meeting) -> None:
    body = {"matter_id": str(uuid4()), "reason": "Why", **scope_of(meeting.place.room_id)}
    await officer.post("holds", body, 404)
    for path in ("", "/amend", "/release", "/release/confirm", "/release/withdraw"):
        asked = {"reason": "Why", **(scope_of() if path == "/amend" else {})}
        if path:
            await officer.post(f"holds/{uuid4()}{path}", asked, 404)
        else:
            assert (await officer.browser.ask("GET", f"/api/compliance/holds/{uuid4()}")).status == 404
    assert (await officer.browser.ask("GET", "/api/compliance/holds?state=gone")).status == 422


async def test_a_scope_of_a_thousand_rooms_is_not_too_large_a_request(
    officer: Officer, app: Starlette
) -> None:
    answer = await officer.post("holds/count", scope_of(*(uuid4() for _ in range(1000))), 422)
    assert answer["error"]["params"]["problem"] == "unknown", "the scope was read, and looked up"
