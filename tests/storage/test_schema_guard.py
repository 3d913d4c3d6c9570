"""Held is preserved: SQL typed as every role, in every way there is, against content that is held and against a twin.

Each deletion is tried in a room that is on hold, where it is refused, and in a room that is not, where it goes through:
so that what refuses is the hold.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import Place, open_place
from tests.holding import (
    CONTENT,
    PARTITIONED,
    make_officer,
    place_hold,
    read_content,
    scope_of,
    write_everything,
)
from tests.people import make_account
from tests.servers import DatabaseUrls
from workroom.accounts import Account
from workroom.hold_scopes import ContentKind
from workroom.ids import MessageId
from workroom.storage.database import Database
from workroom.storage.database_errors import HELD, NEVER_REMOVED, WRITTEN_ONCE, WRONG_ISOLATION

ROLES = ("superuser", "workroom_owner", "workroom_disposition")
ISOLATIONS = ("read uncommitted", "repeatable read", "serializable")

# Which rows of a table belong to a message; %s is its id.
ROWS_OF = {
    "messages": "message_id = '{message}'",
    "message_revisions": "message_id = '{message}'",
    "message_reactions": "message_id = '{message}'",
    "message_files": "message_id = '{message}'",
    "files": "message_id = '{message}'",
    "file_contents": "file_id in (select file_id from workroom.message_files where message_id = '{message}')",
    "file_previews": "file_id in (select file_id from workroom.message_files where message_id = '{message}')",
    "file_segments": "file_id in (select file_id from workroom.message_files where message_id = '{message}')",
    "room_names": "room_id = (select room_id from workroom.messages where message_id = '{message}')",
}
KEY = {
    table: "room_id" if table == "room_names" else f"{table.partition('_')[0].rstrip('s')}_id"
    for table in CONTENT
}

DELETIONS = {
    "delete": "delete from workroom.{table} as t where {rows}",
    "using": "delete from workroom.{table} as t using (values (1)) as i(one) where {rows}",
    "with": "with gone as (delete from workroom.{table} as t where {rows} returning 1) select count(*) from gone",
    "merge": "merge into workroom.{table} as t using (values (1)) as i(one) on {rows} when matched then delete",
    "copy": "delete from workroom.{table} as t where {rows} returning 1",
    "cursor": "delete from workroom.{table} as t where {rows}",
    "function": "do $$ begin delete from workroom.{table} as t where {rows}; end $$",
}


@dataclass(frozen=True, slots=True)
class Twins:
    """Two rooms with the same in each table of content; the first is on hold."""

    author: Account
    officer: Account
    held: MessageId
    free: MessageId
    held_place: Place
    free_place: Place


@pytest_asyncio.fixture
async def twins(database: Database, owner: asyncpg.Connection) -> Twins:
    author, officer = await make_account(database), await make_officer(database)
    held_place, free_place = await open_place(database, author), await open_place(database, author)
    held = await write_everything(database, owner, author, held_place)
    free = await write_everything(database, owner, author, free_place)
    await place_hold(database, officer, held_place.room_id)
    return Twins(author, officer, held, free, held_place, free_place)


@pytest_asyncio.fixture
async def superuser(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection of the superuser."""
    connection = await asyncpg.connect(
        database_urls.superuser_url, server_settings={"search_path": "workroom"}
    )
    yield connection
    await connection.close()


async def delete_rows(connection: asyncpg.Connection, way: str, table: str, message: MessageId) -> None:
    """Delete what a message has in a table, in one of the ways."""
    sql = DELETIONS[way].format(table=table, rows=ROWS_OF[table].format(message=message))
    if way == "copy":
        output = io.BytesIO()
        await connection.copy_from_query(sql, output=output)
    elif way == "cursor":
        rows = ROWS_OF[table].format(message=message)
        where = await connection.fetchval(
            f"select tableoid::regclass::text from {table} where {rows} limit 1"
        )
        await connection.execute(
            f"declare c no scroll cursor for select * from {where} where {rows} for update"
        )
        await connection.execute("fetch 1 from c")
        await connection.execute(f"delete from {where} where current of c")
    else:
        await connection.execute(sql)


@asynccontextmanager
async def attempting(connection: asyncpg.Connection, role: str) -> AsyncIterator[None]:
    """Act as a role; whatever is done is undone at the end."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        if role != "superuser":
            await connection.execute(f"set local role {role}")
        yield
    finally:
        await attempt.rollback()


def sqlstate_of(caught: pytest.ExceptionInfo[asyncpg.PostgresError]) -> str:
    """What the database said."""
    return caught.value.sqlstate or ""


@pytest.mark.parametrize("role", ROLES)
async def test_held_content_is_deleted_by_no_role_in_no_way(
    superuser: asyncpg.Connection, twins: Twins, role: str
) -> None:
    before = await read_content(superuser)
    for way, table in product(DELETIONS, CONTENT):
        if way == "cursor" and role == "workroom_disposition":
            continue  # it may not lock rows, and so has no such cursor
        async with attempting(superuser, role):
            await delete_rows(superuser, way, table, twins.free)
        async with attempting(superuser, role):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await delete_rows(superuser, way, table, twins.held)
        assert sqlstate_of(caught) == HELD, (way, table)
    assert await read_content(superuser) == before


@pytest.mark.parametrize("role", ROLES)
async def test_what_is_not_held_can_be_deleted_whole_children_first(
    superuser: asyncpg.Connection, twins: Twins, role: str
) -> None:
    # Of a file's parts the list of files goes last: by it the test finds them.
    if role != "superuser":
        await superuser.execute(f"set role {role}")
    for table in CONTENT[:-1]:
        rows = ROWS_OF[table].format(message=twins.free)
        await superuser.execute(f"delete from workroom.{table} where {rows}")
    await superuser.execute("reset role")
    found = await read_content(superuser)
    assert {table: len(rows) for table, rows in found.items()} == {
        "message_revisions": 2, "message_reactions": 1, "file_previews": 1, "file_contents": 1, "file_segments": 1,
        "files": 1, "message_files": 1, "messages": 1, "room_names": 2,
    }  # fmt: skip


async def test_under_another_isolation_level_nothing_is_deleted_at_all(
    superuser: asyncpg.Connection, twins: Twins
) -> None:
    # An older picture of the database would not have the hold that was placed meanwhile.
    for isolation, table, message in product(ISOLATIONS, CONTENT, (twins.held, twins.free)):
        await superuser.execute(f"begin isolation level {isolation}")
        with pytest.raises(asyncpg.PostgresError) as caught:
            await delete_rows(superuser, "delete", table, message)
        assert sqlstate_of(caught) == WRONG_ISOLATION, (isolation, table)
        await superuser.execute("rollback")


@pytest.mark.parametrize("role", ROLES[:2])
async def test_partitions_are_guarded_by_their_own_names(
    superuser: asyncpg.Connection, twins: Twins, role: str
) -> None:
    for table in PARTITIONED:
        partition = await superuser.fetchval(f"select tableoid::regclass::text from workroom.{table} limit 1")
        assert partition != table, "the rows lie in the partition of the month"
        sql = f"delete from workroom.{partition} where {ROWS_OF[table]}"
        async with attempting(superuser, role):
            assert await superuser.execute(sql.format(message=twins.free)) != "DELETE 0"
        async with attempting(superuser, role):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await superuser.execute(sql.format(message=twins.held))
        assert sqlstate_of(caught) == HELD, partition


async def test_nothing_of_content_is_truncated_held_or_not(
    superuser: asyncpg.Connection, twins: Twins
) -> None:
    partitions = await superuser.fetch(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'"
    )
    assert len(partitions) > len(PARTITIONED)
    names = [*CONTENT, *(record["relname"] for record in partitions)]
    for table in (*names, "events", "memberships", "audit_entries", "holds", "hold_rooms", "matters"):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await superuser.execute(f"truncate workroom.{table} cascade")
        assert sqlstate_of(caught) == NEVER_REMOVED, table


async def test_replication_mode_turns_no_guard_off(superuser: asyncpg.Connection, twins: Twins) -> None:
    before = await read_content(superuser)
    await superuser.execute("set session_replication_role = replica")
    for table in CONTENT:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await delete_rows(superuser, "delete", table, twins.held)
        assert sqlstate_of(caught) == HELD, table
    for statement in (
        "update workroom.message_revisions set text = 'x'",
        "update workroom.files set message_id = null, message_seq = null, position = null",
        "truncate workroom.messages",
        "delete from workroom.memberships",
        "delete from workroom.hold_rooms",
        "update workroom.audit_entries set act = 'nothing'",
    ):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await superuser.execute(statement)
        assert sqlstate_of(caught).startswith("WR"), statement
    assert await read_content(superuser) == before


async def test_a_cascade_deletes_nothing_that_is_held(superuser: asyncpg.Connection, twins: Twins) -> None:
    # No key of ours cascades; somebody makes some that do.
    for child in ("message_revisions", "message_reactions", "message_files"):
        await superuser.execute(
            f"alter table {child} add constraint {child}_cascade foreign key (message_id) "
            "references messages on delete cascade"
        )
    await superuser.execute("alter table room_names drop constraint room_names_room_id_fkey")
    await superuser.execute(
        "alter table room_names add constraint c foreign key (room_id) references rooms on delete cascade"
    )
    before = await read_content(superuser)
    for statement in (
        f"delete from messages where message_id = '{twins.held}'",
        "delete from messages",
        f"delete from rooms where room_id = '{twins.held_place.room_id}'",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await superuser.execute(statement)
        assert await read_content(superuser) == before, statement


async def test_children_whose_message_is_gone_stay(superuser: asyncpg.Connection, twins: Twins) -> None:
    # Nothing says any more what they are part of: the guard would rather keep too much.
    await superuser.execute("alter table messages disable trigger all")
    await superuser.execute("delete from messages where message_id = $1", twins.held)
    for table in ("message_revisions", "message_reactions", "message_files", "files"):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await delete_rows(superuser, "delete", table, twins.held)
        assert sqlstate_of(caught) == HELD, table


async def test_one_held_row_refuses_the_whole_statement(superuser: asyncpg.Connection, twins: Twins) -> None:
    before = await read_content(superuser)
    for table in CONTENT:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await superuser.execute(f"delete from {table}")
        assert sqlstate_of(caught) == HELD, table
    assert await read_content(superuser) == before


# -- altering ------------------------------------------------------------------------------------------------

# What may change of rows of content, because it is no content: `once` only from null, and never again.
MAY_CHANGE = {
    "messages": {"deleted_at", "deleted_by"},
    "message_reactions": {"removed_seq", "removed_at"},
    "files": {
        "message_id",
        "message_seq",
        "position",
        "scan_state",
        "scanned_at",
        "preview_state",
        "is_counted",
    },
    "file_segments": {"store", "store_key", "byte_size"},
}
# A label says what is to become of content; it is none.
LABELS = {"label_class_id", "labelled_at"}
OTHER_VALUE = {
    "uuid": "gen_random_uuid()",
    "text": "{column} || 'x'",
    "bytea": "sha256({column})",
    "bigint": "coalesce({column}, 0) + 1",
    "integer": "coalesce({column}, 0) + 1",
    "smallint": "coalesce({column}, 0) + 1",
    "timestamp with time zone": "coalesce({column}, now()) + interval '1 second'",
    "uuid[]": "array[gen_random_uuid()]",
}


async def columns_of(connection: asyncpg.Connection, table: str) -> dict[str, str]:
    """The columns of a table and their types."""
    records = await connection.fetch(
        "select attname, format_type(atttypid, atttypmod) as type from pg_attribute "
        "where attrelid = $1::regclass and attnum > 0 and not attisdropped",
        f"workroom.{table}",
    )
    return {record["attname"]: record["type"] for record in records}


async def rewriting(connection: asyncpg.Connection, table: str, column: str, column_type: str) -> list[str]:
    """Every way to give a column of all rows another value."""
    records = await connection.fetch(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid "
        "and a.attnum = any(i.indkey) where i.indisprimary and i.indrelid = $1::regclass",
        f"workroom.{table}",
    )
    key = [record["attname"] for record in records]
    matched = " and ".join(f"t.{each} = s.{each}" for each in key)
    value = OTHER_VALUE[column_type]
    return [
        f"update workroom.{table} set {column} = {value.format(column=column)}",
        f"insert into workroom.{table} as t select * from workroom.{table} on conflict ({', '.join(key)}) "
        f"do update set {column} = {value.format(column=f't.{column}')}",
        f"merge into workroom.{table} as t using workroom.{table} as s on {matched} "
        f"when matched then update set {column} = {value.format(column=f't.{column}')}",
    ]


@pytest.mark.parametrize("role", ROLES[:2])
async def test_content_is_written_once_held_or_not(
    superuser: asyncpg.Connection, twins: Twins, role: str
) -> None:
    for table in (*CONTENT, "events"):
        columns = await columns_of(superuser, table)
        assert columns.keys() >= MAY_CHANGE.get(table, set())
        for column in columns.keys() - MAY_CHANGE.get(table, set()) - LABELS:
            for statement in await rewriting(superuser, table, column, columns[column]):
                async with attempting(superuser, role):
                    with pytest.raises(asyncpg.PostgresError) as caught:
                        await superuser.execute(statement)
                assert sqlstate_of(caught) == WRITTEN_ONCE, statement


async def test_a_row_moves_to_no_other_partition(superuser: asyncpg.Connection, twins: Twins) -> None:
    for table in PARTITIONED:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await superuser.execute(
                f"update {table} set {KEY[table]} = '00000000-0000-7000-8000-000000000000'"
            )
        assert sqlstate_of(caught) == WRITTEN_ONCE, table


SAID_ONCE = [
    ("update messages set deleted_at = now(), deleted_by = author_id", "deleted_at = null"),
    ("update messages set deleted_at = now(), deleted_by = author_id", "deleted_by = gen_random_uuid()"),
    (
        "update message_reactions set removed_at = now(), removed_seq = 9",
        "removed_at = null, removed_seq = null",
    ),
    ("update message_reactions set removed_at = now(), removed_seq = 9", "removed_seq = 8"),
    ("update files set scan_state = 'clean'", "message_id = null, message_seq = null, position = null"),
    ("update files set scan_state = 'clean'", "message_id = gen_random_uuid()"),
]


async def test_what_was_said_once_of_content_is_not_taken_back(
    superuser: asyncpg.Connection, twins: Twins
) -> None:
    for first, again in SAID_ONCE:
        async with attempting(superuser, "superuser"):
            await superuser.execute(first)
            with pytest.raises(asyncpg.PostgresError) as caught:
                await superuser.execute(f"{first.split(' set ')[0]} set {again}")
        assert sqlstate_of(caught) == WRITTEN_ONCE, again


async def test_how_many_bytes_a_received_file_has_is_not_changed(
    superuser: asyncpg.Connection, twins: Twins
) -> None:
    with pytest.raises(asyncpg.PostgresError) as caught:
        await superuser.execute("update file_segments set byte_size = 0")
    assert sqlstate_of(caught) == WRITTEN_ONCE
    await superuser.execute("update file_segments set store = 's3', store_key = store_key || '-0af1'")


# -- what holds stand on -------------------------------------------------------------------------------------


FOUNDATIONS = [
    "delete from hold_rooms",
    "delete from hold_custodians",
    "delete from hold_amendments",
    "delete from hold_releases",
    "delete from holds",
    "delete from matters",
    "delete from memberships",
    "delete from events",
    "delete from audit_entries",
    "update hold_rooms set room_id = '{free_room}'",
    "update holds set sent_from = now()",
    "update holds set sent_until = '2000-01-01'",
    "update holds set covers_messages = false",
    "update holds set covers_files = false",
    "update holds set placed_at = now()",
    "update memberships set joined_at = now()",
    "update memberships set room_id = '{free_room}'",
    "update memberships set account_id = gen_random_uuid()",
    "update hold_amendments set amended_at = now()",
    "update audit_entries set facts = '{{}}'",
    "update audit_texts set text = 'another'",
    "update matters set name = 'another'",
]


@pytest.mark.parametrize("role", ROLES[:2])
async def test_what_a_hold_stands_on_does_not_change(
    superuser: asyncpg.Connection, twins: Twins, role: str
) -> None:
    for statement in FOUNDATIONS:
        async with attempting(superuser, role):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await superuser.execute(statement.format(free_room=twins.free_place.room_id))
        assert sqlstate_of(caught) in (WRITTEN_ONCE, NEVER_REMOVED), statement


async def test_a_membership_that_ends_covers_all_that_was_recorded_before(
    database: Database, superuser: asyncpg.Connection
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    message = await write_everything(database, superuser, author, place)
    await place_hold(database, officer, scope_of(members=[author]))
    # Typed under the service's role: somebody wants the membership to have ended before it was written.
    await superuser.execute("set role workroom_service")
    await superuser.execute("update memberships set left_at = joined_at, left_seq = joined_seq + 1")
    await superuser.execute("reset role")
    with pytest.raises(asyncpg.PostgresError) as caught:
        await superuser.execute("delete from message_revisions where message_id = $1", message)
    assert sqlstate_of(caught) == HELD


async def test_the_service_ends_no_hold_by_hand(superuser: asyncpg.Connection, twins: Twins) -> None:
    await superuser.execute("set role workroom_service")
    for statement in (
        "insert into hold_releases (release_id, hold_id, requested_by, request_entry, needs_two, confirmed_by, "
        "confirmed_at, confirmation_entry, kept_until) select gen_random_uuid(), hold_id, "
        "placed_by, 1, false, placed_by, now() - interval '9 days', 1, now() - interval '1 day' from holds",
        "update hold_releases set confirmed_at = now()",
        "update hold_releases set kept_until = now()",
        "delete from holds",
        "delete from hold_rooms",
        "update hold_rooms set room_id = room_id",
        "insert into audit_entries select * from audit_entries",
        "delete from audit_texts",
        "delete from messages",
        "alter table messages disable trigger all",
        "select workroom.guard_content('messages', 'messages')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await superuser.execute(statement)


@pytest.mark.parametrize("kind", ContentKind)
async def test_a_hold_keeps_the_kinds_it_names_and_what_they_hang_on(
    database: Database, superuser: asyncpg.Connection, kind: ContentKind
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    message = await write_everything(database, superuser, author, place)
    await place_hold(database, officer, scope_of(place.room_id, kinds=[kind]))
    of_text, of_files = (
        {"message_revisions", "message_reactions"},
        {"files", "file_contents", "file_previews"},
    )
    free = of_files | {"file_segments"} if kind is ContentKind.MESSAGES else of_text
    deleted = set()
    for table in CONTENT:
        try:
            await delete_rows(superuser, "delete", table, message)
            deleted.add(table)
        except asyncpg.PostgresError as error:
            assert error.sqlstate == HELD
    assert deleted == free


async def test_an_upload_that_nobody_claimed_is_given_up_while_a_hold_is_being_placed(
    database_urls: DatabaseUrls, superuser: asyncpg.Connection, twins: Twins
) -> None:
    # The lock of holds is taken alone by somebody; giving up what is nobody's content does not wait for it.
    await superuser.execute(
        "insert into uploads (file_id, stream_id, room_id, uploader_id, name, metadata, byte_size, expires_at) "
        "select gen_random_uuid(), $1, $2, $3, 'a', '', 1, now() - interval '1 hour'",
        twins.held_place.shared, twins.held_place.room_id, twins.author.account_id,
    )  # fmt: skip
    file_id = await superuser.fetchval("select file_id from uploads")
    for insert in (
        "insert into files (file_id, stream_id, room_id, uploader_id, byte_size, kind, received_at, scan_state, "
        "preview_state) "
        "select file_id, stream_id, room_id, uploader_id, 1, 'other', now(), 'clean', 'none' from uploads",
        "insert into file_contents (file_id, name, media_type, sha256, block_digests, salt) "
        "select file_id, 'a', 'a/b', sha256('a'), sha256('a'), sha256('a') from uploads",
        "insert into file_segments (file_id, number, byte_offset, store, store_key) "
        "select file_id, 0, 0, 'disk', 'aa/' || replace(file_id::text, '-', '') || '/0-1' from uploads",
    ):
        await superuser.execute(insert)
    placing = await asyncpg.connect(database_urls.service_url, server_settings={"search_path": "workroom"})
    try:
        async with placing.transaction():
            await placing.fetchval("select lock_holds_exclusively()")
            await superuser.execute("set lock_timeout = '1s'")
            await superuser.fetchval("select forget_empty_segments($1)", file_id)
            assert await superuser.fetch("select abandon_unclaimed_uploads(null, null, 10)")
            keys = [f"aa/{file_id.hex}/0-1"]
            assert await superuser.fetchval("select forget_abandoned_uploads($1, $2)", [file_id], keys) == 1
            with pytest.raises(asyncpg.LockNotAvailableError):
                await superuser.execute("delete from message_revisions where message_id = $1", twins.free)
    finally:
        await placing.close()
