"""What is counted by the first and the last of each month is what would be counted message by message."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.deeds import open_place
from tests.people import make_account
from tests.retaining import import_messages
from workroom.simulation_picture import Question, count_unlabelled
from workroom.storage.database import Database, Transaction

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
