"""The audit log as a file that anybody can verify without us (`audit_chain.py`), page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

from workroom.audit_chain import (
    ChainedEntry,
    ExportHead,
    write_entry,
    write_foot,
    write_head,
)
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

PAGE_SIZE = 500


async def list_chained(
    transaction: Transaction, after: int, limit: int = PAGE_SIZE
) -> list[tuple[ChainedEntry, Record]]:
    """Entries in order from behind a number on, as they are chained, each with what its columns say."""
    records = await transaction.fetch(queries.audit.list_chained, after=after, page_size=limit)
    texts: dict[int, dict[str, tuple[bytes, str]]] = {}
    numbers = [record["entry_number"] for record in records]
    for record in await transaction.fetch(queries.audit.list_texts, entry_numbers=numbers):
        texts.setdefault(record["entry_number"], {})[record["field"]] = (record["salt"], record["text"])
    return [(_chained(record, texts.get(record["entry_number"], {})), record) for record in records]


async def export_log(transaction: Transaction) -> AsyncIterator[bytes]:
    """The lines of an export of every entry there is: head, entries in order, foot."""
    installation = await transaction.fetch_one(queries.audit.find_installation)
    yield write_head(ExportHead(installation["installation_id"], installation["exported_at"]))
    last: ChainedEntry | None = None
    while True:
        page = await list_chained(transaction, last.entry_number if last else 0)
        if not page:
            break
        for last, _ in page:
            yield write_entry(last)
    yield write_foot(last)


def _chained(record: Record, texts: dict[str, tuple[bytes, str]]) -> ChainedEntry:
    return ChainedEntry(
        record["entry_number"], record["previous_hash"], record["canonical"], record["entry_hash"], texts
    )
