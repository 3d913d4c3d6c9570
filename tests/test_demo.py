"""The demo: an empty installation becomes a small accounting firm, and nothing else ever does."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest
import pytest_asyncio

from tests.people import actor_of, make_account
from workroom import accounts, credentials, room_overview
from workroom.demo import fill_demo
from workroom.demo.cast import CAST, PASSWORD
from workroom.demo.script import read_script
from workroom.errors import StartupError
from workroom.passwords import PasswordHasher
from workroom.settings import Settings
from workroom.storage.database import Database

TODAY = datetime(2026, 3, 2, tzinfo=UTC)
CLOCK = "select pg_get_functiondef('workroom.current_instant()'::regprocedure)"


@pytest_asyncio.fixture
async def filled(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[list[str]]:
    clock = await owner.fetchval(CLOCK)
    yield await fill_demo(settings)
    assert await owner.fetchval(CLOCK) == clock, "the clock is the real one again"


async def test_its_officers_hold_a_room_and_what_somebody_sent(
    filled: list[str], owner: asyncpg.Connection
) -> None:
    assert await owner.fetchval("select count(*) from accounts where kind = 'compliance'") == 2, (
        "it takes two"
    )
    held = await owner.fetch("select distinct room_id from held_messages")
    assert len(held) >= 2
    acts = [row["act"] for row in await owner.fetch("select act from audit_entries order by entry_number")]
    assert acts[-2:] == ["matter_opened", "hold_placed"]
    assert acts.count("retention_changed") == 2
    [default] = await owner.fetch(
        "select d.room_kind, c.keep_days from room_kind_defaults as d join retention_classes as c using (class_id)"
    )
    assert (default["room_kind"], default["keep_days"]) == ("private", 3650)


async def test_it_is_a_believable_provider(filled: list[str], owner: asyncpg.Connection) -> None:
    kinds = Counter(row["kind"] for row in await owner.fetch("select kind from accounts"))
    assert set(kinds) == {"customer", "staff", "compliance", "admin"}
    assert await owner.fetchval("select count(*) from customers") == 3
    rooms = Counter(row["kind"] for row in await owner.fetch("select kind from rooms"))
    assert rooms == {"private": 4, "shared": 2}
    posted = Counter(
        row["kind"]
        for row in await owner.fetch(
            "select s.kind from events join streams as s using (stream_id) where events.kind = 'message_posted'"
        )
    )
    assert posted["shared"] >= 100
    assert posted["staff"] >= 8, "internal notes"
    deeds = {row["kind"] for row in await owner.fetch("select distinct kind from events")}
    assert {
        "message_edited",
        "message_deleted",
        "reaction_added",
        "member_joined",
        "read_marker_moved",
    } <= deeds
    assert await owner.fetchval("select count(*) from messages where reply_to_message_id is not null") >= 20


async def test_everybody_signs_in_with_the_password_that_is_printed(
    filled: list[str], database: Database
) -> None:
    said = "\n".join(filled)
    assert PASSWORD in said
    with PasswordHasher() as hasher:
        for person in CAST.values():
            assert person.email in said
            async with database.read() as reading:
                found = await credentials.find_credentials(reading, person.email)
            assert found is not None
            assert (await hasher.check_password(found.password_hash, PASSWORD)).matches


async def test_it_happened_on_days_past_and_in_order(filled: list[str], owner: asyncpg.Connection) -> None:
    events = await owner.fetch("select stream_id, seq, recorded_at from events order by stream_id, seq")
    now = datetime.now(UTC)
    assert max(event["recorded_at"] for event in events) < now
    assert len({event["recorded_at"].date() for event in events}) >= 5
    assert now - min(event["recorded_at"] for event in events) < timedelta(days=9)
    for before, after in pairwise(events):
        if before["stream_id"] == after["stream_id"]:
            assert after["seq"] == before["seq"] + 1
            assert after["recorded_at"] >= before["recorded_at"]
    assert (
        await owner.fetchval("select count(*) from accounts where created_at > now() - interval '7 days'")
        == 0
    )


async def test_somebody_waits_for_an_answer_and_something_is_unread(
    filled: list[str], database: Database
) -> None:
    async with database.read() as reading:
        tomas = actor_of(await accounts.require_account_of(reading, CAST["tomas"].email))
        waiting = (await room_overview.list_waiting_rooms(reading, tomas)).rooms
        lines = await room_overview.list_rooms(reading, tomas)
    assert {line.name for line in waiting} >= {"First tax return", "VAT registration abroad"}
    assert sum(line.unread for line in lines) >= 2


async def test_a_second_time_it_refuses_and_changes_nothing(
    filled: list[str], settings: Settings, owner: asyncpg.Connection
) -> None:
    before = await owner.fetchval("select count(*) from events")
    with pytest.raises(StartupError, match="has accounts"):
        await fill_demo(settings)
    assert await owner.fetchval("select count(*) from events") == before


async def test_it_refuses_an_installation_that_somebody_uses(
    settings: Settings, database: Database, owner: asyncpg.Connection
) -> None:
    await make_account(database)
    with pytest.raises(StartupError, match="has accounts"):
        await fill_demo(settings)
    assert await owner.fetchval("select count(*) from accounts") == 1


async def test_it_refuses_where_others_could_reach_it(settings: Settings, owner: asyncpg.Connection) -> None:
    for reachable in (
        replace(settings, host="0.0.0.0"),
        replace(settings, host="192.0.2.1"),
        replace(settings, public_url="https://rooms.example.org"),
    ):
        with pytest.raises(StartupError, match=r"WORKROOM_HOST=127\.0\.0\.1"):
            await fill_demo(reachable)
    with pytest.raises(StartupError, match="WORKROOM_OWNER_DATABASE_URL"):
        await fill_demo(replace(settings, owner_database_url=None))
    assert await owner.fetchval("select count(*) from accounts") == 0


def test_a_line_of_the_script_is_a_deed_with_its_moment_and_what_it_is_about() -> None:
    [opens, says, reacts] = read_script(
        [
            "# a comment",
            "",
            "-2 09:00 mara opens private for Lindt Bakery, Studio: The accounts",
            r"-1 10:30 tomas says #second to #first: One:\ntwo",
            "-1 10:31 mara reacts 👍 #second",
        ],
        TODAY,
    )
    assert (opens.verb, opens.what, opens.text, opens.at) == (
        "opens",
        "private for Lindt Bakery, Studio",
        "The accounts",
        datetime(2026, 2, 28, 9, tzinfo=UTC),
    )
    assert (says.label, says.reply_to, says.text, says.what) == ("second", "first", "One:\ntwo", "")
    assert (reacts.what, reacts.label, reacts.reply_to, reacts.room) == ("👍", "second", None, 0)


def test_a_line_that_is_no_deed_is_named() -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_script(["-1 10:30 tomas reads", "tomorrow tomas reads"], TODAY)
