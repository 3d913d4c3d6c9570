"""`workroom account ...`: what an admin does in the browser, from the shell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from workroom import accounts, customers
from workroom.abilities import AccountKind
from workroom.account_commands import (
    NewAccount,
    change_kind,
    create_account,
    deactivate_account,
    list_accounts,
    reactivate_account,
    renew_password_link,
)
from workroom.accounts import Account
from workroom.customer_commands import close_customer, open_customer
from workroom.embedded import EmbeddedServers
from workroom.errors import Conflict, InvalidInput, NotFound, StartupError
from workroom.settings import Settings
from workroom.storage.database import Database

STAFF = NewAccount(AccountKind.STAFF, "sam@example.org", "Sam", None)
CUSTOMER = NewAccount(AccountKind.CUSTOMER, "cleo@example.org", "Cleo", "Lindgren & Daughters")


async def find_account(database: Database, email: str) -> Account:
    async with database.transaction() as transaction:
        return await accounts.require_account_of(transaction, email)


async def test_a_command_migrates_only_what_it_started_itself(settings: Settings, tmp_path: Path) -> None:
    alone = replace(settings, data_dir=tmp_path / "data", database_url=None, owner_database_url=None)
    servers = await EmbeddedServers.start(alone.data_dir)  # as a `workroom up` of another version has them
    try:
        with pytest.raises(StartupError):
            await list_accounts(alone)
        owner = await asyncpg.connect(servers.owner_url)
        assert not await owner.fetchval("select exists (select from pg_namespace where nspname = 'workroom')")
        await owner.close()
    finally:
        await servers.stop()
    assert await list_accounts(alone) == "There is no account yet."


async def test_a_new_account_comes_with_the_link_that_sets_its_password(
    settings: Settings, database: Database
) -> None:
    said = await create_account(replace(settings, public_url="https://rooms.example.org"), STAFF)
    assert "https://rooms.example.org/set-password#token=" in said
    account = await find_account(database, "SAM@example.org")
    assert (account.kind, account.display_name) == (AccountKind.STAFF, "Sam")


async def test_two_people_of_a_customer_share_it_by_its_name_or_its_id(
    settings: Settings, database: Database
) -> None:
    await create_account(settings, CUSTOMER)
    first = await find_account(database, CUSTOMER.email)
    await create_account(settings, replace(CUSTOMER, email="cato@example.org"))
    await create_account(
        settings, replace(CUSTOMER, email="cora@example.org", customer=str(first.customer_id))
    )
    assert first.customer_name == "Lindgren & Daughters"
    for email in ("cato@example.org", "cora@example.org"):
        assert (await find_account(database, email)).customer_id == first.customer_id


async def test_of_two_customers_with_one_name_the_id_has_to_say_which(
    settings: Settings, database: Database
) -> None:
    async with database.transaction() as transaction:
        twins = [await customers.create_customer(transaction, "Twin") for _ in range(2)]
    with pytest.raises(Conflict, match="2 customers have this name") as refused:
        await create_account(settings, replace(CUSTOMER, customer="Twin"))
    assert all(str(twin.customer_id) in refused.value.message for twin in twins)


async def test_nobody_comes_to_a_closed_customer_by_its_name_or_its_id(
    settings: Settings, database: Database
) -> None:
    async with database.transaction() as transaction:
        customer = await customers.create_customer(transaction, "Lindgren & Daughters")
    await close_customer(settings, "Lindgren & Daughters")
    for named in (customer.name, str(customer.customer_id)):
        with pytest.raises(Conflict, match="Lindgren & Daughters is closed: open it first"):
            await create_account(settings, replace(CUSTOMER, customer=named))
    await open_customer(settings, customer.name)
    await create_account(settings, CUSTOMER)
    assert (await find_account(database, CUSTOMER.email)).customer_id == customer.customer_id


@pytest.mark.parametrize("wanted", [replace(CUSTOMER, customer=None), replace(STAFF, customer="Lindgren")])
async def test_exactly_a_customers_account_has_a_customer(settings: Settings, wanted: NewAccount) -> None:
    with pytest.raises(InvalidInput, match="needs --customer"):
        await create_account(settings, wanted)


async def test_an_account_can_be_promoted_given_another_link_and_deactivated(
    settings: Settings, database: Database
) -> None:
    await create_account(settings, STAFF)
    await create_account(settings, replace(STAFF, kind=AccountKind.ADMIN, email="ada@example.org"))
    assert "sam@example.org is admin now" in await change_kind(settings, STAFF.email, AccountKind.ADMIN)
    assert "/set-password#token=" in await renew_password_link(settings, STAFF.email)
    assert "is deactivated" in await deactivate_account(settings, STAFF.email)
    account = await find_account(database, STAFF.email)
    assert account.kind is AccountKind.ADMIN
    assert account.deactivated_at is not None


async def test_accounts_are_listed_and_a_deactivated_one_comes_back(
    settings: Settings, database: Database
) -> None:
    assert await list_accounts(settings) == "There is no account yet."
    await create_account(settings, CUSTOMER)
    await create_account(settings, STAFF)
    await deactivate_account(settings, STAFF.email)
    assert await list_accounts(settings) == (
        "cleo@example.org  customer  Lindgren & Daughters\nsam@example.org  staff  deactivated"
    )
    assert "can sign in again" in await reactivate_account(settings, STAFF.email)
    assert (await find_account(database, STAFF.email)).deactivated_at is None


async def test_an_address_that_nobody_has_is_said_so(settings: Settings) -> None:
    with pytest.raises(NotFound, match="No account has this e-mail address"):
        await deactivate_account(settings, "nobody@example.org")
