"""History: pages of messages as they stand today, by the number they were posted under.

Pages are found by key, never by counting, so a page at depth a million costs what the newest costs. Nothing below where
the reader's history begins is ever on one, not even as a quote. A page is cut to a size in bytes as well: it is one
reply, and what waits for a connection is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from workroom import files, reactions
from workroom.errors import InvalidInput
from workroom.event_frames import ToldFile, ToldReaction
from workroom.ids import AccountId, MessageId, StreamId
from workroom.memberships import Readership
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

ABOVE_ALL = 2**62
PAGE_BYTES = 64 * 1024


class ToldMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands. A deleted one has empty text, no mentions, no reactions and no files."""

    message_id: MessageId
    seq: int
    author_id: AccountId
    text: str
    sent_at: datetime
    revision: int
    mentions: list[UUID]
    reply_to: MessageId | None
    reactions: list[ToldReaction]
    edited_at: datetime | msgspec.UnsetType = msgspec.UNSET
    deleted_at: datetime | msgspec.UnsetType = msgspec.UNSET
    deleted_by: AccountId | msgspec.UnsetType = msgspec.UNSET
    files: list[ToldFile] | msgspec.UnsetType = msgspec.UNSET


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


async def read_page(
    transaction: Transaction,
    readership: Readership,
    request: PageRequest,
    page_bytes: int = PAGE_BYTES,
) -> MessagePage:
    """A page of a stream that `require_member` has opened.

    Args:
        page_bytes: how large messages and quotes may be as JSON, together. One message there is, whatever its size.
    """
    page, nearest = await _read_whole_page(transaction, readership, request)
    return _cut(page, nearest, page_bytes)


async def _read_whole_page(
    transaction: Transaction, readership: Readership, request: PageRequest
) -> tuple[MessagePage, int]:
    """A page as long as it was asked for, and the index of the message that is nearest to the place."""
    request.require_one()
    stream_id, reads_from, limit = readership.stream_id, readership.reads_from_seq, request.limit
    if request.after is not None:
        above = await _after(transaction, stream_id, request.after, reads_from, limit + 1)
        more_before = await _has_message(transaction, stream_id, reads_from, request.after)
        return await _page(transaction, readership, above[:limit], more_before, len(above) > limit), 0
    if request.around is not None:
        half = limit // 2
        below = await _before(transaction, stream_id, request.around, reads_from, half + 1)
        above = await _after(transaction, stream_id, request.around - 1, reads_from, limit - half + 1)
        chosen = below[:half][::-1] + above[: limit - half]
        page = await _page(transaction, readership, chosen, len(below) > half, len(above) > limit - half)
        return page, min(len(below[:half]), len(chosen) - 1)
    before = ABOVE_ALL if request.before is None else request.before
    below = await _before(transaction, stream_id, before, reads_from, limit + 1)
    is_newest = request.before is None
    more_after = not is_newest and await _has_message(
        transaction, stream_id, max(before, reads_from), ABOVE_ALL
    )
    chosen = below[:limit][::-1]
    page = await _page(transaction, readership, chosen, len(below) > limit, more_after)
    return page, len(chosen) - 1


def people_on(pages: Iterable[MessagePage]) -> set[AccountId]:
    """Everybody whose name the pages need: authors, those who are mentioned, and those who reacted."""
    people: set[AccountId] = set()
    for page in pages:
        for message in (*page.messages, *page.quoted):
            people.add(message.author_id)
            people.update(AccountId(account_id) for account_id in message.mentions)
            for reaction in message.reactions:
                people.update(AccountId(account_id) for account_id in reaction.account_ids)
    return people


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


async def _has_message(transaction: Transaction, stream_id: StreamId, from_seq: int, to_seq: int) -> bool:
    has_message: bool = await transaction.fetch_value(
        queries.messages.has_message, stream_id=stream_id, from_seq=from_seq, to_seq=to_seq
    )
    return has_message


async def _page(
    transaction: Transaction,
    readership: Readership,
    records: list[Record],
    more_before: bool,
    more_after: bool,
) -> MessagePage:
    standing = [record["message_id"] for record in records if record["deleted_at"] is None]
    signs = await reactions.list_reactions(transaction, standing)
    attached = await files.list_of_messages(
        transaction,
        [record["message_id"] for record in records if record["deleted_at"] is None and record["file_count"]],
    )
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
    attached_to_quoted = await files.list_of_messages(
        transaction,
        [record["message_id"] for record in quoted if record["deleted_at"] is None and record["file_count"]],
    )
    return MessagePage(
        messages=[_tell(record, signs, attached) for record in records],
        quoted=[_tell(record, {}, attached_to_quoted) for record in quoted],
        more_before=more_before,
        more_after=more_after,
        seq=readership.last_seq,
    )


def _cut(page: MessagePage, nearest: int, page_bytes: int) -> MessagePage:
    """The part of a page that fits, with what it quotes: from the nearest message on, to both sides."""
    if len(page.messages) < 2 or _byte_size((page.messages, page.quoted)) <= page_bytes:
        return page
    quotable: dict[MessageId | None, ToldMessage] = {each.message_id: each for each in page.quoted}
    quotable |= {each.message_id: msgspec.structs.replace(each, reactions=[]) for each in page.messages}
    first, until = nearest, nearest + 1
    quoted: dict[MessageId, ToldMessage] = {}
    byte_size = 0
    for index in _from_the_nearest(nearest, len(page.messages)):
        if index not in (first - 1, first, until):
            continue  # behind one that did not fit
        message = page.messages[index]
        quote = quotable.get(message.reply_to)
        with_quote = _byte_size(message)
        if quote is not None and quote.message_id not in quoted:
            with_quote += _byte_size(quote)
        if index != nearest and byte_size + with_quote > page_bytes:
            continue
        byte_size += with_quote
        first, until = min(first, index), max(until, index + 1)
        if quote is not None:
            quoted[quote.message_id] = quote
    kept = page.messages[first:until]
    shown = {message.message_id for message in kept}
    return msgspec.structs.replace(
        page,
        messages=kept,
        quoted=[quote for message_id, quote in quoted.items() if message_id not in shown],
        more_before=page.more_before or first > 0,
        more_after=page.more_after or until < len(page.messages),
    )


def _from_the_nearest(nearest: int, length: int) -> list[int]:
    """All indices, the nearest first."""
    return sorted(range(length), key=lambda index: abs(index - nearest))


def _byte_size(told: object) -> int:
    return len(msgspec.json.encode(told))


def _tell(
    record: Record, signs: dict[MessageId, list[ToldReaction]], attached: dict[MessageId, list[ToldFile]]
) -> ToldMessage:
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
        edited_at=record["revised_at"] if record["revision"] > 1 else msgspec.UNSET,
        deleted_at=record["deleted_at"] if is_deleted else msgspec.UNSET,
        deleted_by=record["deleted_by"] if is_deleted else msgspec.UNSET,
        reactions=[] if is_deleted else signs.get(record["message_id"], []),
        files=attached.get(record["message_id"], msgspec.UNSET),
    )
