"""History: pages of messages as they stand today, by the number they were posted under.

Pages are found by key, never by counting, so a page at depth a million costs what the newest costs. Nothing below where
the reader's history begins is ever on one, not even as a quote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from workroom import reactions
from workroom.errors import InvalidInput
from workroom.event_frames import ToldReaction
from workroom.ids import AccountId, MessageId, StreamId
from workroom.memberships import Readership
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

ABOVE_ALL = 2**62


class ToldMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as it stands. A deleted one has empty text, no mentions and no reactions."""

    message_id: MessageId
    seq: int
    author_id: AccountId
    text: str
    sent_at: datetime
    revision: int
    mentions: list[UUID] = []
    reply_to: MessageId | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    deleted_by: AccountId | None = None
    reactions: list[ToldReaction] = []


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Messages in order of seq; `seq` is the position of the stream that the page is of, or an earlier one."""

    messages: list[ToldMessage]
    quoted: list[ToldMessage]
    more_before: bool
    more_after: bool
    seq: int


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: below, above or around a number; none of them means the newest."""

    before: int | None = None
    after: int | None = None
    around: int | None = None
    limit: int = 50

    def require_one(self) -> None:
        """Raise InvalidInput when more than one place is named."""
        if sum(place is not None for place in (self.before, self.after, self.around)) > 1:
            raise InvalidInput(
                "Name one of before, after and around.", field="before", problem="more_than_one"
            )


async def read_page(transaction: Transaction, readership: Readership, request: PageRequest) -> MessagePage:
    """A page of a stream that `require_member` has opened."""
    request.require_one()
    stream_id, reads_from = readership.stream_id, readership.reads_from_seq
    if request.after is not None:
        after = await _after(transaction, stream_id, request.after, reads_from, request.limit + 1)
        return await _page(
            transaction,
            readership,
            after[: request.limit],
            request.after >= reads_from,
            len(after) > request.limit,
        )
    if request.around is not None:
        half = max(1, request.limit // 2)
        below = await _before(transaction, stream_id, request.around, reads_from, half + 1)
        above = await _after(transaction, stream_id, request.around - 1, reads_from, half + 1)
        chosen = below[:half][::-1] + above[:half]
        return await _page(transaction, readership, chosen, len(below) > half, len(above) > half)
    before = ABOVE_ALL if request.before is None else request.before
    below = await _before(transaction, stream_id, before, reads_from, request.limit + 1)
    chosen = below[: request.limit][::-1]
    return await _page(
        transaction, readership, chosen, len(below) > request.limit, request.before is not None
    )


async def _before(
    transaction: Transaction, stream_id: StreamId, before: int, reads_from_seq: int, page_size: int
) -> list[Record]:
    return await transaction.fetch(
        queries.messages.page_before,
        stream_id=stream_id,
        before=before,
        reads_from_seq=reads_from_seq,
        page_size=page_size,
    )


async def _after(
    transaction: Transaction, stream_id: StreamId, after: int, reads_from_seq: int, page_size: int
) -> list[Record]:
    return await transaction.fetch(
        queries.messages.page_after,
        stream_id=stream_id,
        after=after,
        reads_from_seq=reads_from_seq,
        page_size=page_size,
    )


async def _page(
    transaction: Transaction,
    readership: Readership,
    records: list[Record],
    more_before: bool,
    more_after: bool,
) -> MessagePage:
    standing = [record["message_id"] for record in records if record["deleted_at"] is None]
    signs = await reactions.list_reactions(transaction, standing)
    on_page = {record["message_id"] for record in records}
    wanted = {record["reply_to_message_id"] for record in records} - on_page - {None}
    quoted: list[Record] = []
    if wanted:
        quoted = await transaction.fetch(
            queries.messages.list_by_ids,
            message_ids=list(wanted),
            stream_id=readership.stream_id,
            reads_from_seq=readership.reads_from_seq,
        )
    return MessagePage(
        messages=[_tell(record, signs) for record in records],
        quoted=[_tell(record, {}) for record in quoted],
        more_before=more_before,
        more_after=more_after,
        seq=readership.last_seq,
    )


def _tell(record: Record, signs: dict[MessageId, list[ToldReaction]]) -> ToldMessage:
    is_deleted = record["deleted_at"] is not None
    return ToldMessage(
        message_id=record["message_id"],
        seq=record["seq"],
        author_id=record["author_id"],
        text="" if is_deleted else record["text"],
        sent_at=record["sent_at"],
        revision=record["revision"],
        mentions=[] if is_deleted else record["mentions"],
        reply_to=record["reply_to_message_id"],
        edited_at=record["revised_at"] if record["revision"] > 1 else None,
        deleted_at=record["deleted_at"],
        deleted_by=record["deleted_by"],
        reactions=[] if is_deleted else signs.get(record["message_id"], []),
    )
