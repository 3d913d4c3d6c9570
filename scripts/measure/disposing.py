"""How fast disposition destroys what is due, against a plain DELETE of as much: whole months, and months of which one
message in a hundred is on hold. Meanwhile people talk in another room, and their waits are looked at.

The DELETE is what a job does that knows nothing of holds: where the id is among the next ones that are old enough, in
batches along the key, a transaction each, without a rest, on partitions whose guards are off. It leaves its rows for a
vacuum to clean up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from uuid import UUID

from scripts.measure.archive import Archive, Month
from scripts.measure.figures import median, number, percentile
from scripts.measure.run import Run
from scripts.measure.talk import Talk, open_talk
from workroom.disposition import run_disposition

BATCH = 5_000
MONTHS_AT_ONCE = 2
ROUNDS = 2
FIRST_ID = UUID(int=0)
MIB = 1024 * 1024


@dataclass(slots=True)
class Destroyed:
    """What some rounds came to: messages a second, the waits of those who talked, and what is left on the disk."""

    rates: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    left_bytes: list[int] = field(default_factory=list)

    def take(self, rate: float, waits: list[float], left_bytes: int) -> None:
        """Add a round."""
        self.rates.append(rate)
        self.waits += waits
        self.left_bytes.append(left_bytes)


async def measure_disposition(run: Run) -> None:
    """Rounds of the DELETE, of months with something held in them, and of whole months, in turns."""
    archive = await run.open_archive()
    plain, held, whole = Destroyed(), Destroyed(), Destroyed()
    quiet: list[float] = []
    async with open_talk(archive.surroundings) as talk:
        for _ in range(min(ROUNDS, run.scale.rounds)):
            quiet += await talk.alone(run.scale.quiet_seconds)
            await _delete_months(archive, talk, plain)
            quiet += await talk.alone(run.scale.quiet_seconds)
            await _dispose_held_months(archive, talk, held)
            await _dispose_whole_months(archive, talk, whole)
    quiet_ms = percentile(quiet, 99)
    run.take(
        {
            "disposition_ratio": median(whole.rates) / median(plain.rates),
            "disposition_held_ratio": median(held.rates) / median(plain.rates),
            "disposition_per_s": median(held.rates),
            "acks_beside_disposition_ratio": percentile(held.waits, 99) / quiet_ms,
        },
        disposition_ratio=f"{MONTHS_AT_ONCE} months of {number(archive.months[0].message_count)} messages at once: "
        f"{number(median(whole.rates))}/s, {max(whole.left_bytes) / MIB:.0f} MiB left; the DELETE: "
        f"{number(median(plain.rates))}/s, {median(plain.left_bytes) / MIB:.0f} MiB left",
        disposition_per_s=f"what is held stays, to the message; {median(held.left_bytes) / MIB:.0f} MiB left",
        acks_beside_disposition_ratio=f"{percentile(held.waits, 99):.1f} ms, quiet {quiet_ms:.1f}; beside whole months "
        f"{percentile(whole.waits, 99):.1f}, beside the DELETE {percentile(plain.waits, 99):.1f}; medians "
        f"{median(held.waits):.1f}, {median(quiet):.1f}, {median(whole.waits):.1f}, {median(plain.waits):.1f}",
    )


async def dispose(archive: Archive) -> float:
    """A run of disposition as the worker makes it; gives how many messages it destroyed a second."""
    began = time.perf_counter()
    run = await run_disposition(archive.database, archive.stores)
    return run.messages / (time.perf_counter() - began)


async def hold_custodian(archive: Archive, month: Month) -> None:
    """Put one message in a hundred of a month on hold."""
    await archive.place_hold(archive.scope_of_custodian(month.begins_at, month.ends_at))


async def _dispose_held_months(archive: Archive, talk: Talk, into: Destroyed) -> None:
    months = archive.take_months(MONTHS_AT_ONCE)
    for month in months:
        await hold_custodian(archive, month)
    held_count = await archive.count_messages(months, archive.custodian.account_id)
    await archive.make_due(months[-1])
    await archive.surroundings.let_postgres_settle()
    into.take(*await talk.during(dispose(archive)), await archive.measure_bytes(months))
    left = await archive.count_messages(months)
    if left != held_count or left != await archive.count_messages(months, archive.custodian.account_id):
        raise RuntimeError("what is left of the months is not what is held of them")


async def _dispose_whole_months(archive: Archive, talk: Talk, into: Destroyed) -> None:
    months = archive.take_months(MONTHS_AT_ONCE)
    await archive.make_due(months[-1])
    await archive.surroundings.let_postgres_settle()
    into.take(*await talk.during(dispose(archive)), await archive.measure_bytes(months))
    if into.left_bytes[-1] != 0:
        raise RuntimeError("the partitions of the months were not dropped")


async def _delete_months(archive: Archive, talk: Talk, into: Destroyed) -> None:
    months = archive.take_months(MONTHS_AT_ONCE)
    for month in months:
        for partition in month.partitions:
            await archive.owner.execute(f"alter table {partition} disable trigger user")
    await archive.surroundings.let_postgres_settle()
    into.take(*await talk.during(_delete(archive, months)), await archive.measure_bytes(months))
    # What it left is cleaned up in nobody's time: the next run of disposition looks at these months as well.
    for month in months:
        for partition in month.partitions:
            await archive.owner.execute(f"vacuum {partition}", timeout=120)


async def _delete(archive: Archive, months: list[Month]) -> float:
    began = time.perf_counter()
    deleted = sum([await _delete_month(archive, month) for month in months])
    if deleted != sum(month.message_count for month in months):
        raise RuntimeError(f"{deleted} messages were deleted")
    return deleted / (time.perf_counter() - began)


async def _delete_month(archive: Archive, month: Month) -> int:
    messages, *parts = month.partitions
    due = f"select message_id from {messages} where message_id > $1 and sent_at < $2 order by message_id limit {BATCH}"
    deleted, after_id = 0, FIRST_ID
    while True:
        until_id = await archive.owner.fetchval(
            f"select message_id from ({due}) as due order by message_id desc limit 1", after_id, month.ends_at
        )
        if until_id is None:
            return deleted
        async with archive.owner.transaction():
            for table in (*parts, messages):
                tag = await archive.owner.execute(
                    f"delete from {table} where message_id in ({due})", after_id, month.ends_at
                )
            deleted += int(tag.rpartition(" ")[2])
        after_id = until_id
