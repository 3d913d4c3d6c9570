"""Brings the database to the schema of this program: `sql/migrations/NNNN_name.sql`, in order, each once.

Runs as `workroom_owner` and never as web or worker. Each file is one transaction that also records the file's
name and hash, so that an interrupted run leaves whole steps behind and goes on where it stopped. Two runs at
the same time wait for each other. A database that is newer than the program, or was made by other files, is
left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from workroom.errors import StartupError
from workroom.storage.database import OLDEST_POSTGRES, Database, DatabaseLimits, open_database
from workroom.storage.database_errors import DRIVER_ERRORS
from workroom.storage.queries import queries

MIGRATIONS_FOLDER = Path(__file__).parent / "sql" / "migrations"
OWNER_ROLE = "workroom_owner"
DISPOSITION_ROLE = "workroom_disposition"
CONNECT_SECONDS = 15.0
# Locks of a live service are waited for so long, and the run of somebody else as well.
LOCK_SECONDS = 60

_ROLE_SQL = {
    "workroom_service": "create role workroom_service login",
    "workroom_disposition": "create role workroom_disposition nologin",
}
_FOR_THE_DATABASE_ADMINISTRATOR = (
    "create role workroom_owner login password '...'; "
    "create role workroom_service login password '...'; "
    "create role workroom_disposition nologin; "
    "grant workroom_disposition to workroom_owner; "
    "create database workroom owner workroom_owner encoding 'UTF8' template template0;"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without `.sql`, its text, and the SHA-256 of the text in hexadecimal."""

    name: str
    sql: str
    sha256: str


def load_migrations(folder: Path = MIGRATIONS_FOLDER) -> list[Migration]:
    """Give all migrations in order; StartupError when the numbers are not 1, 2, 3 ..."""
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        if not re.fullmatch(rf"{number:04d}_[a-z0-9_]+", path.stem):
            raise StartupError(
                f"The migration {path.name} is out of order: number {number:04d} was expected."
            )
        text = path.read_text("utf-8")
        migrations.append(Migration(path.stem, text, hashlib.sha256(text.encode()).hexdigest()))
    return migrations


async def migrate(owner_url: str, folder: Path = MIGRATIONS_FOLDER) -> list[str]:
    """Apply what is missing and give the names of what was applied.

    Raises:
        StartupError: the database cannot be reached or is not fit, a role is missing, a file that was applied
            has
            changed, the database is newer than the program, or a migration failed (then it left nothing
            behind).
    """
    migrations = load_migrations(folder)
    connection = await _connect(owner_url)
    try:
        await _require_fit(connection)
        await _become_owner(connection)
        await _lock_out_other_runs(connection)
        await _ensure_roles(connection)
        await _ensure_owner_may_hand_over(connection)
        await connection.execute(f"set role {OWNER_ROLE}")
        applied = await _list_applied(connection)
        missing = plan_migrations(migrations, applied)
        for migration in missing:
            await _apply(connection, migration)
    except DRIVER_ERRORS as error:
        raise StartupError(f"The database could not be migrated: {_describe(error)}.") from None
    finally:
        connection.terminate()
    return [migration.name for migration in missing]


def plan_migrations(migrations: list[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """Give what is missing, in order; StartupError when what was applied is not how the files begin.

    Args:
        applied: name to SHA-256 of each migration the database has.
    """
    known = {migration.name for migration in migrations}
    unknown = sorted(applied.keys() - known)
    if unknown:
        raise StartupError(
            f"The database has the migration {unknown[-1]}, which this version of Workroom does not know: "
            "run the newer version that made it."
        )
    for migration, recorded in zip(migrations, sorted(applied.items()), strict=False):
        if migration.name != recorded[0]:
            raise StartupError(
                f"The database has {recorded[0]} but not {migration.name}, which comes before it."
            )
        if migration.sha256 != recorded[1]:
            raise StartupError(
                f"The migration {migration.name} has changed since it was applied: "
                "restore the file, and write what is new as a migration of its own."
            )
    return migrations[len(applied) :]


async def grant_memberships(superuser_url: str) -> None:
    """Let the owner give functions to the role that destroys, as a database administrator does elsewhere.

    Raises StartupError when the database cannot be reached or refuses.
    """
    connection = await _connect(superuser_url)
    try:
        await connection.execute(f"grant {DISPOSITION_ROLE} to {OWNER_ROLE}")
    except DRIVER_ERRORS as error:
        raise StartupError(f"The roles could not be completed: {_describe(error)}.") from None
    finally:
        connection.terminate()


async def open_migrated_database(
    url: str, *, application_name: str, limits: DatabaseLimits | None = None
) -> Database:
    """Open the database that web, worker and shell run on.

    Raises:
        StartupError: as `open_database` and `require_migrated` say.
    """
    database = await open_database(url, application_name=application_name, limits=limits)
    try:
        await require_migrated(database)
    except BaseException:
        await database.close(0)
        raise
    return database


async def require_migrated(database: Database) -> None:
    """See that web or worker may start on this database.

    Raises:
        StartupError: it is not migrated to this version, or the role may do more than `workroom_service` may.
    """
    async with database.read() as reading:
        server = await reading.fetch_one(queries.server.find_server)
        if not server["is_migrated"]:
            raise StartupError("The database is empty: run `workroom migrate` first.")
        if server["is_superuser"] or server["may_delete_content"]:
            raise StartupError(
                f"The role {server['role']} may delete what people wrote: let WORKROOM_DATABASE_URL name the "
                "role workroom_service."
            )
        applied = await reading.fetch(queries.server.list_applied_migrations)
    missing = plan_migrations(load_migrations(), {record["name"]: record["sha256"] for record in applied})
    if missing:
        raise StartupError(f"The database lacks {missing[0].name}: run `workroom migrate` first.")


async def _connect(owner_url: str) -> Any:
    try:
        return await asyncpg.connect(
            owner_url,
            timeout=CONNECT_SECONDS,
            server_settings={
                "application_name": "workroom migrate",
                "search_path": "workroom",
                "timezone": "UTC",
                "lock_timeout": f"{LOCK_SECONDS}s",
            },
        )
    except DRIVER_ERRORS as error:
        raise StartupError(
            f"Postgres cannot be reached for migration: {_describe(error)}; see that it runs and that "
            "WORKROOM_OWNER_DATABASE_URL is right."
        ) from None


async def _require_fit(connection: Any) -> None:
    if connection.get_server_version().major < OLDEST_POSTGRES:
        raise StartupError(
            f"Postgres is version {connection.get_server_version().major}: "
            f"Workroom needs {OLDEST_POSTGRES} or newer."
        )
    encoding = await connection.fetchval("show server_encoding")
    if encoding != "UTF8":
        raise StartupError(
            f"The database has the encoding {encoding}: create one with encoding 'UTF8' instead."
        )


async def _become_owner(connection: Any) -> None:
    may = await connection.fetchval(
        """
        select exists (select from pg_roles where rolname = $1 and pg_has_role(current_user, oid, 'member'))
        """,
        OWNER_ROLE,
    )
    if not may:
        raise StartupError(
            f"Migrations run as the role {OWNER_ROLE}, and WORKROOM_OWNER_DATABASE_URL names another: "
            f"a database administrator must run: {_FOR_THE_DATABASE_ADMINISTRATOR}"
        )


async def _ensure_roles(connection: Any) -> None:
    present = {record[0] for record in await connection.fetch("select rolname from pg_roles")}
    missing = [role for role in _ROLE_SQL if role not in present]
    try:
        for role in missing:
            # Roles belong to all databases of a server: a run on another one may have been faster.
            with contextlib.suppress(asyncpg.DuplicateObjectError):
                await connection.execute(_ROLE_SQL[role])
    except asyncpg.InsufficientPrivilegeError:
        raise StartupError(
            f"The role {missing[0]} is missing and {OWNER_ROLE} may not create it: "
            f"a database administrator must run: {'; '.join(_ROLE_SQL[role] for role in missing)};"
        ) from None


async def _ensure_owner_may_hand_over(connection: Any) -> None:
    # Functions that destroy content belong to workroom_disposition, and whoever makes them has to give them to it.
    # Since PostgreSQL 16 a membership is not enough for that: it has to be one that may also be set.
    membership = "set" if connection.get_server_version().major >= 16 else "member"
    if await connection.fetchval("select pg_has_role($1, $2, $3)", OWNER_ROLE, DISPOSITION_ROLE, membership):
        return
    grant = f"grant {DISPOSITION_ROLE} to {OWNER_ROLE}"
    try:
        await connection.execute(grant)
    except asyncpg.InsufficientPrivilegeError:
        raise StartupError(
            f"{OWNER_ROLE} is not a member of {DISPOSITION_ROLE}: a database administrator must run: {grant};"
        ) from None


async def _lock_out_other_runs(connection: Any) -> None:
    try:
        await connection.execute("select pg_advisory_lock(hashtext('workroom.migrate'))")
    except asyncpg.LockNotAvailableError:
        raise StartupError(
            f"Another `workroom migrate` runs since {LOCK_SECONDS} seconds: wait for it, or end it."
        ) from None


async def _list_applied(connection: Any) -> dict[str, str]:
    if await connection.fetchval("select to_regclass('workroom.schema_migrations')") is None:
        return {}
    records = await connection.fetch("select name, sha256 from workroom.schema_migrations")
    return {record["name"]: record["sha256"] for record in records}


async def _apply(connection: Any, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                """
                create table if not exists workroom.schema_migrations (
                    name text primary key,
                    sha256 text not null,
                    applied_at timestamptz not null default clock_timestamp()
                );
                grant select on workroom.schema_migrations to workroom_service;
                """
            )
            await connection.execute(
                "insert into workroom.schema_migrations (name, sha256) values ($1, $2)",
                migration.name,
                migration.sha256,
            )
    except asyncpg.PostgresError as error:
        raise StartupError(
            f"The migration {migration.name} failed and left nothing behind: {_describe(error)}."
        ) from None


def _describe(error: Exception) -> str:
    # Not the driver's whole text: its detail may quote a row.
    if isinstance(error, asyncpg.PostgresError):
        return f"{error.message} ({error.sqlstate})"
    return f"{type(error).__name__} {error}".strip()
