"""The epoch: which life of the installation numbers belong to.

A restored backup may hold fewer events than clients have seen, and will give their numbers to other events. So whoever
restores one begins a new epoch before the nodes start, and every client that comes back with a position of the old one
fetches afresh.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from workroom.embedded import reach_servers
from workroom.errors import StartupError
from workroom.settings import Settings
from workroom.storage.database import Transaction, open_database
from workroom.storage.queries import queries


async def begin_epoch(transaction: Transaction) -> UUID:
    """Begin a new epoch and give it. Needs the owner's role; nodes that run know the old one until they restart."""
    epoch: UUID = await transaction.fetch_value(queries.epochs.begin_epoch)
    return epoch


async def begin_epoch_of(settings: Settings) -> str:
    """Begin a new epoch of an installation, and say so."""
    async with _owner_url(settings) as url:
        database = await open_database(url, application_name="workroom new-epoch")
        try:
            async with database.transaction() as transaction:
                epoch = await begin_epoch(transaction)
        finally:
            await database.close()
    return f"Epoch {epoch} has begun. Restart every web process: clients then fetch afresh."


@asynccontextmanager
async def _owner_url(settings: Settings) -> AsyncIterator[str]:
    if settings.owner_database_url is not None:
        yield settings.owner_database_url
        return
    if settings.database_url is not None:
        raise StartupError("WORKROOM_OWNER_DATABASE_URL is not set: a new epoch needs the owner's role.")
    async with reach_servers(settings.data_dir) as urls:
        yield urls.owner_url
