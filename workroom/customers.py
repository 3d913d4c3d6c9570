"""Customers: the parties that work with the provider. A customer is no person; its people are accounts.

Two customers may have the same name. That somebody writes a customer's name gives no right to it: people
come to an existing customer by an admin, or by an invitation to a private room of that customer.

Closing a customer says that the work with it is over: periods that are counted from then begin in its rooms that are
archived, and it is not offered for a room any more. Its other rooms go on, and its people can sign in as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workroom import audit
from workroom.audit import Act, Initiator, Subject
from workroom.errors import InvalidInput
from workroom.ids import CustomerId, RoomId, mint_customer_id
from workroom.names import clean_customer_name
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer and what it is called; `closed_at` None while it is open."""

    customer_id: CustomerId
    name: str
    closed_at: datetime | None = None


async def create_customer(transaction: Transaction, name: str) -> Customer:
    """Make a customer; InvalidInput when the name is none."""
    customer = Customer(mint_customer_id(), clean_customer_name(name))
    await transaction.execute(
        queries.customers.insert_customer, customer_id=customer.customer_id, name=customer.name
    )
    return customer


async def require_customer(transaction: Transaction, customer_id: CustomerId) -> Customer:
    """The customer of this id; InvalidInput on the field `customer_id` when there is none."""
    record = await transaction.fetch_one_or_none(queries.customers.find_customer, customer_id=customer_id)
    if record is None:
        raise InvalidInput("There is no such customer.", field="customer_id", problem="unknown")
    return Customer(**record)


async def find_customer_of_private_room(transaction: Transaction, room_id: RoomId) -> Customer | None:
    """The one customer that a private room is for; None for a shared room."""
    record = await transaction.fetch_one_or_none(
        queries.customers.find_only_customer_of_room, room_id=room_id
    )
    return None if record is None else Customer(**record)


async def list_customers(transaction: Transaction) -> list[Customer]:
    """The customers that are open, by name."""
    return [each for each in await list_all_customers(transaction) if each.closed_at is None]


async def list_all_customers(transaction: Transaction) -> list[Customer]:
    """Every customer, closed or not, by name."""
    return [Customer(**record) for record in await transaction.fetch(queries.customers.list_customers)]


async def find_customers_named(transaction: Transaction, name: str) -> list[Customer]:
    """Every customer of exactly this name, closed or not."""
    return [each for each in await list_all_customers(transaction) if each.name == name]


async def close_customer(transaction: Transaction, by: Initiator, customer_id: CustomerId) -> Customer:
    """Close a customer, from now; one that is closed stays so since when it was. InvalidInput where there is none."""
    closed_at = await transaction.fetch_value(queries.customers.close_customer, customer_id=customer_id)
    if closed_at is not None:
        facts = {"closed_at": closed_at}
        await audit.record_act(transaction, by, Act.CUSTOMER_CLOSED, Subject("customer", customer_id), facts)
    return await require_customer(transaction, customer_id)


async def open_customer(transaction: Transaction, by: Initiator, customer_id: CustomerId) -> Customer:
    """Open a closed customer again. What was destroyed meanwhile stays so. InvalidInput where there is none."""
    closed_at = await transaction.fetch_value(queries.customers.open_customer, customer_id=customer_id)
    if closed_at is not None:
        facts = {"closed_at": closed_at}
        await audit.record_act(transaction, by, Act.CUSTOMER_OPENED, Subject("customer", customer_id), facts)
    return await require_customer(transaction, customer_id)
