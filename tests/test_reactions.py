"""Reactions: one of a kind for each account and message, taken back by setting a time."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import (
    Place,
    a_command,
    add,
    delete,
    open_place,
    page,
    post,
    react,
    read_all,
    remove,
    set_archived,
)
from tests.people import make_account, make_accounts
from workroom.accounts import Account
from workroom.errors import CommandIdReused, NotFound, RoomArchived
from workroom.ids import MessageId
from workroom.storage.database import Database


async def room_with_message(database: Database) -> tuple[Account, Account, Place, MessageId]:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    posted = await post(database, staff, place.shared)
    return staff, customer, place, posted.message_id


async def reactions_on(database: Database, reader: Account, place: Place) -> dict[str, list[object]]:
    message = (await page(database, reader, place.shared)).messages[0]
    return {reaction.emoji: list(reaction.account_ids) for reaction in message.reactions}


async def test_reactions_stand_in_the_order_in_which_they_came(database: Database) -> None:
    staff, customer, place, message_id = await room_with_message(database)
    for actor, emoji in ((customer, "🎉"), (staff, "👍"), (staff, "🎉")):
        await react(database, actor, place.shared, message_id, emoji)
    assert await reactions_on(database, staff, place) == {
        "🎉": [customer.account_id, staff.account_id],
        "👍": [staff.account_id],
    }


async def test_the_same_sign_twice_is_one(database: Database) -> None:
    staff, _, place, message_id = await room_with_message(database)
    first = await react(database, staff, place.shared, message_id)
    again = await react(database, staff, place.shared, message_id)
    assert (again.seq, again.told) == (first.seq, None)
    assert [event.kind for event in await read_all(database, place.shared)].count("reaction_added") == 1


async def test_the_same_command_is_done_once(database: Database) -> None:
    staff, _, place, message_id = await room_with_message(database)
    adding, removing = a_command(), a_command()
    added = await react(database, staff, place.shared, message_id, command=adding)
    removed = await react(database, staff, place.shared, message_id, is_added=False, command=removing)
    for is_added, command, first in ((True, adding, added), (False, removing, removed)):
        again = await react(database, staff, place.shared, message_id, is_added=is_added, command=command)
        assert (again.seq, again.told) == (first.seq, None)
        with pytest.raises(CommandIdReused):
            await react(database, staff, place.shared, message_id, "🎉", is_added=is_added, command=command)
        with pytest.raises(CommandIdReused):
            await react(database, staff, place.shared, message_id, is_added=not is_added, command=command)
    assert await reactions_on(database, staff, place) == {}


async def test_what_is_taken_back_keeps_its_row(database: Database, owner: asyncpg.Connection) -> None:
    staff, _, place, message_id = await room_with_message(database)
    added = await react(database, staff, place.shared, message_id)
    removed = await react(database, staff, place.shared, message_id, is_added=False)
    await react(database, staff, place.shared, message_id)
    rows = await owner.fetch("select * from message_reactions order by added_seq")
    assert [(row["added_seq"], row["removed_seq"]) for row in rows] == [
        (added.seq, removed.seq),
        (removed.seq + 1, None),
    ]
    assert await reactions_on(database, staff, place) == {"👍": [staff.account_id]}


async def test_only_ones_own_reaction_is_taken_back(database: Database) -> None:
    staff, customer, place, message_id = await room_with_message(database)
    await react(database, staff, place.shared, message_id)
    with pytest.raises(NotFound):
        await react(database, customer, place.shared, message_id, is_added=False)


async def test_the_same_sign_at_the_same_moment_is_one(database: Database) -> None:
    staff, _, place, message_id = await room_with_message(database)
    async with asyncio.TaskGroup() as group:
        signs = [group.create_task(react(database, staff, place.shared, message_id)) for _ in range(5)]
    assert len({sign.result().seq for sign in signs}) == 1


async def test_one_reacts_only_to_what_one_reads_and_what_stands(database: Database) -> None:
    staff, customer, place, message_id = await room_with_message(database)
    newcomer = await make_account(database, "customer")
    note = await post(database, staff, place.staff)
    gone = await post(database, staff, place.shared)
    await delete(database, staff, place.shared, gone.message_id)
    await add(database, staff, place.room_id, newcomer)
    refusals = set()
    for actor, wanted in (
        (newcomer, message_id),
        (customer, note.message_id),
        (staff, gone.message_id),
        (staff, MessageId(uuid4())),
    ):
        for is_added in (True, False):
            with pytest.raises(NotFound) as refused:
                await react(database, actor, place.shared, wanted, is_added=is_added)
            refusals.add(refused.value.message)
    assert len(refusals) == 1
    await remove(database, staff, place.room_id, customer)
    with pytest.raises(NotFound):
        await react(database, customer, place.shared, message_id)


async def test_an_archived_room_takes_no_reaction(database: Database) -> None:
    staff, _, place, message_id = await room_with_message(database)
    await react(database, staff, place.shared, message_id)
    await set_archived(database, staff, place.room_id)
    for is_added in (True, False):
        with pytest.raises(RoomArchived):
            await react(database, staff, place.shared, message_id, "🎉", is_added=is_added)


async def test_a_message_taken_back_shows_no_reactions(database: Database) -> None:
    staff, _, place, message_id = await room_with_message(database)
    await react(database, staff, place.shared, message_id)
    await delete(database, staff, place.shared, message_id)
    assert await reactions_on(database, staff, place) == {}
