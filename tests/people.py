"""People and rooms for tests of the domain: made through the domain, in one line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from uuid import uuid4

from workroom import accounts, audit, customers, room_members, rooms
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.audit import Initiator
from workroom.ids import ClientCommandId, CustomerId, RoomId
from workroom.rooms import Actor
from workroom.storage.database import Database, Transaction

_numbers = count(1)


async def make_account(
    database: Database,
    kind: str = "staff",
    *,
    name: str | None = None,
    email: str | None = None,
    customer_id: CustomerId | None = None,
    password_hash: str | None = None,
) -> Account:
    """An account of that kind; a customer's gets a customer of its own unless one is named."""
    number = next(_numbers)
    async with database.transaction() as transaction:
        if kind == "customer" and customer_id is None:
            customer_id = (await customers.create_customer(transaction, f"Customer {number}")).customer_id
        return await accounts.create_account(
            transaction,
            kind=AccountKind(kind),
            email=email or f"person{number}@example.org",
            display_name=name or f"Person {number}",
            customer_id=customer_id,
            password_hash=password_hash,
            by=None if kind == "customer" else audit.by_shell(),
        )


async def make_accounts(database: Database, *kinds: str) -> list[Account]:
    """One account of each of these kinds, in that order."""
    return [await make_account(database, kind) for kind in kinds]


async def make_room(database: Database, creator: Account, *others: Account, kind: str = "shared") -> RoomId:
    """A room of that kind with its creator and others as members, for the customers of all of them."""
    customer_ids = [account.customer_id for account in (creator, *others) if account.customer_id]
    async with database.transaction() as transaction:
        room_id, _, _ = await rooms.create_room(
            transaction,
            actor_of(creator),
            kind=kind,
            name="The room",
            customer_ids=list(dict.fromkeys(customer_ids)),
            client_command_id=ClientCommandId(uuid4()),
        )
    for other in others:
        async with database.transaction() as transaction:
            await room_members.add_member(
                transaction,
                actor_of(creator),
                room_id,
                other.account_id,
                grants_history=False,
                client_command_id=ClientCommandId(uuid4()),
            )
    return room_id


def actor_of(account: Account) -> Actor:
    """The account as somebody who acts."""
    return Actor(account.account_id, account.kind, account.customer_id, account.stream_id)


def by(account: Account) -> Initiator:
    """The account as somebody who does an act of power, from the shell."""
    return audit.by_shell(account.account_id)


async def in_transaction(database: Database, act: Callable[[Transaction], Awaitable[object]]) -> object:
    """Run something in a transaction of its own."""
    async with database.transaction() as transaction:
        return await act(transaction)
