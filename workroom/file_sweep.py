"""Removes uploads that no message claimed: their bytes first, then the rows that know where they were.

What a message has claimed is never touched: the database gives up what is due and free of its own choice, and forgets
only what it gave up. A sweep that dies anywhere is repeated from where the rows say it stands.
"""

from __future__ import annotations

from workroom import uploads
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores

BATCH_SIZE = 100


async def sweep_files(database: Database, stores: FileStores) -> int:
    """Give up what nobody claimed in time, remove what was given up, and say how many uploads are gone."""
    while True:
        async with database.transaction() as transaction:
            if not await uploads.abandon_expired_uploads(transaction, BATCH_SIZE):
                break
    swept = 0
    while True:
        async with database.read() as reading:
            abandoned = await uploads.list_abandoned_uploads(reading, BATCH_SIZE)
            segments = await uploads.list_segments(reading, abandoned)
        if not abandoned:
            return swept
        for segment in segments:
            await stores.named(segment.store).delete(segment.store_key)
        async with database.transaction() as transaction:
            await uploads.forget_abandoned_uploads(transaction, abandoned)
        swept += len(abandoned)
