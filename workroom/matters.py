"""Matters: the cases for which content is kept. A matter contains holds; it is closed when none of them keeps anything.

Its name is an officer's word for a case and stays within compliance; the audit log has its id only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workroom import audit
from workroom.abilities import Ability
from workroom.audit import Act, Initiator, Subject
from workroom.errors import Conflict, InvalidInput, NotFound
from workroom.ids import AccountId, MatterId, mint_matter_id
from workroom.officers import require_officer
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

MAX_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Matter:
    """A matter, and how many of its holds are in which state (`holds.HoldState`)."""

    matter_id: MatterId
    name: str
    opened_by: AccountId
    opened_at: datetime
    reason: str | None
    closed_by: AccountId | None
    closed_at: datetime | None
    standing_holds: int
    holds_in_grace: int
    ended_holds: int


async def open_matter(transaction: Transaction, by: Initiator, name: str, reason: str) -> Matter:
    """Open a matter; InvalidInput when name or reason are none."""
    cleaned, why = _clean_name(name), audit.clean_reason(reason)
    officer_id = await require_officer(transaction, by, Ability.MANAGE_HOLDS)
    matter_id = mint_matter_id()
    entry = await audit.record_act(
        transaction, by, Act.MATTER_OPENED, Subject("matter", matter_id), texts={"reason": why}
    )
    await transaction.execute(
        queries.matters.insert_matter,
        matter_id=matter_id,
        name=cleaned,
        opened_by=officer_id,
        entry_number=entry,
    )
    return await require_matter(transaction, matter_id)


async def close_matter(transaction: Transaction, by: Initiator, matter_id: MatterId, reason: str) -> Matter:
    """Close a matter for good.

    Raises:
        NotFound: there is no such matter. InvalidInput: no reason.
        Conflict: it is closed already (`matter_closed`), or a hold of it still keeps something (`holds_stand`).
    """
    why = audit.clean_reason(reason)
    officer_id = await require_officer(transaction, by, Ability.MANAGE_HOLDS)
    await transaction.fetch(queries.matters.lock_matter, matter_id=matter_id)
    matter = require_open(await require_matter(transaction, matter_id))
    if matter.standing_holds or matter.holds_in_grace:
        raise Conflict("A hold of this matter still keeps something.", problem="holds_stand")
    entry = await audit.record_act(
        transaction, by, Act.MATTER_CLOSED, Subject("matter", matter_id), texts={"reason": why}
    )
    await transaction.execute(
        queries.matters.close_matter, matter_id=matter_id, closed_by=officer_id, entry_number=entry
    )
    return await require_matter(transaction, matter_id)


async def require_matter(transaction: Transaction, matter_id: MatterId) -> Matter:
    """The matter of this id; NotFound when there is none."""
    record = await transaction.fetch_one_or_none(queries.matters.find_matter, matter_id=matter_id)
    if record is None:
        raise NotFound("There is no such matter.")
    return Matter(**record)


async def require_open_matter(transaction: Transaction, matter_id: MatterId) -> Matter:
    """The matter of this id, which is not closed and stays so until the commit.

    Raises NotFound, and Conflict (`matter_closed`).
    """
    await transaction.fetch(queries.matters.share_matter, matter_id=matter_id)
    return require_open(await require_matter(transaction, matter_id))


def require_open(matter: Matter) -> Matter:
    """Give the matter back; Conflict (`matter_closed`) when it is closed."""
    if matter.closed_at is not None:
        raise Conflict("The matter is closed.", problem="matter_closed")
    return matter


async def list_matters(transaction: Transaction) -> list[Matter]:
    """All matters, the open ones first, the newest first among them."""
    return [Matter(**record) for record in await transaction.fetch(queries.matters.list_matters)]


def _clean_name(value: str) -> str:
    name = " ".join(value.split())
    if not name or "\x00" in name:
        raise InvalidInput("The matter needs a name.", field="name", problem="missing")
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidInput(
            "The name is too long.", field="name", problem="too_long", maximum=MAX_NAME_CHARACTERS
        )
    return name
