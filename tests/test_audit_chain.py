"""The chain of the audit log: verified offline, from an export alone; whatever is changed in it is found."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import pytest_asyncio

from tests.deeds import open_place
from tests.holding import make_officer, place_hold, release_hold
from tests.people import make_account
from workroom import audit_export
from workroom.audit_chain import (
    ChainCheck,
    Finding,
    Problem,
    digest_text,
    hash_entry,
    read_line,
    verify_export,
)
from workroom.storage.database import Database


@pytest_asyncio.fixture
async def export(database: Database) -> list[bytes]:
    """An export: a head, seven entries, five of them with a reason, and a foot."""
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    await release_hold(database, officer, await place_hold(database, officer, place.room_id))
    async with database.read() as reading:
        return [line async for line in audit_export.export_log(reading)]


def changed(line: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    """A line with something in it changed."""
    record = json.loads(line)
    change(record)
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


async def test_an_export_that_nobody_touched_is_whole(export: list[bytes]) -> None:
    check = verify_export(export)
    assert (check.findings, check.entries, check.erased_texts) == ([], len(export) - 2, 0)
    assert check.last_hash == read_line(export[-2]).entry_hash
    assert len(export) > 7


async def test_an_empty_log_is_whole(database: Database) -> None:
    async with database.read() as reading:
        lines = [line async for line in audit_export.export_log(reading)]
    assert verify_export(lines) == ChainCheck()
    assert len(lines) == 2


async def test_every_byte_of_every_entry_counts(export: list[bytes]) -> None:
    for place in range(1, len(export) - 1):
        entry = read_line(export[place])
        for byte in range(0, len(entry.canonical), 7):
            other = bytearray(entry.canonical)
            other[byte] = other[byte] % 96 + 32 if other[byte] % 96 + 32 != other[byte] else 33
            line = changed(export[place], lambda record, other=other: record.update(canonical=other.decode()))  # type: ignore[misc]
            check = verify_export([*export[:place], line, *export[place + 1 :]])
            assert Finding(Problem.ENTRY_ALTERED, f"entry {place}") in check.findings, (place, byte)


async def test_an_entry_that_is_missing_is_found(export: list[bytes]) -> None:
    for place in range(1, len(export) - 1):
        check = verify_export([*export[:place], *export[place + 1 :]])
        assert check.findings, place
        if place < len(export) - 2:
            assert Finding(Problem.ENTRY_MISSING, f"entry {place}") in check.findings
        else:
            assert [finding.problem for finding in check.findings] == [Problem.EXPORT_CUT_SHORT]


async def test_entries_in_another_order_are_found(export: list[bytes]) -> None:
    for place in range(1, len(export) - 2):
        swapped = [*export[:place], export[place + 1], export[place], *export[place + 2 :]]
        problems = {finding.problem for finding in verify_export(swapped).findings}
        assert problems >= {Problem.ENTRY_MISSING, Problem.ENTRY_OUT_OF_PLACE}


async def test_an_entry_that_comes_twice_is_found(export: list[bytes]) -> None:
    check = verify_export([*export[:3], export[2], *export[3:]])
    assert Finding(Problem.ENTRY_OUT_OF_PLACE, "entry 2") in check.findings


async def test_an_entry_that_was_hashed_anew_does_not_follow_or_is_not_followed(export: list[bytes]) -> None:
    entry = read_line(export[3])
    canonical = entry.canonical.replace(b'"act"', b'"axt"')
    forged = changed(
        export[3],
        lambda record: record.update(
            canonical=canonical.decode(), entry_hash=hash_entry(entry.previous_hash, canonical).hex()
        ),
    )
    check = verify_export([*export[:3], forged, *export[4:]])
    assert check.findings == [Finding(Problem.ENTRY_OUT_OF_PLACE, "entry 4")]


async def test_an_entry_that_says_another_number_is_found(export: list[bytes]) -> None:
    line = changed(export[3], lambda record: record.update(entry_number=9))
    problems = {finding.problem for finding in verify_export([*export[:3], line, *export[4:]]).findings}
    assert problems >= {Problem.ENTRY_MISSING, Problem.ENTRY_ALTERED}


async def test_a_text_that_was_altered_is_found_and_one_that_was_erased_is_not_missed(
    export: list[bytes],
) -> None:
    place = next(place for place, line in enumerate(export) if b"A court asks" in line)
    altered = export[place].replace(b"A court asks", b"A count asks")
    check = verify_export([*export[:place], altered, *export[place + 1 :]])
    assert check.findings == [Finding(Problem.TEXT_ALTERED, f"the reason of entry {place}")]
    erased = changed(export[place], lambda record: record.update(texts={}))
    check = verify_export([*export[:place], erased, *export[place + 1 :]])
    assert (check.findings, check.erased_texts) == ([], 1)
    put_in = changed(
        export[1], lambda record: record.update(texts={"reason": {"salt": "00" * 32, "text": "x"}})
    )
    check = verify_export([export[0], put_in, *export[2:]])
    assert check.findings == [Finding(Problem.TEXT_ALTERED, "the reason of entry 1")]


@pytest.mark.parametrize(
    ("cut", "problem"),
    [
        (lambda lines: lines[:-1], Problem.EXPORT_CUT_SHORT),
        (lambda lines: [*lines[:-2], lines[-1]], Problem.EXPORT_CUT_SHORT),
        (lambda lines: lines[1:], Problem.EXPORT_UNREADABLE),
        (lambda lines: [], Problem.EXPORT_UNREADABLE),
        (lambda lines: [*lines, lines[1]], Problem.EXPORT_UNREADABLE),
        (lambda lines: [lines[0], b"no json\n", *lines[1:]], Problem.EXPORT_UNREADABLE),
        (lambda lines: [lines[0], lines[1][:40], *lines[2:]], Problem.EXPORT_UNREADABLE),
        (lambda lines: [lines[0].replace(b"v1", b"v2"), *lines[1:]], Problem.EXPORT_UNREADABLE),
        (
            lambda lines: [lines[0], lines[1].replace(b'"canonical":"{', b'"canonical":"'), *lines[2:]],
            Problem.ENTRY_UNREADABLE,
        ),
    ],
)
async def test_an_export_that_is_cut_short_or_is_none_is_found(
    export: list[bytes], cut: Callable[[list[bytes]], list[bytes]], problem: Problem
) -> None:
    assert problem in {finding.problem for finding in verify_export(cut(export)).findings}


def test_the_byte_form_is_the_documented_one() -> None:
    # Once by hand (sha256sum): a change of the form would make every log of before unverifiable.
    assert hash_entry(bytes(32), b'{"entry_number": 1}').hex() == (
        "54c2ff01aece48b97a82389457e18edf4135bcfd3f3cf106a656738464e1c92d"
    )
    assert (
        digest_text(b"\x01" * 32, "Grüße")
        == "06d4c6b51b04cb7b30ac918ed74301ba17215ec426df23a957e6bbb8a685938e"
    )


def test_findings_are_sentences() -> None:
    for problem in Problem:
        assert str(Finding(problem, "entry 4")).endswith(".")
        assert "entry 4" in str(Finding(problem, "entry 4"))
