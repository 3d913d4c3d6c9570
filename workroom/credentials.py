"""How passwords are stored: as what `passwords.py` made of them, apart from account and person.

Another password makes the links worthless by which one could be set. Whoever stores one has the lock of the account's
stream, but for an account just made.
"""

from __future__ import annotations

from dataclasses import dataclass

from workroom import one_time_links
from workroom.errors import SignInRefused
from workroom.ids import AccountId
from workroom.names import make_email_key
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose password this is and how it is stored."""

    account_id: AccountId
    password_hash: str


async def find_credentials(transaction: Transaction, email: str) -> Credentials | None:
    """What to compare a password with; None for nobody, no password, and a deactivated account alike."""
    record = await transaction.fetch_one_or_none(
        queries.credentials.find_credentials, email_key=make_email_key(email)
    )
    return None if record is None else Credentials(**record)


async def find_password_hash(transaction: Transaction, account_id: AccountId) -> str | None:
    """How the account's password is stored; None while it has none."""
    password_hash: str | None = await transaction.fetch_value(
        queries.credentials.find_password_hash, account_id=account_id
    )
    return password_hash


async def store_password(transaction: Transaction, account_id: AccountId, password_hash: str) -> None:
    """Set an account's password, the first or another."""
    await one_time_links.revoke_password_links(transaction, account_id)
    await transaction.execute(
        queries.credentials.store_password, account_id=account_id, password_hash=password_hash
    )


async def replace_password(transaction: Transaction, checked: Credentials, password_hash: str) -> None:
    """Set another password of somebody who showed the one there was; SignInRefused when it was changed meanwhile."""
    await one_time_links.revoke_password_links(transaction, checked.account_id)
    replaced = await transaction.execute(
        queries.credentials.replace_password,
        account_id=checked.account_id,
        former_hash=checked.password_hash,
        password_hash=password_hash,
    )
    if not replaced:
        raise SignInRefused("The password was changed at the same moment.")


async def renew_password_hash(transaction: Transaction, checked: Credentials, password_hash: str) -> int:
    """Store the same password at today's cost; zero when it was changed meanwhile."""
    return await transaction.execute(
        queries.credentials.renew_password_hash,
        account_id=checked.account_id,
        former_hash=checked.password_hash,
        password_hash=password_hash,
    )
