"""`workroom account ...`: what an admin does in the browser, from the shell of the machine.

Whoever has the shell has the database: nobody is asked who they are. What is done stands in the audit log as done
from the shell, and among the events as the account's own doing. Running nodes learn of it by their position check,
within a second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from workroom import accounts, audit, customers, one_time_links
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.customers import Customer
from workroom.errors import Conflict, InvalidInput
from workroom.ids import CustomerId
from workroom.settings import Settings
from workroom.shell_access import open_installation
from workroom.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What `workroom account create` was told; `customer` is a name or an id, for a customer's account."""

    kind: AccountKind
    email: str
    display_name: str
    customer: str | None


async def create_account(settings: Settings, wanted: NewAccount) -> str:
    """Make an account, and its customer where no customer has that name; says the link that sets a password.

    Conflict where the customer is closed, or several have the name.
    """
    if (wanted.kind is AccountKind.CUSTOMER) != (wanted.customer is not None):
        raise InvalidInput("A customer's account needs --customer, and no other account may have it.")
    async with _transaction(settings) as (transaction, address):
        customer_id = None
        if wanted.customer is not None:
            customer_id = (await _find_or_create_customer(transaction, wanted.customer)).customer_id
        account = await accounts.create_account(
            transaction,
            kind=wanted.kind,
            email=wanted.email,
            display_name=wanted.display_name,
            customer_id=customer_id,
            by=audit.by_shell(),
        )
        return await _password_link(transaction, account, address)


async def renew_password_link(settings: Settings, email: str) -> str:
    """Make another link that sets the account's password; earlier ones stop working."""
    async with _transaction(settings) as (transaction, address):
        account = await accounts.require_account_of(transaction, email)
        return await _password_link(transaction, account, address)


async def change_kind(settings: Settings, email: str, kind: AccountKind) -> str:
    """Make a person of the provider something else; their sessions end."""
    async with _transaction(settings) as (transaction, _):
        account = await accounts.require_account_of(transaction, email)
        changed = await accounts.change_kind(transaction, audit.by_shell(), account.account_id, kind)
        return f"{changed.account.email} is {kind} now, and has to sign in again."


async def deactivate_account(settings: Settings, email: str) -> str:
    """Let nobody sign in to the account any more; its sessions end."""
    async with _transaction(settings) as (transaction, _):
        account = await accounts.require_account_of(transaction, email)
        await accounts.deactivate_account(transaction, audit.by_shell(), account.account_id)
        return f"{account.email} is deactivated and signed out everywhere."


async def reactivate_account(settings: Settings, email: str) -> str:
    """Let the account be signed in to again, with the password it had."""
    async with _transaction(settings) as (transaction, _):
        account = await accounts.require_account_of(transaction, email)
        await accounts.reactivate_account(transaction, audit.by_shell(), account.account_id)
        return f"{account.email} can sign in again."


async def list_accounts(settings: Settings) -> str:
    """Give all accounts, a line each: e-mail address, kind, customer, and whether it is deactivated."""
    lines = []
    after = None
    async with _transaction(settings) as (transaction, _):
        while page := await accounts.list_accounts(transaction, after=after):
            lines += [_line_of(account) for account in page]
            after = page[-1].account_id
    return "\n".join(lines) or "There is no account yet."


def _line_of(account: Account) -> str:
    facts = [account.email or "erased", account.kind.value, account.customer_name]
    return "  ".join(
        [fact for fact in facts if fact] + ["deactivated"] * (account.deactivated_at is not None)
    )


@asynccontextmanager
async def _transaction(settings: Settings) -> AsyncIterator[tuple[Transaction, str]]:
    """A transaction, and the address under which the installation is open."""
    async with (
        open_installation(settings, "workroom account") as installation,
        installation.database.transaction() as transaction,
    ):
        yield transaction, installation.address


async def _find_or_create_customer(transaction: Transaction, name_or_id: str) -> Customer:
    try:
        return _require_open(await customers.require_customer(transaction, CustomerId(UUID(name_or_id))))
    except ValueError:
        pass  # a name
    found = await customers.find_customers_named(transaction, name_or_id)
    if len(found) > 1:
        ids = ", ".join(str(each.customer_id) for each in found)
        raise Conflict(f"{len(found)} customers have this name: give the id of one of them ({ids}).")
    return _require_open(found[0]) if found else await customers.create_customer(transaction, name_or_id)


def _require_open(customer: Customer) -> Customer:
    if customer.closed_at is not None:
        raise Conflict(f"{customer.name} is closed: open it first (`workroom customer open`).")
    return customer


async def _password_link(transaction: Transaction, account: Account, address: str) -> str:
    link = await one_time_links.mint_password_link(transaction, audit.by_shell(), account.account_id)
    hours = one_time_links.SET_PASSWORD_HOURS
    return (
        f"{account.email} ({account.kind}) sets a password here, once, within {hours} hours:\n"
        f"  {link.address(address)}"
    )
