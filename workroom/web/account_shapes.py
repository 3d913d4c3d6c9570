"""Accounts as the doors tell of them: to their own person, and to an admin."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from workroom.abilities import list_abilities
from workroom.accounts import Account


class OwnAccount(msgspec.Struct, frozen=True):
    """The account as its own person sees it. `stream` is where it is told of itself."""

    account_id: UUID
    kind: str
    display_name: str | None
    email: str | None
    customer_id: UUID | None
    customer_name: str | None
    stream: UUID
    abilities: list[str]


class ManagedAccount(msgspec.Struct, frozen=True):
    """The account as an admin sees it."""

    account_id: UUID
    kind: str
    display_name: str | None
    email: str | None
    customer_id: UUID | None
    customer_name: str | None
    created_at: datetime
    deactivated_at: datetime | None


def describe_own_account(account: Account) -> OwnAccount:
    """The account for its own person."""
    return OwnAccount(
        account_id=account.account_id,
        kind=account.kind.value,
        display_name=account.display_name,
        email=account.email,
        customer_id=account.customer_id,
        customer_name=account.customer_name,
        stream=account.stream_id,
        abilities=list_abilities(account.kind),
    )


def describe_managed_account(account: Account) -> ManagedAccount:
    """The account for an admin."""
    return ManagedAccount(
        account_id=account.account_id,
        kind=account.kind.value,
        display_name=account.display_name,
        email=account.email,
        customer_id=account.customer_id,
        customer_name=account.customer_name,
        created_at=account.created_at,
        deactivated_at=account.deactivated_at,
    )
