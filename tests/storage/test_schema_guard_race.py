"""A hold and a deletion meet at every boundary between two statements, in both orders: held is never destroyed.

Two real connections go through every order in which their statements can interleave. Whoever has to wait for the other
is seen waiting in `pg_stat_activity`, and the other goes on. What must never be: the hold was committed, and after that
the deletion of what it covers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import combinations
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.holding import make_officer
from tests.looking import BREATH_SECONDS
from tests.servers import DatabaseUrls
from workroom.ids import mint_file_id, mint_message_id
from workroom.storage.database import Database
from workroom.storage.database_errors import HELD


@dataclass(slots=True)
class Side:
    """One of the two: its statements, how far it is, and what became of it."""

    connection: asyncpg.Connection
    statements: Sequence[tuple[str, tuple[object, ...]]]
    pid: int
    done: int = 0
    refused: str | None = None
    running: asyncio.Task[object] | None = None
    committed_at: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Meeting:
    """Two sides and somebody who looks whether one of them waits."""

    watcher: asyncpg.Connection
    placing: Side
    deleting: Side
    clock: int = 0

    async def meet(self, order: Sequence[Side]) -> None:
        """Run the statements of both in an order; who waits is left waiting, and comes back when it may go on."""
        for side in order:
            await self._go_on(side)
        while any(self._has_more(side) for side in (self.placing, self.deleting)):
            for side in (self.placing, self.deleting):
                await self._go_on(side)

    def _has_more(self, side: Side) -> bool:
        return side.running is not None or side.done < len(side.statements)

    async def _go_on(self, side: Side) -> None:
        await self._settle(side)
        if side.running is None and side.done < len(side.statements):
            statement, values = side.statements[side.done]
            side.running = asyncio.ensure_future(side.connection.execute(statement, *values))
            await self._settle(side)

    async def _settle(self, side: Side) -> None:
        """Wait until the side's statement has ended, or is seen waiting for a lock."""
        while side.running is not None:
            await asyncio.wait({side.running}, timeout=BREATH_SECONDS)
            if side.running.done():
                self._ended(side)
                return
            waits = await self.watcher.fetchval(
                "select wait_event_type = 'Lock' and cardinality(pg_blocking_pids(pid)) > 0 "
                "from pg_stat_activity where pid = $1",
                side.pid,
            )
            if waits and not side.running.done():
                return

    def _ended(self, side: Side) -> None:
        assert side.running is not None
        error = side.running.exception()
        side.running = None
        if error is not None:
            assert isinstance(error, asyncpg.PostgresError), error
            side.refused = error.sqlstate
        elif side.statements[side.done][0] == "commit" and side.refused is None:
            self.clock += 1
            side.committed_at.append(self.clock)
        # After a refusal the rest is skipped; only the transaction is ended.
        side.done = (
            side.done + 1
            if side.refused is None or side.done == len(side.statements) - 1
            else (len(side.statements) - 1)
        )


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "workroom"})
    try:
        yield connection
    finally:
        await connection.close()


@pytest_asyncio.fixture
async def lines(
    database_urls: DatabaseUrls, database: Database
) -> AsyncIterator[tuple[asyncpg.Connection, asyncpg.Connection, asyncpg.Connection]]:
    """A connection that places holds, one that deletes, and one that watches; there is an officer with a matter."""
    await make_officer(database)
    async with (
        connect(database_urls.service_url) as placing,
        connect(database_urls.superuser_url) as deleting,
        connect(database_urls.superuser_url) as watching,
    ):
        await placing.execute(
            "insert into matters (matter_id, name, opened_by, opening_entry) "
            "select gen_random_uuid(), 'A matter', account_id, "
            "record_act('matter_opened', 'shell', null, null, 'matter', null, '{}', '{}') "
            "from accounts where kind = 'compliance'"
        )
        yield placing, deleting, watching


def placing_statements(room_id: UUID, custodian_covers: str | None) -> list[tuple[str, tuple[object, ...]]]:
    """What `holds.place_hold` says to the database, in the same order."""
    hold_id = uuid4()
    scope = (
        ("insert into hold_rooms (hold_id, room_id, amendment) values ($1, $2, 1)", (hold_id, room_id))
        if custodian_covers is None
        else (
            "insert into hold_custodians (hold_id, account_id, covers, amendment) "
            "select $1, m.account_id, $3, 1 from memberships as m where m.room_id = $2",
            (hold_id, room_id, custodian_covers),
        )
    )
    return [
        ("begin", ()),
        ("select lock_holds_exclusively()", ()),
        (
            "insert into holds (hold_id, matter_id, placed_by, covers_messages, covers_files) "
            "select $1, matter_id, opened_by, true, true from matters",
            (hold_id,),
        ),
        (
            "insert into hold_amendments (hold_id, number, amended_by, entry_number, covers_messages, "
            "covers_files) select $1, 1, opened_by, 1, true, true from matters",
            (hold_id,),
        ),
        scope,
        ("commit", ()),
    ]


async def write_message(connection: asyncpg.Connection, room_id: UUID) -> UUID:
    """A room with a member of its own, who wrote a message with a file: no hold of an earlier round reaches it."""
    instant = await connection.fetchval("select now()")
    message_id, file_id, stream_id, author = mint_message_id(instant), mint_file_id(instant), uuid4(), uuid4()
    for statement, values in (
        ("insert into accounts (account_id, kind) values ($1, 'staff')", (author,)),
        ("insert into rooms (room_id, kind, created_by) values ($1, 'shared', $2)", (room_id, author)),
        (
            "insert into memberships (room_id, account_id, reads_from_seq, joined_seq, joined_at, added_by) "
            "values ($1, $2, 1, 1, $3, $2)",
            (room_id, author, instant),
        ),
        (
            "insert into room_names (room_id, revision, name, salt, named_by, recorded_at) "
            "values ($1, 1, 'The room', sha256('a'), $2, $3)",
            (room_id, author, instant),
        ),
        (
            "insert into messages (message_id, stream_id, room_id, seq, author_id, sent_at, recorded_at, file_count) "
            "values ($1, $2, $3, 2, $4, $5, $5, 1)",
            (message_id, stream_id, room_id, author, instant),
        ),
        (
            "insert into message_revisions (message_id, revision, text, salt, author_id, recorded_at) "
            "values ($1, 1, 'Good morning', sha256('a'), $2, $3)",
            (message_id, author, instant),
        ),
        (
            "insert into files (file_id, stream_id, room_id, uploader_id, byte_size, kind, received_at, message_id, "
            "message_seq, position, scan_state, preview_state) "
            "values ($1, $2, $3, $4, 1, 'other', $5, $6, 2, 0, 'clean', 'none')",
            (file_id, stream_id, room_id, author, instant, message_id),
        ),
        (
            "insert into file_contents (file_id, name, media_type, sha256, block_digests, salt) "
            "values ($1, 'a', 'a/b', sha256('a'), sha256('a'), sha256('a'))",
            (file_id,),
        ),
        (
            "insert into message_files (message_id, position, file_id) values ($1, 0, $2)",
            (message_id, file_id),
        ),
    ):
        await connection.execute(statement, *values)
    return message_id


def deleting_statements(
    message_id: UUID, table: str, takes_lock: bool
) -> list[tuple[str, tuple[object, ...]]]:
    """A deletion by hand, or as disposition does it: with the lock as its first statement."""
    named = "(select file_id from message_files where message_id = $1)"
    deletions = {
        "message_revisions": "delete from message_revisions where message_id = $1",
        "message_files": "delete from message_files where message_id = $1",
        "files": "delete from files where message_id = $1",
        "file_contents": f"delete from file_contents where file_id in {named}",
        "messages": "delete from messages where message_id = $1",
        "room_names": "delete from room_names using messages as m "
        "where m.message_id = $1 and room_names.room_id = m.room_id",
    }
    return [
        ("begin", ()),
        *([("select lock_holds_shared()", ())] if takes_lock else []),
        ("select count(*) from messages where message_id = $1", (message_id,)),
        (deletions[table], (message_id,)),
        ("commit", ()),
    ]


def orders(placing: Side, deleting: Side) -> list[list[Side]]:
    """Every order in which the statements of both can interleave."""
    places = range(len(placing.statements) + len(deleting.statements))
    return [
        [placing if place in chosen else deleting for place in places]
        for chosen in combinations(places, len(placing.statements))
    ]


@pytest.mark.deadline(240)
@pytest.mark.parametrize("takes_lock", [False, True], ids=["by hand", "as disposition does"])
@pytest.mark.parametrize(
    ("table", "custodian_covers"),
    [
        ("message_revisions", None),
        ("messages", None),
        ("file_contents", None),
        ("files", "memberships"),
        ("message_files", "sent"),
        ("room_names", "memberships"),
    ],
)
async def test_a_hold_and_a_deletion_never_pass_each_other(
    lines: tuple[asyncpg.Connection, asyncpg.Connection, asyncpg.Connection],
    table: str,
    custodian_covers: str | None,
    takes_lock: bool,
) -> None:
    placer, deleter, watcher = lines
    pids = [await each.fetchval("select pg_backend_pid()") for each in (placer, deleter)]
    outcomes = {"hold first": 0, "deletion first": 0}
    number_of_orders = len(
        orders(
            Side(placer, placing_statements(uuid4(), None), 0),
            Side(deleter, deleting_statements(uuid4(), table, takes_lock), 0),
        )
    )
    for number in range(number_of_orders):
        room_id = uuid4()
        message_id = await write_message(watcher, room_id)
        placing = Side(placer, placing_statements(room_id, custodian_covers), pids[0])
        deleting = Side(deleter, deleting_statements(message_id, table, takes_lock), pids[1])
        await Meeting(watcher, placing, deleting).meet(orders(placing, deleting)[number])
        assert placing.refused is None
        assert placing.committed_at, "the hold was placed"
        left = await watcher.fetchval("select count(*) from messages where message_id = $1", message_id)
        if deleting.committed_at:
            assert deleting.committed_at < placing.committed_at, f"order {number}: evidence was lost"
            outcomes["deletion first"] += 1
        else:
            assert deleting.refused == HELD
            assert left == 1
            outcomes["hold first"] += 1
    assert min(outcomes.values()) > number_of_orders / 10, outcomes
