"""The inserts of posted messages without our server: a plan on standard input, inserts a second on standard output.

Ways: `batches`, the inserting statement alone, with columns made before the clock runs; `checked`, all that the server's
transaction does (locks, checks, numbers, digests, inserts); `single`, the same for one message at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
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
from workroom.ids import AccountId, ClientCommandId, RoomId, StreamId, mint_message_id
from workroom.messages import NewMessage
from workroom.settings import Settings
from workroom.storage.database import Database, open_database
from workroom.storage.queries import queries

TEXT = "In this workroom we talk about the closing of the year, and about who sends which papers to whom. " * 2
LANES = Settings().lane_count
MOST_A_SECOND = 60_000
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
    lanes = [rooms[lane::LANES] for lane in range(LANES)]
    batch_count = max(2, int(MOST_A_SECOND * seconds / size / LANES))
    prepared = [[_columns(lane, size) for _ in range(batch_count)] for lane in lanes if lane]
    connections = [
        await asyncpg.connect(url, server_settings={"search_path": "workroom", "jit": "off"}) for _ in prepared
    ]
    began = time.perf_counter()
    written = await asyncio.gather(
        *(_write(connection, batches, began + seconds) for connection, batches in zip(connections, prepared, strict=True))
    )
    elapsed = time.perf_counter() - began
    for connection in connections:
        await connection.close()
    return sum(written) * size / elapsed


async def insert_checked(database: Database, rooms: Sequence[BareRoom], size: int, seconds: float, lanes: int) -> float:
    """Whole posts, as the command writer writes them, in so many lanes."""
    began = time.perf_counter()
    written = await asyncio.gather(
        *(_post(database, rooms[lane::lanes] or rooms, size, began + seconds) for lane in range(lanes))
    )
    return sum(written) / (time.perf_counter() - began)


async def _write(connection: asyncpg.Connection, batches: Sequence[list[Any]], until: float) -> int:
    written = 0
    for columns in batches:
        if time.perf_counter() > until:
            break
        await connection.execute("begin")
        await connection.execute(queries.messages.insert_posts.sql, *columns)
        await connection.execute("commit")
        written += 1
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


def _columns(rooms: Sequence[BareRoom], size: int) -> list[Any]:
    now = datetime.now(UTC)
    chosen = [rooms[number % len(rooms)] for number in range(size)]
    seqs = []
    for room in chosen:
        room.last_seq += 1
        seqs.append(room.last_seq)
    counted = list({room.stream_id: room for room in chosen}.values())
    return queries.messages.insert_posts.order(
        {
            "stream_ids": [room.stream_id for room in chosen],
            "room_ids": [room.room_id for room in chosen],
            "seqs": seqs,
            "actor_ids": [room.author_id for room in chosen],
            "message_ids": [mint_message_id(now) for _ in chosen],
            "client_command_ids": [uuid4() for _ in chosen],
            "sent_ats": [now for _ in chosen],
            "recorded_ats": [now for _ in chosen],
            "reply_to_ids": [None for _ in chosen],
            "texts": [TEXT for _ in chosen],
            "mentions": ["" for _ in chosen],
            "salts": [os.urandom(32) for _ in chosen],
            "content_digests": [os.urandom(32) for _ in chosen],
            "counted_stream_ids": [room.stream_id for room in counted],
            "last_seqs": [room.last_seq for room in counted],
            "last_recorded_ats": [now for _ in counted],
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
