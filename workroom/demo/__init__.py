"""`workroom up --demo`: an empty installation becomes a small accounting firm, with some days behind it.

Everything is done by the same functions as in real use, in one transaction of the owner, in which the clock is held at
the moments of the script: so numbers, digests and times are as if it had happened; then its officers place a hold, now.
It is for trying out on one's own machine: everybody has the same password, and it is printed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from workroom.clock import now
from workroom.demo.case import place_case
from workroom.demo.cast import CAST, CUSTOMERS, PASSWORD, Person
from workroom.demo.script import read_script
from workroom.demo.stage import Stage
from workroom.errors import StartupError
from workroom.passwords import PasswordHasher
from workroom.settings import Settings
from workroom.storage.database import Database, open_database
from workroom.storage.queries import queries

SCRIPT = Path(__file__).parent / "conversations.txt"
OPENED_DAYS_AGO = 9


async def fill_demo(settings: Settings) -> list[str]:
    """Fill an empty installation and give the lines that say how to sign in as each person.

    Raises:
        StartupError: others could reach it, it is not empty, or no owner's database is named.
    """
    if settings.public_url is not None or not settings.is_loopback:
        raise StartupError(
            "The demo has one password for everybody and prints it: start it with WORKROOM_HOST=127.0.0.1 and without "
            "WORKROOM_PUBLIC_URL, or leave --demo out."
        )
    if settings.owner_database_url is None:
        raise StartupError("The demo is written as the owner: set WORKROOM_OWNER_DATABASE_URL.")
    database = await open_database(settings.owner_database_url, application_name="workroom demo")
    try:
        with PasswordHasher() as hasher:
            password_hashes = {key: await hasher.hash_password(PASSWORD) for key in CAST}
        stage = await _write(database, password_hashes)
        await place_case(database, stage)
    finally:
        await database.close()
    return _describe()


async def _write(database: Database, password_hashes: dict[str, str]) -> Stage:
    today = datetime.combine(now().astimezone(UTC).date(), datetime.min.time(), UTC)
    deeds = read_script(SCRIPT.read_text("utf-8").splitlines(), today)
    async with database.transaction() as transaction:
        if not await transaction.fetch_value(queries.demo.is_empty):
            raise StartupError(
                "The demo fills an empty installation, and this one has accounts: leave --demo out, or choose another "
                "folder with WORKROOM_DATA_DIR."
            )
        await transaction.execute(queries.demo.hold_clock)
        stage = Stage(transaction)
        await stage.enter(CUSTOMERS, CAST, password_hashes, today - timedelta(days=OPENED_DAYS_AGO))
        for deed in deeds:
            await stage.perform(deed)
        await transaction.execute(queries.demo.release_clock)
    return stage


def _describe() -> list[str]:
    width = max(len(person.email) for person in CAST.values())
    lines = [f"  Demo          everybody signs in with the password: {PASSWORD}"]
    return lines + [f"    {person.email:<{width}}  {_role(person)}" for person in CAST.values()]


def _role(person: Person) -> str:
    return f"{person.name}, {person.customer or person.kind.value}"
