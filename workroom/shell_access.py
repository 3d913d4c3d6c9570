"""How a command of the shell reaches the installation: the servers that are named, or those of the data directory.

Whoever has the shell has the database. Commands that need an officer are told who acts (`--as`), and the database is
asked whether that is one; the audit log has them as done from the shell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from workroom import accounts, audit
from workroom.abilities import AccountKind
from workroom.audit import Initiator
from workroom.embedded import reach_servers
from workroom.errors import Conflict, Forbidden, NotFound
from workroom.ids import RoomId
from workroom.settings import Settings
from workroom.storage.database import Database, Transaction
from workroom.storage.migrate import migrate, open_migrated_database
from workroom.storage.queries import queries


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
    """The account of this e-mail address as an officer who acts from the shell.

    Raises NotFound: nobody has the address. Forbidden: it is not an active compliance officer's.
    """
    try:
        account = await accounts.require_account_of(transaction, email)
    except NotFound:
        raise NotFound(
            f"No account has the e-mail address {email!r}: --as names a compliance officer's."
        ) from None
    if account.kind is not AccountKind.COMPLIANCE or account.deactivated_at is not None:
        raise Forbidden(f"{email!r} is not an active compliance officer's address: --as has to name one.")
    return audit.by_shell(account.account_id)


async def find_room(transaction: Transaction, named: str) -> RoomId:
    """The room of this id (not looked for), or of this whole name; NotFound, or Conflict where many have it."""
    try:
        return RoomId(UUID(named))
    except ValueError:
        pass  # a name
    records = await transaction.fetch(queries.hold_scopes.find_rooms_named, name=named)
    if not records:
        raise NotFound(f"No room is called {named!r}: give its whole name, or its id.")
    if len(records) > 1:
        ids = ", ".join(str(record["room_id"]) for record in records)
        raise Conflict(f"{len(records)} rooms are called {named!r}: give the id of one of them ({ids}).")
    room_id: RoomId = records[0]["room_id"]
    return room_id


@asynccontextmanager
async def _reach(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    if settings.database_url is not None:
        yield settings.database_url, settings.address
        return
    async with reach_servers(settings.data_dir) as urls:
        if urls.are_ours:
            # What runs elsewhere may be of another version: it is migrated when it starts again.
            await migrate(urls.owner_url)
        yield urls.service_url, urls.address or settings.address
