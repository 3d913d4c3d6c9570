"""How people come in: a customer registers, an invited person registers, the first admin follows a link.

A registration makes its own customer, whatever the name: nobody becomes part of an existing customer by
writing how it is called. Only an invitation to a private room does that, and it is used up by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from workroom import accounts, audit, customers, invitations, one_time_links
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.audit import Initiator
from workroom.errors import InvalidInput, LinkExpired
from workroom.events import RecordedEvent
from workroom.ids import ClientCommandId, CustomerId
from workroom.one_time_links import LinkPurpose
from workroom.rooms import Actor
from workroom.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who registers. The password was hashed before: that takes longer than a transaction should."""

    email: str
    display_name: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class Registered:
    """An account just made, and the events that tell of the room it was invited into."""

    account: Account
    events: list[RecordedEvent]


async def register_customer(transaction: Transaction, person: NewPerson, customer_name: str) -> Registered:
    """Make a customer and its first person.

    Raises:
        InvalidInput: a name is none, or the address is none.
        Conflict: the address has an account (`field` is `email`).
    """
    customer = await customers.create_customer(transaction, customer_name)
    return Registered(await _create(transaction, AccountKind.CUSTOMER, person, customer.customer_id), [])


async def register_invited(
    transaction: Transaction, person: NewPerson, invitation_token: str, customer_name: str | None
) -> Registered:
    """Make an account for somebody who was invited into a room, and let it in: the invitation is used up.

    Into a private room one comes as a person of that room's customer; into a shared room as the first
    person of a customer of one's own.

    Raises:
        LinkExpired: the invitation does not work, or somebody else was faster.
        InvalidInput: a name is none, `customer_name` is missing for a shared room, or the address is none.
        Conflict: the address has an account (`field` is `email`).
    """
    invitation = await invitations.find_invitation(transaction, invitation_token)
    customer = await customers.find_customer_of_private_room(transaction, invitation.room_id)
    if customer is None:
        if customer_name is None:
            raise InvalidInput("Say which customer you belong to.", field="customer_name", problem="missing")
        customer = await customers.create_customer(transaction, customer_name)
    account = await _create(transaction, AccountKind.CUSTOMER, person, customer.customer_id)
    actor = Actor(account.account_id, account.kind, account.customer_id, account.stream_id)
    _, events = await invitations.accept_invitation(
        transaction, actor, invitation_token, ClientCommandId(uuid4())
    )
    return Registered(account, events)


async def register_first_admin(transaction: Transaction, person: NewPerson, token: str) -> Registered:
    """Make the first admin.

    Raises:
        LinkExpired: the link does not work, or there is an admin already.
        InvalidInput: a name is none, or the address is none.
        Conflict: the address has an account (`field` is `email`).
    """
    if await one_time_links.is_there_an_admin(transaction):
        raise LinkExpired("This link does not work any more.")
    await one_time_links.use_link(transaction, token, LinkPurpose.FIRST_ADMIN)
    return Registered(await _create(transaction, AccountKind.ADMIN, person, None, audit.by_shell()), [])


async def _create(
    transaction: Transaction,
    kind: AccountKind,
    person: NewPerson,
    customer_id: CustomerId | None,
    by: Initiator | None = None,
) -> Account:
    return await accounts.create_account(
        transaction,
        kind=kind,
        email=person.email,
        display_name=person.display_name,
        customer_id=customer_id,
        password_hash=person.password_hash,
        by=by,
    )
