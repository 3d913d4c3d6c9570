"""A reason that names a person can be erased, everywhere and on record; the chain stays whole."""

from __future__ import annotations

import asyncpg
import pytest

from tests.deeds import open_place
from tests.holding import make_officer, open_matter, scope_of
from tests.people import by, make_account, make_accounts
from workroom import audit, audit_erasure, hold_commands, hold_releases, holds, integrity
from workroom.accounts import Account
from workroom.audit import Act, EntryFilter
from workroom.errors import Forbidden, InvalidInput, NotFound
from workroom.hold_releases import ReleaseRule
from workroom.holds import Widening
from workroom.settings import Settings
from workroom.storage.database import Database

NAMED = "Ms Abernathy complains"
WHY = "The person has asked for it"


async def find_written(connection: asyncpg.Connection, words: str) -> set[str]:
    """Every table of the database that has these words somewhere in a row."""
    tables = await connection.fetch(
        "select relname from pg_class where relnamespace = 'workroom'::regnamespace and relkind in ('r', 'p') "
        "and not relispartition"
    )
    assert len(tables) > 40
    return {
        table["relname"]
        for table in tables
        if await connection.fetchval(
            f"select exists (select from workroom.{table['relname']} as t where strpos(t::text, $1) > 0)",
            words,
        )
    }


async def erase(database: Database, officer: Account, entry_number: int, reason: str = WHY) -> int:
    async with database.transaction() as transaction:
        return await audit_erasure.erase_texts(transaction, by(officer), entry_number, reason)


async def write_reasons(database: Database) -> tuple[Account, holds.Hold]:
    """Place, widen and release a hold, each for a reason that names somebody."""
    author, officer = await make_account(database), await make_officer(database)
    place, other = await open_place(database, author), await open_place(database, author)
    matter_id, acting = await open_matter(database, officer), by(officer)
    async with database.transaction() as transaction:
        hold = await holds.place_hold(transaction, acting, matter_id, scope_of(place.room_id), NAMED)
    async with database.transaction() as transaction:
        widening = Widening(room_ids=frozenset([other.room_id]))
        await holds.amend_hold(transaction, acting, hold.hold_id, widening, NAMED)
    async with database.transaction() as transaction:
        await hold_releases.request_release(transaction, acting, hold.hold_id, NAMED)
        hold = await hold_releases.confirm_release(
            transaction, acting, hold.hold_id, NAMED, ReleaseRule(needs_two=False)
        )
    return officer, hold


async def test_a_reason_that_is_erased_is_in_no_table_any_more_and_the_chain_is_whole(
    settings: Settings, database: Database, owner: asyncpg.Connection
) -> None:
    officer, hold = await write_reasons(database)
    assert await find_written(owner, NAMED) == {"audit_texts"}
    assert (await hold_commands.show_hold(settings, hold.hold_id)).count(NAMED) == 4
    numbers = await owner.fetch(
        "select entry_number from audit_texts where text = $1 order by entry_number", NAMED
    )
    assert len(numbers) == 4
    for record in numbers:
        await erase(database, officer, record["entry_number"])
    assert await find_written(owner, NAMED) == set()
    async with database.transaction() as transaction:
        [found] = await holds.list_holds(transaction)
        amendments = await holds.list_amendments(transaction, hold.hold_id)
        verified = await integrity.verify_database(transaction)
    assert found.release is not None
    assert (found.reason, found.release.reason, found.release.confirmation_reason) == (None, None, None)
    assert [each.reason for each in amendments] == [None, None]
    assert (verified.findings, verified.erased_texts) == ([], 4)
    assert (await hold_commands.show_hold(settings, hold.hold_id)).count("(the reason was erased)") == 4


async def test_erasing_is_an_entry_of_its_own_with_its_reason(database: Database) -> None:
    officer, _ = await write_reasons(database)
    async with database.read() as reading:
        [placed] = await audit.list_entries(reading, EntryFilter(act=Act.HOLD_PLACED))
    mark = await erase(database, officer, placed.entry_number)
    async with database.read() as reading:
        newest = (await audit.list_entries(reading, EntryFilter()))[0]
    assert (newest.entry_number, newest.act, newest.actor_id) == (
        mark,
        "audit_text_erased",
        officer.account_id,
    )
    assert newest.facts == {"entry_number": placed.entry_number, "fields": ["reason"]}
    assert newest.texts == {"reason": WHY}


async def test_only_an_officer_erases_and_says_why_and_nothing_is_erased_twice(database: Database) -> None:
    officer, _ = await write_reasons(database)
    admin, staff = await make_accounts(database, "admin", "staff")
    async with database.read() as reading:
        [placed] = await audit.list_entries(reading, EntryFilter(act=Act.HOLD_PLACED))
    for account in (admin, staff):
        with pytest.raises(Forbidden):
            await erase(database, account, placed.entry_number)
    with pytest.raises(InvalidInput):
        await erase(database, officer, placed.entry_number, " ")
    with pytest.raises(NotFound):
        await erase(database, officer, 9_999)
    await erase(database, officer, placed.entry_number)
    with pytest.raises(NotFound):
        await erase(database, officer, placed.entry_number)
