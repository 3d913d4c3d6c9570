"""Links that work once: the one that makes the first admin, and those by which a person sets a password.

The service sends no letters: whoever made the link hands it over. Only the hash of its token is stored; a
new link makes earlier ones for the same purpose worthless, and so do another password, another kind and the end of
the account. Unknown, used, expired and revoked look the same from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from workroom import audit, officers
from workroom.audit import Act, Initiator, Subject
from workroom.errors import Conflict, LinkExpired, NotFound
from workroom.ids import AccountId
from workroom.sessions import hash_token, mint_token
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

FIRST_ADMIN_HOURS = 24
SET_PASSWORD_HOURS = 72


class LinkPurpose(StrEnum):
    """What a link is good for; also the path of the page it leads to."""

    FIRST_ADMIN = "first_admin"
    SET_PASSWORD = "set_password"

    @property
    def page(self) -> str:
        return "/" + self.value.replace("_", "-")


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link that was just made. The token is told once."""

    purpose: LinkPurpose
    token: str
    expires_at: datetime

    def address(self, own_address: str) -> str:
        """The link as a person opens it, under the address at which browsers reach us.

        The token stands in the fragment, which browsers send to nobody: it gets into no log on the way.
        """
        return f"{own_address}{self.purpose.page}#token={self.token}"


async def mint_password_link(transaction: Transaction, by: Initiator, account_id: AccountId) -> NewLink:
    """Make the link by which the account's person sets a password. It works for 72 hours.

    An act of power: whoever has the link can become the account.

    Raises:
        SignInRequired, NotFound: the admin is none any more, or there is no such account.
        Conflict: the account is deactivated (`problem` is `deactivated`).
    """
    # One link is made at a time: two made at once would not see each other, and both would work. Nor is an account
    # deactivated meanwhile.
    await officers.begin_account_change(transaction, by)
    record = await transaction.fetch_one_or_none(queries.accounts.find_account, account_id=account_id)
    if record is None:
        raise NotFound("There is no such account.")
    if record["deactivated_at"] is not None:
        raise Conflict("The account is deactivated.", problem="deactivated")
    link = await _mint_link(transaction, LinkPurpose.SET_PASSWORD, account_id, SET_PASSWORD_HOURS)
    await audit.record_act(transaction, by, Act.PASSWORD_LINK_MADE, Subject("account", account_id))
    return link


async def revoke_password_links(transaction: Transaction, account_id: AccountId) -> None:
    """Make the account's links worthless, for good: what they were made for is over.

    Whoever calls it has the lock of the account's stream, and nothing that is taken after: so those who change an
    account and those who use its links wait for each other in one order.
    """
    await _revoke_links(transaction, LinkPurpose.SET_PASSWORD, account_id)


async def mint_first_admin_link(transaction: Transaction) -> NewLink | None:
    """Make the link by which somebody becomes the first admin, for 24 hours; None when there is an admin."""
    if await is_there_an_admin(transaction):
        return None
    return await _mint_link(transaction, LinkPurpose.FIRST_ADMIN, None, FIRST_ADMIN_HOURS)


async def is_there_an_admin(transaction: Transaction) -> bool:
    """Whether there is an admin. Holds until the transaction ends: the first ones are made one at a time."""
    await transaction.fetch(queries.one_time_links.lock_first_admin)
    return bool(await transaction.fetch_value(queries.accounts.has_admin))


async def find_link_account(transaction: Transaction, token: str, purpose: LinkPurpose) -> AccountId | None:
    """The account a link is for, None for the first admin's; the link is not used by asking.

    Raises:
        LinkExpired: it does not work.
    """
    record = await transaction.fetch_one_or_none(
        queries.one_time_links.find_link, token_hash=hash_token(token), purpose=purpose.value
    )
    if record is None:
        raise LinkExpired("This link does not work any more.")
    account_id: AccountId | None = record["account_id"]
    return account_id


async def use_link(transaction: Transaction, token: str, purpose: LinkPurpose) -> AccountId | None:
    """Use a link: it works for one transaction and never again. Gives the account it is for.

    Raises:
        LinkExpired: it does not work, or somebody else was faster.
    """
    record = await transaction.fetch_one_or_none(
        queries.one_time_links.use_link, token_hash=hash_token(token), purpose=purpose.value
    )
    if record is None:
        raise LinkExpired("This link does not work any more.")
    account_id: AccountId | None = record["account_id"]
    return account_id


async def delete_dead_links(transaction: Transaction) -> int:
    """Forget links that were used or expired more than a day ago, and give how many."""
    return await transaction.execute(queries.one_time_links.delete_dead_links)


async def _mint_link(
    transaction: Transaction, purpose: LinkPurpose, account_id: AccountId | None, hours: int
) -> NewLink:
    await _revoke_links(transaction, purpose, account_id)
    token = mint_token()
    record = await transaction.fetch_one(
        queries.one_time_links.insert_link,
        token_hash=hash_token(token),
        purpose=purpose.value,
        account_id=account_id,
        hours=hours,
    )
    return NewLink(purpose, token, record["expires_at"])


async def _revoke_links(transaction: Transaction, purpose: LinkPurpose, account_id: AccountId | None) -> None:
    await transaction.execute(
        queries.one_time_links.revoke_links, purpose=purpose.value, account_id=account_id
    )
