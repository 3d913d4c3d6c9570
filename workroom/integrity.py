"""Verifies the database: the guard is in place, the audit log is whole, acts have entries, what was posted is there.

Content is kept by triggers, functions and rights. Whoever owns the schema, and every superuser, can take them away,
and put them back when content has gone: that is not prevented, it is found. The worker looks once a day, `workroom
verify` whenever asked; what is wrong raises an alarm that officers see, until it is not found any more. What is found
is never mended here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from workroom import audit
from workroom.audit import Act, Subject
from workroom.audit_chain import ChainCheck, ChainedEntry, Finding, Problem
from workroom.audit_export import list_chained
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries
from workroom.storage.schema_description import Part, expect_parts, load_description, load_views

HOURS_BETWEEN_CHECKS = 24
# An alarm for each thing that is wrong, but not for thousands: who took all guards away is found by the first.
MOST_ALARMS = 200
MAX_PAGE_ALARMS = 500


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found; nothing is as it should be. The hash is of the last entry of the audit log."""

    findings: list[Finding]
    entries: int
    last_hash: bytes
    erased_texts: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a verification found; `cleared_at` when a later one did not find it any more."""

    alarm_id: UUID
    raised_at: datetime
    problem: str
    subject: str
    entry_number: int
    cleared_at: datetime | None


async def verify_database(transaction: Transaction) -> Verified:
    """Look at everything. Needs a transaction that can write, because it makes views of its own for a moment."""
    chain = await follow_chain(transaction)
    findings = [
        *await find_changed_parts(transaction),
        *chain.findings,
        *await _find_unknown_acts(transaction),
        *await find_missing_content(transaction),
    ]
    return Verified(findings, chain.entries, chain.last_hash, chain.erased_texts)


async def find_changed_parts(transaction: Transaction) -> list[Finding]:
    """What of the schema is missing, altered, or not ours, by kind and name."""
    found = await describe_schema(transaction)
    expected = expect_parts(load_description(), found)
    findings = [
        *(Finding(Problem.PART_MISSING, _name(part)) for part in expected.keys() - found.keys()),
        *(Finding(Problem.PART_UNEXPECTED, _name(part)) for part in found.keys() - expected.keys()),
        *(
            Finding(Problem.PART_ALTERED, _name(part))
            for part in expected.keys() & found.keys()
            if expected[part] != found[part]
        ),
        *await _find_changed_views(transaction),
    ]
    return sorted(findings)


async def describe_schema(transaction: Transaction) -> dict[Part, str]:
    """Every part of the schema as it stands: kind and name to definition."""
    records = await transaction.fetch(queries.integrity.describe_schema)
    return {(record["kind"], record["name"]): record["definition"] for record in records}


async def follow_chain(transaction: Transaction) -> ChainCheck:
    """Follow the audit log from its first entry to its last; a text that is not there has an entry that says so."""
    check = ChainCheck()
    erased, on_record = set(), set()
    while page := await list_chained(transaction, check.entries):
        for entry, columns in page:
            erased_before = check.erased_texts
            check.take(entry)
            if not _agree(entry, columns):
                check.findings.append(Finding(Problem.ENTRY_ALTERED, f"entry {entry.entry_number}"))
            if check.erased_texts > erased_before:
                erased.add(entry.entry_number)
            if columns["act"] == Act.AUDIT_TEXT_ERASED:
                on_record.add(msgspec.json.decode(columns["facts"]).get("entry_number"))
    for number in sorted(erased - on_record):
        check.findings.append(
            Finding(Problem.ACT_WITHOUT_ENTRY, f"the erasing of the reason of entry {number}")
        )
    return check


async def find_missing_content(transaction: Transaction) -> list[Finding]:
    """What was posted and is neither there nor destroyed on record, and what is there without having been posted.

    By the month of the messages. Needs READ COMMITTED, where
    a statement sees what was committed when it had its locks: a month that is being dropped is there, or on record.
    """
    findings = []
    for record in await transaction.fetch(queries.integrity.list_unaccounted):
        problem = Problem.CONTENT_MISSING if record["missing"] > 0 else Problem.CONTENT_UNEXPECTED
        findings.append(Finding(problem, f"{record['kind']} of {record['month']} ({abs(record['missing'])})"))
    for record in await transaction.fetch(queries.integrity.list_streams_with_gaps):
        findings.append(Finding(Problem.EVENTS_MISSING, f"stream {record['stream_id']}"))
    return findings


async def compare_export(transaction: Transaction, exported: Sequence[ChainedEntry]) -> list[Finding]:
    """Where an export and the audit log of this database differ, as far as the export goes; the first place only."""
    place = 0
    while place < len(exported):
        page = await list_chained(transaction, exported[place].entry_number - 1)
        if not page:
            return [Finding(Problem.EXPORT_DIFFERS, f"entry {exported[place].entry_number}")]
        for (entry, _), other in zip(page, exported[place:], strict=False):
            if (entry.entry_number, entry.entry_hash) != (other.entry_number, other.entry_hash):
                return [Finding(Problem.EXPORT_DIFFERS, f"entry {other.entry_number}")]
            place += 1
    return []


async def verify_when_due(transaction: Transaction) -> Verified | None:
    """Verify and record it, unless that was done within the last 24 hours; None then."""
    if not await transaction.fetch_value(queries.integrity.is_check_due, hours=HOURS_BETWEEN_CHECKS):
        return None
    verified = await verify_database(transaction)
    await record_check(transaction, verified)
    return verified


async def record_check(transaction: Transaction, verified: Verified) -> None:
    """Record what a verification found: alarms for what is new, the end of those for what is no more."""
    standing = {
        (record["problem"], record["subject"]): record["alarm_id"]
        for record in await transaction.fetch(queries.integrity.list_standing_alarms)
    }
    found = {(finding.problem.value, finding.subject) for finding in verified.findings}
    await transaction.execute(
        queries.integrity.insert_check,
        last_entry_number=verified.entries,
        last_entry_hash=verified.last_hash,
        finding_count=len(found),
    )
    for problem, subject in sorted(found - standing.keys())[:MOST_ALARMS]:
        facts = {"problem": problem, "subject": subject}
        entry = await audit.record_act(
            transaction, audit.BY_WORKER, Act.ALARM_RAISED, Subject("database"), facts
        )
        await transaction.execute(
            queries.integrity.insert_alarm, problem=problem, subject=subject, entry_number=entry
        )
    for gone in standing.keys() - found:
        await transaction.execute(queries.integrity.clear_alarm, alarm_id=standing[gone])


async def list_alarms(transaction: Transaction, limit: int = MAX_PAGE_ALARMS) -> list[Alarm]:
    """Alarms, those that stand first, the newest first among them."""
    records = await transaction.fetch(queries.integrity.list_alarms, page_size=limit)
    return [Alarm(**record) for record in records]


async def find_last_check(transaction: Transaction) -> datetime | None:
    """When the database was last verified by itself; None when it never was."""
    record = await transaction.fetch_one_or_none(queries.integrity.find_last_check)
    return None if record is None else record["checked_at"]


async def _find_changed_views(transaction: Transaction) -> list[Finding]:
    if not await transaction.fetch_value(queries.integrity.may_make_temporary):
        return [
            Finding(
                Problem.PART_MISSING, "right to make temporary views, without which views are not compared"
            )
        ]
    findings = []
    for name, make_as_shipped in load_views().items():
        await transaction.execute(make_as_shipped)
        described = await transaction.fetch_one(queries.integrity.describe_view, name=name)
        if described["found"] is not None and described["found"] != described["shipped"]:
            findings.append(Finding(Problem.PART_ALTERED, f"view {name}"))
    return findings


async def _find_unknown_acts(transaction: Transaction) -> list[Finding]:
    records = await transaction.fetch(queries.integrity.list_unknown_acts)
    return [Finding(Problem.ACT_WITHOUT_ENTRY, record["subject"]) for record in records]


def _agree(entry: ChainedEntry, columns: Record) -> bool:
    """Whether the columns of an entry say what its canonical bytes say."""
    try:
        said: dict[str, Any] = msgspec.json.decode(entry.canonical)
    except msgspec.DecodeError:
        return True  # found as unreadable already
    shown = {
        "entry_number": columns["entry_number"],
        "recorded_at": columns["recorded_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "facts": msgspec.json.decode(columns["facts"]),
        **{name: columns[name] for name in ("origin", "act", "subject_kind")},
        **{name: _text(columns[name]) for name in ("actor_id", "session_id", "subject_id")},
    }
    return {name: said.get(name) for name in shown} == shown


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _name(part: Part) -> str:
    return " ".join(part)
