"""The chain of the audit log: verified offline, from an export alone; whatever is changed in it is found."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.deeds import open_place
from tests.holding import make_officer, place_hold, release_hold
from tests.people import make_account
from tests.servers import SharedServers
from workroom import audit_export
from workroom.audit_chain import (
    ChainCheck,
    ChainedEntry,
    Finding,
    Problem,
    digest_text,
    hash_entry,
    read_line,
    verify_export,
    write_entry,
    write_foot,
)
from workroom.storage.database import Database, open_database


@pytest_asyncio.fixture
async def export(database: Database) -> list[bytes]:
    """An export: a head, seven entries, five of them with a reason, and a foot."""
    return await act_and_export(database)


@pytest_asyncio.fixture
async def other_export(servers: SharedServers) -> AsyncIterator[list[bytes]]:
    """An export of another installation, where the same was done."""
    async with servers.clone_template() as urls:
        database = await open_database(urls.service_url, application_name="workroom test")
        yield await act_and_export(database)
        await database.close(0.5)


async def act_and_export(database: Database) -> list[bytes]:
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


async def test_every_value_of_every_line_counts(export: list[bytes]) -> None:
    """Whatever stands in a line, in its head and foot as well, is altered where it stands: each time that is found."""
    tried = 0
    for place, line in enumerate(export):
        record = json.loads(line)
        for name, value in record.items():
            for other in others_than(value):
                altered = json.dumps(
                    {**record, name: other}, separators=(",", ":"), ensure_ascii=False
                ).encode()
                check = verify_export([*export[:place], altered + b"\n", *export[place + 1 :]])
                assert check.findings, (place, name, other)
                tried += 1
        for name in record:
            less = json.dumps({key: value for key, value in record.items() if key != name}).encode()
            assert verify_export([*export[:place], less + b"\n", *export[place + 1 :]]).findings, (
                place,
                name,
            )
    assert tried > 100


def others_than(value: object) -> list[object]:
    """What somebody might put in the place of a value: of the same kind, so that it can be read."""
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, dict):
        return [
            {**value, name: {**text, field: other}}
            for name, text in value.items()
            for field in text
            for other in others_than(text[field])
        ]
    text = str(value)
    places = [place for place, sign in enumerate(text) if sign in "0123456789abcdefxyz"]
    return [
        text[:place] + ("1" if text[place] == "0" else "0") + text[place + 1 :]
        for place in places[:: max(1, len(places) // 6)]
        if text[place] in "0123456789abcdef"
    ]


async def test_a_line_of_another_log_does_not_belong_here(
    export: list[bytes], other_export: list[bytes]
) -> None:
    # Both are whole in themselves, and have the same acts.
    assert verify_export(other_export).findings == []
    for place in range(len(export)):
        swapped = [*export[:place], other_export[place], *export[place + 1 :]]
        assert verify_export(swapped).findings, place
        inserted = [*export[: place + 1], other_export[place], *export[place + 1 :]]
        assert verify_export(inserted).findings, place


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


async def test_a_second_entry_of_the_same_number_is_found_though_it_follows(export: list[bytes]) -> None:
    # Put behind the last one and hashed as it should be, with a foot that speaks of it.
    last = read_line(export[-2])
    canonical = last.canonical.replace(b'"act"', b'"axt"')
    entry_hash = hash_entry(last.entry_hash, canonical)
    second = ChainedEntry(last.entry_number, last.entry_hash, canonical, entry_hash, {})
    check = verify_export([*export[:-1], write_entry(second), write_foot(export[0], second)])
    assert check.findings == [Finding(Problem.ENTRY_OUT_OF_PLACE, f"entry {last.entry_number}")]


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
