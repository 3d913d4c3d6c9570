"""The inserts of posted messages without our server: a plan on standard input, inserts a second on standard output.

Ways: `batches`, rows made (ids, salts, digests) and inserted, nothing asked and nothing locked; `checked`, all that the
server's transaction does; `single`, the same for one message at a time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import uvloop

from workroom import messages, posting
from workroom.digests import digest_message, mint_salt
from workroom.ids import AccountId, ClientCommandId, RoomId, StreamId, mint_message_id
from workroom.messages import NewMessage
from workroom.settings import Settings
from workroom.storage.database import Database, open_database
from workroom.storage.queries import queries

TEXT = (
    "In this workroom we talk about the closing of the year, and about who sends which papers to whom. " * 2
)
LANES = Settings().lane_count
SINGLE_LANES = (1, LANES)


@dataclass(slots=True)
class BareRoom:
    """A room with its only member, and the number of its last event."""

    room_id: RoomId
    stream_id: StreamId
    author_id: AccountId
    last_seq: int = 1


async def insert_batches(url: str, rooms: Sequence[BareRoom], size: int, seconds: float) -> float:
    """The inserting statement, in transactions, on as many connections as the server has lanes."""
    lanes = [lane for number in range(LANES) if (lane := rooms[number::LANES])]
    connections = [
        await asyncpg.connect(url, server_settings={"search_path": "workroom", "jit": "off"}) for _ in lanes
    ]
    began = time.perf_counter()
    written = await asyncio.gather(
        *(
            _write(connection, lane, size, began + seconds)
            for connection, lane in zip(connections, lanes, strict=True)
        )
    )
    elapsed = time.perf_counter() - began
    for connection in connections:
        await connection.close()
    return sum(written) / elapsed


async def insert_checked(
    database: Database, rooms: Sequence[BareRoom], size: int, seconds: float, lanes: int
) -> float:
    """Whole posts, as the command writer writes them, in so many lanes."""
    began = time.perf_counter()
    written = await asyncio.gather(
        *(_post(database, rooms[lane::lanes] or rooms, size, began + seconds) for lane in range(lanes))
    )
    return sum(written) / (time.perf_counter() - began)


async def _write(connection: asyncpg.Connection, rooms: Sequence[BareRoom], size: int, until: float) -> int:
    written = 0
    while time.perf_counter() < until:
        await connection.execute("begin")
        await connection.execute(queries.messages.insert_posts.sql, *_arguments(rooms, size))
        await connection.execute("commit")
        written += size
    return written


async def _post(database: Database, rooms: Sequence[BareRoom], size: int, until: float) -> int:
    written = 0
    while time.perf_counter() < until:
        batch = [
            NewMessage(room.stream_id, room.author_id, ClientCommandId(uuid4()), TEXT)
            for room in (rooms[number % len(rooms)] for number in range(size))
        ]
        async with database.transaction() as transaction:
            await messages.lock_rooms_of(transaction, {message.stream_id for message in batch})
            await posting.post_messages(transaction, batch)
        written += size
    return written


def _arguments(rooms: Sequence[BareRoom], size: int) -> list[Any]:
    now = datetime.now(UTC)
    rows = []
    for number in range(size):
        room = rooms[number % len(rooms)]
        room.last_seq += 1
        salt = mint_salt()
        digest = digest_message(salt, room.stream_id, room.last_seq, 1, TEXT)
        message_id = mint_message_id(now)
        rows.append(
            (
                room.stream_id,
                room.last_seq,
                room.author_id,
                message_id,
                uuid4(),
                None,
                TEXT,
                (),
                salt,
                digest,
                0,
            )
        )
    counted = rooms[:size]
    return queries.messages.insert_posts.order(
        {
            "posts": rows,
            "stream_ids": [room.stream_id for room in counted],
            "room_ids": [room.room_id for room in counted],
            "last_seqs": [room.last_seq for room in counted],
            "recorded_ats": [now for _ in counted],
            "waiting_sinces": [None for _ in counted],
        }
    )


async def _run(plan: dict[str, Any]) -> None:
    rooms = [
        BareRoom(RoomId(UUID(room)), StreamId(UUID(stream)), AccountId(UUID(author)))
        for room, stream, author in plan["rooms"]
    ]
    url, size, seconds = plan["url"], plan["batch_size"], plan["seconds"]
    if plan["way"] == "batches":
        for _ in range(plan["rounds"]):
            print(await insert_batches(url, rooms, size, seconds))
        return
    database = await open_database(url, application_name="workroom bench")
    for _ in range(plan["rounds"]):
        # One by one: in however many lanes it goes best.
        ways = SINGLE_LANES if plan["way"] == "single" else (LANES,)
        print(max([await insert_checked(database, rooms, size, seconds, lanes) for lanes in ways]))
    await database.close()


if __name__ == "__main__":
    uvloop.run(_run(json.load(sys.stdin)))
