"""Matters: opened and closed by officers, with a reason, and never while a hold in them keeps something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.deeds import open_place
from tests.holding import make_officer, open_matter, place_hold, release_hold
from tests.people import by, make_account, make_accounts
from workroom import audit, matters
from workroom.accounts import Account
from workroom.audit import Act, EntryFilter
from workroom.errors import Conflict, Forbidden, InvalidInput, NotFound
from workroom.ids import MatterId, mint_matter_id
from workroom.matters import Matter
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]


async def close(database: Database, officer: Account, matter_id: MatterId, reason: str = "Settled") -> Matter:
    async with database.transaction() as transaction:
        return await matters.close_matter(transaction, by(officer), matter_id, reason)


async def test_a_matter_is_opened_with_a_name_and_a_reason(database: Database) -> None:
    officer = await make_officer(database)
    async with database.transaction() as transaction:
        matter = await matters.open_matter(transaction, by(officer), "  Meier ./.  Schulz ", "A complaint")
    assert (matter.name, matter.reason, matter.opened_by) == (
        "Meier ./. Schulz",
        "A complaint",
        officer.account_id,
    )
    async with database.read() as reading:
        [entry] = await audit.list_entries(reading, EntryFilter(act=Act.MATTER_OPENED))
    assert (entry.subject.subject_id, entry.texts) == (matter.matter_id, {"reason": "A complaint"})
    assert "Meier" not in str(entry.facts)


@pytest.mark.parametrize(
    ("name", "reason", "field"),
    [
        ("", "A complaint", "name"),
        ("x" * 201, "A complaint", "name"),
        ("A", " ", "reason"),
        ("a\x00", "b", "name"),
    ],
)
async def test_a_matter_without_a_name_or_a_reason_is_refused(
    database: Database, name: str, reason: str, field: str
) -> None:
    officer = await make_officer(database)
    with pytest.raises(InvalidInput) as caught:
        async with database.transaction() as transaction:
            await matters.open_matter(transaction, by(officer), name, reason)
    assert caught.value.params["field"] == field


async def test_nobody_but_an_officer_has_to_do_with_matters(database: Database) -> None:
    matter_id = await open_matter(database, await make_officer(database))
    for outsider in await make_accounts(database, "admin", "staff", "customer"):
        with pytest.raises(Forbidden):
            await open_matter(database, outsider)
        with pytest.raises(Forbidden):
            await close(database, outsider, matter_id)


async def test_a_matter_closes_when_nothing_in_it_is_kept_any_more(
    database: Database, move_time: MoveTime
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    hold = await place_hold(database, officer, place.room_id)
    with pytest.raises(Conflict) as caught:
        await close(database, officer, hold.matter_id)
    assert caught.value.params["problem"] == "holds_stand"
    await release_hold(database, officer, hold, grace_days=3)
    with pytest.raises(Conflict):
        await close(database, officer, hold.matter_id)
    await move_time(timedelta(days=4))
    closed = await close(database, officer, hold.matter_id)
    assert closed.closed_by == officer.account_id
    assert (closed.standing_holds, closed.holds_in_grace, closed.ended_holds) == (0, 0, 1)
    for act in (
        close(database, officer, hold.matter_id),
        place_hold(database, officer, place.room_id, hold.matter_id),
    ):
        with pytest.raises(Conflict) as caught:
            await act
        assert caught.value.params["problem"] == "matter_closed"


async def test_matters_are_listed_with_what_their_holds_do_the_open_ones_first(database: Database) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    first, empty = await open_matter(database, officer), await open_matter(database, officer)
    await place_hold(database, officer, place.room_id, first)
    await release_hold(database, officer, await place_hold(database, officer, place.room_id, first))
    await close(database, officer, empty)
    async with database.read() as reading:
        listed = await matters.list_matters(reading)
    assert [(each.matter_id, each.standing_holds, each.holds_in_grace) for each in listed] == [
        (first, 1, 1), (empty, 0, 0),
    ]  # fmt: skip


async def test_an_unknown_matter_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        async with database.read() as reading:
            await matters.require_matter(reading, mint_matter_id())
