"""Migrations: applied in order, once, whole; and left alone where they do not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.servers import DatabaseUrls, SharedServers, run_sql
from workroom.errors import StartupError
from workroom.storage.database import Database, open_database
from workroom.storage.migrate import load_migrations, migrate, require_migrated

FIRST = "create schema workroom; create table workroom.ones (one integer);"
SECOND = "create table workroom.twos (two integer); insert into workroom.ones values (1);"


@pytest_asyncio.fixture
async def empty(servers: SharedServers) -> AsyncIterator[DatabaseUrls]:
    """A database without anything in it."""
    async with servers.make_database("workroom_test_migrate") as urls:
        yield urls


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two migrations."""
    (tmp_path / "0001_ones.sql").write_text(FIRST)
    (tmp_path / "0002_twos.sql").write_text(SECOND)
    return tmp_path


async def fetch_value(urls: DatabaseUrls, sql: str) -> object:
    """One value, as the owner sees it."""
    connection = await asyncpg.connect(urls.owner_url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_what_is_missing_is_applied_once_and_in_order(empty: DatabaseUrls, folder: Path) -> None:
    assert await migrate(empty.owner_url, folder) == ["0001_ones", "0002_twos"]
    assert await migrate(empty.owner_url, folder) == []
    (folder / "0003_threes.sql").write_text("create table workroom.threes (three integer);")
    assert await migrate(empty.owner_url, folder) == ["0003_threes"]
    assert await fetch_value(empty, "select count(*) from workroom.ones") == 1


async def test_a_migration_that_fails_leaves_nothing_behind_and_can_be_repeated(
    empty: DatabaseUrls, folder: Path
) -> None:
    (folder / "0002_twos.sql").write_text(SECOND + " select 1 / 0;")
    with pytest.raises(StartupError, match=r"0002_twos failed and left nothing behind: division by zero"):
        await migrate(empty.owner_url, folder)
    assert await fetch_value(empty, "select count(*) from workroom.ones") == 0
    assert (
        await fetch_value(empty, "select string_agg(name, ',') from workroom.schema_migrations")
        == "0001_ones"
    )
    (folder / "0002_twos.sql").write_text(SECOND)
    assert await migrate(empty.owner_url, folder) == ["0002_twos"]


async def test_a_migration_that_cannot_be_recorded_leaves_nothing_behind(
    empty: DatabaseUrls, folder: Path
) -> None:
    await migrate(empty.owner_url, folder)
    (folder / "0003_mute.sql").write_text(
        "create table workroom.mute (x integer);"
        " create rule mute as on insert to workroom.schema_migrations do instead select 1 / 0;"
    )
    with pytest.raises(StartupError, match="0003_mute failed and left nothing behind"):
        await migrate(empty.owner_url, folder)
    assert await fetch_value(empty, "select to_regclass('workroom.mute')") is None


async def test_a_run_that_does_not_end_is_not_waited_for_for_ever(
    empty: DatabaseUrls, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workroom.storage.migrate.LOCK_SECONDS", 1)
    other = await asyncpg.connect(empty.owner_url)
    await other.execute("select pg_advisory_lock(hashtext('workroom.migrate'))")
    with pytest.raises(StartupError, match="Another `workroom migrate` runs"):
        await migrate(empty.owner_url, folder)
    await other.close()
    assert await migrate(empty.owner_url, folder) == ["0001_ones", "0002_twos"]


async def test_a_file_that_changed_after_it_was_applied_is_refused(empty: DatabaseUrls, folder: Path) -> None:
    await migrate(empty.owner_url, folder)
    (folder / "0001_ones.sql").write_text(FIRST + " -- one more thought")
    with pytest.raises(StartupError, match="0001_ones has changed since it was applied"):
        await migrate(empty.owner_url, folder)


async def test_a_database_newer_than_the_program_is_refused(empty: DatabaseUrls, folder: Path) -> None:
    await migrate(empty.owner_url, folder)
    (folder / "0002_twos.sql").unlink()
    with pytest.raises(StartupError, match="0002_twos, which this version of Workroom does not know"):
        await migrate(empty.owner_url, folder)


async def test_a_migration_slipped_in_before_an_applied_one_is_refused(
    empty: DatabaseUrls, folder: Path
) -> None:
    await migrate(empty.owner_url, folder)
    (folder / "0002_twos.sql").rename(folder / "0003_twos.sql")
    (folder / "0002_between.sql").write_text("select 1;")
    with pytest.raises(StartupError):
        await migrate(empty.owner_url, folder)


@pytest.mark.parametrize("name", ["0003_gap.sql", "1_short.sql", "0002-dash.sql", "0002_Upper.sql"])
def test_numbers_without_gaps_and_plain_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "0001_ones.sql").write_text(FIRST)
    (tmp_path / name).write_text(SECOND)
    with pytest.raises(StartupError, match="out of order"):
        load_migrations(tmp_path)


async def test_two_runs_at_the_same_time_apply_each_step_once(empty: DatabaseUrls, folder: Path) -> None:
    runs = await asyncio.gather(*(migrate(empty.owner_url, folder) for _ in range(4)))
    assert sorted(runs) == [[], [], [], ["0001_ones", "0002_twos"]]


async def test_the_service_role_cannot_migrate(empty: DatabaseUrls, folder: Path) -> None:
    with pytest.raises(StartupError, match="create role workroom_owner login"):
        await migrate(empty.service_url, folder)


async def test_a_superuser_migrates_in_the_owners_name(empty: DatabaseUrls, folder: Path) -> None:
    await migrate(empty.superuser_url, folder)
    owners = "select string_agg(distinct tableowner, ',') from pg_tables where schemaname = 'workroom'"
    assert await fetch_value(empty, owners) == "workroom_owner"


async def test_the_owner_can_hand_functions_to_the_role_that_destroys_or_it_is_said_who_has_to_help(
    empty: DatabaseUrls, folder: Path
) -> None:
    await run_sql(empty.superuser_url, "revoke workroom_disposition from workroom_owner")
    try:
        with pytest.raises(StartupError, match="must run: grant workroom_disposition to workroom_owner;"):
            await migrate(empty.owner_url, folder)
        # Whoever may, has done it: the roles belong to the server and not to one database.
        assert await migrate(empty.superuser_url, folder) == ["0001_ones", "0002_twos"]
        assert await fetch_value(
            empty, "select pg_has_role('workroom_owner', 'workroom_disposition', 'member')"
        )
    finally:
        await run_sql(empty.superuser_url, "grant workroom_disposition to workroom_owner")


async def test_a_database_that_cannot_be_reached_is_one_sentence(folder: Path) -> None:
    with pytest.raises(StartupError, match=r"cannot be reached .* WORKROOM_OWNER_DATABASE_URL"):
        await migrate("postgresql://nobody@127.0.0.1:1/none", folder)


async def test_the_service_starts_only_on_a_migrated_database(empty: DatabaseUrls) -> None:
    database = await open_database(empty.service_url, application_name="workroom test")
    with pytest.raises(StartupError, match="run `workroom migrate` first"):
        await require_migrated(database)
    await migrate(empty.owner_url)
    await require_migrated(database)
    await run_sql(
        empty.owner_url,
        "delete from workroom.schema_migrations where name = (select max(name) from workroom.schema_migrations)",
    )
    with pytest.raises(StartupError, match=r"lacks \d{4}_\w+: run `workroom migrate` first"):
        await require_migrated(database)
    await run_sql(empty.owner_url, "insert into workroom.schema_migrations values ('9999_later', 'ff')")
    with pytest.raises(StartupError, match="9999_later, which this version of Workroom does not know"):
        await require_migrated(database)
    await database.close()


async def test_the_service_does_not_start_under_a_role_that_may_delete_content(
    database: Database, owner_database: Database, database_urls: DatabaseUrls
) -> None:
    await require_migrated(database)
    with pytest.raises(StartupError, match=r"workroom_owner may delete what people wrote"):
        await require_migrated(owner_database)
    as_superuser = await open_database(database_urls.superuser_url, application_name="workroom test")
    with pytest.raises(StartupError, match="may delete what people wrote"):
        await require_migrated(as_superuser)
    await as_superuser.close()
