"""`workroom customer ...`: closing a customer begins what is counted from it, on record, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from tests.deeds import open_place, page, post, set_archived
from tests.people import make_account, make_accounts
from tests.retaining import assign_room, find_due, make_class
from workroom import accounts, audit, customers, integrity
from workroom.__main__ import main
from workroom.audit import EntryFilter
from workroom.customer_commands import close_customer, list_customers, open_customer
from workroom.errors import Conflict, InvalidInput, NotFound
from workroom.settings import Settings
from workroom.storage.database import Database


async def list_acts(database: Database) -> list[str]:
    async with database.read() as reading:
        entries = await audit.list_entries(reading, EntryFilter())
    return [each.act for each in reversed(entries) if each.subject.kind == "customer"]


async def test_what_is_counted_from_the_closing_of_a_customer_begins_when_it_is_closed(
    settings: Settings,
    database: Database,
    owner: asyncpg.Connection,
    move_time: Callable[[timedelta], Awaitable[None]],
) -> None:
    author, person = await make_accounts(database, "staff", "customer")
    place = await open_place(database, author, person, kind="private")
    posted = await post(database, author, place.shared)
    await assign_room(
        owner, place.room_id, await make_class(owner, counted_from="customer_closed", destroy=10)
    )
    customer = str(person.customer_id)
    await set_archived(database, author, place.room_id)
    assert await find_due(owner, posted.message_id) is None
    await close_customer(settings, customer)
    closed_at = await owner.fetchval("select closed_at from customers")
    assert await find_due(owner, posted.message_id) == closed_at + timedelta(days=10)
    await move_time(timedelta(days=3))
    await close_customer(settings, customer)
    assert await find_due(owner, posted.message_id) == closed_at + timedelta(days=10), "closed is closed"
    await open_customer(settings, customer)
    assert await find_due(owner, posted.message_id) is None
    assert await list_acts(database) == ["customer_closed", "customer_opened"]


async def test_what_is_posted_in_a_room_of_a_closed_customer_is_there_until_the_room_is_archived(
    settings: Settings,
    database: Database,
    owner: asyncpg.Connection,
    move_time: Callable[[timedelta], Awaitable[None]],
) -> None:
    author, person = await make_accounts(database, "staff", "customer")
    place = await open_place(database, author, person, kind="private")
    await assign_room(
        owner, place.room_id, await make_class(owner, counted_from="customer_closed", destroy=10)
    )
    await close_customer(settings, str(person.customer_id))
    await move_time(timedelta(days=90))
    posted = await post(database, person, place.shared)
    shown = (await page(database, author, place.shared)).messages
    assert [each.message_id for each in shown] == [posted.message_id]
    assert await find_due(owner, posted.message_id) is None
    await set_archived(database, author, place.room_id)
    archived_at = await owner.fetchval("select archived_at from rooms")
    assert await find_due(owner, posted.message_id) == archived_at + timedelta(days=10)


async def test_closing_leaves_rooms_and_people_as_they_were_and_offers_the_customer_no_more(
    settings: Settings, database: Database
) -> None:
    author, person = await make_accounts(database, "staff", "customer")
    place = await open_place(database, author, person, kind="private")
    assert person.customer_id is not None
    said = await close_customer(settings, str(person.customer_id))
    assert "once it is archived too" in said
    assert "can still sign in" in said
    async with database.transaction() as transaction:
        assert await customers.list_customers(transaction) == []
        assert (await accounts.require_account(transaction, person.account_id)).deactivated_at is None
        assert (await integrity.verify_database(transaction)).findings == []
    await post(database, person, place.shared)


async def test_a_customer_is_named_by_its_whole_name_or_its_id(
    settings: Settings, database: Database
) -> None:
    async with database.transaction() as transaction:
        first = await customers.create_customer(transaction, "Baker & Sons")
        await customers.create_customer(transaction, "Lindgren & Daughters")
    assert "Baker & Sons is closed since" in await close_customer(settings, "Baker & Sons")
    closed, other = (await list_customers(settings)).splitlines()
    assert closed.startswith(f"{first.customer_id}  Baker & Sons  closed ")
    assert other.endswith("Lindgren & Daughters")
    assert await open_customer(settings, str(first.customer_id)) == "Baker & Sons is open."
    with pytest.raises(NotFound):
        await close_customer(settings, "Baker")
    with pytest.raises(InvalidInput):
        await close_customer(settings, str((await make_account(database)).account_id))
    async with database.transaction() as transaction:
        await customers.create_customer(transaction, "Baker & Sons")
    with pytest.raises(Conflict):
        await close_customer(settings, "Baker & Sons")


async def test_the_command_line_closes_opens_and_lists(
    environment: dict[str, str],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with database.transaction() as transaction:
        await customers.create_customer(transaction, "Baker & Sons")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for arguments, said in (
        (["close", "Baker & Sons"], "is closed since"),
        (["list"], "  Baker & Sons  closed "),
        (["open", "Baker & Sons"], "is open"),
    ):
        assert await asyncio.to_thread(main, ["customer", *arguments]) == 0
        assert said in capsys.readouterr().out
