"""The link by which the first admin comes in, printed when the program is started and there is none."""

from __future__ import annotations

from workroom import one_time_links
from workroom.errors import StartupError
from workroom.settings import Settings
from workroom.storage.database import open_database


async def first_admin_link(settings: Settings) -> str | None:
    """Make the link, as a person opens it; earlier ones stop working. None when there is an admin.

    Raises:
        StartupError: no database is named, or it cannot be reached.
    """
    if settings.database_url is None:
        raise StartupError("No database is named: set WORKROOM_DATABASE_URL.")
    database = await open_database(settings.database_url, application_name="workroom first admin")
    try:
        async with database.transaction() as transaction:
            link = await one_time_links.mint_first_admin_link(transaction)
    finally:
        await database.close()
    return None if link is None else link.address(settings.address)
