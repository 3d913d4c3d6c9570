"""Everybody who appears in a log gets an account, a session, and a place among the provider's people or the customers'.

Who was in the channel from the beginning is staff: joins by itself and reads everything. Who came in later is a
customer: is let in by the operator (an account of the provider's that no log knows), and reads from there on.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from scripts.replaying.log import Log
from workroom import accounts, customers, sessions
from workroom.abilities import AccountKind
from workroom.errors import InvalidInput
from workroom.ids import AccountId, CustomerId
from workroom.names import clean_display_name
from workroom.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Role:
    """An account that can sign in: `token` is what the cookie of its session holds."""

    account_id: AccountId
    is_staff: bool
    token: str


@dataclass(frozen=True, slots=True)
class Cast:
    """The roles of a log: the operator's, and those of its people in the order of their numbers."""

    operator: Role
    people: list[Role]


async def make_cast(database: Database, log: Log) -> Cast:
    """Make accounts and sessions for a log."""
    present = set(log.present)
    async with database.transaction() as transaction:
        customer = await customers.create_customer(transaction, f"Customers of {log.title}")
        operator = await _make_role(transaction, f"Operator of {log.title}", None)
        people = [
            await _make_role(transaction, name, None if number in present else customer.customer_id)
            for number, name in enumerate(log.names)
        ]
    return Cast(operator, people)


def name_of(nick: str) -> str:
    """The nick as a person's name; one that is none, such as a row of dashes only, gets a letter before it."""
    try:
        return clean_display_name(nick)
    except InvalidInput:
        return clean_display_name(f"n{nick}")


async def _make_role(transaction: Transaction, nick: str, customer_id: CustomerId | None) -> Role:
    account = await accounts.create_account(
        transaction,
        kind=AccountKind.STAFF if customer_id is None else AccountKind.CUSTOMER,
        email=f"{uuid4()}@example.org",
        display_name=name_of(nick),
        customer_id=customer_id,
        password_hash=None,
    )
    session = await sessions.start_session(transaction, account.account_id, days=1)
    return Role(account.account_id, customer_id is None, session.token)
