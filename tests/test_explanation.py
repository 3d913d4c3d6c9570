"""Every message says which classes and holds apply to it, which of them won, and when its time comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from msgspec import UNSET

from tests.deeds import Place, delete, open_place, post
from tests.holding import attach, make_officer, place_hold, scope_of
from tests.people import make_account
from tests.retaining import assign_default, assign_room, find_due, label_file, label_message, make_class
from tests.uploading import disk_stores
from workroom.accounts import Account
from workroom.disposition import run_disposition
from workroom.errors import NotFound
from workroom.explanation import Explanation, explain, list_due_months, require_explanation
from workroom.hold_scopes import ContentKind
from workroom.ids import MessageId, RoomId
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]


async def a_room(database: Database) -> tuple[Account, Place]:
    author = await make_account(database)
    return author, await open_place(database, author)


async def ask(database: Database, message_id: MessageId) -> Explanation:
    async with database.read() as reading:
        return await require_explanation(reading, message_id)


async def test_without_classes_nothing_ends(database: Database) -> None:
    author, place = await a_room(database)
    posted = await post(database, author, place.shared)
    explained = await ask(database, posted.message_id)
    assert (explained.reason, explained.due_at, explained.state) == ("no_end", None, "shown")
    assert (explained.classes, explained.files, explained.holds) == ([], [], [])


async def test_each_class_says_until_when_it_keeps_and_which_decides(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, place = await a_room(database)
    posted = await post(database, author, place.shared)
    label, room = await make_class(owner, keep=10, destroy=20), await make_class(owner, keep=30)
    default = await make_class(owner, destroy=5)
    await assign_room(owner, place.room_id, room)
    await assign_default(owner, "shared", default)
    await label_message(owner, posted.message_id, label)
    explained = await ask(database, posted.message_id)
    assert (explained.reason, explained.due_at) == ("kept", posted.recorded_at + timedelta(days=30))
    assert [(one.source, one.class_id, one.decides) for one in explained.classes] == [
        ("label", label, ["end"]),
        ("room", room, ["keep"]),
        ("default", default, []),
    ]
    keeps = [one.keeps_until for one in explained.classes]
    assert keeps == [posted.recorded_at + timedelta(days=10), posted.recorded_at + timedelta(days=30), UNSET]


async def test_what_the_explanation_says_is_what_the_database_does(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, place = await a_room(database)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=100, removed=7))
    plain, deleted, with_file = [(await post(database, author, place.shared)).message_id for _ in range(3)]
    await delete(database, author, place.shared, deleted)
    await attach(owner, with_file)
    file_id = await owner.fetchval("select file_id from files")
    await label_file(owner, file_id, await make_class(owner, keep=500))
    for message_id, reason in ((plain, "ended"), (deleted, "removed"), (with_file, "files")):
        explained = await ask(database, message_id)
        assert explained.reason == reason
        assert explained.due_at == await find_due(owner, message_id)
    assert (await ask(database, with_file)).files[0].file_id == file_id


async def test_the_state_says_what_the_next_run_will_do(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database)
    posted = await post(database, author, place.shared)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await move_time(timedelta(days=9))
    assert (await ask(database, posted.message_id)).state == "shown"
    await move_time(timedelta(days=2))
    assert (await ask(database, posted.message_id)).state == "due"
    await owner.execute("update retention_classes set destroy_days = 9")
    assert (await ask(database, posted.message_id)).state == "settling"
    hold = await place_hold(database, await make_officer(database), place.room_id)
    explained = await ask(database, posted.message_id)
    assert (explained.state, [one.hold_id for one in explained.holds]) == ("held", [hold.hold_id])


async def test_a_hold_of_files_only_does_not_keep_the_text(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, place = await a_room(database)
    posted = await post(database, author, place.shared)
    await attach(owner, posted.message_id)
    officer = await make_officer(database)
    await place_hold(database, officer, scope_of(place.room_id, kinds=[ContentKind.FILES]))
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await move_time(timedelta(days=11))
    async with database.read() as reading:
        months = await list_due_months(reading, place.room_id)
    assert [(one.messages, one.held) for one in months] == [(1, 0)]
    assert (await ask(database, posted.message_id)).state == "files_held"
    await owner.execute("update retention_classes set destroy_days = 9")
    assert (await ask(database, posted.message_id)).state == "settling"
    await place_hold(database, officer, place.room_id)
    assert (await ask(database, posted.message_id)).state == "held"


async def test_what_a_hold_kept_when_a_run_came_by_is_said_to_be_gone_for_members(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path
) -> None:
    author, place = await a_room(database)
    posted = await post(database, author, place.shared)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await place_hold(database, await make_officer(database), place.room_id)
    await move_time(timedelta(days=11))
    await run_disposition(database, disk_stores(tmp_path))
    assert (await ask(database, posted.message_id)).state == "held"
    await owner.execute("update retention_classes set destroy_days = 1000")
    assert (await ask(database, posted.message_id)).state == "gone"


async def test_many_are_explained_in_the_order_asked_and_those_gone_are_left_out(
    database: Database,
) -> None:
    author, place = await a_room(database)
    posted = [(await post(database, author, place.shared)).message_id for _ in range(3)]
    async with database.read() as reading:
        explained = await explain(reading, [posted[2], MessageId(uuid4()), posted[0]])
        with pytest.raises(NotFound):
            await require_explanation(reading, MessageId(uuid4()))
    assert [one.message_id for one in explained] == [posted[2], posted[0]]


async def test_what_is_due_in_a_room_by_month(database: Database, owner: asyncpg.Connection) -> None:
    author, place = await a_room(database)
    posted = [(await post(database, author, place.shared)).message_id for _ in range(3)]
    await attach(owner, posted[0], byte_size=500)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=400))
    await label_message(owner, posted[2], await make_class(owner, keep=1000))
    async with database.read() as reading:
        months = await list_due_months(reading, place.room_id)
        with pytest.raises(NotFound):
            await list_due_months(reading, RoomId(uuid4()))
    assert [(one.messages, one.held, one.files, one.bytes) for one in months] == [
        (2, 0, 1, 500),
        (1, 0, 0, 0),
    ]
    due_at = await find_due(owner, posted[0])
    assert due_at is not None
    assert months[0].month == due_at.date().replace(day=1).isoformat()
