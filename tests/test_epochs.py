"""After a restored backup nobody goes on from a number of the life before."""

from __future__ import annotations

import pytest

from workroom import epochs
from workroom.errors import WorkroomError
from workroom.storage.database import Database
from workroom.storage.queries import queries


async def read_epoch(database: Database) -> object:
    async with database.read() as reading:
        return (await reading.fetch_one(queries.events.read_epoch))["epoch"]


async def test_a_new_epoch_is_another_one(database: Database, owner_database: Database) -> None:
    before = await read_epoch(database)
    async with owner_database.transaction() as transaction:
        begun = await epochs.begin_epoch(transaction)
    assert begun != before
    assert await read_epoch(database) == begun


async def test_the_service_cannot_begin_an_epoch(database: Database) -> None:
    before = await read_epoch(database)
    with pytest.raises(WorkroomError):
        async with database.transaction() as transaction:
            await epochs.begin_epoch(transaction)
    assert await read_epoch(database) == before
