"""An archive: years of rooms in a database of its own, put in once for all figures that are about much at a time.

What lies in its tables is what the product would have written, but for events, which nothing here reads. One message in
a hundred is by one person, who is a member of every room: a hold on what that person sent is spread over everything.
One in five hundred was deleted, one was edited; in the newest month some have files and labels. Months are used up, the
oldest first: `take_months` gives the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from scripts.measure.people import Person, Room, make_people, make_rooms
from scripts.measure.surroundings import Surroundings, prepare_surroundings
from tests.holding import make_officer, open_matter, place_hold, release_hold
from tests.retaining import assign_default, assign_room, make_class
from tests.uploading import disk_stores
from workroom.accounts import Account
from workroom.expiry_rounds import tell_what_expired
from workroom.hold_scopes import EVERY_KIND, Covers, Custodian, HoldScope
from workroom.holds import HoldState, list_holds
from workroom.ids import AccountId, MatterId, RetentionClassId, RoomId
from workroom.storage.database import Database, open_database

MONTHS = 15
MONTHS_WITH_FILES = 1
AUTHORS = 10
FILLING_CONNECTIONS = 2
# A class that was changed destroys nothing for a day, and a hold that was released keeps for one at least: so both are
# done as if that were longer ago.
LONG_ENOUGH = timedelta(days=2)
PARTITIONED = ("messages", "message_revisions", "message_reactions", "message_files")
FILES = ("files", "file_contents", "file_previews")


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the archive. Everything in it was sent a day and more within its bounds."""

    begins_at: datetime
    ends_at: datetime
    first_number: int
    message_count: int
    has_files: bool

    @property
    def partitions(self) -> tuple[str, ...]:
        """Its partitions of what belongs to messages."""
        return tuple(f"{table}_{self.begins_at:%Y_%m}" for table in PARTITIONED)


class Archive:
    """The filled database, and what a scenario needs to act on it. `room` has a fifth of all messages."""

    def __init__(
        self,
        surroundings: Surroundings,
        database: Database,
        message_count: int,
        people: list[Person],
        rooms: list[Room],
    ) -> None:
        self.surroundings = surroundings
        self.owner = surroundings.owner
        self.database = database
        self.stores = disk_stores(surroundings.folder / "stores")
        self.message_count = message_count
        self.people = people
        self.custodian = people[0]
        self.rooms = rooms
        self.room_id = RoomId(rooms[0].room_id)
        self.months = list_months(message_count, datetime.now(UTC))
        self.officer: Account
        self.matter_id: MatterId
        self.class_id: RetentionClassId
        self._left = iter(self.months)

    def take_months(self, count: int) -> list[Month]:
        """The oldest months that no scenario has had."""
        return [next(self._left) for _ in range(count)]

    async def make_due(self, month: Month) -> None:
        """Have everything due that was sent until the end of a month, and nothing after it; members are told of it."""
        async with self.time_set_back(LONG_ENOUGH):
            await self.owner.execute(
                "update retention_classes set destroy_days = $2 where class_id = $1",
                self.class_id,
                (datetime.now(UTC) - month.ends_at).days,
            )
        await tell_what_expired(self.database)

    async def place_hold(self, scope: HoldScope) -> None:
        """Place a hold, and have Postgres count it, as it does by itself within a minute."""
        await place_hold(self.database, self.officer, scope, self.matter_id)
        for table in ("holds", "hold_rooms", "hold_custodians", "hold_releases"):
            await self.owner.execute(f"analyze {table}")

    async def end_holds(self) -> None:
        """Release every hold as if it had been long ago, so that its grace period is over."""
        async with self.database.read() as reading:
            standing = await list_holds(reading, state=HoldState.STANDING)
        async with self.time_set_back(LONG_ENOUGH):
            for hold in standing:
                await release_hold(self.database, self.officer, hold, grace_days=1)

    @asynccontextmanager
    async def time_set_back(self, by: timedelta) -> AsyncIterator[None]:
        """What Postgres gives as now is earlier in the block."""
        await self._set_time(f"clock_timestamp() - interval '{by.total_seconds()} seconds'")
        yield
        await self._set_time("clock_timestamp()")

    def scope_of_custodian(
        self, sent_from: datetime | None = None, sent_until: datetime | None = None
    ) -> HoldScope:
        """One message in a hundred, in every room."""
        sent = Custodian(AccountId(self.custodian.account_id), Covers.SENT)
        return HoldScope(frozenset(), frozenset({sent}), sent_from, sent_until, EVERY_KIND)

    async def _set_time(self, now: str) -> None:
        await self.owner.execute(
            "create or replace function workroom.current_instant() returns timestamptz language sql volatile "
            f"parallel safe as $$ select {now} $$"
        )

    async def measure_bytes(self, months: Sequence[Month]) -> int:
        """What the partitions of months take on the disk, with their indexes; those that are gone take nothing."""
        size: int = await self.owner.fetchval(
            "select coalesce(sum(pg_total_relation_size(to_regclass(p))), 0)::bigint from unnest($1::text[]) as p",
            [partition for month in months for partition in month.partitions],
        )
        return size

    async def count_messages(self, months: Sequence[Month], author_id: UUID | None = None) -> int:
        """How many messages of consecutive months are there; by one person, or by anybody (None)."""
        count: int = await self.owner.fetchval(
            "select count(*) from messages where message_id >= first_message_id_of($1) "
            "and message_id < first_message_id_of($2) and ($3::uuid is null or author_id = $3)",
            months[0].begins_at,
            months[-1].ends_at,
            author_id,
        )
        return count


async def fill_archive(stack: AsyncExitStack, message_count: int, room_count: int) -> Archive:
    """Make the archive. It ends with the stack."""
    surroundings = await stack.enter_async_context(prepare_surroundings())
    owner = surroundings.owner
    people = await make_people(owner, 1 + AUTHORS)
    rooms = await make_rooms(owner, [people] * room_count)
    database = await open_database(surroundings.servers.service_url, application_name="workroom bench")
    stack.push_async_callback(database.close)
    archive = Archive(surroundings, database, message_count, people, rooms)
    archive.officer = await make_officer(database)
    archive.matter_id = await open_matter(database, archive.officer)
    async with archive.time_set_back(LONG_ENOUGH):
        archive.class_id = await make_class(owner, destroy=36_500, removed=3_650)
        for room in rooms:
            await assign_room(owner, RoomId(room.room_id), archive.class_id)
        for kind in ("private", "shared"):
            await assign_default(owner, kind, archive.class_id)
        label_id = await make_class(owner, keep=3_650)
    await _make_partitions(archive)
    waiting = iter(archive.months)

    async def fill() -> None:
        connection = await asyncpg.connect(
            surroundings.servers.owner_url,
            server_settings={"search_path": "workroom", "synchronous_commit": "off"},
        )
        for month in waiting:
            await _fill_month(connection, archive, month, label_id)
        await connection.close()

    async with asyncio.TaskGroup() as filling:
        for _ in range(FILLING_CONNECTIONS):
            filling.create_task(fill())
    for table in (*PARTITIONED, *FILES, "room_classes"):
        await owner.execute(f"analyze {table}")
    await surroundings.let_postgres_settle()
    return archive


def list_months(message_count: int, now: datetime) -> list[Month]:
    """The months of an archive, oldest first; the newest ended a month ago and more. All have as many messages."""
    begins_at = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    bounds = []
    for _ in range(MONTHS + 2):
        bounds.append(begins_at)
        begins_at = (begins_at - timedelta(days=1)).replace(day=1)
    bounds = bounds[:0:-1]
    share = message_count // MONTHS
    return [
        Month(
            begins_at=bounds[number],
            ends_at=bounds[number + 1],
            first_number=1 + number * share,
            message_count=share if number < MONTHS - 1 else message_count - number * share,
            has_files=number >= MONTHS - MONTHS_WITH_FILES,
        )
        for number in range(MONTHS)
    ]


async def _make_partitions(archive: Archive) -> None:
    first, last = archive.months[0], archive.months[-1]
    await archive.owner.execute("select ensure_partitions($1, $2)", first.begins_at, last.begins_at)
    for month in archive.months:
        for partition in month.partitions:
            # Rows that were deleted are cleaned up when it suits the autovacuum: here, into somebody else's round.
            await archive.owner.execute(f"alter table {partition} set (autovacuum_enabled = off)")


MESSAGES = """
    insert into messages (
        message_id, stream_id, room_id, seq, author_id, sent_at, recorded_at, deleted_at, deleted_by, file_count,
        label_class_id, labelled_at
    )
    select (
            lpad(to_hex(floor(extract(epoch from p.sent_at) * 1000)::bigint), 12, '0')
            || '7' || substr(p.random, 2, 3) || '8' || substr(p.random, 6, 15)
        )::uuid,
        ($6::uuid[])[p.room_number], ($5::uuid[])[p.room_number], p.seq, p.author_id, p.sent_at, p.sent_at,
        case when p.dice / 100 % 500 = 0 then p.sent_at + interval '1 hour' end,
        case when p.dice / 100 % 500 = 0 then p.author_id end,
        case when $8::uuid is not null and p.dice % 125 = 1 then 1 else 0 end,
        case when p.dice % 250 = 2 then $8::uuid end,
        case when $8::uuid is not null and p.dice % 250 = 2 then p.sent_at end
    from (
        select d.dice,
            $3::timestamptz + interval '1 day' + (d.n - $1) * $4::interval as sent_at,
            md5(d.n::text) as random,
            case when d.n % 5 = 0 then 1 else 2 + (d.n - d.n / 5 - 1) % (cardinality($5::uuid[]) - 1) end
                as room_number,
            case when d.n % 5 = 0 then d.n / 5 + 1 else (d.n - d.n / 5 - 1) / (cardinality($5::uuid[]) - 1) + 2 end
                as seq,
            ($7::uuid[])[case when d.dice % 100 = 0 then 1 else 2 + d.dice / 100 % (cardinality($7::uuid[]) - 1) end]
                as author_id
        from (
            select g.n, hashint8(g.n) & 2147483647 as dice
            from generate_series($1::bigint, $2::bigint) as g(n)
        ) as d
    ) as p
"""
REVISIONS = """
    insert into message_revisions (message_id, revision, text, salt, author_id, recorded_at)
    select m.message_id, r.number, repeat('archive ', 25), uuid_send(m.message_id) || uuid_send(m.message_id),
        m.author_id, m.recorded_at + r.number * interval '1 minute'
    from {messages} as m
    join generate_series(1, 2) as r(number) on r.number = 1 or uuid_hash(m.message_id) % 500 = 0
"""
FILE_ROWS = (
    """
    insert into files (
        file_id, stream_id, room_id, uploader_id, byte_size, kind, received_at, message_id, message_seq, position,
        scan_state, preview_state
    )
    select m.message_id, m.stream_id, m.room_id, m.author_id, 1000, 'text', m.recorded_at, m.message_id, m.seq, 0,
        'not_scanned', 'none'
    from {messages} as m
    where m.file_count > 0
    """,
    """
    insert into file_contents (file_id, name, media_type, sha256, block_digests, salt)
    select f.file_id, 'a.txt', 'text/plain', sha256(''), sha256(''), sha256('')
    from {messages} as m
    join files as f on f.file_id = m.message_id
    """,
    """
    insert into message_files (message_id, position, file_id)
    select m.message_id, 0, m.message_id
    from {messages} as m
    where m.file_count > 0
    """,
)


async def _fill_month(
    connection: asyncpg.Connection, archive: Archive, month: Month, label_id: RetentionClassId
) -> None:
    await connection.execute(
        MESSAGES,
        month.first_number,
        month.first_number + month.message_count - 1,
        month.begins_at,
        timedelta(days=26) / month.message_count,
        [room.room_id for room in archive.rooms],
        [room.stream_id for room in archive.rooms],
        [person.account_id for person in archive.people],
        UUID(str(label_id)) if month.has_files else None,
        timeout=300,
    )
    messages = month.partitions[0]
    await connection.execute(REVISIONS.format(messages=messages), timeout=300)
    for statement in FILE_ROWS if month.has_files else ():
        await connection.execute(statement.format(messages=messages), timeout=300)
    for partition in month.partitions:
        await connection.execute(f"vacuum {partition}", timeout=300)
