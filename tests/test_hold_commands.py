"""`workroom hold ...`: what an officer does in the console, from the shell."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from tests.deeds import Place, open_place, post
from tests.people import make_account
from workroom import matters
from workroom.__main__ import main
from workroom.accounts import Account
from workroom.errors import Conflict, Forbidden, InvalidInput, NotFound, WorkroomError
from workroom.hold_commands import AskedScope, amend_hold, list_holds, place_hold, release_hold, show_hold
from workroom.settings import Settings
from workroom.storage.database import Database

ONE, OTHER = "olga@example.org", "otto@example.org"


async def an_office(database: Database) -> tuple[Account, Place]:
    """Two officers, a customer's person, and a room with a message."""
    for email in (ONE, OTHER):
        await make_account(database, "compliance", email=email)
    author = await make_account(database, "staff", email="sam@example.org")
    place = await open_place(database, author)
    await post(database, author, place.shared)
    return author, place


async def place(settings: Settings, asked: AskedScope, officer: str = ONE, matter: str = "Meier") -> str:
    return await place_hold(settings, officer, matter, asked, "A court asks", only_count=False)


def id_in(said: str) -> UUID:
    """The first id of what was said."""
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", said)
    assert found is not None, said
    return UUID(found[0])


async def test_a_hold_is_placed_widened_shown_and_released_by_two(
    settings: Settings, database: Database
) -> None:
    _, room = await an_office(database)
    asked = AskedScope(rooms=[str(room.room_id)], sent_from="2020-01-01", sent_until="2050-01-01T00:00Z")
    assert (
        await place_hold(settings, ONE, "Meier", asked, "A court asks", only_count=True)
        == "It would cover 1 messages and 0 files (0 bytes) of 1 people in 1 rooms."
    )
    assert await list_holds(settings, None) == "There are no such holds."
    said = await place(settings, asked)
    assert "It covers 1 messages" in said
    hold_id = id_in(said)
    assert f"{hold_id}  standing " in await list_holds(settings, "standing")
    widened = await amend_hold(
        settings,
        OTHER,
        hold_id,
        AskedScope(custodians=["sam@example.org:sent"], sent_until="open"),
        "More is claimed",
    )
    for line in (
        "(sent)",
        "from 2020-01-01 00:00:00 UTC until open",
        "placed",
        "amended",
        "More is claimed",
        "Meier",
    ):
        assert line in widened
    assert await show_hold(settings, hold_id) == widened
    assert "another officer has to confirm it" in await release_hold(settings, ONE, hold_id, "Settled")
    with pytest.raises(Conflict):
        await release_hold(settings, ONE, hold_id, "Settled")
    assert "nobody asks" in await release_hold(settings, OTHER, hold_id, "Not yet", withdraw=True)
    await release_hold(settings, ONE, hold_id, "Settled")
    assert "is released. What it covered is kept until" in await release_hold(
        settings, OTHER, hold_id, "So it is"
    )
    assert "kept until" in await show_hold(settings, hold_id)
    assert f"{hold_id}  grace " in await list_holds(settings, "grace")


async def test_one_officer_releases_where_one_is_enough(settings: Settings, database: Database) -> None:
    _, room = await an_office(database)
    hold_id = id_in(await place(settings, AskedScope(rooms=[str(room.room_id)])))
    alone = replace(settings, hold_release="one")
    assert "is released" in await release_hold(alone, ONE, hold_id, "Settled")


async def test_a_room_is_named_as_people_call_it_and_a_matter_is_opened_once(
    settings: Settings, database: Database
) -> None:
    author, room = await an_office(database)
    first = await place(settings, AskedScope(rooms=["The room"]))
    again = await place(settings, AskedScope(custodians=["sam@example.org"]), OTHER)
    assert re.findall(r"in matter (\S+)\.", first) == re.findall(r"in matter (\S+)\.", again)
    assert str(room.room_id) in await show_hold(settings, id_in(first))
    await open_place(database, author)
    with pytest.raises(Conflict, match="2 rooms have this name: give the id"):
        await place(settings, AskedScope(rooms=["The room"]))


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (AskedScope(), InvalidInput),
        (AskedScope(rooms=["No such room"]), NotFound),
        (AskedScope(rooms=[str(uuid4())]), InvalidInput),
        (AskedScope(custodians=["nobody@example.org"]), NotFound),
        (AskedScope(custodians=["sam@example.org:all"]), InvalidInput),
        (AskedScope(custodians=["sam@example.org"], sent_from="yesterday"), InvalidInput),
        (
            AskedScope(custodians=["sam@example.org"], sent_from="2030-01-01", sent_until="2020-01-01"),
            InvalidInput,
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_and_opens_no_matter(
    settings: Settings, database: Database, asked: AskedScope, error: type[WorkroomError]
) -> None:
    await an_office(database)
    with pytest.raises(error):
        await place(settings, asked)
    async with database.read() as reading:
        assert await matters.list_matters(reading) == []


@pytest.mark.parametrize(
    ("officer", "error"), [("sam@example.org", Forbidden), ("nobody@example.org", NotFound)]
)
async def test_the_shell_alone_makes_nobody_an_officer(
    settings: Settings, database: Database, officer: str, error: type[WorkroomError]
) -> None:
    _, room = await an_office(database)
    with pytest.raises(error):
        await place(settings, AskedScope(rooms=[str(room.room_id)]), officer)


def test_the_command_line_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["hold", "place", "--room", "x", "--as", ONE],
        ["hold", "release", "no-id", "--as", ONE, "--reason", "x"],
        ["hold", "list", "--state", "gone"],
        ["audit"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "usage: workroom" in capsys.readouterr().err
