"""Gathered reads: one query for all who ask together, rights asked anew each time, pages of at most 64 KiB."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.deeds import a_command, add, delete, edit, open_place, post, read_all, remove, write
from tests.local_client import sign_in
from tests.people import make_account, make_accounts
from workroom import event_reading, memberships, sessions
from workroom.accounts import Account
from workroom.errors import NotFound, PositionReset
from workroom.event_reading import Span
from workroom.gathered_reads import (
    PAGE_BYTES,
    PAGE_EVENTS,
    CatchUpPage,
    CatchUpRequest,
    GatheredReads,
    ListenRequest,
    read_gap,
)
from workroom.ids import StreamId
from workroom.messages import NewMessage
from workroom.sessions import hash_token
from workroom.storage.database import Database


@asynccontextmanager
async def reads_of(database: Database) -> AsyncIterator[GatheredReads]:
    async with asyncio.TaskGroup() as tasks:
        yield GatheredReads(database, tasks)


async def catch_up(
    reads: GatheredReads, account: Account, stream_id: StreamId, since_seq: int
) -> CatchUpPage:
    return await reads.catch_up.ask(CatchUpRequest(account.account_id, stream_id, since_seq))


def events_of(page: CatchUpPage) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(page.events)
    return events


async def test_what_was_missed_is_read_page_by_page_until_there_is_no_more(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    for n in range(9):
        await write(
            database,
            *(
                NewMessage(place.shared, staff.account_id, a_command(), f"{n} " + "ä" * 999)
                for _ in range(20)
            ),
        )
    missed = [event.seq for event in await read_all(database, place.shared)]
    async with reads_of(database) as reads:
        heard: list[int] = []
        page = CatchUpPage(b"[]", 3, True)
        pages = 0
        while page.more:
            page = await catch_up(reads, customer, place.shared, page.seq)
            assert len(page.events) <= PAGE_BYTES
            heard += [event["seq"] for event in events_of(page)]
            assert page.seq == heard[-1]
            pages += 1
        assert heard == missed[3:]
        assert pages > 4
        last = await catch_up(reads, customer, place.shared, missed[-1])
        assert (last.events, last.seq, last.more) == (b"[]", missed[-1], False)


async def test_one_event_larger_than_a_page_is_a_page(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared, "\x01" * 20_000)  # six bytes each in JSON
    await post(database, staff, place.shared, "After")
    async with reads_of(database) as reads:
        page = await catch_up(reads, staff, place.shared, posted.seq - 1)
        assert len(page.events) > PAGE_BYTES
        assert ([event["seq"] for event in events_of(page)], page.more) == ([posted.seq], True)


async def test_no_more_text_is_read_than_the_pages_take(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posts = [NewMessage(place.shared, staff.account_id, a_command(), "𝄞" * 5_000) for _ in range(40)]
    posted = await write(database, *posts)
    await edit(database, staff, place.shared, posted[39].message_id, "𝄞" * 20_000)  # type: ignore[union-attr]
    spans_read: list[list[int]] = []
    read_events = event_reading.read_events

    async def look(transaction: Any, spans: list[Span], *page: int) -> Any:
        told = await read_events(transaction, spans, *page)
        spans_read.extend([len((event.text or "").encode()) for event in events] for events in told.values())
        return told

    monkeypatch.setattr(event_reading, "read_events", look)
    async with reads_of(database) as reads:
        pages = await asyncio.gather(*(catch_up(reads, staff, place.shared, n) for n in range(0, 42)))
    assert len(spans_read) == 42
    for sizes in spans_read:
        # All but the last one do not fill a page: each span ends where it is full.
        assert sum(sizes[:-1]) < PAGE_BYTES
        assert sum(sizes) <= PAGE_BYTES + 80_000
    # Whoever goes on from any of them misses nothing.
    for since_seq, page in enumerate(pages):
        seqs = [event["seq"] for event in events_of(page)]
        assert seqs == list(range(since_seq + 1, since_seq + 1 + len(seqs)))
        assert seqs
        assert page.more == (page.seq < 43)


async def test_events_withheld_or_taken_back_fill_no_page_for_ever(database: Database) -> None:
    staff, newcomer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    old = await post(database, staff, place.shared, "Old")
    joined, _ = await add(database, staff, place.room_id, newcomer)
    for _ in range(6):
        await edit(database, staff, place.shared, old.message_id, "ä" * 20_000)
    gone = await post(database, staff, place.shared, "ä" * 20_000)
    last = await delete(database, staff, place.shared, gone.message_id)
    async with reads_of(database) as reads:
        seqs: list[int] = []
        page = CatchUpPage(b"[]", joined, True)
        while page.more:
            page = await catch_up(reads, newcomer, place.shared, page.seq)
            seqs += [event["seq"] for event in events_of(page)]
        assert seqs == list(range(joined + 1, last.seq + 1))


async def test_many_small_events_are_counted_too(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    await write(
        database,
        *(NewMessage(place.shared, staff.account_id, a_command(), "a") for _ in range(PAGE_EVENTS + 10)),
    )
    async with reads_of(database) as reads:
        seqs: list[int] = []
        page = CatchUpPage(b"[]", 0, True)
        while page.more:
            page = await catch_up(reads, staff, place.shared, page.seq)
            seqs += [event["seq"] for event in events_of(page)]
        assert seqs == list(range(1, PAGE_EVENTS + 13))


async def test_nobody_reads_before_their_history_nor_content_of_it(database: Database) -> None:
    staff, newcomer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    old = await post(database, staff, place.shared, "Old words")
    joined, _ = await add(database, staff, place.room_id, newcomer)
    change = await edit(database, staff, place.shared, old.message_id, "Old words, edited")
    async with reads_of(database) as reads:
        page, whole = await asyncio.gather(
            catch_up(reads, newcomer, place.shared, 0), catch_up(reads, staff, place.shared, joined - 1)
        )
        assert [event["seq"] for event in events_of(page)] == [joined, change.seq]
        assert "Old words" not in page.events.decode()
        assert str(old.message_id) not in page.events.decode()
        assert (events_of(page)[1]["withheld"], events_of(page)[1]["subject_seq"]) == (True, old.seq)
        assert "Old words, edited" in whole.events.decode()
        assert [event["seq"] for event in events_of(whole)] == [joined, change.seq]


async def test_a_position_ahead_of_ours_is_reset(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with reads_of(database) as reads:
        for stream_id in (place.shared, staff.stream_id):
            last = (await read_all(database, stream_id))[-1].seq
            assert (await catch_up(reads, staff, stream_id, last)).seq == last
            with pytest.raises(PositionReset):
                await catch_up(reads, staff, stream_id, last + 1)


async def test_no_right_and_no_such_stream_look_the_same(database: Database) -> None:
    staff, customer, stranger = await make_accounts(database, "staff", "customer", "customer")
    place = await open_place(database, staff, customer)
    refusals = set()
    async with reads_of(database) as reads:
        for account, stream_id in (
            (stranger, place.shared),
            (customer, place.staff),
            (customer, staff.stream_id),
            (customer, StreamId(uuid4())),
        ):
            for since_seq in (0, 10_000):
                with pytest.raises(NotFound) as refused:
                    await catch_up(reads, account, stream_id, since_seq)
                refusals.add((refused.value.message, str(refused.value.params)))
        assert len(refusals) == 1
        assert (await catch_up(reads, customer, customer.stream_id, 0)).seq == 1


async def test_who_is_removed_while_content_is_read_gets_nothing_of_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await post(database, staff, place.shared, "Words")
    read_events = event_reading.read_events

    async def read_and_remove(transaction: Any, spans: list[Span], *page: int) -> Any:
        told = await read_events(transaction, spans, *page)
        await remove(database, staff, place.room_id, customer)
        return told

    monkeypatch.setattr(event_reading, "read_events", read_and_remove)
    async with reads_of(database) as reads:
        with pytest.raises(NotFound):
            await catch_up(reads, customer, place.shared, 0)


async def test_who_was_removed_and_came_back_meanwhile_reads_only_what_is_theirs_now(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await post(database, staff, place.shared, "Words of before")
    read_events = event_reading.read_events

    async def read_and_readd(transaction: Any, spans: list[Span], *page: int) -> Any:
        told = await read_events(transaction, spans, *page)
        await remove(database, staff, place.room_id, customer)
        await add(database, staff, place.room_id, customer)
        return told

    monkeypatch.setattr(event_reading, "read_events", read_and_readd)
    async with reads_of(database) as reads:
        with pytest.raises(NotFound):
            await catch_up(reads, customer, place.shared, 0)


async def test_hundreds_who_ask_together_share_few_queries(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await post(database, staff, place.shared)
    asked: list[int] = []
    find_readable = memberships.find_readable

    async def count(transaction: Any, pairs: Any) -> Any:
        asked.append(len(pairs))
        return await find_readable(transaction, pairs)

    monkeypatch.setattr(memberships, "find_readable", count)
    async with reads_of(database) as reads:
        accounts = [staff, customer]
        pages = await asyncio.gather(
            *(catch_up(reads, accounts[n % 2], place.shared, n % 4) for n in range(500))
        )
        assert {page.seq for page in pages} == {4}
        # Two questions of rights for each round; 500 clients in a handful of rounds.
        assert len(asked) <= 10


async def test_rights_are_asked_anew_for_every_question(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    request = ListenRequest(customer.account_id, (place.shared, place.staff, customer.stream_id))
    async with reads_of(database) as reads:
        assert set(await reads.listening.ask(request)) == {place.shared, customer.stream_id}
        await remove(database, staff, place.room_id, customer)
        assert set(await reads.listening.ask(request)) == {customer.stream_id}


async def test_who_is_signed_in_is_asked_anew_for_every_question(database: Database) -> None:
    staff = await make_account(database)
    token = await sign_in(database, staff)
    async with reads_of(database) as reads:
        known, unknown = await asyncio.gather(
            reads.signed_in.ask(hash_token(token)), reads.signed_in.ask(hash_token("unknown"))
        )
        assert known is not None
        assert (known.account_id, unknown) == (staff.account_id, None)
        async with database.transaction() as transaction:
            await sessions.end_session(transaction, known)
        assert await reads.signed_in.ask(hash_token(token)) is None


async def test_a_gap_is_read_between_two_numbers(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    for _ in range(5):
        await post(database, staff, place.shared)
    async with database.read() as reading:
        assert [event.seq for event in await read_gap(reading, place.shared, 3, 5)] == [3, 4, 5]
        assert [event.seq for event in await read_gap(reading, place.shared, 6, 100)] == [6, 7]
        assert await read_gap(reading, place.shared, 8, 9) == []


async def test_a_gap_is_read_in_pages(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await write(
        database, *(NewMessage(place.shared, staff.account_id, a_command(), "x" * 20_000) for _ in range(12))
    )
    first, last = posted[0].seq, posted[-1].seq  # type: ignore[union-attr]
    seqs: list[int] = []
    async with database.read() as reading:
        while not seqs or seqs[-1] < last:
            page = await read_gap(reading, place.shared, seqs[-1] + 1 if seqs else first, last)
            assert sum(len(event.text or "") for event in page) <= PAGE_BYTES + 20_000
            seqs += [event.seq for event in page]
    assert seqs == list(range(first, last + 1))
