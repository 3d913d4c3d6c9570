"""The audit log: every act of power, numbered and chained, in the transaction that does the act.

Entries say ids and numbers only; what a person wrote (a reason) lies in a row that can be erased alone, and the
chain has its salted digest. Postgres makes number, time and hash itself (`record_act` in `sql/schema.sql`), one
entry at a time until the commit: so an act is recorded last. No role may change or remove an entry.
`audit_chain.py` verifies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from workroom.errors import InvalidInput
from workroom.ids import AccountId
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

MAX_PAGE_ENTRIES = 200
MAX_REASON_CHARACTERS = 4000


class Origin(StrEnum):
    """Through which door somebody acted."""

    SESSION = "session"
    SHELL = "shell"
    WORKER = "worker"


class Act(StrEnum):
    """What is recorded. A value never changes its meaning."""

    ACCOUNT_FOUND = "account_found"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_KIND_CHANGED = "account_kind_changed"
    ACCOUNT_DEACTIVATED = "account_deactivated"
    ACCOUNT_REACTIVATED = "account_reactivated"
    CUSTOMER_CLOSED = "customer_closed"
    CUSTOMER_OPENED = "customer_opened"
    PASSWORD_LINK_MADE = "password_link_made"
    SIGNED_IN = "signed_in"
    FILE_DAMAGE_FOUND = "file_damage_found"
    MATTER_OPENED = "matter_opened"
    MATTER_CLOSED = "matter_closed"
    HOLD_PLACED = "hold_placed"
    HOLD_AMENDED = "hold_amended"
    HOLD_RELEASE_REQUESTED = "hold_release_requested"
    HOLD_RELEASE_WITHDRAWN = "hold_release_withdrawn"
    HOLD_RELEASED = "hold_released"
    CONTENT_OPENED = "content_opened"
    FILE_OPENED = "file_opened"
    AUDIT_EXPORTED = "audit_exported"
    AUDIT_TEXT_ERASED = "audit_text_erased"
    ALARM_RAISED = "alarm_raised"
    CONTENT_LABELLED = "content_labelled"
    RETENTION_SIMULATED = "retention_simulated"
    RETENTION_CHANGED = "retention_changed"
    DISPOSITION_BEGAN = "disposition_began"
    DISPOSITION_ENDED = "disposition_ended"


@dataclass(frozen=True, slots=True)
class Initiator:
    """Who acts, and through which door. `account_id` None: whoever has the shell, or the worker by itself."""

    account_id: AccountId | None
    session_id: UUID | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act is done to: a kind of thing (`account`, `hold`, `room` ...) and its id, where it has one."""

    kind: str
    subject_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry as it is shown. `texts` has None for a text that was erased."""

    entry_number: int
    recorded_at: datetime
    origin: Origin
    actor_id: AccountId | None
    session_id: UUID | None
    act: str
    subject: Subject
    facts: dict[str, Any]
    texts: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are asked for; None stands for any. `recorded_from` is included, `recorded_until` not."""

    act: str | None = None
    actor_id: AccountId | None = None
    subject_id: UUID | None = None
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None


BY_WORKER = Initiator(None, None, Origin.WORKER)


def by_session(account_id: AccountId, session_id: UUID) -> Initiator:
    """Somebody who is signed in."""
    return Initiator(account_id, session_id, Origin.SESSION)


def by_shell(account_id: AccountId | None = None) -> Initiator:
    """Whoever has the shell of the machine: as nobody in particular, or as an account that was named."""
    return Initiator(account_id, None, Origin.SHELL)


def clean_reason(value: str, field: str = "reason") -> str:
    """A reason as it is kept: without spaces around it. InvalidInput when it is empty or over 4,000 characters."""
    reason = value.strip()
    if not reason:
        raise InvalidInput("Say why.", field=field, problem="missing")
    if len(reason) > MAX_REASON_CHARACTERS:
        raise InvalidInput(
            "The reason is too long.", field=field, problem="too_long", maximum=MAX_REASON_CHARACTERS
        )
    if "\x00" in reason:
        raise InvalidInput(
            "The reason has a character that cannot be kept.", field=field, problem="wrong_type"
        )
    return reason


async def record_act(
    transaction: Transaction,
    by: Initiator,
    act: Act,
    subject: Subject,
    facts: Mapping[str, object] | None = None,
    texts: Mapping[str, str] | None = None,
) -> int:
    """Append an entry and give its number. Others who act wait from here until the commit: call it late.

    Args:
        facts: ids, numbers, times and words of ours; before and after. Never text or names of people.
        texts: what a person wrote, by field; kept apart, erasable, 1 to 4,000 characters each.
    """
    number: int = await transaction.fetch_value(
        queries.audit.record_act,
        act=act.value,
        origin=by.origin.value,
        actor_id=by.account_id,
        session_id=by.session_id,
        subject_kind=subject.kind,
        subject_id=subject.subject_id,
        facts=msgspec.json.encode(facts or {}).decode(),
        texts=msgspec.json.encode(texts or {}).decode(),
    )
    return number


async def list_entries(
    transaction: Transaction, wanted: EntryFilter, *, before: int | None = None, limit: int = MAX_PAGE_ENTRIES
) -> list[AuditEntry]:
    """Entries that match, newest first, numbered below `before` (None: from the newest)."""
    records = await transaction.fetch(
        queries.audit.list_entries,
        act=wanted.act,
        actor_id=wanted.actor_id,
        subject_id=wanted.subject_id,
        recorded_from=wanted.recorded_from,
        recorded_until=wanted.recorded_until,
        before=before,
        page_size=limit,
    )
    texts = await _find_texts(transaction, [record["entry_number"] for record in records])
    return [_entry(record, texts.get(record["entry_number"], {})) for record in records]


async def _find_texts(transaction: Transaction, numbers: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for record in await transaction.fetch(queries.audit.list_texts, entry_numbers=list(numbers)):
        found.setdefault(record["entry_number"], {})[record["field"]] = record["text"]
    return found


def _entry(record: Record, texts: Mapping[str, str]) -> AuditEntry:
    return AuditEntry(
        entry_number=record["entry_number"],
        recorded_at=record["recorded_at"],
        origin=Origin(record["origin"]),
        actor_id=record["actor_id"],
        session_id=record["session_id"],
        act=record["act"],
        subject=Subject(record["subject_kind"], record["subject_id"]),
        facts=msgspec.json.decode(record["facts"]),
        texts={field: texts.get(field) for field in record["text_fields"]},
    )
