"""How passwords are stored, and for whom one is found."""

from __future__ import annotations

import asyncpg

from tests.people import by, make_account
from workroom import accounts, credentials
from workroom.credentials import Credentials
from workroom.storage.database import Database


async def find(database: Database, email: str) -> Credentials | None:
    async with database.read() as reading:
        return await credentials.find_credentials(reading, email)


async def test_a_password_is_found_by_the_address_however_it_is_written(database: Database) -> None:
    account = await make_account(database, email="Mara@example.org", password_hash="stored")
    assert await find(database, " mara@EXAMPLE.org") == Credentials(account.account_id, "stored")


async def test_nobody_no_password_and_deactivated_are_found_alike(database: Database) -> None:
    admin = await make_account(database, "admin")
    account = await make_account(database, password_hash="stored")
    without = await make_account(database)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), account.account_id)
    for email in ("nobody@example.org", account.email, without.email):
        assert await find(database, email or "") is None


async def test_another_password_replaces_the_one_before(
    database: Database, owner: asyncpg.Connection
) -> None:
    account = await make_account(database)
    for stored in ("first", "second"):
        async with database.transaction() as transaction:
            await credentials.store_password(transaction, account.account_id, stored)
            assert await credentials.find_password_hash(transaction, account.account_id) == stored
    assert await owner.fetchval("select count(*) from account_credentials") == 1


async def test_an_account_without_a_password_has_none(database: Database) -> None:
    account = await make_account(database)
    async with database.read() as reading:
        assert await credentials.find_password_hash(reading, account.account_id) is None


async def test_a_renewed_hash_never_overwrites_a_password_that_was_changed_meanwhile(
    database: Database,
) -> None:
    account = await make_account(database, password_hash="checked")
    checked = Credentials(account.account_id, "checked")
    async with database.transaction() as transaction:
        assert await credentials.renew_password_hash(transaction, checked, "dearer") == 1
        assert await credentials.renew_password_hash(transaction, checked, "too late") == 0
        assert await credentials.find_password_hash(transaction, account.account_id) == "dearer"
