"""Alarms at the officers' door: what somebody with an owner's rights changed, until it is in order again."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg

from tests.web.compliance.conftest import Officer
from workroom import integrity
from workroom.audit_chain import Problem
from workroom.storage.database import Database

WORDS = (Path(__file__).parents[3] / "static" / "words" / "english-compliance.js").read_text("utf-8")


async def test_a_guard_that_was_switched_off_is_an_alarm_until_it_is_back(
    officer: Officer, database: Database, owner: asyncpg.Connection
) -> None:
    assert await officer.get("alarms") == {"checked_at": None, "alarms": []}
    await _check(database)
    answer = await officer.get("alarms")
    assert (answer["checked_at"] is not None, answer["alarms"]) == (True, [])

    await owner.execute("alter table messages disable trigger guard_truncate")
    await _check(database)
    [alarm] = (await officer.get("alarms"))["alarms"]
    assert (alarm["problem"], alarm["cleared_at"]) == ("schema_part_altered", None)
    assert "messages" in alarm["subject"]
    [entry] = (await officer.get("audit?act=alarm_raised"))["entries"]
    assert (entry["entry_number"], entry["origin"]) == (alarm["entry_number"], "worker")

    await owner.execute("alter table messages enable always trigger guard_truncate")
    await _check(database)
    [alarm] = (await officer.get("alarms"))["alarms"]
    assert alarm["cleared_at"] is not None


def test_every_problem_that_is_an_alarm_has_words_in_the_console() -> None:
    said = set(re.findall(r"^ {6}(\w+): '", WORDS, re.MULTILINE))
    # Exports are verified in a shell, and raise none.
    assert {each.value for each in Problem if not each.value.startswith("export")} - said == set()


async def _check(database: Database) -> None:
    async with database.transaction() as transaction:
        await integrity.record_check(transaction, await integrity.verify_database(transaction))
