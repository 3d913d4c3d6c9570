"""`workroom audit export|erase` and `workroom verify`: the audit log as a file, and whether all is as it should be.

An export is verified without server or database, by whoever has it. With a database, the schema is verified as well,
and that an export says what the database says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from workroom import audit, audit_chain, audit_erasure, audit_export, integrity
from workroom.audit import Act, Subject
from workroom.audit_chain import ChainCheck, Finding
from workroom.settings import Settings
from workroom.shell_access import act_as, open_installation


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification says, in lines to print; `is_sound` when nothing is wrong."""

    lines: list[str]
    is_sound: bool


async def export_audit(settings: Settings, write: Callable[[bytes], object]) -> str:
    """Give every line of the audit log to `write`, and say how many entries it has. The export is its last entry."""
    async with open_installation(settings, "workroom audit") as installation:
        async with installation.database.transaction() as transaction:
            number = await audit.record_act(
                transaction, audit.by_shell(), Act.AUDIT_EXPORTED, Subject("audit_log")
            )
        async with installation.database.read() as reading:
            async for line in audit_export.export_log(reading):
                write(line)
    return f"The audit log is exported, up to entry {number} at least."


async def erase_texts(settings: Settings, officer: str, entry_number: int, reason: str) -> str:
    """Erase what a person wrote in an entry."""
    async with (
        open_installation(settings, "workroom audit") as installation,
        installation.database.transaction() as transaction,
    ):
        by = await act_as(transaction, officer)
        mark = await audit_erasure.erase_texts(transaction, by, entry_number, reason)
    return (
        f"The reason of entry {entry_number} is erased; entry {mark} says so. Earlier exports still have it."
    )


def verify_file(lines: Iterable[bytes]) -> Report:
    """Verify an export by itself: no server, no database."""
    check = audit_chain.verify_export(lines)
    return _report(check.findings, _describe_chain("The export", check))


async def verify_database(settings: Settings, exported: Iterable[bytes] | None) -> Report:
    """Verify the database; with an export, that as well, and that the database says the same."""
    lines: list[str] = []
    findings: list[Finding] = []
    entries: list[audit_chain.ChainedEntry] = []
    if exported is not None:
        check = audit_chain.verify_export(_remember(exported, entries))
        findings += check.findings
        lines += _describe_chain("The export", check)
    async with (
        open_installation(settings, "workroom verify") as installation,
        installation.database.long_transaction() as transaction,
    ):
        verified = await integrity.verify_database(transaction)
        findings += verified.findings
        findings += await integrity.compare_export(transaction, entries)
        await integrity.record_check(transaction, verified)
    check = ChainCheck(verified.entries, verified.last_hash, verified.erased_texts)
    return _report(findings, [*lines, *_describe_chain("The audit log", check)])


def _remember(lines: Iterable[bytes], entries: list[audit_chain.ChainedEntry]) -> Iterable[bytes]:
    for line in lines:
        with suppress(ValueError):  # head, foot, or found as unreadable
            entries.append(audit_chain.read_line(line))
        yield line


def _describe_chain(what: str, check: ChainCheck) -> list[str]:
    erased = f", {check.erased_texts} texts of them erased" if check.erased_texts else ""
    return [f"{what} has {check.entries} entries{erased}; the hash of the last is {check.last_hash.hex()}."]


def _report(findings: list[Finding], lines: list[str]) -> Report:
    unique = list(dict.fromkeys(findings))
    if not unique:
        return Report([*lines, "Everything is as it should be."], True)
    count = "One thing is" if len(unique) == 1 else f"{len(unique)} things are"
    return Report([*lines, f"{count} not as it should be:", *(f"  {finding}" for finding in unique)], False)
