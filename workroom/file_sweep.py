"""Removes uploads that no message claimed, and strays: the bytes first, then the rows that know where they were.

What a message has claimed is never touched: the database gives up what is due and free of its own choice, and forgets
only what it gave up. A sweep that dies anywhere is repeated from where the rows say it stands. What lies in a store
that this process was not told of waits for one that was.
"""

from __future__ import annotations

import logging

from workroom import strays, uploads
from workroom.logs import log_event
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores

BATCH_SIZE = 100


async def sweep_files(database: Database, stores: FileStores) -> int:
    """Give up what nobody claimed in time, remove what was given up, and say how many uploads are gone."""
    async with database.transaction() as transaction:
        await uploads.forget_claimed_uploads(transaction)
    while True:
        async with database.transaction() as transaction:
            if not await uploads.abandon_expired_uploads(transaction, BATCH_SIZE):
                break
    swept = 0
    while True:
        async with database.read() as reading:
            abandoned = await uploads.list_abandoned_uploads(reading, stores.names, BATCH_SIZE)
            segments = await uploads.list_segments(reading, abandoned)
        if not abandoned:
            break
        for segment in segments:
            await stores.named(segment.store).delete(segment.store_key)
        async with database.transaction() as transaction:
            swept += await uploads.forget_abandoned_uploads(
                transaction, abandoned, [segment.store_key for segment in segments]
            )
    await _sweep_strays(database, stores)
    await _tell_what_is_out_of_reach(database, stores)
    return swept


async def _sweep_strays(database: Database, stores: FileStores) -> None:
    while True:
        async with database.transaction() as transaction:
            given_up = await strays.give_up_strays(transaction, stores.names, BATCH_SIZE)
        if not given_up:
            return
        for stray in given_up:
            await stores.named(stray.store).delete(stray.store_key)
        async with database.transaction() as transaction:
            await strays.forget_strays(transaction, given_up)


async def _tell_what_is_out_of_reach(database: Database, stores: FileStores) -> None:
    async with database.read() as reading:
        left = await uploads.count_segments_out_of_reach(reading, stores.names)
    for store, segments in left.items():
        log_event("uploads_out_of_reach", level=logging.WARNING, store=store, segments=segments)
