"""How a command of the shell reaches the installation: the servers that are named, or those of the data directory.

Whoever has the shell has the database. Commands that need an officer are told who acts (`--as`), and the database is
asked whether that is one; the audit log has them as done from the shell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from workroom import accounts, audit
from workroom.audit import Initiator
from workroom.embedded import reach_servers
from workroom.settings import Settings
from workroom.storage.database import Database, Transaction
from workroom.storage.migrate import migrate, open_migrated_database


@dataclass(frozen=True, slots=True)
class Installation:
    """The database as the service sees it, and the address under which browsers reach the installation."""

    database: Database
    address: str


@asynccontextmanager
async def open_installation(settings: Settings, application_name: str) -> AsyncIterator[Installation]:
    """Reach the installation for as long as the block runs; servers of its own are started where none run.

    Raises StartupError: it cannot be reached, or is not migrated to this version.
    """
    async with _reach(settings) as (url, address):
        database = await open_migrated_database(url, application_name=application_name)
        try:
            yield Installation(database, address)
        finally:
            await database.close()


async def act_as(transaction: Transaction, email: str) -> Initiator:
    """The account of this e-mail address as somebody who acts from the shell; NotFound when nobody has it."""
    account = await accounts.require_account_of(transaction, email)
    return audit.by_shell(account.account_id)


@asynccontextmanager
async def _reach(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    if settings.database_url is not None:
        yield settings.database_url, settings.address
        return
    async with reach_servers(settings.data_dir) as urls:
        await migrate(urls.owner_url)
        yield urls.service_url, urls.address or settings.address
