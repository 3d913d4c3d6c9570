"""Compliance officers: who may act on matters, holds and what is kept, asked of the database each time.

A session says who somebody is; that they are an active officer at this moment, only their account's row says, and it
stays so until the commit.
"""

from __future__ import annotations

from workroom.abilities import Ability, require_ability
from workroom.audit import Initiator
from workroom.errors import NotFound
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
