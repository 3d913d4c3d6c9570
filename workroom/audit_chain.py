"""The chain of the audit log, verified without server or database: pure.

    entry_hash = SHA-256("workroom.audit.v1" 0x00 | previous hash, 32 zero bytes before the first | canonical)

`canonical` is the entry as a JSON object in UTF-8, byte for byte as it was recorded; its "texts" has, for each
text, the SHA-256 over a 32-byte salt and the text. An export is a file of lines, each a JSON object: a head (form,
installation, time), the entries in order, and a foot with their number, the last hash and the SHA-256 of the
head's line. A text that was erased is missing; that breaks nothing. What the file alone does not show: that somebody
cut it short and wrote its foot anew. An earlier or later export does, and so does the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

import msgspec

FORM = "workroom.audit.v1"
FIRST_PREVIOUS_HASH = bytes(32)


class Problem(StrEnum):
    """What can be wrong. A value never changes its meaning."""

    ENTRY_MISSING = "audit_entry_missing"
    ENTRY_OUT_OF_PLACE = "audit_entry_out_of_place"
    ENTRY_ALTERED = "audit_entry_altered"
    ENTRY_UNREADABLE = "audit_entry_unreadable"
    TEXT_ALTERED = "audit_text_altered"
    EXPORT_UNREADABLE = "export_unreadable"
    EXPORT_ALTERED = "export_altered"
    EXPORT_CUT_SHORT = "export_cut_short"
    EXPORT_DIFFERS = "export_differs"
    ACT_WITHOUT_ENTRY = "act_without_entry"
    PART_MISSING = "schema_part_missing"
    PART_UNEXPECTED = "schema_part_unexpected"
    PART_ALTERED = "schema_part_altered"
    CONTENT_MISSING = "content_missing"
    CONTENT_UNEXPECTED = "content_unexpected"
    EVENTS_MISSING = "events_missing"


SENTENCES: dict[Problem, str] = {
    Problem.ENTRY_MISSING: "The audit log lacks {subject}.",
    Problem.ENTRY_OUT_OF_PLACE: "In the audit log, {subject} does not follow what stands before it.",
    Problem.ENTRY_ALTERED: "In the audit log, {subject} is not what was recorded.",
    Problem.ENTRY_UNREADABLE: "In the audit log, {subject} cannot be read.",
    Problem.TEXT_ALTERED: "In the audit log, {subject} is not what was written.",
    Problem.EXPORT_UNREADABLE: "Of the export, {subject} cannot be read.",
    Problem.EXPORT_ALTERED: "Of the export, {subject} is not what was written.",
    Problem.EXPORT_CUT_SHORT: "The export ends early: {subject}.",
    Problem.EXPORT_DIFFERS: "Export and database differ in {subject}.",
    Problem.ACT_WITHOUT_ENTRY: "The audit log does not know of {subject}.",
    Problem.PART_MISSING: "The database lacks {subject}.",
    Problem.PART_UNEXPECTED: "The database has {subject}, which is not ours.",
    Problem.PART_ALTERED: "The database has another {subject} than ours.",
    Problem.CONTENT_MISSING: "Neither there nor destroyed on record: {subject}.",
    Problem.CONTENT_UNEXPECTED: "There without having been posted, or on record as destroyed and there: {subject}.",
    Problem.EVENTS_MISSING: "The numbers and the events of {subject} do not agree.",
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that is wrong, and what it is wrong with: ids, numbers and names of the schema only."""

    problem: Problem
    subject: str

    def __str__(self) -> str:
        return SENTENCES[self.problem].format(subject=self.subject)


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry as it is chained. `texts` has salt and text of each that was not erased."""

    entry_number: int
    previous_hash: bytes
    canonical: bytes
    entry_hash: bytes
    texts: Mapping[str, tuple[bytes, str]]


@dataclass(slots=True)
class ChainCheck:
    """How far a chain was followed, and what is wrong with it. `take` goes on by one entry."""

    entries: int = 0
    last_hash: bytes = FIRST_PREVIOUS_HASH
    erased_texts: int = 0
    findings: list[Finding] = field(default_factory=list)

    def take(self, entry: ChainedEntry) -> None:
        """Look at the next entry."""
        name = f"entry {entry.entry_number}"
        if entry.entry_number > self.entries + 1:
            self._found(Problem.ENTRY_MISSING, f"entry {self.entries + 1}")
        elif entry.entry_number <= self.entries or entry.previous_hash != self.last_hash:
            self._found(Problem.ENTRY_OUT_OF_PLACE, name)
        if entry.entry_hash != hash_entry(entry.previous_hash, entry.canonical):
            self._found(Problem.ENTRY_ALTERED, name)
        self._take_canonical(entry, name)
        self.entries = entry.entry_number
        self.last_hash = entry.entry_hash

    def _take_canonical(self, entry: ChainedEntry, name: str) -> None:
        try:
            said = msgspec.json.decode(entry.canonical, type=_Canonical)
        except msgspec.MsgspecError:
            self._found(Problem.ENTRY_UNREADABLE, name)
            return
        if said.entry_number != entry.entry_number:
            self._found(Problem.ENTRY_ALTERED, name)
        for text_name in sorted(said.texts.keys() | entry.texts.keys()):
            if text_name not in entry.texts:
                self.erased_texts += 1
            elif said.texts.get(text_name) != digest_text(*entry.texts[text_name]):
                self._found(Problem.TEXT_ALTERED, f"the {text_name} of {name}")

    def _found(self, problem: Problem, subject: str) -> None:
        self.findings.append(Finding(problem, subject))


@dataclass(frozen=True, slots=True)
class ExportHead:
    """What the first line of an export says."""

    installation_id: UUID
    exported_at: datetime


class _Canonical(msgspec.Struct):
    entry_number: int
    texts: dict[str, str]


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    form: str
    installation_id: UUID
    exported_at: datetime


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    salt: str
    text: str


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    entry_number: int
    previous_hash: str
    canonical: str
    entry_hash: str
    texts: dict[str, _Text]


class _Foot(msgspec.Struct, forbid_unknown_fields=True):
    entries: int
    last_hash: str
    head_hash: str


def hash_entry(previous_hash: bytes, canonical: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(FORM.encode() + b"\x00" + previous_hash + canonical).digest()


def digest_text(salt: bytes, text: str) -> str:
    """The digest of a text, as entries have it: hexadecimal."""
    return sha256(salt + text.encode()).hexdigest()


def write_head(head: ExportHead) -> bytes:
    """The first line of an export."""
    return _line(_Head(FORM, head.installation_id, head.exported_at))


def write_entry(entry: ChainedEntry) -> bytes:
    """The line of an entry."""
    return _line(
        _Line(
            entry.entry_number,
            entry.previous_hash.hex(),
            entry.canonical.decode(),
            entry.entry_hash.hex(),
            {name: _Text(salt.hex(), text) for name, (salt, text) in entry.texts.items()},
        )
    )


def write_foot(head: bytes, last: ChainedEntry | None) -> bytes:
    """The last line of an export with this head, that ends with this entry; None where it has none."""
    head_hash = _hash_head(head)
    return _line(
        _Foot(0, FIRST_PREVIOUS_HASH.hex(), head_hash)
        if last is None
        else _Foot(last.entry_number, last.entry_hash.hex(), head_hash)
    )


def verify_export(lines: Iterable[bytes]) -> ChainCheck:
    """Follow the chain of an export from its first line to its last."""
    check = ChainCheck()
    numbered = enumerate(lines, start=1)
    first = next(numbered, (1, b""))[1]
    if not _is_head(first):
        check.findings.append(
            Finding(Problem.EXPORT_UNREADABLE, f"line 1, which is no head of the form {FORM}")
        )
    foot: _Foot | None = None
    for number, line in numbered:
        try:
            if foot is not None:
                raise ValueError("a line behind the last")
            foot = _read_foot(line)
            if foot is None:
                check.take(read_line(line))
        except ValueError:
            check.findings.append(Finding(Problem.EXPORT_UNREADABLE, f"line {number}"))
    if foot is None:
        check.findings.append(Finding(Problem.EXPORT_CUT_SHORT, "its last line is missing"))
    elif (foot.entries, foot.last_hash) != (check.entries, check.last_hash.hex()):
        check.findings.append(
            Finding(
                Problem.EXPORT_CUT_SHORT,
                f"its last line speaks of {foot.entries} entries, there are {check.entries}",
            )
        )
    if foot is not None and foot.head_hash != _hash_head(first):
        check.findings.append(Finding(Problem.EXPORT_ALTERED, "line 1"))
    return check


def read_line(line: bytes) -> ChainedEntry:
    """An entry from its line; ValueError when it is none."""
    read = msgspec.json.decode(line, type=_Line)
    return ChainedEntry(
        read.entry_number,
        bytes.fromhex(read.previous_hash),
        read.canonical.encode(),
        bytes.fromhex(read.entry_hash),
        {name: (bytes.fromhex(text.salt), text.text) for name, text in read.texts.items()},
    )


def _read_foot(line: bytes) -> _Foot | None:
    names = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(line, type=_Foot) if "entries" in names else None


def _hash_head(line: bytes) -> str:
    return sha256(line.rstrip(b"\r\n")).hexdigest()


def _is_head(line: bytes) -> bool:
    try:
        return msgspec.json.decode(line, type=_Head).form == FORM
    except ValueError:
        return False


def _line(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record) + b"\n"
