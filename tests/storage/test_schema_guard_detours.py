"""Held is preserved: the ways round the guard, each tried under every role that may write what it takes.

Not the rows themselves are attacked here but what stands beside them: places in the store, lists of bytes that are to
go, the end of a hold, keys that cascade, functions that delete by right.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import Place, open_place, post
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
from tests.retaining import assign_default, assign_room, make_class
from tests.servers import DatabaseUrls
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom.accounts import Account
from workroom.disposition import run_disposition
from workroom.expiry_rounds import tell_what_expired
from workroom.file_sweep import sweep_files
from workroom.ids import FileId, mint_message_id
from workroom.storage.database import Database
from workroom.storage.database_errors import HELD, WRITTEN_ONCE
from workroom.storage.file_store import FileStores

MoveTime = Callable[[timedelta], Awaitable[None]]
PAPER = b"paper" * 900


@pytest_asyncio.fixture
async def superuser(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection of the superuser, who takes the roles in turn."""
    connection = await asyncpg.connect(
        database_urls.superuser_url, server_settings={"search_path": "workroom"}
    )
    yield connection
    await connection.close()


@dataclass(frozen=True, slots=True)
class Filed:
    """A file that was sent in a room."""

    place: Place
    file_id: FileId
    store_key: str


@dataclass(frozen=True, slots=True)
class Cabinet:
    """A room on hold with a file, one without, and the store in which the bytes of both lie."""

    author: Account
    officer: Account
    held: Filed
    free: Filed
    stores: FileStores


@pytest_asyncio.fixture
async def cabinet(database: Database, owner: asyncpg.Connection, tmp_path: Path) -> Cabinet:
    author, officer = await make_account(database), await make_officer(database)
    stores = disk_stores(tmp_path)
    receiver = make_receiver(database, stores)
    filed = []
    for _ in range(2):
        place = await open_place(database, author)
        file_id = await upload(receiver, author, place, PAPER)
        await claim(database, author, place, file_id)
        key = await owner.fetchval("select store_key from file_segments where file_id = $1", file_id)
        filed.append(Filed(place, file_id, key))
    await place_hold(database, officer, filed[0].place.room_id)
    return Cabinet(author, officer, filed[0], filed[1], stores)


async def work(database: Database, cabinet: Cabinet) -> set[str]:
    """Let the worker do what removes bytes, and give the places that are left."""
    await sweep_files(database, cabinet.stores)
    await run_disposition(database, cabinet.stores)
    return set(await cabinet.stores.writing.list_keys())


# -- places and lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["workroom_service", "workroom_owner"])
async def test_a_place_that_is_called_a_stray_is_not_emptied_while_its_file_is_on_hold(
    database: Database, superuser: asyncpg.Connection, cabinet: Cabinet, role: str
) -> None:
    await superuser.execute(f"set role {role}")
    for filed in (cabinet.held, cabinet.free):
        await superuser.execute(
            "update file_segments set store_key = store_key || '-0' where file_id = $1", filed.file_id
        )
        await superuser.execute(
            "insert into stray_segments (store, store_key, kept_until) values ('disk', $1, now() - interval '1 day')",
            filed.store_key,
        )
        sideways = f"{filed.store_key.rpartition('/')[0]}/../../{filed.store_key}"
        await superuser.execute(
            "insert into stray_segments values ('disk', $1, now() - interval '1 day')", sideways
        )
    assert await work(database, cabinet) == {cabinet.held.store_key}


@pytest.mark.parametrize("role", ["workroom_disposition", "workroom_owner"])
async def test_what_was_not_destroyed_is_on_the_list_of_bytes_in_vain(
    database: Database, superuser: asyncpg.Connection, cabinet: Cabinet, role: str
) -> None:
    held = cabinet.held
    await superuser.execute(
        "update file_segments set store_key = store_key || '-0' where file_id = $1", held.file_id
    )
    await superuser.execute(f"set role {role}")
    for key in (held.store_key, f"{held.store_key[:2]}/../{held.store_key}"):
        await superuser.execute(
            "insert into bytes_to_remove (store, store_key, run_id) values ('disk', $1, gen_random_uuid())",
            key,
        )
    assert held.store_key in await work(database, cabinet)


async def give_up(connection: asyncpg.Connection, cabinet: Cabinet, filed: Filed) -> None:
    """Write that the upload of a file was given up."""
    await connection.execute(
        "insert into uploads (file_id, stream_id, room_id, uploader_id, name, metadata, byte_size, expires_at, "
        "abandoned_at) values ($1, $2, $3, $4, 'a', '', 1, now() - interval '2 days', now() - interval '1 day')",
        filed.file_id, filed.place.shared, filed.place.room_id, cabinet.author.account_id,
    )  # fmt: skip


async def test_a_file_of_a_message_is_given_up_by_no_row_of_an_upload(
    database: Database, superuser: asyncpg.Connection, cabinet: Cabinet
) -> None:
    held = cabinet.held
    await sweep_files(database, cabinet.stores)
    await superuser.execute("set role workroom_owner")
    await give_up(superuser, cabinet, held)
    assert held.store_key in await work(database, cabinet)


async def test_the_service_does_not_say_that_an_upload_was_given_up(
    database: Database, superuser: asyncpg.Connection, cabinet: Cabinet
) -> None:
    await sweep_files(database, cabinet.stores)
    await superuser.execute("set role workroom_service")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await give_up(superuser, cabinet, cabinet.free)


async def test_nothing_of_a_file_of_a_message_is_forgotten_as_an_upload_that_was_given_up(
    database: Database, superuser: asyncpg.Connection, cabinet: Cabinet
) -> None:
    free = cabinet.free
    await sweep_files(database, cabinet.stores)
    await superuser.execute(
        "insert into file_previews (file_id, media_type, byte_size, sha256, width, height, shown_width, shown_height) "
        "values ($1, 'image/webp', 1, sha256('a'), 1, 1, 1, 1)",
        free.file_id,
    )
    await give_up(superuser, cabinet, free)
    before = await read_content(superuser)
    await superuser.execute("set role workroom_service")
    forget = "select forget_abandoned_uploads($1, $2)"
    assert await superuser.fetchval(forget, [free.file_id], [free.store_key]) == 0
    await superuser.execute("reset role")
    assert await read_content(superuser) == before


async def test_the_bytes_of_a_file_lie_in_no_place_of_another(
    superuser: asyncpg.Connection, cabinet: Cabinet
) -> None:
    # Else whoever removes the other would be made to remove these.
    held, free = cabinet.held, cabinet.free
    for role in ("workroom_service", "workroom_owner", "postgres"):
        await superuser.execute(f"set role {role}")
        for statement in (
            f"update file_segments set store_key = '{held.store_key}-0' where file_id = '{free.file_id}'",
            f"update file_segments set store_key = '../{free.store_key}' where file_id = '{free.file_id}'",
            "insert into file_segments (file_id, number, byte_offset, store, store_key) "
            f"values ('{uuid4()}', 0, 0, 'disk', '{held.store_key}-1')",
        ):
            with pytest.raises(asyncpg.CheckViolationError) as caught:
                await superuser.execute(statement)
            assert caught.value.constraint_name == "place_is_of_its_file"


# -- the end of a hold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["postgres", "workroom_owner"])
async def test_no_hand_writes_a_release_whose_grace_period_is_over(
    superuser: asyncpg.Connection, cabinet: Cabinet, role: str
) -> None:
    asked = (
        "insert into hold_releases (release_id, hold_id, requested_by, request_entry) "
        "select gen_random_uuid(), hold_id, placed_by, 1 from holds"
    )
    past = (
        "needs_two = false, confirmed_by = requested_by, confirmed_at = now() - interval '40 days', "
        "confirmation_entry = 1, kept_until = now() - interval '10 days'"
    )
    whole = (
        "insert into hold_releases (release_id, hold_id, requested_by, request_entry, needs_two, confirmed_by, "
        "confirmed_at, confirmation_entry, kept_until) select gen_random_uuid(), hold_id, "
        "placed_by, 1, false, placed_by, now() - interval '40 days', 1, now() - interval '10 days' from holds"
    )
    await superuser.execute(f"set session_replication_role = replica; set role {role}")
    with pytest.raises(asyncpg.PostgresError) as caught:
        await superuser.execute(whole)
    assert caught.value.sqlstate == WRITTEN_ONCE
    await superuser.execute(asked)
    with pytest.raises(asyncpg.PostgresError) as caught:
        await superuser.execute(f"update hold_releases set {past}")
    assert caught.value.sqlstate == WRITTEN_ONCE
    # What is confirmed now is kept for a day at least, and so is what it covered.
    now = past.replace("- interval '40 days'", "").replace("- interval '10 days'", "+ interval '1 day'")
    await superuser.execute(f"update hold_releases set {now}")
    for again in ("confirmed_at = now() - interval '40 days'", "kept_until = now()"):
        with pytest.raises(asyncpg.PostgresError):
            await superuser.execute(f"update hold_releases set {again}")
    with pytest.raises(asyncpg.PostgresError) as caught:
        await superuser.execute("delete from file_contents where file_id = $1", cabinet.held.file_id)
    assert caught.value.sqlstate == HELD


# -- partitions, keys, functions -----------------------------------------------------------------------------


async def partition_of(superuser: asyncpg.Connection, table: str) -> str:
    """The partition in which the rows of a table lie."""
    name: str = await superuser.fetchval(f"select tableoid::regclass::text from {table} limit 1")
    assert name != table
    return name


async def test_a_partition_is_altered_by_its_own_name_in_no_way(
    database: Database, owner: asyncpg.Connection, superuser: asyncpg.Connection, cabinet: Cabinet
) -> None:
    message = await write_everything(database, owner, cabinet.author, cabinet.held.place)
    before = await read_content(superuser)
    written = {"messages": "sent_at", "message_revisions": "text", "message_reactions": "emoji",
               "message_files": "alt_text", "files": "byte_size", "file_contents": "name",
               "file_previews": "width"}  # fmt: skip
    for table in PARTITIONED:
        partition, column = await partition_of(superuser, table), written[table]
        key = f"{table.partition('_')[0].rstrip('s')}_id"
        rows = f"{key} in (select {key} from message_files)" if key == "file_id" else f"{key} = '{message}'"
        value = f"(select {column} from {partition} where {column} is not null limit 1)"
        other = {"sent_at": "now()", "byte_size": "7", "width": "7"}.get(column, f"{value} || 'x'")
        for statement in (
            f"update {partition} set {column} = {other} where {rows}",
            f"insert into {partition} as t select * from {partition} where {rows} "
            f"on conflict ({await key_of(superuser, table)}) do update set {column} = {other}",
            f"merge into {partition} as t using (values (1)) as i(one) on t.{rows} "
            f"when matched then update set {column} = {other}",
        ):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await superuser.execute(statement)
            assert caught.value.sqlstate == WRITTEN_ONCE, statement
        for statement in (
            f"merge into {partition} as t using (values (1)) as i(one) on t.{rows} when matched then delete",
            f"with gone as (delete from {partition} as t where {rows} returning 1) select count(*) from gone",
        ):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await superuser.execute(statement)
            assert caught.value.sqlstate == HELD, statement
    assert await read_content(superuser) == before


async def key_of(superuser: asyncpg.Connection, table: str) -> str:
    """The columns of a table's primary key."""
    key: str = await superuser.fetchval(
        "select string_agg(a.attname, ', ') from pg_index i join pg_attribute a on a.attrelid = i.indrelid "
        "and a.attnum = any(i.indkey) where i.indisprimary and i.indrelid = $1::regclass",
        table,
    )
    return key


async def test_a_key_that_empties_or_rewrites_on_deletion_alters_nothing(
    database: Database, owner: asyncpg.Connection, superuser: asyncpg.Connection, cabinet: Cabinet
) -> None:
    # No key of ours does anything but refuse. Somebody makes one that has Postgres itself change what is held.
    await write_everything(database, owner, cabinet.author, cabinet.held.place)
    await superuser.execute("create table names (account_id uuid primary key)")
    await superuser.execute("insert into names select account_id from accounts")
    before = await read_content(superuser)
    ways = ("on delete set null", "on delete set default", "on delete cascade", "on update cascade")
    columns = (
        ("messages", "author_id"),
        ("message_revisions", "author_id"),
        ("message_reactions", "account_id"),
    )
    for way in ways:
        for table, column in columns:
            await superuser.execute(f"alter table {table} alter {column} drop not null")
            await superuser.execute(
                f"alter table {table} add constraint detour foreign key ({column}) references names {way}"
            )
            change = (
                "update names set account_id = gen_random_uuid()" if "update" in way else "delete from names"
            )
            with pytest.raises(asyncpg.PostgresError) as caught:
                await superuser.execute(change)
            assert caught.value.sqlstate in (HELD, WRITTEN_ONCE), (table, way)
            await superuser.execute(f"alter table {table} drop constraint detour")
    assert await read_content(superuser) == before


async def test_children_and_parent_in_one_statement_stay(
    database: Database, owner: asyncpg.Connection, superuser: asyncpg.Connection, cabinet: Cabinet
) -> None:
    message = await write_everything(database, owner, cabinet.author, cabinet.held.place)
    before = await read_content(superuser)
    for table in CONTENT[:-1]:
        key = f"{table.partition('_')[0].rstrip('s')}_id"
        of = f"{key} in (select {key} from message_files where message_id = '{message}')"
        with pytest.raises(asyncpg.PostgresError) as caught:
            await superuser.execute(
                f"with child as (delete from {table} where {of} returning 1), "
                f"parent as (delete from messages where message_id = '{message}' returning 1) "
                "select (select count(*) from child), (select count(*) from parent)"
            )
        assert caught.value.sqlstate == HELD, table
    assert await read_content(superuser) == before


# What the service may call that deletes or rewrites by another's right, with the worst that can be said to it.
CALLS = {
    "abandon_unclaimed_uploads": "abandon_unclaimed_uploads('{file}', '{author}', 100)",
    "forget_claimed_uploads": "forget_claimed_uploads()",
    "forget_abandoned_uploads": "forget_abandoned_uploads(array['{file}']::uuid[], array['{key}'])",
    "forget_empty_segments": "forget_empty_segments('{file}')",
    "recount_files": "recount_files('{stream}', 0, 1000000)",
    "begin_disposition": "begin_disposition()",
    "dispose_batch": "dispose_batch((select run_id from disposition_runs limit 1), 2147483647)",
    "drop_due_month": "drop_due_month((select run_id from disposition_runs limit 1), current_date)",
    "drop_empty_month_of_files": "drop_empty_month_of_files(current_date)",
    "ensure_partitions": "ensure_partitions(current_date, current_date + 400)",
    "record_act": "record_act('nothing', 'worker', null, null, 'file', '{file}', '{{}}', '{{}}')",
    "erase_audit_texts": "erase_audit_texts(1, '{author}', 'shell', null, 'x')",
    "confirm_hold_release": "confirm_hold_release('{file}', '{author}', 'shell', null, 'x', false, 1)",
}


# Whether quotas count a file is no content: what is not shown any more does not count.
COUNTED = {"is_counted": False}


async def test_no_function_that_the_service_may_call_touches_what_is_held(
    database: Database,
    owner: asyncpg.Connection,
    superuser: asyncpg.Connection,
    cabinet: Cabinet,
    move_time: MoveTime,
) -> None:
    held = cabinet.held
    await assign_default(owner, "shared", await make_class(owner, destroy=1))
    await move_time(timedelta(days=9))
    await tell_what_expired(database)
    may_call = await superuser.fetch(
        "select proname from pg_proc where pronamespace = 'workroom'::regnamespace and prosecdef and provolatile = 'v' "
        "and prorettype <> 'trigger'::regtype and has_function_privilege('workroom_service', oid, 'execute')"
    )
    assert {record["proname"] for record in may_call} == set(CALLS), "each is to be tried here"
    before = await read_content(superuser)
    await superuser.execute("set role workroom_service")
    names = {"file": held.file_id, "author": cabinet.author.account_id, "key": held.store_key,
             "stream": held.place.shared}  # fmt: skip
    for _ in range(20):  # more than a run has steps
        for call in CALLS.values():
            await superuser.fetch(f"select {call.format(**names)}")
    await superuser.execute("reset role")
    after = await read_content(superuser)
    for table in CONTENT[:-1]:
        assert len(before[table]) == 2 * len(after[table]), "its twin went"
        assert all(
            {**row, **COUNTED} in [{**was, **COUNTED} for was in before[table]] for row in after[table]
        )
    assert {row["file_id"] for row in after["files"]} == {str(held.file_id)}


# -- whole months --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_held", [True, False])
async def test_a_month_goes_by_what_its_messages_say_of_when_they_were_sent(
    database: Database,
    owner: asyncpg.Connection,
    superuser: asyncpg.Connection,
    cabinet: Cabinet,
    move_time: MoveTime,
    is_held: bool,
) -> None:
    # An import gave a message an id of another month than the one in which it was sent.
    sent_at = await superuser.fetchval("select date_trunc('month', now()) - interval '100 days'")
    lies_in = sent_at - timedelta(days=60)
    await superuser.execute("select ensure_partitions($1::date, $2::date)", lies_in, sent_at)
    place = await open_place(database, cabinet.author)
    model = (await post(database, cabinet.author, place.shared)).message_id
    strange: UUID = mint_message_id(lies_in)
    await superuser.execute(
        "insert into messages (message_id, stream_id, room_id, seq, author_id, sent_at, recorded_at) "
        "select $1, stream_id, room_id, 0, author_id, $2, $2 from messages where message_id = $3",
        strange, sent_at, model,
    )  # fmt: skip
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    first_day = sent_at if is_held else lies_in
    around = {"sent_from": first_day - timedelta(days=1), "sent_until": first_day + timedelta(days=1)}
    await place_hold(database, cabinet.officer, scope_of(place.room_id, **around))
    await move_time(timedelta(days=2))
    await tell_what_expired(database)
    run_id = await owner.fetchval("select begin_disposition()")
    outcome = await owner.fetchval("select drop_due_month($1, $2::date)", run_id, lies_in)
    assert outcome == ("kept" if is_held else "dropped")
    await run_disposition(database, cabinet.stores)
    assert await owner.fetchval("select count(*) from messages where message_id = $1", strange) == is_held
