"""Disposition: destroys what is due and free, and nothing else. A mistake here cannot be taken back.

What keeps it safe: this file chooses nothing. It names no message, no file and no room; it tells Postgres to
destroy the next batch, and `dispose_batch` (`sql/schema.sql`) chooses what is due and free by itself, under the
lock that holds are placed under, which each transaction here takes in its first statement. The guard then looks
once more at every row. A run chooses nothing that members were not told of before it began. The bytes of files go
after the commit that made them nobody's, as often as it takes. A run that is killed, wherever, is gone on with from
the batch it had committed last; the rows of its record say what went.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workroom import audit, expiry, holds
from workroom.audit import Act, Initiator, Subject
from workroom.clock import monotonic_seconds
from workroom.errors import TryAgain
from workroom.expiry_rounds import tell_what_expired
from workroom.ids import DispositionRunId
from workroom.logs import log_event
from workroom.storage.database import Database, Transaction
from workroom.storage.file_store import FileStores
from workroom.storage.queries import queries

BYTES_AT_ONCE = 200
SMALLEST_BATCH = 100
MOST_TRIES = 20
PAUSE_SECONDS = 0.1
BUSY_TRIES = 5
RECENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class DispositionRun:
    """A run and what it has destroyed so far. `digest` is over those of its batches, hex."""

    run_id: DispositionRunId
    began_at: datetime
    ended_at: datetime | None
    phase: str
    batches: int
    messages: int
    revisions: int
    reactions: int
    files: int
    bytes: int
    room_names: int
    digest: str


@dataclass(slots=True)
class Pace:
    """How much goes in one batch: as much as takes a quarter of a second: whoever places a hold waits little longer.

    Its commit is not counted: it waits for the disk as long for few rows as for many, and on a slow disk batches would
    become ever smaller for nothing. After each batch it rests for a part of what that took, so that those who write
    meanwhile are not held up by a disk that does nothing else.
    """

    most: int = 1_000
    rest: float = 0.04
    batch_seconds: float = 0.25
    largest: int = 20_000
    first: int = field(init=False)

    def __post_init__(self) -> None:
        self.first = self.most

    def took(self, seconds: float) -> float:
        """Take how long a batch took, and give how long to rest. The next is twice as large at most, or half."""
        factor = min(2.0, max(0.5, self.batch_seconds / max(seconds, 1e-6)))
        self.most = max(min(SMALLEST_BATCH, self.first), min(self.largest, int(self.most * factor)))
        return seconds * self.rest

    def begin_again(self) -> None:
        """Begin small: what comes next takes another time."""
        self.most = self.first


async def run_disposition(
    database: Database, stores: FileStores, by: Initiator = audit.BY_WORKER, pace: Pace | None = None
) -> DispositionRun:
    """Destroy what is due and free now; or go on with the run that was interrupted, and then no other is begun.

    Raises TryAgain or Unavailable where Postgres or a store does not answer: called again, it goes on.
    """
    pace = pace or Pace()
    run_id, phase = await _begin(database, by)
    await _remove_bytes(database, stores)
    while phase == "files":
        phase = await _dispose_batch(database, run_id, by, pace, phase)
        await _remove_bytes(database, stores)
    await _drop_months(database, run_id)
    while phase not in ("room_names", "done"):
        phase = await _dispose_batch(database, run_id, by, pace, phase)
    await _drop_months(database, run_id, only_empty=True)
    while phase != "done":
        phase = await _dispose_batch(database, run_id, by, pace, phase)
    await _tell_what_is_out_of_reach(database, stores)
    async with database.read() as reading:
        return await find_run(reading, run_id)


async def find_run(transaction: Transaction, run_id: DispositionRunId) -> DispositionRun:
    """A run with what it has destroyed so far."""
    return DispositionRun(**await transaction.fetch_one(queries.disposition.sum_run, run_id=run_id))


async def list_runs(transaction: Transaction, limit: int = 50) -> list[DispositionRun]:
    """The newest runs, newest first."""
    records = await transaction.fetch(queries.disposition.list_runs, page_size=limit)
    return [DispositionRun(**record) for record in records]


async def is_run_due(transaction: Transaction, hour: int) -> bool:
    """Whether no run has begun since it was last that hour (UTC), or one is to be gone on with."""
    is_due: bool = await transaction.fetch_value(queries.disposition.is_run_due, hour=hour)
    return is_due


async def _begin(database: Database, by: Initiator) -> tuple[DispositionRunId, str]:
    # A run goes as far as members were told. Where the worker's rounds go on, that is far enough.
    async with database.read() as reading:
        is_told = await expiry.was_told_within(reading, RECENT)
    if not is_told:
        await tell_what_expired(database)
    async with database.transaction() as transaction:
        begun = await transaction.fetch_value(queries.disposition.begin_run)
        if begun is not None:
            await audit.record_act(transaction, by, Act.DISPOSITION_BEGAN, Subject("disposition_run", begun))
            return DispositionRunId(begun), "files"
    async with database.read() as reading:
        record = await reading.fetch_one_or_none(queries.disposition.find_run_under_way)
    if record is None:
        raise TryAgain("A run has just ended.")
    return record["run_id"], record["phase"]


async def _dispose_batch(
    database: Database, run_id: DispositionRunId, by: Initiator, pace: Pace, phase: str
) -> str:
    next_phase, took_seconds = await _try_batch(database, run_id, by, pace)
    rest_seconds = pace.took(took_seconds)
    if next_phase != phase:
        pace.begin_again()
    await asyncio.sleep(rest_seconds)
    return next_phase


async def _try_batch(
    database: Database, run_id: DispositionRunId, by: Initiator, pace: Pace
) -> tuple[str, float]:
    """The phase that comes next, and how many seconds the batch took to its commit."""
    for _ in range(MOST_TRIES):
        try:
            async with database.transaction() as transaction:
                # First, and a statement of its own: what comes after sees every hold that was placed before.
                await holds.lock_against_holds(transaction)
                began = monotonic_seconds()
                phase: str = await transaction.fetch_value(
                    queries.disposition.dispose_batch, run_id=run_id, most=pace.most
                )
                took_seconds = monotonic_seconds() - began
                if phase == "done":
                    await _record_end(transaction, run_id, by)
            return phase, took_seconds
        except TryAgain:
            # A hold is being placed, or a row is in somebody's hand. Nothing was done, or the run's row says so.
            await asyncio.sleep(PAUSE_SECONDS)
    raise TryAgain("The next batch could not be destroyed.")


async def _record_end(transaction: Transaction, run_id: DispositionRunId, by: Initiator) -> None:
    run = await find_run(transaction, run_id)
    facts = {
        "began_at": run.began_at,
        "batches": run.batches,
        "messages": run.messages,
        "revisions": run.revisions,
        "reactions": run.reactions,
        "files": run.files,
        "bytes": run.bytes,
        "room_names": run.room_names,
        "digest": run.digest,
    }
    await audit.record_act(transaction, by, Act.DISPOSITION_ENDED, Subject("disposition_run", run_id), facts)


async def _drop_months(database: Database, run_id: DispositionRunId, *, only_empty: bool = False) -> None:
    """Drop months of which everything is due and free, or of which nothing is left; what is busy waits for its turn."""
    async with database.read() as reading:
        months = await reading.fetch(queries.disposition.list_past_months)
    for record in months:
        for _ in range(BUSY_TRIES):
            async with database.long_transaction() as transaction:
                if record["is_of_files"]:
                    outcome = await transaction.fetch_value(
                        queries.disposition.drop_empty_month_of_files, month=record["month"]
                    )
                else:
                    # Takes the lock itself, when it has proven all that needs no lock.
                    outcome = await transaction.fetch_value(
                        queries.disposition.drop_due_month,
                        run_id=run_id,
                        month=record["month"],
                        only_empty=only_empty,
                    )
            if outcome != "busy":
                break
            await asyncio.sleep(PAUSE_SECONDS)


async def _remove_bytes(database: Database, stores: FileStores) -> None:
    """Remove bytes that no row names any more, then strike them off: in this order, so that none is forgotten."""
    while True:
        async with database.read() as reading:
            records = await reading.fetch(
                queries.disposition.list_bytes_to_remove, stores=stores.names, batch_size=BYTES_AT_ONCE
            )
        if not records:
            return
        for record in records:
            await stores.named(record["store"]).delete(record["store_key"])
        async with database.transaction() as transaction:
            await transaction.execute(
                queries.disposition.strike_off_bytes,
                names=[record["store"] for record in records],
                store_keys=[record["store_key"] for record in records],
            )


async def _tell_what_is_out_of_reach(database: Database, stores: FileStores) -> None:
    """Say whose bytes wait for a run that was told of their store: they stay on the list, and hold up nothing else."""
    async with database.read() as reading:
        left = await reading.fetch(queries.disposition.count_bytes_out_of_reach, stores=stores.names)
    for record in left:
        log_event(
            "destroyed_bytes_out_of_reach",
            level=logging.WARNING,
            store=record["store"],
            segments=record["segments"],
        )
