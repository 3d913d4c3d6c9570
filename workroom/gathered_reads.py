"""What many clients ask at the same time is read once: who is signed in, what may be listened to, what was missed.

Nothing is remembered between rounds: every right comes from Postgres in a round that began after it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from workroom import event_reading, memberships, read_markers, sessions
from workroom.errors import NotFound, PositionReset, WorkroomError
from workroom.event_frames import ToldEvent, withhold_older
from workroom.event_reading import Span
from workroom.ids import AccountId, StreamId
from workroom.memberships import Readership
from workroom.read_markers import Mark, Moved
from workroom.sessions import SignedIn
from workroom.storage.database import Database, Transaction
from workroom.storage.gathering import Gathering

PAGE_EVENTS = 500
PAGE_BYTES = 64 * 1024
GATHER_SECONDS = 0.1
"""In a crowd only. Who comes back with thousands of others waits a little longer, and all are served sooner."""


@dataclass(frozen=True, slots=True)
class CatchUpRequest:
    """What an account missed of a stream since a number."""

    account_id: AccountId
    stream_id: StreamId
    since_seq: int


@dataclass(frozen=True, slots=True)
class CatchUpPage:
    """Events as a JSON array, up to and with `seq`; `more` says whether to go on from there."""

    events: bytes
    seq: int
    more: bool


@dataclass(frozen=True, slots=True)
class ListenRequest:
    """The streams that an account asks to listen to."""

    account_id: AccountId
    stream_ids: tuple[StreamId, ...]


class GatheredReads:
    """The gathered questions of one node."""

    def __init__(self, database: Database, tasks: asyncio.TaskGroup) -> None:
        self._database = database
        self.signed_in: Gathering[bytes, SignedIn | None] = Gathering(
            tasks, self._find_signed_in, gather_seconds=GATHER_SECONDS
        )
        self.listening: Gathering[ListenRequest, dict[StreamId, Readership]] = Gathering(
            tasks, self._find_readable, gather_seconds=GATHER_SECONDS
        )
        self.catch_up: Gathering[CatchUpRequest, CatchUpPage] = Gathering(
            tasks, self._read_missed, deadline_seconds=30.0, gather_seconds=GATHER_SECONDS
        )
        self.marks: Gathering[Mark, Moved] = Gathering(tasks, self._move_markers, rounds_at_once=1)

    async def _find_signed_in(self, token_hashes: Sequence[bytes]) -> Sequence[SignedIn | None]:
        async with self._database.read() as reading:
            found = await sessions.find_sessions(reading, token_hashes)
        return [found.get(token_hash) for token_hash in token_hashes]

    async def _find_readable(self, requests: Sequence[ListenRequest]) -> Sequence[dict[StreamId, Readership]]:
        pairs = [(request.account_id, stream_id) for request in requests for stream_id in request.stream_ids]
        async with self._database.read() as reading:
            readable = await memberships.find_readable(reading, pairs)
        return [
            {
                stream_id: readable[request.account_id, stream_id]
                for stream_id in request.stream_ids
                if (request.account_id, stream_id) in readable
            }
            for request in requests
        ]

    async def _read_missed(self, requests: Sequence[CatchUpRequest]) -> Sequence[CatchUpPage | WorkroomError]:
        """Rights, then content, then rights again: who lost them in between gets nothing of this page."""
        pairs = list({(request.account_id, request.stream_id) for request in requests})
        async with self._database.read() as reading:
            before = await memberships.find_readable(reading, pairs)
            spans = [_span(request, before) for request in requests]
            told = await event_reading.read_events(
                reading, [span for span in spans if span], PAGE_EVENTS, PAGE_BYTES
            )
            after = await memberships.find_readable(reading, pairs)
        cutter = _PageCutter(told)
        answers: list[CatchUpPage | WorkroomError] = []
        for request, span in zip(requests, spans, strict=True):
            readership = after.get((request.account_id, request.stream_id))
            was = before.get((request.account_id, request.stream_id))
            if (
                span is None
                or readership is None
                or was is None
                or readership.reads_from_seq != was.reads_from_seq
            ):
                answers.append(NotFound("There is no such stream."))
            elif request.since_seq > readership.last_seq:
                answers.append(PositionReset("The stream does not go that far: fetch afresh."))
            else:
                answers.append(cutter.cut(span, readership))
        return answers

    async def _move_markers(self, marks: Sequence[Mark]) -> Sequence[Moved | WorkroomError]:
        async with self._database.transaction() as transaction:
            return await read_markers.move_markers(transaction, marks)


class _PageCutter:
    """Encodes each event of a round once, and each page that several clients share once."""

    def __init__(self, told: dict[Span, list[ToldEvent]]) -> None:
        self._told = told
        self._pages: dict[tuple[Span, int], CatchUpPage] = {}
        self._encoded: dict[int, bytes] = {}

    def cut(self, span: Span, readership: Readership) -> CatchUpPage:
        reads_from_seq = readership.reads_from_seq
        oldest = min((event.subject_seq or event.seq for event in self._told[span]), default=reads_from_seq)
        key = (span, max(reads_from_seq, oldest))
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = self._make(span, reads_from_seq, readership.last_seq)
        return page

    def _make(self, span: Span, reads_from_seq: int, stream_seq: int) -> CatchUpPage:
        whole = self._told[span]
        parts: list[bytes] = []
        byte_size = 0
        for event, shown in zip(whole, withhold_older(whole, reads_from_seq), strict=True):
            encoded = self._encode(event, shown)
            if parts and byte_size + len(encoded) > PAGE_BYTES:
                break
            parts.append(encoded)
            byte_size += len(encoded)
        last_seq = whole[len(parts) - 1].seq if parts else span.since_seq
        # Numbers have no gaps: whatever ended the page, what is missing up to the stream's number comes next.
        return CatchUpPage(b"[" + b",".join(parts) + b"]", last_seq, last_seq < stream_seq)

    def _encode(self, event: ToldEvent, shown: ToldEvent) -> bytes:
        if shown is not event:
            return msgspec.json.encode(shown)
        encoded = self._encoded.get(id(event))
        if encoded is None:
            encoded = self._encoded[id(event)] = msgspec.json.encode(event)
        return encoded


def _span(request: CatchUpRequest, readable: dict[tuple[AccountId, StreamId], Readership]) -> Span | None:
    readership = readable.get((request.account_id, request.stream_id))
    if readership is None:
        return None
    return Span(request.stream_id, max(request.since_seq, readership.reads_from_seq - 1))


async def read_gap(
    transaction: Transaction, stream_id: StreamId, from_seq: int, to_seq: int
) -> list[ToldEvent]:
    """The first page of the events between two numbers, both inclusive, for a node whose listeners wait for them."""
    span = Span(stream_id, from_seq - 1, to_seq)
    return (await event_reading.read_events(transaction, [span], PAGE_EVENTS, PAGE_BYTES))[span]
