"""Real conversations with their own dates, a class of ten years over them, a hold on one person and on one log: what is
simulated is what goes, and what is left is right to the message.

The logs lie beside the clone; without them the test is skipped, and says so.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from scripts.replaying.log import Log, find_logs, read_log
from tests.deeds import Place, open_place
from tests.holding import make_officer, place_hold, scope_of
from tests.people import by, make_account
from tests.project.tree import ROOT
from tests.retaining import import_messages
from tests.uploading import disk_stores
from workroom.accounts import Account
from workroom.disposition import Pace, run_disposition
from workroom.ids import MessageId
from workroom.retention import AssignDefault, NewClass, RetentionChange
from workroom.retention_rule import CountedFrom
from workroom.simulation import Simulation, apply_change, begin_simulation, run_simulation
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]
DATA = Path(os.environ.get("WORKROOM_TEST_DATA", ROOT.parent / "shared" / "data" / "irc"))
TODAY = datetime(2016, 3, 1, tzinfo=UTC)
TEN_YEARS = 3652


@dataclass
class Line:
    """A message as it was imported."""

    message_id: MessageId
    room: str
    nick: str
    sent_at: datetime


def date_lines(log: Log) -> list[tuple[str, datetime, str]]:
    """Nick, instant and text of what was said; a log begins in the evening of the day that its name says."""
    day = datetime.strptime(log.title[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    lines: list[tuple[str, datetime, str]] = []
    before = 0
    for said in log.said():
        if said.minute < before - 60:
            day += timedelta(days=1)
        before = said.minute
        lines.append(
            (log.names[said.person], day + timedelta(minutes=said.minute, seconds=len(lines) % 60), said.text)
        )
    return lines


class Library:
    """All logs in rooms of their own, each nick an account."""

    def __init__(self, database: Database, owner: asyncpg.Connection) -> None:
        self.database = database
        self.owner = owner
        self.lines: list[Line] = []
        self.rooms: dict[str, Place] = {}
        self.people: dict[str, Account] = {}

    async def take(self, log: Log) -> None:
        host = await make_account(self.database)
        place = self.rooms[log.title] = await open_place(self.database, host)
        dated = date_lines(log)
        for nick in dict.fromkeys(nick for nick, _, _ in dated):
            if nick not in self.people:
                self.people[nick] = await make_account(self.database, name=nick)
        accounts = {nick: self.people[nick].account_id for nick, _, _ in dated}
        await self.owner.executemany(
            "insert into memberships (room_id, account_id, reads_from_seq, joined_seq, joined_at, added_by) "
            "values ($1, $2, 1, 1, '2000-01-01', $2)",
            [(place.room_id, account_id) for account_id in set(accounts.values())],
        )
        spoken = [(accounts[nick], sent_at, text) for nick, sent_at, text in dated]
        ids = await import_messages(self.owner, place.shared, place.room_id, spoken)
        self.lines += [
            Line(message_id, log.title, nick, sent_at)
            for message_id, (nick, sent_at, _) in zip(ids, dated, strict=True)
        ]


async def simulate(database: Database, officer: Account, change: RetentionChange) -> Simulation:
    async with database.transaction() as transaction:
        simulation_id = await begin_simulation(transaction, by(officer), change)
    return await run_simulation(database, simulation_id)


async def apply(database: Database, officer: Account, simulation: Simulation) -> object:
    assert simulation.fingerprint is not None
    async with database.long_transaction() as transaction:
        return await apply_change(
            transaction, by(officer), simulation.change, simulation.fingerprint, "Ten years are enough"
        )


@pytest.mark.deadline(240)
async def test_ten_years_of_help_are_kept_and_held_to_the_message(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path
) -> None:
    logs = [read_log(file) for file in find_logs(DATA)]
    if not logs:
        pytest.skip(f"no logs in {DATA}")
    await move_time(TODAY - await owner.fetchval("select current_instant()"))
    library = Library(database, owner)
    for log in logs:
        await library.take(log)
    assert len(library.lines) > 5_000
    officer = await make_officer(database)
    old = [line for line in library.lines if line.sent_at < TODAY - timedelta(days=TEN_YEARS)]
    held_log = old[0].room
    elsewhere = Counter(line.nick for line in old if line.room != held_log)
    held_nick = elsewhere.most_common(1)[0][0]
    await place_hold(database, officer, library.rooms[held_log].room_id)
    await place_hold(database, officer, scope_of(senders=[library.people[held_nick]]))

    new = await simulate(
        database, officer, NewClass(name="Ten years", counted_from=CountedFrom.SENT, destroy_days=TEN_YEARS)
    )
    class_id = await apply(database, officer, new)
    assert class_id is not None
    change = AssignDefault(room_kind="shared", class_id=class_id)  # type: ignore[arg-type]
    simulation = await simulate(database, officer, change)
    due = [line for line in library.lines if line.sent_at + timedelta(days=TEN_YEARS) <= simulation.instant]
    held = [line for line in due if line.room == held_log or line.nick == held_nick]
    goes = {line.message_id for line in due} - {line.message_id for line in held}
    picture = simulation.picture
    assert picture is not None
    assert (picture.goes.messages, picture.kept_by_holds.messages) == (len(goes), len(held))
    assert sum(month.stays for month in picture.months) == len(library.lines) - len(due)
    assert picture.goes.rooms == len({line.room for line in library.lines if line.message_id in goes})
    by_month = Counter(
        line.sent_at.replace(day=1).date().isoformat() for line in library.lines if line.message_id in goes
    )
    assert {month.month: month.goes for month in picture.months if month.goes} == by_month

    await apply(database, officer, simulation)
    # It was made some moments after it was simulated, and destroys nothing for a day from then on.
    run_at = simulation.instant + timedelta(hours=1)
    assert not [
        line
        for line in library.lines
        if simulation.instant < line.sent_at + timedelta(days=TEN_YEARS) <= run_at
    ]
    await move_time(run_at - await owner.fetchval("select current_instant()"))
    run = await run_disposition(database, disk_stores(tmp_path), pace=Pace(rest=0.0))
    assert run.messages == len(goes)
    left = {record["message_id"] for record in await owner.fetch("select message_id from messages")}
    assert left == {line.message_id for line in library.lines} - goes
    texts = await owner.fetchval("select count(distinct message_id) from message_revisions")
    assert texts == len(left)
