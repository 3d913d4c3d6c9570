"""Links that work once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.gates import ends_or_waits
from tests.people import by, make_account
from workroom import accounts, audit, credentials, one_time_links
from workroom.abilities import AccountKind
from workroom.credentials import Credentials
from workroom.errors import Conflict, LinkExpired, NotFound
from workroom.ids import AccountId
from workroom.one_time_links import LinkPurpose, NewLink
from workroom.storage.database import Database, Transaction

MoveTime = Callable[[timedelta], Awaitable[None]]


async def mint(database: Database, account_id: AccountId) -> NewLink:
    async with database.transaction() as transaction:
        return await one_time_links.mint_password_link(transaction, audit.by_shell(), account_id)


async def use(
    database: Database, token: str, purpose: LinkPurpose = LinkPurpose.SET_PASSWORD
) -> AccountId | None:
    async with database.transaction() as transaction:
        return await one_time_links.use_link(transaction, token, purpose)


async def test_a_link_names_its_account_and_works_once(database: Database) -> None:
    account = await make_account(database)
    link = await mint(database, account.account_id)
    async with database.read() as reading:
        found = await one_time_links.find_link_account(reading, link.token, LinkPurpose.SET_PASSWORD)
    assert found == account.account_id, "asking does not use it"
    assert await use(database, link.token) == account.account_id
    with pytest.raises(LinkExpired):
        await use(database, link.token)
    async with database.read() as reading:
        with pytest.raises(LinkExpired):
            await one_time_links.find_link_account(reading, link.token, LinkPurpose.SET_PASSWORD)


async def test_two_who_use_a_link_at_once_are_one_who_succeeds(database: Database) -> None:
    link = await mint(database, (await make_account(database)).account_id)
    outcomes = await asyncio.gather(*(use(database, link.token) for _ in range(4)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkExpired"] * 3 + ["UUID"]


async def test_a_link_expires(database: Database, move_time: MoveTime) -> None:
    link = await mint(database, (await make_account(database)).account_id)
    await move_time(timedelta(hours=one_time_links.SET_PASSWORD_HOURS, seconds=1))
    with pytest.raises(LinkExpired):
        await use(database, link.token)


async def test_a_new_link_makes_the_earlier_one_worthless(database: Database) -> None:
    account, other = await make_account(database), await make_account(database)
    first, elsewhere = await mint(database, account.account_id), await mint(database, other.account_id)
    second = await mint(database, account.account_id)
    with pytest.raises(LinkExpired):
        await use(database, first.token)
    assert await use(database, second.token) == account.account_id
    assert await use(database, elsewhere.token) == other.account_id


async def test_a_link_is_good_for_its_own_purpose_only(database: Database) -> None:
    link = await mint(database, (await make_account(database)).account_id)
    with pytest.raises(LinkExpired):
        await use(database, link.token, LinkPurpose.FIRST_ADMIN)


async def test_the_link_of_a_deactivated_account_does_not_work(database: Database) -> None:
    admin, account = await make_account(database, "admin"), await make_account(database)
    link = await mint(database, account.account_id)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), account.account_id)
    with pytest.raises(LinkExpired):
        await use(database, link.token)


ENDS: dict[str, Callable[[Transaction, AccountId], Awaitable[object]]] = {
    "a password was set": lambda transaction, account_id: credentials.store_password(
        transaction, account_id, "after"
    ),
    "the password was changed": lambda transaction, account_id: credentials.replace_password(
        transaction, Credentials(account_id, "before"), "after"
    ),
    "another kind": lambda transaction, account_id: accounts.change_kind(
        transaction, audit.by_shell(), account_id, AccountKind.ADMIN
    ),
    "deactivated": lambda transaction, account_id: accounts.deactivate_account(
        transaction, audit.by_shell(), account_id
    ),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_link_is_worthless_for_good_after(end: str, database: Database) -> None:
    account = await make_account(database, password_hash="before")
    other = await make_account(database)
    link, elsewhere = await mint(database, account.account_id), await mint(database, other.account_id)
    async with database.transaction() as transaction:
        await ENDS[end](transaction, account.account_id)
        await accounts.reactivate_account(transaction, audit.by_shell(), account.account_id)
    with pytest.raises(LinkExpired):
        await use(database, link.token)
    assert await use(database, elsewhere.token) == other.account_id


async def test_what_changes_nothing_leaves_the_link(database: Database) -> None:
    account = await make_account(database)
    link = await mint(database, account.account_id)
    async with database.transaction() as transaction:
        await accounts.change_kind(transaction, audit.by_shell(), account.account_id, account.kind)
    assert await use(database, link.token) == account.account_id


async def test_of_two_links_made_at_once_the_later_one_works(
    database: Database, owner: asyncpg.Connection
) -> None:
    account = await make_account(database)
    async with database.transaction() as transaction:
        first = await one_time_links.mint_password_link(transaction, audit.by_shell(), account.account_id)
        minting = asyncio.create_task(mint(database, account.account_id))
        await ends_or_waits(owner, minting)
    second = await minting
    with pytest.raises(LinkExpired):
        await use(database, first.token)
    assert await use(database, second.token) == account.account_id


async def test_an_account_that_is_deactivated_meanwhile_gets_no_link(
    database: Database, owner: asyncpg.Connection
) -> None:
    account = await make_account(database)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, audit.by_shell(), account.account_id)
        minting = asyncio.create_task(mint(database, account.account_id))
        await ends_or_waits(owner, minting)
    with pytest.raises(Conflict):
        await minting
    with pytest.raises(NotFound):
        await mint(database, AccountId(uuid4()))


async def test_the_token_is_not_in_the_database(database: Database, owner: asyncpg.Connection) -> None:
    link = await mint(database, (await make_account(database)).account_id)
    assert link.token not in str(await owner.fetchrow("select * from one_time_links"))


async def test_there_is_no_link_for_the_first_admin_once_there_is_one(database: Database) -> None:
    async with database.transaction() as transaction:
        first = await one_time_links.mint_first_admin_link(transaction)
        second = await one_time_links.mint_first_admin_link(transaction)
    assert first is not None
    assert second is not None
    with pytest.raises(LinkExpired):
        await use(database, first.token, LinkPurpose.FIRST_ADMIN)
    await make_account(database, "admin")
    async with database.transaction() as transaction:
        assert await one_time_links.mint_first_admin_link(transaction) is None


async def test_dead_links_are_forgotten_a_day_later(database: Database, move_time: MoveTime) -> None:
    used = await mint(database, (await make_account(database)).account_id)
    await use(database, used.token)
    async with database.transaction() as transaction:
        assert await one_time_links.delete_dead_links(transaction) == 0
    await move_time(timedelta(days=1, seconds=1))
    await mint(database, (await make_account(database)).account_id)
    async with database.transaction() as transaction:
        assert await one_time_links.delete_dead_links(transaction) == 1


def test_a_link_is_an_address_that_a_person_can_open() -> None:
    link = NewLink(LinkPurpose.FIRST_ADMIN, "abc", None)  # type: ignore[arg-type]
    assert link.address("https://rooms.example.org") == "https://rooms.example.org/first-admin#token=abc"
