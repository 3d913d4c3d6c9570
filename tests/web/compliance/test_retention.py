"""Retention at the officers' doors: looked at first, left and come back to, then made with its fingerprint."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import post
from tests.looking import take_breath
from tests.retaining import make_class
from tests.web.compliance.conftest import Meeting, Officer
from workroom.storage.database import Database

LONG = "2100-01-01T00:00:00Z"


def new_class(**fields: Any) -> dict[str, Any]:
    return {"kind": "new_class", "name": "Ten years", "counted_from": "sent", **fields}


async def simulated(officer: Officer, change: dict[str, Any], instant: str | None = None) -> Any:
    """A simulation that has come to its end."""
    body = {"change": change, **({"instant": instant} if instant else {})}
    begun = await officer.post("retention/simulations", body, 202)
    path = f"retention/simulations/{begun['simulation_id']}"
    found = None
    while found is None or found["state"] == "running":
        await take_breath()
        found = (await officer.get(path))["simulation"]
    return found


async def apply(officer: Officer, simulation: Any, status: int = 200) -> Any:
    body = {"change": simulation["change"], "fingerprint": simulation["fingerprint"], "reason": "The law"}
    return await officer.post("retention/changes", body, status)


async def test_a_class_is_simulated_made_given_to_a_room_and_seen_there(
    officer: Officer, meeting: Meeting
) -> None:
    made = await apply(officer, await simulated(officer, new_class(keep_days=10, destroy_days=20)))
    room = {"kind": "assign_room", "room_id": str(meeting.place.room_id), "class_id": made["class_id"]}
    simulation = await simulated(officer, room, LONG)
    assert simulation["picture"]["goes"]["messages"] == 3
    assert simulation["picture"]["goes_now"]["messages"] == 0
    assert len(simulation["picture"]["first"]) == 3
    await apply(officer, simulation)
    [kept] = (await officer.get("retention/classes"))["classes"]
    assert (kept["name"], kept["rooms"], kept["keep_days"], kept["destroy_days"]) == ("Ten years", 1, 10, 20)
    shown = await officer.get(f"rooms/{meeting.place.room_id}")
    assert shown["room_class"]["name"] == "Ten years"
    acts = [entry["act"] for entry in (await officer.get("audit"))["entries"]][:4]
    assert acts == ["retention_changed", "retention_simulated"] * 2


async def test_what_a_hold_keeps_is_told_apart_and_a_new_hold_makes_a_simulation_stale(
    officer: Officer, meeting: Meeting
) -> None:
    change = new_class(destroy_days=5)
    made = await apply(officer, await simulated(officer, change))
    default = {"kind": "assign_default", "room_kind": "shared", "class_id": made["class_id"]}
    simulation = await simulated(officer, default, LONG)
    assert simulation["picture"]["kept_by_holds"]["messages"] == 0
    await officer.place_hold(meeting.place.room_id)
    refused = await apply(officer, simulation, 409)
    assert refused["error"]["params"]["problem"] == "simulation_is_stale"
    again = await simulated(officer, default, LONG)
    assert again["picture"]["goes"]["messages"] == 0
    assert again["picture"]["kept_by_holds"]["messages"] == 3
    await apply(officer, again)


async def test_messages_that_came_since_do_not_make_a_simulation_stale(
    officer: Officer, meeting: Meeting, database: Database
) -> None:
    simulation = await simulated(officer, new_class(destroy_days=5), LONG)
    await post(database, meeting.customer, meeting.place.shared, "Meanwhile")
    await apply(officer, simulation)


async def test_simulations_stay_to_be_come_back_to_without_their_pictures(officer: Officer) -> None:
    for name in ("One", "Two"):
        await simulated(officer, {**new_class(), "name": name})
    listed = await officer.get("retention/simulations")
    assert [each["change"]["name"] for each in listed["simulations"]] == ["Two", "One"]
    assert [each["picture"] for each in listed["simulations"]] == [None, None]
    assert listed["names"]["people"][0]["display_name"] == "Ruth Amadi"
    assert len((await officer.get("retention/simulations?limit=1"))["simulations"]) == 1


@pytest.mark.parametrize(
    ("change", "status", "sign"),
    [
        (new_class(name=" "), 422, "name"),
        (new_class(keep_days=20, destroy_days=10), 422, "destroy_days"),
        (new_class(keep_days=-1), 422, "change.keep_days"),
        (new_class(counted_from="birth"), 422, "change.counted_from"),
        ({"kind": "forget_everything"}, 422, "change.kind"),
        ({"kind": "assign_room", "room_id": str(uuid4()), "class_id": None}, 404, None),
        ({"kind": "assign_default", "room_kind": "secret", "class_id": None}, 422, "room_kind"),
        ({"kind": "lock_class", "class_id": str(uuid4())}, 404, None),
    ],
)
async def test_a_change_that_cannot_be_made_is_refused_before_it_is_simulated(
    change: dict[str, Any], status: int, sign: str | None, officer: Officer
) -> None:
    answer = await officer.post("retention/simulations", {"change": change}, status)
    assert answer["error"]["params"].get("field") == sign
    assert (await officer.get("retention/simulations"))["simulations"] == []


async def test_a_class_in_use_is_not_removed_and_a_locked_one_not_shortened(
    officer: Officer, meeting: Meeting, owner: asyncpg.Connection
) -> None:
    locked = await make_class(owner, keep=100, is_locked=True)
    shorter = {"kind": "change_class", "class_id": str(locked), "name": "Shorter", "keep_days": 99}
    answer = await officer.post("retention/simulations", {"change": shorter}, 409)
    assert answer["error"]["params"]["problem"] == "locked_class"
    used = (await apply(officer, await simulated(officer, new_class())))["class_id"]
    room = {"kind": "assign_room", "room_id": str(meeting.place.room_id), "class_id": used}
    await apply(officer, await simulated(officer, room))
    removal = {"kind": "remove_class", "class_id": used}
    answer = await officer.post("retention/simulations", {"change": removal}, 409)
    assert answer["error"]["params"]["problem"] == "class_in_use"


async def test_nothing_is_changed_without_a_simulation_and_a_reason(officer: Officer) -> None:
    body = {"change": new_class(), "fingerprint": "0" * 64, "reason": "The law"}
    answer = await officer.post("retention/changes", body, 409)
    assert answer["error"]["params"]["problem"] == "simulation_is_stale"
    simulation = await simulated(officer, new_class())
    body = {"change": simulation["change"], "fingerprint": simulation["fingerprint"], "reason": " "}
    assert (await officer.post("retention/changes", body, 422))["error"]["params"]["field"] == "reason"
    assert (await officer.get("retention/classes"))["classes"] == []


async def test_runs_of_disposition_are_listed(officer: Officer) -> None:
    assert await officer.get("disposition/runs") == {"runs": []}
