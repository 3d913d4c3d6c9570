"""The worker: what has to be done now and then, whoever is signed in.

It makes the partitions of the months to come, forgets sessions and links that ended, marks simulations as failed whose
process ended, has files scanned and previewed, removes uploads that nobody claimed, and verifies once a day that the
database keeps what it has to. It tells members within a minute what is not shown to them any more, and destroys once a
day what is due and free. Several workers do no harm: each step is safe to repeat.
"""

from __future__ import annotations

import asyncio
import random
import signal

import uvloop

from workroom import integrity, logs, one_time_links, partitions, sessions, simulation
from workroom.disposition import is_run_due, run_disposition
from workroom.errors import WorkroomError
from workroom.expiry_rounds import ROUND_SECONDS as EXPIRY_SECONDS
from workroom.expiry_rounds import tell_what_expired
from workroom.file_failures import FileFailures
from workroom.file_previews import FIRST_PAUSE_SECONDS, make_previews
from workroom.file_scans import FileScans
from workroom.file_sweep import sweep_files
from workroom.settings import Settings
from workroom.storage.database import Database, database_limits
from workroom.storage.file_store import FileStores
from workroom.storage.migrate import open_migrated_database
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries

ROUND_SECONDS = 3600.0
RETRY_SECONDS = 30.0
LOOK_SECONDS = 1.0
SWEEP_SECONDS = 600.0
DISPOSITION_SECONDS = 300.0


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure_logs(settings.log_level)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    assert settings.database_url is not None
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = await open_migrated_database(
        settings.database_url, application_name="workroom worker", limits=database_limits(settings)
    )
    try:
        async with database.read() as reading:
            epoch = await reading.fetch_one(queries.events.read_epoch)
            has_files = await reading.fetch_value(queries.files.has_any)
        stores = await open_file_stores(settings, epoch["installation_id"], has_files=has_files)
        await keep_everything(database, stores, settings, stop)
    finally:
        await database.close()


async def keep_everything(
    database: Database, stores: FileStores, settings: Settings, stop: asyncio.Event
) -> None:
    """All that a worker does, until told to stop."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_house(database, stop))
        if settings.clamd is not None:
            tasks.create_task(keep_scanned(database, stores, settings.clamd, stop))
        tasks.create_task(keep_previewed(database, stores, stop))
        tasks.create_task(keep_swept(database, stores, stop))
        tasks.create_task(keep_told(database, stop))
        if settings.disposition == "daily":
            tasks.create_task(keep_disposing(database, stores, settings.disposition_hour, stop))


async def keep_house(database: Database, stop: asyncio.Event) -> None:
    """Do a round at once, and then every hour until told to stop; after a failure again soon."""
    while not stop.is_set():
        try:
            await do_round(database)
            pause_seconds = ROUND_SECONDS
        except WorkroomError as error:
            logs.log_event("worker_round_failed", code=error.code, reason=error.message)
            pause_seconds = RETRY_SECONDS
        try:
            async with asyncio.timeout(pause_seconds * random.uniform(0.9, 1.1)):
                await stop.wait()
        except TimeoutError:
            continue


async def keep_scanned(database: Database, stores: FileStores, clamd: str, stop: asyncio.Event) -> None:
    """Look every second for files to scan."""
    scans = FileScans(database, stores, clamd)
    while not stop.is_set():
        pause_seconds = LOOK_SECONDS
        try:
            if await scans.scan_waiting():
                continue
        except WorkroomError as error:
            logs.log_event("worker_scans_failed", code=error.code, reason=error.message)
            pause_seconds = RETRY_SECONDS
        await _pause(stop, pause_seconds)


async def keep_previewed(database: Database, stores: FileStores, stop: asyncio.Event) -> None:
    """Look every second for files to preview."""
    failures = FileFailures(FIRST_PAUSE_SECONDS)
    while not stop.is_set():
        pause_seconds = LOOK_SECONDS
        try:
            if await make_previews(database, stores, failures):
                continue
        except WorkroomError as error:
            logs.log_event("worker_previews_failed", code=error.code, reason=error.message)
            pause_seconds = RETRY_SECONDS
        await _pause(stop, pause_seconds)


async def keep_swept(database: Database, stores: FileStores, stop: asyncio.Event) -> None:
    """Remove every ten minutes what nobody claimed; a task of its own, because it frees what the others may lack."""
    while not stop.is_set():
        pause_seconds = SWEEP_SECONDS
        try:
            swept = await sweep_files(database, stores)
            if swept:
                logs.log_event("uploads_swept", uploads=swept)
        except WorkroomError as error:
            logs.log_event("worker_sweep_failed", code=error.code, reason=error.message)
            pause_seconds = RETRY_SECONDS
        await _pause(stop, pause_seconds)


async def keep_told(database: Database, stop: asyncio.Event) -> None:
    """Tell members every few seconds what is not shown to them any more."""
    while not stop.is_set():
        pause_seconds = EXPIRY_SECONDS
        try:
            told = await tell_what_expired(database)
            if told:
                logs.log_event("expiry_told", events=told)
        except WorkroomError as error:
            logs.log_event("worker_expiry_failed", code=error.code, reason=error.message)
            pause_seconds = RETRY_SECONDS
        await _pause(stop, pause_seconds)


async def keep_disposing(database: Database, stores: FileStores, hour: int, stop: asyncio.Event) -> None:
    """Destroy what is due and free, once a day from an hour on; go on with a run that was interrupted at once."""
    while not stop.is_set():
        pause_seconds = DISPOSITION_SECONDS
        try:
            async with database.read() as reading:
                is_due = await is_run_due(reading, hour)
            if is_due:
                run = await run_disposition(database, stores)
                logs.log_event("disposition_done", run=run.run_id, messages=run.messages, files=run.files)
        except WorkroomError as error:
            logs.log_event("worker_disposition_failed", code=error.code, reason=error.message)
            pause_seconds = RETRY_SECONDS
        await _pause(stop, pause_seconds)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds * random.uniform(0.9, 1.1)):
            await stop.wait()
    except TimeoutError:
        return


async def do_round(database: Database) -> None:
    """One round of everything."""
    async with database.transaction() as transaction:
        made = await partitions.ensure_partitions(transaction)
    async with database.transaction() as transaction:
        ended = await sessions.delete_dead_sessions(transaction)
        used = await one_time_links.delete_dead_links(transaction)
    async with database.transaction() as transaction:
        given_up = await simulation.give_up_simulations(transaction)
    for simulation_id in given_up:
        logs.log_event(
            "simulation_given_up", simulation=simulation_id, reason="its process ended before it did"
        )
    if made or ended or used:
        logs.log_event("worker_round_done", partitions=made, sessions=ended, links=used)
    await verify_daily(database)


async def verify_daily(database: Database) -> None:
    """Verify the database where that is due. What the log says of it lies outside the reach of whoever alters it."""
    async with database.long_transaction() as transaction:
        verified = await integrity.verify_when_due(transaction)
    if verified is not None:
        logs.log_event(
            "integrity_verified",
            findings=len(verified.findings),
            entries=verified.entries,
            last_hash=verified.last_hash.hex(),
        )
