"""The description that ships is what the migrations make; `workroom verify` compares a database with it."""

from __future__ import annotations

import os

import asyncpg
import pytest

from workroom import integrity
from workroom.storage.database import Database
from workroom.storage.schema_description import (
    DESCRIPTION_FILE,
    expect_parts,
    load_description,
    load_views,
    write_description,
)

WRITE_VARIABLE = "WORKROOM_TEST_WRITE_SCHEMA_DESCRIPTION"


async def test_the_file_is_what_the_migrations_make(database: Database) -> None:
    async with database.read() as reading:
        written = write_description(await integrity.describe_schema(reading))
    if WRITE_VARIABLE in os.environ:
        DESCRIPTION_FILE.write_text(written, "utf-8")
    assert DESCRIPTION_FILE.read_text("utf-8").splitlines() == written.splitlines(), (
        f"run this test with {WRITE_VARIABLE}=1, and look at what has changed"
    )


async def test_each_view_is_compared(owner: asyncpg.Connection) -> None:
    views = await owner.fetch(
        "select relname from pg_class where relnamespace = 'workroom'::regnamespace and relkind = 'v'"
    )
    assert set(load_views()) == {record["relname"] for record in views}


@pytest.mark.parametrize("table", ["messages", "files"])
def test_what_holds_for_the_default_partition_holds_for_every_other(table: str) -> None:
    found = {("table", f"{table}_2031_05"): f"r of workroom_owner partition of {table}"}
    expected = expect_parts(load_description(), found)
    for trigger in ("guard_before_delete", "guard_after_delete", "guard_truncate", "guard_written"):
        default = expected["trigger", f"{table}_default.{trigger}"]
        assert expected["trigger", f"{table}_2031_05.{trigger}"] == default
