"""Officers, matters, holds and content of every kind, for tests: made through the domain where it makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any

import asyncpg

from tests.deeds import Place, edit, post, react
from tests.people import by, make_account
from workroom import hold_releases, holds, matters
from workroom.accounts import Account
from workroom.hold_releases import ReleaseRule
from workroom.hold_scopes import (
    EVERY_KIND,
    ContentKind,
    Coverage,
    Covers,
    Custodian,
    HoldScope,
    count_coverage,
)
from workroom.holds import Hold
from workroom.ids import MatterId, MessageId, RoomId, mint_file_id
from workroom.storage.database import Database
from workroom.storage.file_store import segment_key

# Tables of content, children before their parents: the order in which they may be deleted.
CONTENT = (
    "message_revisions",
    "message_reactions",
    "file_previews",
    "file_contents",
    "file_segments",
    "files",
    "message_files",
    "messages",
    "room_names",
)
PARTITIONED = tuple(table for table in CONTENT if table not in ("file_segments", "room_names"))
# What may change of a row, because it is said of content and is none: that something was taken back, and when, what was
# found out about a file, and whether it counts.
SAID_LATER = {
    "deleted_at",
    "deleted_by",
    "removed_at",
    "removed_seq",
    "scan_state",
    "preview_state",
    "is_counted",
}
ONE_OFFICER = ReleaseRule(needs_two=False, grace_days=30)

_numbers = count(1)


async def make_officer(database: Database) -> Account:
    """An active compliance officer."""
    return await make_account(database, "compliance")


async def open_matter(database: Database, officer: Account) -> MatterId:
    """A matter of that officer."""
    async with database.transaction() as transaction:
        matter = await matters.open_matter(transaction, by(officer), f"Matter {next(_numbers)}", "A dispute")
    return matter.matter_id


def scope_of(
    *rooms: RoomId,
    members: Iterable[Account] = (),
    senders: Iterable[Account] = (),
    sent_from: datetime | None = None,
    sent_until: datetime | None = None,
    kinds: Iterable[ContentKind] = EVERY_KIND,
) -> HoldScope:
    """A scope in one line."""
    custodians = [Custodian(each.account_id, Covers.MEMBERSHIPS) for each in members]
    custodians += [Custodian(each.account_id, Covers.SENT) for each in senders]
    return HoldScope(frozenset(rooms), frozenset(custodians), sent_from, sent_until, frozenset(kinds))


async def place_hold(
    database: Database, officer: Account, scope: HoldScope | RoomId, matter_id: MatterId | None = None
) -> Hold:
    """A hold on a scope or a room; in a matter of its own unless one is named."""
    if matter_id is None:
        matter_id = await open_matter(database, officer)
    wanted = scope if isinstance(scope, HoldScope) else scope_of(scope)
    async with database.transaction() as transaction:
        return await holds.place_hold(transaction, by(officer), matter_id, wanted, "A court asks")


async def release_hold(database: Database, officer: Account, hold: Hold, grace_days: int = 30) -> Hold:
    """Release a hold, by one officer alone; its grace period begins."""
    async with database.transaction() as transaction:
        await hold_releases.request_release(transaction, by(officer), hold.hold_id, "Settled")
        return await hold_releases.confirm_release(
            transaction, by(officer), hold.hold_id, "Settled", ReleaseRule(False, grace_days)
        )


async def coverage_of(database: Database, scope: HoldScope) -> Coverage:
    """What a scope covers now."""
    async with database.read() as reading:
        return await count_coverage(reading, scope)


async def write_everything(
    database: Database, owner: asyncpg.Connection, author: Account, place: Place
) -> MessageId:
    """A message with two revisions, a reaction, and a file with preview and bytes: a row in each table of content."""
    posted = await post(database, author, place.shared, "Good morning")
    await edit(database, author, place.shared, posted.message_id, "Good evening")
    await react(database, author, place.shared, posted.message_id)
    await attach(owner, posted.message_id, byte_size=1000)
    return posted.message_id


async def attach(owner: asyncpg.Connection, message_id: MessageId, byte_size: int = 1000) -> None:
    """Give a message one more file, as if it had been posted with it."""
    message = await owner.fetchrow("select * from messages where message_id = $1", message_id)
    file_id = mint_file_id(message["sent_at"])
    position = await owner.fetchval("select count(*) from message_files where message_id = $1", message_id)
    async with owner.transaction():
        await owner.execute(
            "insert into files (file_id, stream_id, room_id, uploader_id, byte_size, kind, received_at, message_id, "
            "message_seq, position, scan_state, preview_state) "
            "values ($1, $2, $3, $4, $5, 'picture', $6, $7, $8, $9, 'not_scanned', 'made')",
            file_id, message["stream_id"], message["room_id"], message["author_id"], byte_size, message["recorded_at"],
            message_id, message["seq"], position,
        )  # fmt: skip
        await owner.execute(
            "insert into file_contents (file_id, name, media_type, sha256, block_digests, salt) "
            "values ($1, 'a.png', 'image/png', sha256('a'), sha256('a'), sha256('b'))",
            file_id,
        )
        await owner.execute(
            "insert into file_previews (file_id, media_type, byte_size, sha256, width, height) "
            "values ($1, 'image/webp', 10, sha256('c'), 1, 1)",
            file_id,
        )
        await owner.execute(
            "insert into file_segments (file_id, number, byte_offset, byte_size, store, store_key) "
            "values ($1, 0, 0, $2, 'disk', $3)",
            file_id, byte_size, segment_key(file_id, 0, 1),
        )  # fmt: skip
        await owner.execute(
            "insert into message_files (message_id, position, file_id, alt_text) values ($1, $2, $3, 'A picture')",
            message_id, position, file_id,
        )  # fmt: skip
        await owner.execute("select count_file_bytes($1, $2)", message["room_id"], byte_size)


async def count_content(connection: asyncpg.Connection) -> dict[str, int]:
    """How many rows each table of content has."""
    return {table: await connection.fetchval(f"select count(*) from workroom.{table}") for table in CONTENT}


async def read_content(connection: asyncpg.Connection) -> Mapping[str, list[dict[str, Any]]]:
    """Every row of every table of content, in one order: to see that nothing was touched. What quotas count is none."""
    found = {}
    for table in CONTENT:
        rows = await connection.fetch(
            f"select (to_jsonb(t) - 'is_counted')::text as row from workroom.{table} as t order by 1"
        )
        found[table] = [json.loads(row["row"]) for row in rows]
    return found


async def content_of_room(owner: asyncpg.Connection, room_id: RoomId) -> dict[str, list[str]]:
    """All content of a room, row by row, without what may be said of it later. What nobody sent is none."""
    of_messages = "message_id in (select message_id from messages where room_id = $1)"
    of_files = "file_id in (select file_id from files where room_id = $1 and message_id is not null)"
    found = {}
    for table in CONTENT:
        where = {
            "messages": "room_id = $1",
            "room_names": "room_id = $1",
            "files": "room_id = $1 and message_id is not null",
        }.get(table, of_messages if table.startswith("message_") else of_files)
        rows = await owner.fetch(
            f"select (to_jsonb(t) - $2::text[])::text as row from {table} as t where {where} order by 1",
            room_id, sorted(SAID_LATER),
        )  # fmt: skip
        found[table] = [record["row"] for record in rows]
    return found
