"""Strays: bytes in a store that no file's segment names, or not yet: copies that are being made, and what was left.

A stray's row is there before its bytes are, so that whatever dies, the sweep knows where to look. Nothing here removes
what a segment names: a copy becomes a segment's under the lock of its row, and what was given up never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workroom.storage.database import Transaction
from workroom.storage.queries import queries

KEEP_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Stray:
    """A place in a store."""

    store: str
    store_key: str


async def begin_copy(transaction: Transaction, stray: Stray) -> None:
    """Record where a copy is going to lie, before it does. It is kept for a quarter of an hour (`keep_copy`)."""
    await transaction.execute(
        queries.strays.insert_stray, store=stray.store, store_key=stray.store_key, keep_seconds=KEEP_SECONDS
    )


async def keep_copy(transaction: Transaction, stray: Stray) -> bool:
    """Keep a copy that takes its time; False when it was given up."""
    kept = await transaction.fetch_value(
        queries.strays.keep_stray, store=stray.store, store_key=stray.store_key, keep_seconds=KEEP_SECONDS
    )
    return kept is not None


async def lock_copy(transaction: Transaction, stray: Stray) -> bool:
    """Keep the sweep from a copy until the transaction ends; False when it was given up already."""
    locked = await transaction.fetch_value(
        queries.strays.lock_stray, store=stray.store, store_key=stray.store_key
    )
    return locked is not None


async def leave_behind(transaction: Transaction, stray: Stray) -> None:
    """Record that nobody needs what lies here any more."""
    await transaction.execute(
        queries.strays.insert_stray, store=stray.store, store_key=stray.store_key, keep_seconds=0
    )


async def give_up_strays(transaction: Transaction, stores: Sequence[str], batch_size: int) -> list[Stray]:
    """Choose strays that are over their time, in stores that can be reached: once committed, their bytes may go."""
    records = await transaction.fetch(
        queries.strays.give_up_strays, stores=list(stores), batch_size=batch_size
    )
    return [Stray(**record) for record in records]


async def forget_strays(transaction: Transaction, strays: Sequence[Stray]) -> None:
    """Forget places that are no stray's any more: emptied, or become a segment's."""
    await transaction.execute(
        queries.strays.delete_strays,
        stores=[stray.store for stray in strays],
        store_keys=[stray.store_key for stray in strays],
    )
