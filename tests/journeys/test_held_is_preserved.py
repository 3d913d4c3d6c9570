"""Promise 5: held is preserved. From the commit of a hold on, nothing it covers is destroyed or altered, whoever tries.

Everybody tries in turn: the members with what they may do, an admin, the worker with its sweeps and the run of
disposition long after the time has come, and hands that type SQL under every role there is. What the hold covers is
the same to the byte afterwards; its twin, in a room that nobody holds, is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.deeds import Place, delete, edit, leave, open_place, post, react, remove, set_archived
from tests.holding import CONTENT, make_officer, place_hold, release_hold, scope_of
from tests.people import by, make_account, make_accounts
from tests.retaining import assign_room, make_class
from tests.servers import DatabaseUrls
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import accounts, integrity
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.disposition import run_disposition
from workroom.errors import Conflict
from workroom.file_sweep import sweep_files
from workroom.ids import MessageId, RoomId
from workroom.storage.database import Database
from workroom.storage.database_errors import HELD, NEVER_REMOVED, WRITTEN_ONCE
from workroom.storage.file_store import FileStores

MoveTime = Callable[[timedelta], Awaitable[None]]
REFUSALS = (HELD, NEVER_REMOVED, WRITTEN_ONCE, "42501")
ROLES = ("postgres", "workroom_owner", "workroom_service", "workroom_disposition")
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


async def content_of(owner: asyncpg.Connection, room_id: RoomId) -> dict[str, list[str]]:
    """All content of a room, row by row, without what may be said of it later."""
    of_messages = "message_id in (select message_id from messages where room_id = $1)"
    of_files = "file_id in (select file_id from files where room_id = $1 and message_id is not null)"
    found = {}
    for table in CONTENT:
        where = (
            "room_id = $1"
            if table in ("messages", "files", "room_names")
            else of_messages
            if table.startswith("message_")
            else of_files
        )
        rows = await owner.fetch(
            f"select (to_jsonb(t) - $2::text[])::text as row from {table} as t where {where} order by 1",
            room_id, sorted(SAID_LATER),
        )  # fmt: skip
        found[table] = [record["row"] for record in rows]
    return found


async def converse(
    database: Database, author: Account, other: Account, place: Place, stores: FileStores
) -> list[MessageId]:
    """Messages with revisions, a reaction, an internal note, and a file."""
    receiver = make_receiver(database, stores)
    first = (await post(database, author, place.shared, "The first offer")).message_id
    second = (await post(database, other, place.shared, "The answer")).message_id
    note = (await post(database, author, place.staff, "Between us")).message_id
    await edit(database, author, place.shared, first, "The second offer")
    await react(database, other, place.shared, first)
    filed = await claim(database, author, place, await upload(receiver, author, place, b"paper" * 9000))
    return [first, second, note, filed.message_id]


async def try_as_members(
    database: Database, author: Account, other: Account, place: Place, messages: list[MessageId]
) -> None:
    """What members may do to their own: it does on screen what it always does."""
    await edit(database, author, place.shared, messages[0], "What offer?")
    await react(database, other, place.shared, messages[0], is_added=False)
    for message_id in (messages[0], messages[3]):
        await delete(database, author, place.shared, message_id)
    await delete(database, other, place.shared, messages[1])
    await leave(database, other, place.room_id)


async def try_as_admin(
    database: Database, author: Account, other: Account, officer: Account, place: Place
) -> None:
    """What an admin may do: close, remove, deactivate, take the officer's office away."""
    admin = await make_account(database, "admin")
    await set_archived(database, author, place.room_id)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), other.account_id)
        await accounts.deactivate_account(transaction, by(admin), author.account_id)
        await accounts.change_kind(transaction, by(admin), officer.account_id, AccountKind.STAFF)


async def try_by_hand(superuser: asyncpg.Connection, room_id: RoomId) -> int:
    """SQL under every role, against every table of content; gives how often it was refused."""
    refused = 0
    for role in ROLES:
        for table in CONTENT:
            of_room = {
                "room_names": f"room_id = '{room_id}'",
                "messages": f"room_id = '{room_id}'",
                "files": f"room_id = '{room_id}'",
            }.get(table, "true")
            for statement in (
                f"delete from {table} where {of_room}",
                f"truncate {table} cascade",
                f"with gone as (delete from {table} where {of_room} returning 1) select count(*) from gone",
            ):
                await superuser.execute(f"set role {role}")
                with pytest.raises(asyncpg.PostgresError) as caught:
                    await superuser.execute(statement)
                assert caught.value.sqlstate in REFUSALS, (role, statement)
                await superuser.execute("reset role")
                refused += 1
    return refused


@pytest.mark.deadline(180)
async def test_nobody_destroys_or_alters_what_is_held(
    database: Database,
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    move_time: MoveTime,
    tmp_path: Path,
) -> None:
    author, other, officer = await make_accounts(database, "staff", "staff", "compliance")
    held, free = await open_place(database, author, other), await open_place(database, author, other)
    stores = disk_stores(tmp_path)
    messages = await converse(database, author, other, held, stores)
    twins = await converse(database, author, other, free, stores)
    # As the worker does it for pictures; to paint one takes a child process.
    await owner.execute(
        "insert into file_previews (file_id, media_type, byte_size, sha256, width, height) "
        "select file_id, 'image/webp', 10, sha256('c'), 1, 1 from files"
    )
    class_id = await make_class(owner, destroy=30)
    for place in (held, free):
        await assign_room(owner, place.room_id, class_id)
    await place_hold(database, officer, held.room_id)
    before = await content_of(owner, held.room_id)
    assert all(before.values()), "something of each kind"

    for place, said in ((held, messages), (free, twins)):
        await try_as_members(database, author, other, place, said)
    after_members = await content_of(owner, held.room_id)
    assert all(set(after_members[table]) >= set(before[table]) for table in CONTENT)
    await try_as_admin(database, author, other, officer, held)

    await move_time(timedelta(days=400))
    await sweep_files(database, stores)
    await run_disposition(database, stores)
    assert not (await content_of(owner, free.room_id))["message_revisions"], "its time had come"
    assert await content_of(owner, held.room_id) == after_members

    superuser = await asyncpg.connect(
        database_urls.superuser_url, server_settings={"search_path": "workroom"}
    )
    try:
        assert await try_by_hand(superuser, held.room_id) == len(ROLES) * len(CONTENT) * 3
    finally:
        await superuser.close()
    assert await content_of(owner, held.room_id) == after_members
    for file in after_members["files"]:
        assert await bytes_of(owner, stores, file) == b"paper" * 9000
    async with database.transaction() as transaction:
        found = {finding.subject for finding in await integrity.find_changed_parts(transaction)}
    assert found == {"function current_instant()"}, "the one thing that was changed is the test's own clock"


async def bytes_of(owner: asyncpg.Connection, stores: FileStores, row: str) -> bytes:
    """The bytes of a file, from where its segments say they lie."""
    file_id = UUID(row.partition('"file_id": "')[2][:36])
    content = b""
    for segment in await owner.fetch(
        "select store, store_key, byte_size from file_segments where file_id = $1 and number >= 0 order by byte_offset",
        file_id,
    ):
        content += await stores.named(segment["store"]).read(segment["store_key"], 0, segment["byte_size"])
    return content


async def test_when_its_last_hold_has_ended_it_goes_the_way_of_everything(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path
) -> None:
    author, officer, second = await make_accounts(database, "staff", "compliance", "compliance")
    place = await open_place(database, author)
    await post(database, author, place.shared)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=30))
    one = await place_hold(database, officer, place.room_id)
    other = await place_hold(database, second, place.room_id)
    stores = disk_stores(tmp_path)
    await move_time(timedelta(days=100))
    for hold, kept in ((one, 1), (other, 1)):
        await release_hold(database, officer, hold, grace_days=10)
        await run_disposition(database, stores)
        assert await owner.fetchval("select count(*) from message_revisions") == kept, "the grace period"
        await move_time(timedelta(days=11))
    await run_disposition(database, stores)
    assert await owner.fetchval("select count(*) from message_revisions") == 0
    with pytest.raises(Conflict):
        await release_hold(database, officer, one)


async def test_a_member_who_is_removed_takes_nothing_with_them(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime, tmp_path: Path
) -> None:
    author, custodian = await make_accounts(database, "staff", "staff")
    officer = await make_officer(database)
    place = await open_place(database, author, custodian)
    theirs = (await post(database, custodian, place.shared)).message_id
    await assign_room(owner, place.room_id, await make_class(owner, destroy=30))
    await place_hold(database, officer, scope_of(members=[custodian]))
    await remove(database, author, place.room_id, custodian)
    later = (await post(database, author, place.shared)).message_id
    await move_time(timedelta(days=100))
    await run_disposition(database, disk_stores(tmp_path))
    left = {record["message_id"] for record in await owner.fetch("select message_id from messages")}
    assert theirs in left
    assert later not in left
