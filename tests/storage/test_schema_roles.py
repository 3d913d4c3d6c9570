"""SQL typed under the role that web and worker run as: what was written is neither deleted nor altered by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import delete, edit, open_place, post, react
from tests.people import make_accounts
from tests.servers import DatabaseUrls
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom.storage.database import Database

# A label says what is to become of content; it is none.
LABEL = {"label_class_id", "labelled_at"}
# What of each content table may be changed, because it is no content: that something was taken back, and when.
CONTENT = {
    "messages": {"deleted_at", "deleted_by"} | LABEL,
    "message_revisions": set(),
    "message_reactions": {"removed_seq", "removed_at"},
    "room_names": set(),
    "events": set(),
    "room_customers": set(),
    "memberships": {"left_seq", "left_at", "removed_by"},
    "installation": set(),
    "files": {"message_id", "message_seq", "position", "scan_state", "scanned_at", "preview_state"} | LABEL,
    "file_contents": set(),
    "message_files": set(),
    "file_previews": set(),
    "file_damages": set(),
    "file_segments": {"byte_size", "store", "store_key"},
    "uploads": {"received_bytes", "lease_number", "leased_until"},
    "room_file_bytes": set(),
}


PREVIEW = """
    insert into file_previews (file_id, media_type, byte_size, sha256, width, height)
    values ($1, 'image/webp', 1, sha256(''), 1, 1)
"""


@pytest_asyncio.fixture
async def service(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection of the service role."""
    connection = await asyncpg.connect(
        database_urls.service_url, server_settings={"search_path": "workroom, public"}
    )
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def written(database: Database, owner: asyncpg.Connection, tmp_path: Path) -> dict[str, int]:
    """Something in every content table; how many rows each has."""
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    posted = await post(database, customer, place.shared)
    await edit(database, customer, place.shared, posted.message_id, "Edited")
    await react(database, staff, place.shared, posted.message_id)
    await delete(database, staff, place.shared, posted.message_id)
    file_id = await upload(make_receiver(database, disk_stores(tmp_path)), customer, place, b"paper")
    await claim(database, customer, place, file_id)
    await owner.execute(PREVIEW, file_id)
    await owner.execute("insert into file_damages (file_id, block) values ($1, 0)", file_id)
    counts = {table: await owner.fetchval(f"select count(*) from {table}") for table in CONTENT}
    assert min(counts.values()) > 0, counts
    return counts


async def columns_of(owner: asyncpg.Connection, table: str) -> set[str]:
    rows = await owner.fetch(
        "select column_name from information_schema.columns where table_schema = 'workroom' and table_name = $1",
        table,
    )
    return {row["column_name"] for row in rows}


@pytest.mark.parametrize("table", CONTENT)
async def test_no_row_of_content_is_deleted_and_no_column_of_it_altered(
    service: asyncpg.Connection, owner: asyncpg.Connection, written: dict[str, int], table: str
) -> None:
    for statement in (f"delete from {table}", f"truncate {table} cascade"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(statement)
    for column in await columns_of(owner, table):
        update = f"update {table} set {column} = {column}"
        if column in CONTENT[table]:
            await service.execute(update)
            continue
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(update)
    assert await owner.fetchval(f"select count(*) from {table}") == written[table]


@pytest.mark.parametrize(
    "statement",
    [
        "drop table workroom.events",
        "alter table workroom.events disable trigger all",
        "alter table workroom.events add column note text",
        "alter table workroom.events owner to workroom_service",
        "create table workroom.notes (note text)",
        "create table public.notes (note text)",
        "create schema notes",
        "drop schema workroom cascade",
        "create or replace function workroom.current_instant() returns timestamptz language sql "
        "as 'select now()'",
        "set role workroom_owner",
        "set role workroom_disposition",
        "set session authorization workroom_owner",
        "alter role workroom_service superuser",
        "create role intruder",
        "set session_replication_role = replica",
        "copy workroom.events to '/tmp/stolen'",
        "copy workroom.events from program 'true'",
        "select pg_read_file('/etc/passwd')",
    ],
)
async def test_the_schema_and_its_guards_are_not_the_services_to_change(
    service: asyncpg.Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(statement)


async def test_the_service_grants_itself_nothing(
    service: asyncpg.Connection, written: dict[str, int]
) -> None:
    assert written
    await service.execute("grant all on all tables in schema workroom to workroom_service")  # only a warning
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute("delete from events")


async def test_what_is_no_record_of_anything_may_go(service: asyncpg.Connection) -> None:
    for table in ("sessions", "one_time_links"):
        await service.execute(f"delete from {table}")
