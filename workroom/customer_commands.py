"""`workroom customer ...`: closes a customer with whom the work is over, and opens it again, from the shell.

Whoever has the shell has the database: nobody is asked who they are. What is done stands in the audit log as done
from the shell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from workroom import audit, customers
from workroom.customers import Customer
from workroom.errors import Conflict, NotFound
from workroom.ids import CustomerId
from workroom.settings import Settings
from workroom.shell_access import open_installation
from workroom.shell_words import write_time
from workroom.storage.database import Transaction


async def close_customer(settings: Settings, name_or_id: str) -> str:
    """Close a customer: what is kept for so long after that begins to count in its archived rooms.

    Rooms that are not archived go on, and its people can sign in as before.
    """
    async with _transaction(settings) as transaction:
        customer = await _find_customer(transaction, name_or_id)
        closed = await customers.close_customer(transaction, audit.by_shell(), customer.customer_id)
        return (
            f"{closed.name} is closed since {write_time(closed.closed_at)}. What is counted from then begins in a "
            "room once it is archived too. Its people can still sign in: `workroom account deactivate` ends that."
        )


async def open_customer(settings: Settings, name_or_id: str) -> str:
    """Open a closed customer again: what is kept for so long after its closing is kept without end until then."""
    async with _transaction(settings) as transaction:
        customer = await _find_customer(transaction, name_or_id)
        opened = await customers.open_customer(transaction, audit.by_shell(), customer.customer_id)
        return f"{opened.name} is open."


async def list_customers(settings: Settings) -> str:
    """Give all customers, a line each: id, name, and since when it is closed."""
    async with _transaction(settings) as transaction:
        found = await customers.list_all_customers(transaction)
    return "\n".join(_line_of(customer) for customer in found) or "There is no customer yet."


def _line_of(customer: Customer) -> str:
    closed = "" if customer.closed_at is None else f"  closed {write_time(customer.closed_at)}"
    return f"{customer.customer_id}  {customer.name}{closed}"


@asynccontextmanager
async def _transaction(settings: Settings) -> AsyncIterator[Transaction]:
    async with (
        open_installation(settings, "workroom customer") as installation,
        installation.database.transaction() as transaction,
    ):
        yield transaction


async def _find_customer(transaction: Transaction, name_or_id: str) -> Customer:
    try:
        return await customers.require_customer(transaction, CustomerId(UUID(name_or_id)))
    except ValueError:
        pass  # a name
    found = await customers.find_customers_named(transaction, name_or_id)
    if not found:
        raise NotFound(f"No customer is called {name_or_id!r}: `workroom customer list` shows them.")
    if len(found) > 1:
        ids = ", ".join(str(each.customer_id) for each in found)
        raise Conflict(f"{len(found)} customers have this name: give the id of one of them ({ids}).")
    return found[0]
