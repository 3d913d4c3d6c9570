"""Erasing what an officer or admin wrote into the audit log: a reason that names a person, when the law asks for it.

The entry stays, and so does the salted digest of what was erased: the chain is as whole as before. Postgres erases
and writes the mark in one function (`erase_audit_texts` in `sql/schema.sql`), because no role of ours may delete a
text. What was exported before still has it.
"""

from __future__ import annotations

from workroom import audit
from workroom.abilities import Ability
from workroom.audit import Initiator
from workroom.errors import NotFound
from workroom.officers import require_officer
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


async def erase_texts(transaction: Transaction, by: Initiator, entry_number: int, reason: str) -> int:
    """Erase what a person wrote in an entry, and give the number of the entry that says so.

    The reason for it is a text like any other, and should not say again what is erased.

    Raises:
        InvalidInput: no reason. NotFound: there is no such entry, it has no text (any more), or no such officer.
        Forbidden: not an officer.
    """
    why = audit.clean_reason(reason)
    officer_id = await require_officer(transaction, by, Ability.READ_AUDIT)
    mark: int | None = await transaction.fetch_value(
        queries.audit.erase_texts,
        entry_number=entry_number,
        officer_id=officer_id,
        origin=by.origin.value,
        session_id=by.session_id,
        reason=why,
    )
    if mark is None:
        raise NotFound(f"Entry {entry_number} has no reason that could be erased.")
    return mark
