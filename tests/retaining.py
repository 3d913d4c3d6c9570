"""Retention classes and their use, for tests: written as the owner, without the road that officers take.

A changed rule destroys nothing for a day: a test that wants something destroyed moves time on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from workroom.ids import (
    AccountId,
    FileId,
    MessageId,
    RetentionClassId,
    RoomId,
    StreamId,
    mint_message_id,
)


async def make_class(
    owner: asyncpg.Connection,
    *,
    counted_from: str = "sent",
    keep: int | None = None,
    destroy: int | None = None,
    removed: int = 30,
    is_locked: bool = False,
) -> RetentionClassId:
    """A class with these periods, in days."""
    class_id = RetentionClassId(uuid4())
    await owner.execute(
        "insert into workroom.retention_classes (class_id, name, counted_from, keep_days, destroy_days, removed_days, "
        "locked_at) values ($1, $2, $3, $4, $5, $6, case when $7 then workroom.current_instant() end)",
        class_id, f"Class {class_id}", counted_from, keep, destroy, removed, is_locked,
    )  # fmt: skip
    return class_id


async def assign_room(owner: asyncpg.Connection, room_id: RoomId, class_id: UUID | None) -> None:
    """Give a room a class."""
    await owner.execute(
        "insert into workroom.room_classes (room_id, class_id) values ($1, $2) "
        "on conflict (room_id) do update set class_id = excluded.class_id",
        room_id, class_id,
    )  # fmt: skip


async def assign_default(owner: asyncpg.Connection, room_kind: str, class_id: UUID | None) -> None:
    """Give rooms of a kind a class."""
    await owner.execute(
        "insert into workroom.room_kind_defaults (room_kind, class_id) values ($1, $2) "
        "on conflict (room_kind) do update set class_id = excluded.class_id",
        room_kind, class_id,
    )  # fmt: skip


async def label_message(owner: asyncpg.Connection, message_id: MessageId, class_id: UUID | None) -> None:
    """Give a message a label."""
    await owner.execute(
        "update workroom.messages set label_class_id = $2 where message_id = $1", message_id, class_id
    )


async def label_file(owner: asyncpg.Connection, file_id: FileId, class_id: UUID | None) -> None:
    """Give a file a label."""
    await owner.execute("update workroom.files set label_class_id = $2 where file_id = $1", file_id, class_id)


async def find_due(owner: asyncpg.Connection, message_id: MessageId) -> datetime | None:
    """When the time of a message comes, as the database has it; None: never."""
    due_at: datetime | None = await owner.fetchval(
        "select nullif(workroom.message_due_at(m.message_id, m.labelled_at, m.sent_at, m.deleted_at, r.end_after, "
        "r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after), 'infinity') "
        "from workroom.messages as m join workroom.room_rules as r using (room_id) where m.message_id = $1",
        message_id,
    )
    return due_at


async def find_file_due(owner: asyncpg.Connection, file_id: FileId) -> datetime | None:
    """The same for a labelled file."""
    due_at: datetime | None = await owner.fetchval(
        "select nullif(workroom.labelled_file_due_at($1), 'infinity')", file_id
    )
    return due_at


async def import_messages(
    owner: asyncpg.Connection,
    stream_id: StreamId,
    room_id: RoomId,
    lines: Sequence[tuple[AccountId, datetime, str]],
) -> list[MessageId]:
    """Write messages with times of their own (author, sent_at, text) into a stream, as an import would."""
    ids = [mint_message_id(sent_at) for _, sent_at, _ in lines]
    async with owner.transaction():
        first = await owner.fetchval(
            "update workroom.streams set last_seq = last_seq + $2, last_message_seq = last_seq + $2 "
            "where stream_id = $1 returning last_seq - $2 + 1",
            stream_id, len(lines),
        )  # fmt: skip
        rows = [
            (stream_id, first + place, author, message_id, sent_at, text)
            for place, ((author, sent_at, text), message_id) in enumerate(zip(lines, ids, strict=True))
        ]
        await owner.executemany(
            "insert into workroom.events (stream_id, seq, kind, actor_id, subject_id, recorded_at, content_digest) "
            "values ($1, $2, 'message_posted', $3, $4, workroom.current_instant(), sha256('x'))",
            [row[:4] for row in rows],
        )
        await owner.executemany(
            "insert into workroom.messages (message_id, stream_id, room_id, seq, author_id, sent_at, recorded_at) "
            "values ($4, $1, $6, $2, $3, $5, workroom.current_instant())",
            [(*row[:5], room_id) for row in rows],
        )
        await owner.executemany(
            "insert into workroom.message_revisions (message_id, revision, text, salt, author_id, recorded_at) "
            "values ($1, 1, $2, sha256('salt'), $3, workroom.current_instant())",
            [(row[3], row[5], row[2]) for row in rows],
        )
    return ids
