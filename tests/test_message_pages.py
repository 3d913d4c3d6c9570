"""Pages of history: by number, in both directions and around one, never below where reading begins."""

from __future__ import annotations

import re

import asyncpg
import msgspec
import pytest

from tests.deeds import Place, a_command, add, delete, edit, open_place, page, post, react, rename, write
from tests.people import make_account, make_accounts
from workroom.accounts import Account
from workroom.errors import InvalidInput
from workroom.message_pages import PAGE_BYTES, MessagePage
from workroom.messages import NewMessage
from workroom.storage.database import Database
from workroom.storage.queries import queries


def seqs_of(found: MessagePage) -> list[int]:
    return [message.seq for message in found.messages]


async def long_room(database: Database, length: int) -> tuple[Account, Place, list[int]]:
    """A room whose messages have other events between them."""
    staff = await make_account(database)
    place = await open_place(database, staff)
    seqs = []
    for start in range(0, length, 5):
        outcomes = await write(
            database,
            *(
                NewMessage(place.shared, staff.account_id, a_command(), str(start + n))
                for n in range(min(5, length - start))
            ),
        )
        seqs += [outcome.seq for outcome in outcomes]  # type: ignore[union-attr]
        await rename(database, staff, place.room_id, f"Name {start}")
    return staff, place, seqs


async def test_the_newest_page_comes_without_a_place(database: Database) -> None:
    staff, place, seqs = await long_room(database, 12)
    newest = await page(database, staff, place.shared, limit=5)
    assert (seqs_of(newest), newest.more_before, newest.more_after) == (seqs[-5:], True, False)
    assert newest.seq == seqs[-1] + 1  # a room was renamed after the last message
    everything = await page(database, staff, place.shared)
    assert (seqs_of(everything), everything.more_before, everything.more_after) == (seqs, False, False)


async def test_any_page_holds_what_lies_there_and_says_what_lies_beyond(database: Database) -> None:
    staff, place, seqs = await long_room(database, 13)
    newcomer = await make_account(database, "customer")
    joined, _ = await add(database, staff, place.room_id, newcomer)
    later = [(await post(database, staff, place.shared)).seq for _ in range(4)]
    for reader, readable in ((staff, seqs + later), (newcomer, later)):
        for limit in (1, 2, 5, 50):
            for at in (0, 1, 2, seqs[0], seqs[4], seqs[4] + 1, seqs[-1], joined, later[1], later[-1], 10**6):
                below = [seq for seq in readable if seq < at]
                above = [seq for seq in readable if seq > at]
                found = await page(database, reader, place.shared, before=at, limit=limit)
                assert seqs_of(found) == below[-limit:], ("before", at, limit)
                assert found.more_before == (len(below) > limit), ("before", at, limit)
                assert found.more_after == bool([seq for seq in readable if seq >= at]), ("before", at)

                found = await page(database, reader, place.shared, after=at, limit=limit)
                assert seqs_of(found) == above[:limit], ("after", at, limit)
                assert found.more_after == (len(above) > limit), ("after", at, limit)
                assert found.more_before == bool([seq for seq in readable if seq <= at]), ("after", at)

                found = await page(database, reader, place.shared, around=at, limit=limit)
                chosen = seqs_of(found)
                assert len(chosen) <= limit
                if at in readable:
                    assert at in chosen, ("around", at, limit)
                if chosen:
                    first, last = readable.index(chosen[0]), readable.index(chosen[-1])
                    assert chosen == readable[first : last + 1]
                    assert found.more_before == (first > 0), ("around", at, limit)
                    assert found.more_after == (last < len(readable) - 1), ("around", at, limit)


async def test_paging_all_the_way_gives_everything_once(database: Database) -> None:
    staff, place, seqs = await long_room(database, 23)
    found = await page(database, staff, place.shared, limit=4)
    upward = seqs_of(found)
    while found.more_before:
        found = await page(database, staff, place.shared, before=upward[0], limit=4)
        upward = seqs_of(found) + upward
    assert upward == seqs
    found = await page(database, staff, place.shared, after=0, limit=4)
    downward = seqs_of(found)
    while found.more_after:
        found = await page(database, staff, place.shared, after=downward[-1], limit=4)
        downward += seqs_of(found)
    assert downward == seqs


async def test_a_page_of_long_messages_is_cut_to_its_size_from_the_place_outwards(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    seqs = [(await post(database, staff, place.shared, f"{n} " + "𝄞" * 5_000)).seq for n in range(12)]
    for places, expected in (
        ({}, seqs[-3:]),
        ({"before": seqs[8]}, seqs[5:8]),
        ({"after": seqs[2]}, seqs[3:6]),
        ({"around": seqs[6]}, seqs[5:8]),
        ({"around": seqs[0]}, seqs[:3]),
        ({"around": seqs[-1] + 9}, seqs[-3:]),
    ):
        found = await page(database, staff, place.shared, **places)
        assert seqs_of(found) == expected, places
        assert len(msgspec.json.encode(found)) <= PAGE_BYTES + 500
        assert found.more_before == (expected[0] != seqs[0]), places
        assert found.more_after == (expected[-1] != seqs[-1]), places
    upward: list[int] = []
    found = await page(database, staff, place.shared)
    while found.messages:
        upward = seqs_of(found) + upward
        found = await page(database, staff, place.shared, before=upward[0])
    assert upward == seqs


async def test_a_message_larger_than_a_page_is_a_page(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    seqs = [(await post(database, staff, place.shared, "\x01" * 20_000)).seq for _ in range(3)]
    for places, expected in (({}, 2), ({"after": 0}, 0), ({"around": seqs[1]}, 1)):
        found = await page(database, staff, place.shared, **places)
        assert seqs_of(found) == [seqs[expected]]
        assert (found.more_before, found.more_after) == (expected > 0, expected < 2)


async def test_what_is_quoted_counts_and_comes_along_where_it_was_cut_off(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    long = [await post(database, staff, place.shared, "ä" * 15_000) for _ in range(3)]
    await react(database, staff, place.shared, long[0].message_id)
    replies = [
        await post(database, staff, place.shared, str(n), reply_to=long[n % 3].message_id) for n in range(6)
    ]
    newest = await page(database, staff, place.shared)
    # Two of the long ones fit, as quotes; the reply to the third would bring it along.
    assert seqs_of(newest) == [posted.seq for posted in replies[-2:]]
    assert {quote.message_id for quote in newest.quoted} == {long[1].message_id, long[2].message_id}
    assert newest.more_before
    of_two = await page(database, staff, place.shared, before=replies[4].seq)
    assert seqs_of(of_two) == [replies[2].seq, replies[3].seq]
    assert [(quote.message_id, quote.reactions) for quote in of_two.quoted if quote.seq == long[0].seq] == [
        (long[0].message_id, [])
    ]


async def test_only_one_place_can_be_named(database: Database) -> None:
    staff, place, _ = await long_room(database, 1)
    for places in ({"before": 1, "after": 1}, {"after": 1, "around": 1}, {"before": 1, "around": 1}):
        with pytest.raises(InvalidInput):
            await page(database, staff, place.shared, **places)


async def test_an_empty_stream_is_an_empty_page(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    for place_ in ({}, {"before": 5}, {"after": 0}, {"around": 1}):
        found = await page(database, staff, place.staff, **place_)
        assert (found.messages, found.quoted, found.more_before, found.more_after) == ([], [], False, False)


async def test_messages_are_shown_as_they_stand_today(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    edited = await post(database, staff, place.shared, "One", mentions=(customer.account_id,))
    gone = await post(database, customer, place.shared, "Sorry", mentions=(staff.account_id,))
    await react(database, customer, place.shared, edited.message_id, "🎉")
    await react(database, staff, place.shared, gone.message_id, "🎉")
    change = await edit(database, staff, place.shared, edited.message_id, "Two")
    taken = await delete(database, staff, place.shared, gone.message_id)
    first, second = (await page(database, customer, place.shared)).messages
    assert (first.text, first.revision, first.mentions) == ("Two", 2, [])
    assert (first.sent_at, first.edited_at) == (edited.recorded_at, change.told.at)  # type: ignore[union-attr]
    assert [(one.emoji, one.account_ids) for one in first.reactions] == [("🎉", [customer.account_id])]
    assert (second.text, second.mentions, second.reactions) == ("", [], [])
    assert (second.deleted_by, second.deleted_at) == (
        staff.account_id,
        taken.told.at,  # type: ignore[union-attr]
    )


async def test_what_is_quoted_comes_along_unless_the_reader_may_not_read_it(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    newcomer = await make_account(database, "customer")
    place = await open_place(database, staff, customer)
    old = await post(database, staff, place.shared, "Old words")
    await add(database, staff, place.room_id, newcomer)
    reply = await post(database, staff, place.shared, "See above", reply_to=old.message_id)
    for reader, expected in ((customer, ["Old words"]), (newcomer, [])):
        found = await page(database, reader, place.shared, after=old.seq)
        assert [message.message_id for message in found.messages] == [reply.message_id]
        assert [message.text for message in found.quoted] == expected
    whole = await page(database, customer, place.shared)
    assert whole.quoted == []  # it is on the page itself
    await delete(database, staff, place.shared, old.message_id)
    found = await page(database, customer, place.shared, after=old.seq)
    assert [(message.text, message.deleted_at is not None) for message in found.quoted] == [("", True)]


async def test_a_page_at_any_depth_is_found_by_key(database: Database, owner: asyncpg.Connection) -> None:
    """Through the index of posts, in its order: never by counting rows, never by sorting the stream."""
    _, place, seqs = await long_room(database, 40)
    await owner.execute("analyze; set enable_seqscan = off; set enable_bitmapscan = off")
    for query, at in ((queries.messages.page_before, seqs[20]), (queries.messages.page_after, seqs[20])):
        places = {"stream_id": place.shared, "before": at, "after": at, "reads_from_seq": 1, "page_size": 51}
        values = query.order({name: places[name] for name in query.parameters})
        plan = "\n".join(row[0] for row in await owner.fetch(f"explain {query.sql}", *values))
        assert re.search(
            r"Limit .*\n +CTE rule\n.*Function Scan.*\n(.*InitPlan.*\n +-> +CTE Scan on rule.*\n)+"
            r"( +-> +Nested Loop .*\n)+ +-> +Index Only Scan (Backward )?using posted_in_order on events",
            plan,
        ), plan
