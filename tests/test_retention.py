"""What has expired is not shown, held or not: every road by which a member reads, a minute before and a minute after.

And the classes themselves: what may be changed, what is refused, and what the database refuses by itself.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import (
    Place,
    a_command,
    delete,
    edit,
    find_place,
    mark,
    open_place,
    page,
    post,
    react,
    read_all,
    rename,
)
from tests.holding import make_officer, place_hold
from tests.people import actor_of, make_account
from tests.retaining import assign_default, assign_room, label_message, make_class
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import files, memberships, retention, room_overview, rooms
from workroom.accounts import Account
from workroom.disposition import Pace, run_disposition
from workroom.errors import CommandIdReused, Conflict, InvalidInput, NotFound
from workroom.expiry_rounds import tell_what_expired
from workroom.ids import CustomerId, RetentionClassId, RoomId
from workroom.retention import (
    AssignDefault,
    AssignRoom,
    ChangeClass,
    LockClass,
    NewClass,
    RemoveClass,
    RetentionChange,
)
from workroom.retention_rule import CountedFrom
from workroom.storage.database import Database
from workroom.storage.queries import queries

MoveTime = Callable[[timedelta], Awaitable[None]]
A_MINUTE = timedelta(minutes=1)


async def a_room(
    database: Database, owner: asyncpg.Connection, days: int = 10
) -> tuple[Account, Account, Place]:
    """Author, reader, and a room whose messages end after so many days."""
    author, reader = await make_account(database), await make_account(database)
    place = await open_place(database, author, reader)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=days))
    return author, reader, place


async def texts(database: Database, reader: Account, place: Place, **where: int) -> list[str]:
    return [message.text for message in (await page(database, reader, place.shared, **where)).messages]


@pytest.fixture(params=[False, True], ids=["free", "held"])
def is_held(request: pytest.FixtureRequest) -> bool:
    """Whether the room is on hold: it makes no difference to anybody in it."""
    held: bool = request.param
    return held


async def hold_if(database: Database, place: Place, is_held: bool) -> None:
    if is_held:
        await place_hold(database, await make_officer(database), place.room_id)


async def test_history_ends_where_the_time_has_come(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_held: bool
) -> None:
    author, reader, place = await a_room(database, owner)
    await hold_if(database, place, is_held)
    old = await post(database, author, place.shared, "Old")
    await move_time(timedelta(days=5))
    new = await post(database, author, place.shared, "New", reply_to=old.message_id)
    await move_time(timedelta(days=5) - A_MINUTE)
    assert await texts(database, reader, place) == ["Old", "New"]
    await move_time(2 * A_MINUTE)
    found = await page(database, reader, place.shared)
    assert ([m.text for m in found.messages], found.quoted, found.more_before) == (["New"], [], False)
    assert await texts(database, reader, place, before=new.seq) == []
    assert await texts(database, reader, place, after=0) == ["New"]
    assert await texts(database, reader, place, around=old.seq) == ["New"]
    assert not (await page(database, reader, place.shared, after=new.seq)).messages
    assert not (await page(database, reader, place.shared, after=new.seq - 1)).more_before


async def test_catching_up_tells_what_has_expired_without_content(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_held: bool
) -> None:
    author, reader, place = await a_room(database, owner)
    await hold_if(database, place, is_held)
    posted = await post(database, author, place.shared, "Old")
    await edit(database, author, place.shared, posted.message_id, "Older")
    await react(database, reader, place.shared, posted.message_id)
    since = posted.seq - 1
    told = await read_all(database, place.shared, since)
    assert [event.withheld for event in told] == [False, False, False]
    await move_time(timedelta(days=10) + A_MINUTE)
    told = await read_all(database, place.shared, since)
    assert [(event.kind, event.withheld) for event in told] == [
        ("message_posted", True),
        ("message_edited", True),
        ("reaction_added", True),
    ]
    assert {(event.text, event.emoji, event.message_id) for event in told} == {(None, None, None)}


async def test_the_list_of_rooms_shows_and_counts_nothing_that_has_expired(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_held: bool
) -> None:
    author, reader, place = await a_room(database, owner)
    await hold_if(database, place, is_held)
    await post(database, author, place.shared, "Old", mentions=(reader.account_id,))
    await post(database, author, place.staff, "Old note")

    async def line() -> tuple[int, Any, bool, str | None]:
        async with database.read() as reading:
            found = (await room_overview.list_rooms(reading, actor_of(reader)))[0]
        last = found.last_message
        return found.unread, found.staff_unread, found.mentioned, last.text if last else None

    assert await line() == (1, 1, True, "Old")
    await move_time(timedelta(days=10) + A_MINUTE)
    assert await line() == (0, 0, False, None)


async def test_nothing_can_be_done_to_what_has_expired(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_held: bool
) -> None:
    author, reader, place = await a_room(database, owner)
    await hold_if(database, place, is_held)
    old = await post(database, author, place.shared, "Old")
    await move_time(timedelta(days=10) + A_MINUTE)
    for deed in (
        edit(database, author, place.shared, old.message_id, "Changed"),
        delete(database, author, place.shared, old.message_id),
        react(database, reader, place.shared, old.message_id),
        post(database, reader, place.shared, "About that", reply_to=old.message_id),
    ):
        with pytest.raises(NotFound):
            await deed
    await mark(database, reader, place.shared, old.seq)


async def test_a_command_of_long_ago_is_answered_as_then_whatever_it_says_now(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_held: bool
) -> None:
    author, reader, place = await a_room(database, owner)
    await hold_if(database, place, is_held)
    commands = [a_command() for _ in range(4)]
    old = await post(database, author, place.shared, "Old", command=commands[0])
    await edit(database, author, place.shared, old.message_id, "Older", command=commands[1])
    await react(database, reader, place.shared, old.message_id, "👍", command=commands[2])
    await rename(database, author, place.room_id, "Before", command=commands[3])
    await rename(database, author, place.room_id, "After")

    async def again() -> None:
        await post(database, author, place.shared, "Other", command=commands[0])
        await edit(database, author, place.shared, old.message_id, "Other", command=commands[1])
        await react(database, reader, place.shared, old.message_id, "🎉", command=commands[2])
        await rename(database, author, place.room_id, "Other", command=commands[3])

    with pytest.raises(CommandIdReused):
        await again()
    await move_time(timedelta(days=31))
    await again()


async def test_what_was_replaced_long_ago_is_compared_with_nothing_when_its_command_comes_again(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path, is_held: bool
) -> None:
    author, customer = await make_account(database), await make_account(database, "customer")
    opening, posting = a_command(), a_command()

    async def open_again(name: str, *customers: CustomerId | None) -> RoomId:
        async with database.transaction() as transaction:
            opened = await rooms.create_room(
                transaction,
                actor_of(author),
                kind="shared",
                name=name,
                customer_ids=[each for each in customers if each is not None],
                client_command_id=opening,
            )
        return opened[0]

    place = await find_place(database, await open_again("Before"))
    await assign_room(owner, place.room_id, await make_class(owner, destroy=1000))
    await hold_if(database, place, is_held)
    posted = await post(database, author, place.shared, "Old", command=posting)
    await edit(database, author, place.shared, posted.message_id, "Older")
    await rename(database, author, place.room_id, "After")
    for again in (open_again("Other"), post(database, author, place.shared, "Other", command=posting)):
        with pytest.raises(CommandIdReused):
            await again
    await move_time(timedelta(days=31))
    await run_disposition(database, disk_stores(tmp_path), pace=Pace(rest=0))
    left = [
        await owner.fetchval("select count(*) from message_revisions"),
        await owner.fetchval("select count(*) from room_names"),
    ]
    assert left == ([2, 2] if is_held else [1, 1]), (
        "what was replaced is gone where it is free, and only there"
    )
    assert await texts(database, author, place) == ["Older"]
    assert await open_again("Other") == place.room_id
    assert (await post(database, author, place.shared, "Other", command=posting)).seq == posted.seq
    with pytest.raises(CommandIdReused):
        await open_again("Before", customer.customer_id)


async def test_files_of_what_has_expired_are_not_listed_not_fetched_and_not_counted(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path, is_held: bool
) -> None:
    author, reader, place = await a_room(database, owner)
    await hold_if(database, place, is_held)
    receiver = make_receiver(database, disk_stores(tmp_path))
    file_id = await upload(receiver, author, place, os.urandom(3000))
    await claim(database, author, place, file_id)

    async def look() -> tuple[int, bool, int]:
        async with database.read() as reading:
            readership = await memberships.require_member(reading, reader.account_id, place.shared)
            listed, _ = await files.list_files(reading, readership, files.FileRequest())
            try:
                file = await files.require_readable_file(reading, reader.account_id, file_id)
                is_served = await files.is_still_readable(reading, reader.account_id, file)
            except NotFound:
                is_served = False
            used = await reading.fetch_one(
                queries.uploads.count_visible_bytes,
                room_id=place.room_id,
                uploader_id=author.account_id,
            )
        assert used["room_bytes"] == used["all_bytes"]
        return len(listed), is_served, used["room_bytes"]

    await tell_what_expired(database)
    assert await look() == (1, True, 3000)
    await move_time(timedelta(days=10) + A_MINUTE)
    assert await look() == (0, False, 3000)
    await tell_what_expired(database)
    assert await look() == (0, False, 0)


async def test_a_tombstone_goes_when_its_time_has_come(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, is_held: bool
) -> None:
    author, reader, place = await a_room(database, owner, days=1000)
    await hold_if(database, place, is_held)
    gone = await post(database, author, place.shared, "A mistake")
    await post(database, author, place.shared, "Better")
    await delete(database, author, place.shared, gone.message_id)
    await move_time(timedelta(days=30) - A_MINUTE)
    assert await texts(database, reader, place) == ["", "Better"]
    await move_time(2 * A_MINUTE)
    assert await texts(database, reader, place) == ["Better"]


async def test_a_label_that_keeps_shows_one_message_among_those_that_are_gone(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, reader, place = await a_room(database, owner)
    posted = [await post(database, author, place.shared, str(number)) for number in range(3)]
    await label_message(owner, posted[1].message_id, await make_class(owner, keep=100))
    await move_time(timedelta(days=20))
    assert await texts(database, reader, place) == ["1"]
    await move_time(timedelta(days=81))
    assert await texts(database, reader, place) == []


async def test_a_name_that_a_room_had_is_told_until_its_time_has_come(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, _, place = await a_room(database, owner, days=1000)
    await rename(database, author, place.room_id, "Second")
    await rename(database, author, place.room_id, "Third")

    async def names() -> list[str | None]:
        told = await read_all(database, place.shared, 0)
        return [event.name for event in told if event.kind in ("room_created", "room_renamed")]

    assert await names() == ["The room", "Second", "Third"]
    await move_time(timedelta(days=31))
    assert await names() == [None, None, "Third"]


async def test_a_file_that_expired_before_its_message_leaves_the_others_their_places(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path
) -> None:
    author, reader, place = await a_room(database, owner, days=1000)
    receiver = make_receiver(database, disk_stores(tmp_path))
    ids = [await upload(receiver, author, place, os.urandom(10), f"{name}.bin") for name in "abc"]
    posted = await claim(database, author, place, *ids)
    short = await make_class(owner, destroy=5)
    await owner.execute("update files set label_class_id = $1 where file_id = $2", short, ids[1])
    await owner.execute(
        "insert into events (stream_id, seq, kind, actor_id, subject_id, subject_seq, subject_detail, recorded_at) "
        "select stream_id, last_seq + 1, 'file_changed', $2, $3, $4, 2, current_instant() "
        "from streams where stream_id = $1",
        place.shared, author.account_id, posted.message_id, posted.seq,
    )  # fmt: skip
    await owner.execute("update streams set last_seq = last_seq + 1 where stream_id = $1", place.shared)
    for expected in (["a.bin", "b.bin", "c.bin"], ["a.bin", "c.bin"]):
        message = (await page(database, reader, place.shared)).messages[-1]
        assert [file.name for file in message.files or []] == expected
        told = await read_all(database, place.shared, posted.seq - 1)
        assert [file.name for file in told[0].files] == expected
        assert told[1].file is not None
        assert told[1].file.name == "c.bin"
        await move_time(timedelta(days=6))


# -- classes -------------------------------------------------------------------------------------------------


async def change(database: Database, wanted: RetentionChange) -> RetentionClassId:
    """Make a change as an officer's would be made, after its simulation."""
    class_id = RetentionClassId(uuid4())
    async with database.transaction() as transaction:
        await retention.make_change(transaction, wanted, class_id)
    return class_id


def a_class(**more: Any) -> NewClass:
    return NewClass(name="Ten days", counted_from=CountedFrom.SENT, **more)


async def test_a_class_says_what_uses_it(database: Database, owner: asyncpg.Connection) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    class_id = await change(database, a_class(destroy_days=10))
    await change(database, AssignRoom(room_id=place.room_id, class_id=class_id))
    await change(database, AssignDefault(room_kind="private", class_id=class_id))
    await label_message(owner, (await post(database, author, place.shared)).message_id, class_id)
    async with database.read() as reading:
        listed = await retention.list_classes(reading)
        assert await retention.find_room_classes(reading, place.room_id) == (class_id, None)
        assert await retention.list_defaults(reading) == {"private": class_id}
    found, use = listed[0]
    assert (found.class_id, found.version, found.destroy_days) == (class_id, 1, 10)
    assert (use.rooms, use.room_kinds, use.labels) == (1, ("private",), 1)


async def test_a_class_in_use_is_not_removed(database: Database, owner: asyncpg.Connection) -> None:
    place = await open_place(database, await make_account(database))
    class_id = await change(database, a_class(destroy_days=10))
    await change(database, AssignRoom(room_id=place.room_id, class_id=class_id))
    with pytest.raises(Conflict) as refused:
        await change(database, RemoveClass(class_id=class_id))
    assert refused.value.params["problem"] == "class_in_use"
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("update retention_classes set removed_at = current_instant()")
    await change(database, AssignRoom(room_id=place.room_id, class_id=None))
    await change(database, RemoveClass(class_id=class_id))
    with pytest.raises(NotFound):
        await change(database, AssignRoom(room_id=place.room_id, class_id=class_id))


@pytest.mark.parametrize(
    ("days", "is_longer"),
    [
        ({"keep_days": 100, "destroy_days": 200}, True),
        ({"keep_days": 150, "destroy_days": 200, "removed_days": 60}, True),
        ({"keep_days": 99, "destroy_days": 200}, False),
        ({"keep_days": 100, "destroy_days": 199}, False),
        ({"keep_days": 100, "destroy_days": 200, "removed_days": 29}, False),
        ({"keep_days": 100}, False),
        ({"destroy_days": 200}, False),
    ],
)
async def test_a_locked_class_is_lengthened_and_never_shortened(
    database: Database, days: dict[str, int], is_longer: bool
) -> None:
    class_id = await change(database, a_class(keep_days=100, destroy_days=200))
    wanted = ChangeClass(class_id=class_id, name="Other", **days)
    await change(database, wanted)
    await change(database, ChangeClass(class_id=class_id, name="As before", keep_days=100, destroy_days=200))
    await change(database, LockClass(class_id=class_id))
    if is_longer:
        await change(database, wanted)
        return
    with pytest.raises(Conflict) as refused:
        await change(database, wanted)
    assert refused.value.params["problem"] == "locked_class"


async def test_a_locked_class_is_not_removed_not_unlocked_and_left_only_for_one_that_keeps_as_long(
    database: Database, owner: asyncpg.Connection
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    locked = await change(database, a_class(keep_days=100))
    longer, shorter = [await change(database, a_class(keep_days=days)) for days in (101, 99)]
    await change(database, LockClass(class_id=locked))
    with pytest.raises(Conflict):
        await change(database, RemoveClass(class_id=locked))
    with pytest.raises(asyncpg.PostgresError):
        await owner.execute("update retention_classes set locked_at = null where locked_at is not null")
    message_id = (await post(database, author, place.shared)).message_id
    await change(database, AssignRoom(room_id=place.room_id, class_id=locked))
    await change(database, AssignDefault(room_kind="private", class_id=locked))
    await label_message(owner, message_id, locked)
    for class_id in (None, shorter):
        for wanted in (
            AssignRoom(room_id=place.room_id, class_id=class_id),
            AssignDefault(room_kind="private", class_id=class_id),
        ):
            with pytest.raises(Conflict):
                await change(database, wanted)
        with pytest.raises(asyncpg.CheckViolationError):
            await label_message(owner, message_id, class_id)
    await change(database, AssignRoom(room_id=place.room_id, class_id=longer))
    await change(database, AssignDefault(room_kind="private", class_id=longer))
    await label_message(owner, message_id, longer)


@pytest.mark.parametrize(
    "wanted",
    [
        a_class(keep_days=20, destroy_days=10),
        NewClass(name="  ", counted_from=CountedFrom.SENT),
        NewClass(name="x" * 101, counted_from=CountedFrom.SENT),
        a_class(destroy_days=-1),
        a_class(keep_days=0),
        AssignDefault(room_kind="secret", class_id=None),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_field(
    database: Database, owner: asyncpg.Connection, wanted: RetentionChange
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await change(database, wanted)
    assert refused.value.params["field"]
    assert await owner.fetchval("select count(*) from retention_classes") == 0


async def test_unknown_rooms_and_classes_are_not_found(database: Database) -> None:
    class_id = await change(database, a_class())
    for wanted in (
        AssignRoom(room_id=uuid4(), class_id=class_id),
        AssignDefault(room_kind="private", class_id=uuid4()),
        ChangeClass(class_id=uuid4(), name="x"),
        LockClass(class_id=uuid4()),
        RemoveClass(class_id=uuid4()),
    ):
        with pytest.raises(NotFound):
            await change(database, wanted)


async def test_the_default_of_a_kind_applies_to_rooms_without_a_class(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    await post(database, author, place.shared, "Old")
    await assign_default(owner, "shared", await make_class(owner, destroy=5))
    await assign_default(owner, "private", await make_class(owner, destroy=1))
    await move_time(timedelta(days=4))
    assert await texts(database, author, place) == ["Old"]
    await move_time(timedelta(days=2))
    assert await texts(database, author, place) == []
