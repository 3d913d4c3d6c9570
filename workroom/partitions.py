"""Monthly partitions of content, made ahead of time.

Content is partitioned by the id of its message or file, which begins with the time it was sent, so that what is due
together lies together. What falls outside every month lies in the default partition, where it is found just the same.
"""

from __future__ import annotations

from workroom.storage.database import Transaction
from workroom.storage.queries import queries

MONTHS_AHEAD = 3


async def ensure_partitions(transaction: Transaction, months_ahead: int = MONTHS_AHEAD) -> int:
    """Make the partitions from this month to `months_ahead` months later that are missing, and give how many."""
    made: int = await transaction.fetch_value(queries.partitions.ensure_ahead, months_ahead=months_ahead)
    return made
