"""How people come in: a customer registers, an invited person registers, the first admin follows a link.

A registration makes its own customer, whatever the name: nobody becomes part of an existing customer by
writing how it is called. Only an invitation to a private room does that, and it is used up by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from workroom import accounts, customers, one_time_links
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.errors import InvalidInput, LinkExpired
from workroom.ids import CustomerId, RoomId
from workroom.one_time_links import LinkPurpose
from workroom.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who registers. The password was hashed before: that takes longer than a transaction should."""

    email: str
    display_name: str
    password_hash: str


async def register_customer(transaction: Transaction, person: NewPerson, customer_name: str) -> Account:
    """Make a customer and its first person.

    Raises:
        InvalidInput: a name is none, or the address is none.
        Conflict: the address has an account (`field` is `email`).
    """
    customer = await customers.create_customer(transaction, customer_name)
    return await _create(transaction, AccountKind.CUSTOMER, person, customer.customer_id)


async def register_invited(
    transaction: Transaction, person: NewPerson, room_id: RoomId, customer_name: str | None
) -> Account:
    """Make an account for somebody who was invited into a room. The caller accepts the invitation with it.

    Into a private room one comes as a person of that room's customer; into a shared room as the first of
    one's own.

    Raises:
        InvalidInput: a name is none, `customer_name` is missing for a shared room, or the address is none.
        Conflict: the address has an account (`field` is `email`).
    """
    customer = await customers.find_customer_of_private_room(transaction, room_id)
    if customer is not None:
        return await _create(transaction, AccountKind.CUSTOMER, person, customer.customer_id)
    if customer_name is None:
        raise InvalidInput("Say which customer you belong to.", field="customer_name", problem="missing")
    return await register_customer(transaction, person, customer_name)


async def register_first_admin(transaction: Transaction, person: NewPerson, token: str) -> Account:
    """Make the first admin.

    Raises:
        LinkExpired: the link does not work, or there is an admin already.
        InvalidInput: a name is none, or the address is none.
        Conflict: the address has an account (`field` is `email`).
    """
    if await one_time_links.is_there_an_admin(transaction):
        raise LinkExpired("This link does not work any more.")
    await one_time_links.use_link(transaction, token, LinkPurpose.FIRST_ADMIN)
    return await _create(transaction, AccountKind.ADMIN, person, None)


async def _create(
    transaction: Transaction, kind: AccountKind, person: NewPerson, customer_id: CustomerId | None
) -> Account:
    return await accounts.create_account(
        transaction,
        kind=kind,
        email=person.email,
        display_name=person.display_name,
        customer_id=customer_id,
        password_hash=person.password_hash,
    )
