"""The link by which the first admin comes in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.people import make_account
from workroom import registration
from workroom.errors import StartupError
from workroom.first_admin import first_admin_link
from workroom.registration import NewPerson
from workroom.settings import Settings
from workroom.storage.database import Database


async def test_the_link_leads_to_the_public_address_and_makes_an_admin(
    settings: Settings, database: Database
) -> None:
    link = await first_admin_link(replace(settings, public_url="https://rooms.example.org"))
    assert link is not None
    address, _, token = link.partition("#token=")
    assert address == "https://rooms.example.org/first-admin"
    async with database.transaction() as transaction:
        await registration.register_first_admin(transaction, NewPerson("m@example.org", "Mara", "h"), token)
    assert await first_admin_link(settings) is None


async def test_there_is_none_when_an_admin_was_made_another_way(
    settings: Settings, database: Database
) -> None:
    await make_account(database, "admin")
    assert await first_admin_link(settings) is None


async def test_without_a_database_it_says_what_to_set(settings: Settings) -> None:
    with pytest.raises(StartupError, match="WORKROOM_DATABASE_URL"):
        await first_admin_link(replace(settings, database_url=None))
