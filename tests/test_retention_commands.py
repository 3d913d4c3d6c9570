"""`workroom retention ...` and `workroom disposition ...`: what an officer does in the console, from the shell."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.deeds import Place, open_place, post, rename
from tests.people import make_account
from workroom.__main__ import main
from workroom.accounts import require_account_of
from workroom.errors import Conflict, Forbidden, InvalidInput, NotFound
from workroom.ids import MessageId
from workroom.retention_commands import (
    apply,
    dispose,
    explain,
    list_classes,
    list_runs,
    read_change,
    simulate,
    simulate_typed,
)
from workroom.settings import Settings
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]
OFFICER = "olga@example.org"


async def an_office(database: Database) -> tuple[Place, MessageId]:
    """An officer, and a room with a message."""
    await make_account(database, "compliance", email=OFFICER)
    author = await make_account(database, "staff", email="sam@example.org")
    place = await open_place(database, author)
    return place, (await post(database, author, place.shared)).message_id


async def make(settings: Settings, change: str, **fields: Any) -> str:
    """Simulate and make a change; says what was said of it."""
    wanted = read_change({"change": change, **fields})
    said = await simulate(settings, OFFICER, wanted, None)
    found = re.search("Fingerprint: ([0-9a-f]{64})", said)
    assert found is not None
    return await apply(settings, OFFICER, found[1], "The law says so")


async def test_a_class_is_made_assigned_explained_and_acted_on(
    settings: Settings, database: Database, move_time: MoveTime
) -> None:
    place, message_id = await an_office(database)
    assert await list_classes(settings) == "There are no retention classes."
    said = await make(settings, "new-class", name="Ten days", counted_from="sent", destroy_days=10)
    class_id = re.search("Class ([0-9a-f-]{36}) is made", said)
    assert class_id is not None
    await make(settings, "assign-room", room_id=str(place.room_id), class_id=class_id[1])
    listed = await list_classes(settings)
    assert "Ten days: counted from sending, has no shortest time, destroys after 10 days" in listed
    assert "; 1 room, 0 labels" in listed
    explained = await explain(settings, message_id)
    assert "the period of its class is over then. Now: members see it." in explained
    assert "room class  Ten days" in explained
    await move_time(timedelta(days=11))
    assert "due, and the next run destroys it" in await explain(settings, message_id)
    assert " 1 message, 1 version" in await dispose(settings, OFFICER)
    assert " 1 message, 1 version" in await list_runs(settings)
    with pytest.raises(NotFound):
        await explain(settings, message_id)


async def test_a_simulation_says_what_would_go(
    settings: Settings, database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    place, _ = await an_office(database)
    async with database.read() as reading:
        sam = await require_account_of(reading, "sam@example.org")
    await rename(database, sam, place.room_id, "Another name")
    await move_time(timedelta(days=20))
    said = await make(settings, "new-class", name="Short", counted_from="sent", destroy_days=5)
    class_id = said.split()[1]
    change = read_change({"change": "assign-default", "room_kind": "shared", "class_id": class_id})
    simulated = await simulate(settings, OFFICER, change, None)
    assert "would destroy 1 message and 0 files (0 bytes) in 1 room" in simulated
    assert "0 reactions taken back of messages that stay, and 1 former name of rooms" in simulated
    assert re.search(r"\d{4}-\d{2}: 1 of 1 messages go", simulated)
    assert await owner.fetchval("select count(*) from room_kind_defaults") == 0


async def test_nothing_is_changed_without_a_simulation_or_by_others(
    settings: Settings, database: Database
) -> None:
    await an_office(database)
    change = read_change({"change": "new-class", "name": "x", "counted_from": "sent"})
    with pytest.raises(Forbidden):
        await simulate(settings, "sam@example.org", change, None)
    with pytest.raises(NotFound):
        await simulate(settings, "nobody@example.org", change, None)
    with pytest.raises(Conflict):
        await apply(settings, OFFICER, "0" * 64, "Because")
    with pytest.raises(Forbidden):
        await dispose(settings, "sam@example.org")
    assert await list_runs(settings) == "There was no run yet."


@pytest.mark.parametrize(
    "chosen",
    [
        {"change": "new-class", "name": "x", "counted_from": "birth"},
        {"change": "assign-room", "room_id": "the big one", "class_id": None},
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(chosen: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="makes no sense"):
        read_change(chosen)


@pytest.mark.parametrize(("option", "days"), [("keep", -5), ("destroy", 0), ("removed", 40_000)])
def test_days_that_are_no_period_are_told_with_those_that_are(option: str, days: int) -> None:
    chosen = {"change": "new-class", "name": "x", "counted_from": "sent", f"{option}_days": days}
    with pytest.raises(InvalidInput, match=f"--{option}-days is a number of days from 1 to 36,525"):
        read_change(chosen)


async def test_what_cannot_be_made_leaves_no_simulation(
    settings: Settings, database: Database, owner: asyncpg.Connection
) -> None:
    await an_office(database)
    backwards = {"name": "x", "counted_from": "sent", "keep_days": 20, "destroy_days": 10}
    with pytest.raises(InvalidInput):
        await simulate(settings, OFFICER, read_change({"change": "new-class", **backwards}), None)
    made = await make(settings, "new-class", name="Ten days", counted_from="sent", destroy_days=10)
    class_id = made.split()[1]
    await make(settings, "assign-default", room_kind="shared", class_id=class_id)
    before = await owner.fetchval("select count(*) from audit_entries")
    with pytest.raises(Conflict):
        await simulate(settings, OFFICER, read_change({"change": "remove-class", "class_id": class_id}), None)
    assert await owner.fetchval("select count(*) from audit_entries") == before
    assert await owner.fetchval("select count(*) from retention_simulations where state = 'failed'") == 0


async def test_a_class_and_a_room_can_be_typed_by_name(settings: Settings, database: Database) -> None:
    await an_office(database)
    await make(settings, "new-class", name="Ten days", counted_from="sent", destroy_days=10)
    typed = {"change": "assign-room", "room_id": "The room", "class_id": "Ten days"}
    assert "Fingerprint" in await simulate_typed(settings, OFFICER, typed, None)
    with pytest.raises(NotFound, match="`workroom retention classes` lists"):
        await simulate_typed(settings, OFFICER, {**typed, "class_id": "Nine days"}, None)
    with pytest.raises(NotFound, match="No room is called 'The hall'"):
        await simulate_typed(settings, OFFICER, {**typed, "room_id": "The hall"}, None)
    await make(settings, "new-class", name="Ten days", counted_from="sent", destroy_days=10)
    with pytest.raises(Conflict, match="2 classes are called"):
        await simulate_typed(settings, OFFICER, typed, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["retention"],
        ["retention", "simulate", "--as", OFFICER],
        ["retention", "simulate", "--as", OFFICER, "assign-room", "The room"],
        ["retention", "apply", "--as", OFFICER, "--fingerprint", "x"],
        ["disposition", "run"],
    ],
)
def test_a_command_line_that_makes_no_sense_exits_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: workroom" in capsys.readouterr().err


def test_every_change_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def note(settings: Settings, officer: str, change: Any, instant: Any) -> str:
        seen.append(type(change).__name__)
        return ""

    monkeypatch.setattr("workroom.retention_commands.simulate", note)
    one = "00000000-0000-4000-8000-000000000001"
    for change in (
        ["new-class", "--name", "x", "--from", "sent", "--keep-days", "1", "--destroy-days", "2"],
        ["change-class", one, "--name", "x", "--removed-days", "7"],
        ["remove-class", one],
        ["lock-class", one],
        ["assign-room", one, "--class", one],
        ["assign-room", one, "--none"],
        ["assign-default", "private", "--none"],
    ):
        assert main(["retention", "simulate", "--as", OFFICER, "--at", "2030-01-01", *change]) == 0
    assert seen == [
        "NewClass", "ChangeClass", "RemoveClass", "LockClass", "AssignRoom", "AssignRoom", "AssignDefault",
    ]  # fmt: skip
