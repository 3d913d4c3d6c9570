"""What a simulation counts is what a run destroys, and what would be counted message by message."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.deeds import Place, delete, edit, open_place, post, react, rename
from tests.holding import attach, make_officer, place_hold, scope_of, write_everything
from tests.people import by, make_account
from tests.retaining import find_due, import_messages, label_file, label_message, make_class
from tests.uploading import disk_stores
from workroom.accounts import Account
from workroom.disposition import Pace, run_disposition
from workroom.hold_scopes import EVERY_KIND, ContentKind
from workroom.ids import MessageId
from workroom.retention import AssignDefault
from workroom.simulation import apply_change, begin_simulation, run_simulation
from workroom.simulation_picture import Question, count_unlabelled
from workroom.storage.database import Database, Transaction

MoveTime = Callable[[timedelta], Awaitable[None]]
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Two months with partitions, and one without.
MOMENTS = [
    datetime(year, month, day, hour, tzinfo=UTC)
    for year, month in ((2019, 11), (2020, 3), (2020, 4))
    for day, hour in ((1, 0), (9, 12), (20, 7))
]


@dataclass(frozen=True)
class Bounds:
    """A room's rule the other way round: until when what was sent or deleted is due. None: it had none."""

    kept: datetime | None
    ended: datetime | None
    removed: datetime | None

    def is_due(self, sent_at: datetime, deleted_at: datetime | None) -> bool:
        if self.kept is None or self.ended is None or self.removed is None or sent_at > self.kept:
            return False
        return sent_at <= self.ended or (deleted_at is not None and deleted_at <= self.removed)

    def is_kept_by_a_class(self, sent_at: datetime) -> bool:
        assert self.kept is not None
        assert self.ended is not None
        return self.kept < sent_at <= self.ended


NO_BOUNDS = Bounds(None, None, None)
NEVER = datetime(2018, 1, 1, tzinfo=UTC)
BOUND = st.sampled_from([NEVER, *MOMENTS, FOREVER]).map(lambda moment: moment + MINUTE)
BOUNDS = st.builds(Bounds, BOUND, BOUND, BOUND)
COUNT = 2 * len(MOMENTS)
ALL_DELETED = st.lists(st.sampled_from(MOMENTS), min_size=COUNT, max_size=COUNT)
SOME_DELETED = st.lists(st.none() | st.sampled_from(MOMENTS), min_size=COUNT, max_size=COUNT)


@dataclass(frozen=True)
class Said:
    """A message, and what a room's sums take of its id."""

    message_id: UUID
    room_id: UUID
    sent_at: datetime
    hashes: tuple[int, int]


async def test_the_first_and_the_last_of_a_month_decide_as_each_of_its_messages_would(
    database: Database, owner: asyncpg.Connection
) -> None:
    await owner.execute("select ensure_partitions('2020-03-01', '2020-05-01')")
    author = await make_account(database)
    for place in [await open_place(database, author) for _ in range(2)]:
        spoken = [(author.account_id, moment, "Said") for moment in MOMENTS]
        await import_messages(owner, place.shared, place.room_id, spoken)
    messages = [
        Said(*record.values())
        for record in await owner.fetch(
            "select message_id, room_id, sent_at, "
            "array[uuid_hash_extended(message_id, 1), uuid_hash_extended(message_id, 2)] from messages"
        )
    ]
    rooms = sorted({message.room_id for message in messages})

    async def compare(now: list[Bounds], before: list[Bounds], deleted: list[datetime | None]) -> None:
        asked: dict[str, list[object]] = {"room_ids": list(rooms)}
        for suffix, rules in (("", now), ("_before", before)):
            for name in ("kept", "ended", "removed"):
                bounds = [getattr(rule, name) for rule in rules]
                asked[f"{name}_until{suffix}"] = [bound and bound.isoformat() for bound in bounds]
        transaction = owner.transaction()
        await transaction.start()
        try:
            deletions = [(one.message_id, at) for one, at in zip(messages, deleted, strict=True) if at]
            await owner.executemany("update messages set deleted_at = $2 where message_id = $1", deletions)
            counted = await count_unlabelled(Transaction(owner), Question(FOREVER, FOREVER), asked)
        finally:
            await transaction.rollback()
        expected: dict[tuple[UUID, datetime], list[int]] = defaultdict(lambda: [0] * 6)
        for message, deleted_at in zip(messages, deleted, strict=True):
            at = rooms.index(message.room_id)
            cell = expected[message.room_id, message.sent_at.replace(day=1, hour=0, tzinfo=None)]
            cell[0] += 1
            cell[1] += (is_due := now[at].is_due(message.sent_at, deleted_at))
            cell[2] += before[at].is_due(message.sent_at, deleted_at)
            cell[3] += now[at].is_kept_by_a_class(message.sent_at)
            for number, part in enumerate(message.hashes if is_due else ()):
                cell[4 + number] ^= part
        assert {
            place: [cell.total, cell.due, cell.due_before, cell.kept_by_classes, *cell.sums]
            for place, cell in counted.items()
        } == expected

    loop = asyncio.get_running_loop()
    two = st.lists(BOUNDS, min_size=2, max_size=2)

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(two, two | st.just([NO_BOUNDS, NO_BOUNDS]), ALL_DELETED | SOME_DELETED)
    def run_all(now: list[Bounds], before: list[Bounds], deleted: list[datetime | None]) -> None:
        asyncio.run_coroutine_threadsafe(compare(now, before, deleted), loop).result(timeout=30)

    await asyncio.to_thread(run_all)


# -- beside a run ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What there is: the rows of messages, those that have a text, and what else runs destroy."""

    rows: set[UUID]
    texts: set[UUID]
    files: set[UUID]
    revisions: set[tuple[UUID, int]]
    reactions: set[tuple[UUID, int]]
    room_names: set[tuple[UUID, int]]


async def look(owner: asyncpg.Connection) -> Left:
    """What is left."""

    async def ids(query: str) -> set[UUID]:
        return {record[0] for record in await owner.fetch(query)}

    async def parts(query: str) -> set[tuple[UUID, int]]:
        return {(record[0], record[1]) for record in await owner.fetch(query)}

    return Left(
        await ids("select message_id from messages"),
        await ids("select message_id from message_revisions"),
        await ids("select file_id from files"),
        await parts("select message_id, revision from message_revisions"),
        await parts("select message_id, added_seq from message_reactions"),
        await parts("select room_id, revision from room_names"),
    )


async def change_mind(database: Database, author: Account, place: Place, message_id: MessageId) -> None:
    """A replaced version, and a reaction that was taken back beside one that stands."""
    await edit(database, author, place.shared, message_id, "Other words")
    for emoji in ("🎉", "👍"):
        await react(database, author, place.shared, message_id, emoji)
    await react(database, author, place.shared, message_id, "🎉", is_added=False)


async def write_of_every_sort(
    database: Database, owner: asyncpg.Connection, author: Account, place: Place
) -> None:
    """With files and without, deleted, labelled, emptied before; and a former name of the room."""
    await rename(database, author, place.room_id, "Another name")
    await write_everything(database, owner, author, place)
    plain = await post(database, author, place.shared, "Nothing with it")
    await change_mind(database, author, place, plain.message_id)
    deleted = await post(database, author, place.shared, "A mistake")
    await delete(database, author, place.shared, deleted.message_id)
    brief, long = await make_class(owner, destroy=5), await make_class(owner, keep=1000)
    for class_id in (brief, long, await make_class(owner, destroy=1000, removed=5)):
        labelled = await write_everything(database, owner, author, place)
        await change_mind(database, author, place, labelled)
        await label_message(owner, labelled, class_id)
    kept = await post(database, author, place.shared, "With a contract")
    await attach(owner, kept.message_id)
    contract = await owner.fetchval("select file_id from files where message_id = $1", kept.message_id)
    await label_file(owner, contract, long)
    emptied, spare = [await write_everything(database, owner, author, place) for _ in range(2)]
    await label_message(owner, spare, brief)
    for table in ("message_revisions", "message_reactions"):
        await owner.execute(f"delete from {table} where message_id = any($1)", [emptied, spare])


@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in ContentKind), tuple(EVERY_KIND)])
async def test_a_run_destroys_what_was_simulated_whatever_kinds_a_hold_keeps(
    database: Database,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
    kinds: Sequence[ContentKind],
) -> None:
    officer, author = await make_officer(database), await make_account(database)
    held, free = [await open_place(database, author) for _ in range(2)]
    for place in (held, free):
        await write_of_every_sort(database, owner, author, place)
    if kinds:
        await place_hold(database, officer, scope_of(held.room_id, kinds=kinds))
    await move_time(timedelta(days=20))
    for place in (held, free):
        posted = await post(database, author, place.shared, "Not due")
        await change_mind(database, author, place, posted.message_id)
    change = AssignDefault(room_kind="shared", class_id=await make_class(owner, destroy=10, removed=1))
    async with database.transaction() as transaction:
        simulation_id = await begin_simulation(transaction, by(officer), change)
    simulation = await run_simulation(database, simulation_id)
    picture, before = simulation.picture, await look(owner)
    assert picture is not None
    assert simulation.fingerprint is not None
    async with database.long_transaction() as transaction:
        await apply_change(transaction, by(officer), change, simulation.fingerprint, "The law says so")
    await move_time(timedelta(days=1, minutes=1))
    due = {each for each in before.rows if (at := await find_due(owner, each)) and at <= simulation.instant}  # type: ignore[arg-type]
    await run_disposition(database, disk_stores(tmp_path), pace=Pace(rest=0.0))

    after = await look(owner)
    gone = (before.rows - after.rows) | (before.texts - after.texts)
    assert {each.message_id for each in picture.first} == gone
    assert picture.goes.messages == sum(month.goes for month in picture.months) == len(gone)
    assert picture.kept_by_holds.messages == len(due - gone)
    assert picture.goes.files == len(before.files - after.files)
    parts = [(before.revisions, after.revisions), (before.reactions, after.reactions)]
    of_staying = [len({part for part in was - remains if part[0] not in gone}) for was, remains in parts]
    assert [picture.revisions, picture.reactions] == of_staying
    assert picture.room_names == len(before.room_names - after.room_names)
    assert all([picture.revisions, picture.reactions, picture.room_names]), "this proves nothing"
    assert picture.goes.rooms == (1 if set(kinds) == EVERY_KIND else 2)
    assert picture.kept_by_holds.rooms == (1 if kinds else 0)
    if kinds == (ContentKind.FILES,):
        assert gone & after.rows, "no row outlives its text: this proves nothing"
        assert due - gone, "nothing had lost its text before: this proves nothing"
