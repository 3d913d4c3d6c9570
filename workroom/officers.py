"""Who has power over others: officers over matters, holds and what is kept, admins over accounts; asked each time.

A session says who somebody is; that they are an active officer or admin at this moment, only their account's row says,
and it stays so until the commit.
"""

from __future__ import annotations

from workroom.abilities import Ability, has_ability, require_ability
from workroom.audit import Initiator, Origin
from workroom.errors import NotFound, SignInRequired
from workroom.ids import AccountId
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


async def require_officer(transaction: Transaction, by: Initiator, ability: Ability) -> AccountId:
    """The account that acts, whose kind has the ability and which is active until the commit.

    Raises:
        NotFound: nobody in particular acts, or the account is not there or deactivated.
        Forbidden: this kind of account may not do that.
    """
    record = await transaction.fetch_one_or_none(queries.officers.find_active, account_id=by.account_id)
    if record is None:
        raise NotFound("There is no such officer.")
    require_ability(record["kind"], ability)
    account_id: AccountId = record["account_id"]
    return account_id


async def begin_account_change(transaction: Transaction, by: Initiator) -> None:
    """Let one change of accounts go on at a time, and only for an admin who is one now. The first step of each.

    Whoever has the shell has the database, and is not asked.

    Raises:
        SignInRequired: the session has ended, or its account is deactivated.
        NotFound: this kind of account does not manage others.
    """
    # One change of rights at a time in the installation, so that two admins cannot each rely on the other staying. An
    # admin who waited here may have been dismissed by whoever was before: so the question comes after.
    await transaction.fetch(queries.accounts.lock_account_changes)
    if by.origin is not Origin.SESSION:
        return
    record = await transaction.fetch_one_or_none(queries.officers.find_active, account_id=by.account_id)
    stands = await transaction.fetch_value(queries.sessions.has_session, session_id=by.session_id)
    if record is None or not stands:
        raise SignInRequired("The session has ended.")
    if not has_ability(record["kind"], Ability.MANAGE_ACCOUNTS):
        raise NotFound("There is no such thing here.")
