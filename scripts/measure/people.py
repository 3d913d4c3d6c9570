"""People and rooms for a run, put in by SQL as the owner: thousands in a second, and no password is hashed.

What lies in the tables afterwards is what the product itself would have written, but for the `member_joined` events.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg


@dataclass(frozen=True, slots=True)
class Person:
    """An account with a session: `token` is what its cookie holds."""

    account_id: UUID
    stream_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Room:
    """A room by its ids; `stream_id` is its shared stream's."""

    room_id: UUID
    stream_id: UUID


async def make_people(owner: asyncpg.Connection, count: int) -> list[Person]:
    """Accounts of the provider's staff, each signed in."""
    people = [Person(uuid4(), uuid4(), secrets.token_urlsafe(32)) for _ in range(count)]
    now = datetime.now(UTC)
    await _copy(
        owner,
        "accounts",
        ("account_id", "kind", "created_at"),
        ((p.account_id, "staff", now) for p in people),
    )
    await _copy(
        owner,
        "account_profiles",
        ("account_id", "display_name", "email", "email_key"),
        (
            (p.account_id, "Measured person", f"{p.account_id}@example.org", f"{p.account_id}@example.org")
            for p in people
        ),
    )
    await _copy(
        owner,
        "streams",
        ("stream_id", "kind", "account_id"),
        ((p.stream_id, "account", p.account_id) for p in people),
    )
    await _copy(
        owner,
        "sessions",
        ("token_hash", "account_id", "expires_at"),
        ((hashlib.sha256(p.token.encode()).digest(), p.account_id, now + timedelta(days=1)) for p in people),
    )
    return people


async def make_rooms(owner: asyncpg.Connection, memberships: Sequence[Sequence[Person]]) -> list[Room]:
    """Shared rooms, one for each list of members; everybody in one reads from its beginning."""
    rooms = [Room(uuid4(), uuid4()) for _ in memberships]
    pairs = list(zip(rooms, memberships, strict=True))
    now = datetime.now(UTC)
    await _copy(
        owner,
        "rooms",
        ("room_id", "kind", "created_by", "created_at"),
        ((room.room_id, "shared", members[0].account_id, now) for room, members in pairs),
    )
    await _copy(
        owner,
        "room_names",
        ("room_id", "revision", "name", "salt", "named_by", "recorded_at"),
        (
            (room.room_id, 1, "Measured room", os.urandom(32), members[0].account_id, now)
            for room, members in pairs
        ),
    )
    await _copy(
        owner,
        "streams",
        ("stream_id", "kind", "room_id", "last_seq", "last_recorded_at"),
        [
            *((room.stream_id, "shared", room.room_id, 1, now) for room in rooms),
            *((uuid4(), "staff", room.room_id, 0, now) for room in rooms),
        ],
    )
    await _copy(
        owner,
        "events",
        ("stream_id", "seq", "kind", "actor_id", "subject_id", "subject_detail", "recorded_at"),
        (
            (room.stream_id, 1, "room_created", members[0].account_id, room.room_id, 1, now)
            for room, members in pairs
        ),
    )
    await _copy(
        owner,
        "memberships",
        ("room_id", "account_id", "reads_from_seq", "joined_seq", "joined_at", "added_by"),
        [
            (room.room_id, member.account_id, 1, 1, now, member.account_id)
            for room, members in pairs
            for member in members
        ],
    )
    for table in ("accounts", "account_profiles", "sessions", "streams", "rooms", "memberships"):
        await owner.execute(f"vacuum analyze workroom.{table}")
    return rooms


HISTORY = """
    with posted as materialized (
        select n as seq, current_instant() as recorded_at,
            encode(int8send((extract(epoch from current_instant()) * 1000)::bigint), 'hex') as milliseconds,
            replace(gen_random_uuid()::text, '-', '') as random
        from generate_series($3::bigint, $4::bigint) as n
    ), identified as materialized (
        select seq, recorded_at,
            (right(milliseconds, 12) || '7' || substr(random, 2, 3) || '8' || substr(random, 6, 15))::uuid as message_id
        from posted
    ), written as (
        insert into events (stream_id, seq, kind, actor_id, subject_id, recorded_at, content_digest)
        select $1, seq, 'message_posted', $5, message_id, recorded_at, sha256(message_id::text::bytea)
        from identified
    ), kept as (
        insert into messages (message_id, stream_id, room_id, seq, author_id, sent_at, recorded_at)
        select message_id, $1, $2, seq, $5, recorded_at, recorded_at
        from identified
    )
    insert into message_revisions (message_id, revision, text, salt, author_id, recorded_at)
    select message_id, 1, repeat('history ', 25), sha256(message_id::text::bytea), $5, recorded_at
    from identified
"""
HISTORY_STEP = 50_000


async def write_history(owner: asyncpg.Connection, room: Room, author: Person, message_count: int) -> int:
    """Fill a fresh room with so many messages; gives the number of the last."""
    last_seq = 1 + message_count
    await owner.execute("set synchronous_commit = off")
    for first in range(2, last_seq + 1, HISTORY_STEP):
        last = min(first + HISTORY_STEP - 1, last_seq)
        await owner.execute(
            HISTORY, room.stream_id, room.room_id, first, last, author.account_id, timeout=120
        )
    await owner.execute("set synchronous_commit = on")
    await owner.execute(
        "update streams set last_seq = $2, last_message_seq = $2 where stream_id = $1",
        room.stream_id,
        last_seq,
    )
    for table in ("events", "messages", "message_revisions"):
        await owner.execute(f"vacuum analyze workroom.{table}", timeout=120)
    return last_seq


async def _copy(owner: asyncpg.Connection, table: str, columns: Sequence[str], rows: object) -> None:
    await owner.copy_records_to_table(table, schema_name="workroom", columns=list(columns), records=rows)
