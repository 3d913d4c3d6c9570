"""`schema.sql` is the same database as the migrations make, and every rule in it has a name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio

import workroom.storage
from tests.servers import DatabaseUrls, SharedServers
from workroom.storage.database_errors import CONSTRAINTS
from workroom.storage.migrate import migrate

SCHEMA_FILE = Path(workroom.storage.__file__).parent / "sql" / "schema.sql"

# What makes two databases the same, one text for each thing. Partitions of months come and go with time.
CATALOG = """
    with relations as (
        select * from pg_class where relnamespace = 'workroom'::regnamespace
    )
    select concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end, pg_get_expr(d.adbin, d.adrelid),
        col_description(c.oid, a.attnum), a.attacl)
    from pg_attribute a
    join relations c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    union all
    select concat_ws(' ', 'relation', c.relname, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner),
        c.relrowsecurity, c.reloptions, c.relacl, pg_get_partkeydef(c.oid),
        pg_get_expr(c.relpartbound, c.oid),
        case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end, obj_description(c.oid, 'pg_class'))
    from relations c
    where c.relkind not in ('i', 'I')
    union all
    select concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), i.indisvalid)
    from pg_index i
    join relations c on c.oid = i.indexrelid
    union all
    select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
    from pg_constraint
    where connamespace = 'workroom'::regnamespace
    union all
    select concat_ws(' ', 'function', pg_get_functiondef(oid), pg_get_userbyid(proowner), proacl)
    from pg_proc
    where pronamespace = 'workroom'::regnamespace
    union all
    select concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled)
    from pg_trigger t
    join relations c on c.oid = t.tgrelid
    where not t.tgisinternal
    union all
    select concat_ws(' ', 'schema', nspname, pg_get_userbyid(nspowner), nspacl)
    from pg_namespace
    where nspname = 'workroom'
"""
TABLES = """
    select relname
    from pg_class
    where relnamespace = 'workroom'::regnamespace and relkind in ('r', 'p') and relname <> 'schema_migrations'
"""


@pytest_asyncio.fixture
async def two_databases(servers: SharedServers) -> AsyncIterator[tuple[DatabaseUrls, DatabaseUrls]]:
    """One made by the migrations, one by `schema.sql`."""
    async with (
        servers.make_database("workroom_test_migrated") as migrated,
        servers.make_database("workroom_test_written") as written,
    ):
        await migrate(migrated.owner_url)
        connection = await asyncpg.connect(written.owner_url)
        await connection.execute(SCHEMA_FILE.read_text("utf-8"))
        await connection.close()
        yield migrated, written


async def test_schema_and_migrations_make_the_same_database(
    two_databases: tuple[DatabaseUrls, DatabaseUrls],
) -> None:
    migrated, written = await asyncio.gather(*(describe(urls) for urls in two_databases))
    only_migrated, only_written = sorted(migrated - written), sorted(written - migrated)
    assert len(written) > 100
    assert (only_migrated, only_written) == ([], [])


async def test_schema_and_migrations_begin_with_the_same_rows(
    two_databases: tuple[DatabaseUrls, DatabaseUrls],
) -> None:
    migrated, written = await asyncio.gather(*(count_rows(urls) for urls in two_databases))
    assert migrated == written


async def test_constraints_with_a_meaning_exist(owner: asyncpg.Connection) -> None:
    names = await owner.fetch(
        """
        select conname as name from pg_constraint where connamespace = 'workroom'::regnamespace
        union
        select relname from pg_class where relnamespace = 'workroom'::regnamespace and relkind in ('i', 'I')
        """
    )
    functions = " ".join(
        record[0] for record in await owner.fetch("select prosrc from pg_proc where prolang > 14")
    )
    known = {record["name"] for record in names}
    assert [name for name in CONSTRAINTS if name not in known and f"'{name}'" not in functions] == []


async def test_every_rule_of_ours_has_a_name_of_ours(owner: asyncpg.Connection) -> None:
    # A check without a name gets one from Postgres, which ends in _check and says nothing when it refuses.
    names = await owner.fetch(
        "select conname from pg_constraint where connamespace = 'workroom'::regnamespace and contype = 'c'"
    )
    assert [record["conname"] for record in names if re.search(r"_check\d*$", record["conname"])] == []


async def test_the_service_may_neither_delete_content_nor_change_it(owner: asyncpg.Connection) -> None:
    tables = ["messages", "message_revisions", "message_reactions", "events", "room_names", "memberships"]
    for table in tables:
        for right in ("delete", "truncate", "references", "trigger"):
            assert not await owner.fetchval(
                "select has_table_privilege('workroom_service', $1, $2)", f"workroom.{table}", right
            ), (table, right)
    columns = {
        "message_revisions": ["text", "mentions", "salt", "author_id", "recorded_at", "revision"],
        "events": ["seq", "kind", "actor_id", "content_digest", "recorded_at"],
        "room_names": ["name", "salt"],
        "messages": ["author_id", "seq", "sent_at", "recorded_at", "message_id"],
        "message_reactions": ["emoji", "account_id"],
        "memberships": ["joined_seq", "joined_at", "reads_from_seq", "account_id"],
    }
    for table, names in columns.items():
        for name in names:
            assert not await owner.fetchval(
                "select has_column_privilege('workroom_service', $1, $2, 'update')", f"workroom.{table}", name
            ), (table, name)


async def test_the_service_may_not_alter_the_schema(owner: asyncpg.Connection) -> None:
    assert not await owner.fetchval("select has_schema_privilege('workroom_service', 'workroom', 'create')")
    owned = await owner.fetchval(
        "select count(*) from pg_class where relnamespace = 'workroom'::regnamespace "
        "and relowner = 'workroom_service'::regrole"
    )
    assert owned == 0


async def test_who_destroys_content_has_no_login(owner: asyncpg.Connection) -> None:
    assert not await owner.fetchval("select rolcanlogin from pg_roles where rolname = 'workroom_disposition'")


async def describe(urls: DatabaseUrls) -> set[str]:
    """Everything in the schema, without what only migrations have."""
    connection = await asyncpg.connect(urls.owner_url, server_settings={"search_path": "pg_catalog"})
    try:
        texts = {record[0] for record in await connection.fetch(CATALOG)}
    finally:
        await connection.close()
    assert all(isinstance(text, str) for text in texts)
    return {text for text in texts if "schema_migrations" not in text}


async def count_rows(urls: DatabaseUrls) -> dict[str, int]:
    """How many rows each table begins with."""
    connection = await asyncpg.connect(urls.owner_url, server_settings={"search_path": "workroom"})
    try:
        tables = await connection.fetch(TABLES)
        return {
            record["relname"]: await connection.fetchval(f'select count(*) from "{record["relname"]}"')
            for record in tables
        }
    finally:
        await connection.close()
