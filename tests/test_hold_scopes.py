"""What a scope covers, counted before a hold is placed: exactly what the hold keeps then."""

from __future__ import annotations

import random
from datetime import datetime

import asyncpg
import pytest

from tests.deeds import Place, delete, join, leave, open_place, post
from tests.holding import attach, coverage_of, make_officer, place_hold, scope_of
from tests.people import make_account, make_accounts
from workroom.accounts import Account
from workroom.hold_scopes import ContentKind, Coverage, HoldScope
from workroom.storage.database import Database


async def what_is_kept(owner: asyncpg.Connection) -> tuple[int, int, int, int]:
    """What the view says of the one hold there is: messages, files, bytes, people."""
    record = await owner.fetchrow(
        """
        select count(*) filter (where h.covers_messages) as messages,
            count(f.file_id) filter (where h.covers_files) as files,
            coalesce(sum(f.byte_size) filter (where h.covers_files), 0) as byte_size,
            count(distinct m.author_id) filter (where h.covers_messages or f.file_id is not null) as people
        from held_messages as h
        join messages as m using (message_id)
        left join files as f using (message_id)
        """
    )
    return tuple(record)


async def test_a_room_is_counted_whole_with_files_notes_and_what_was_deleted(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, other = await make_accounts(database, "staff", "staff")
    place, elsewhere = await open_place(database, author), await open_place(database, author)
    await join(database, other, place.room_id)
    posted = [await post(database, author, place.shared) for _ in range(2)]
    await post(database, other, place.staff)
    await post(database, author, elsewhere.shared)
    await attach(owner, posted[0].message_id, 1000)
    await attach(owner, posted[1].message_id, 24)
    await delete(database, author, place.shared, posted[1].message_id)
    assert await coverage_of(database, scope_of(place.room_id)) == Coverage(1, 3, 2, 1024, 2)
    only_files = scope_of(place.room_id, kinds=[ContentKind.FILES])
    await owner.execute("alter table messages disable trigger guard_written")
    await owner.execute(
        "update messages set file_count = 1 where message_id = any($1)", [each.message_id for each in posted]
    )
    assert await coverage_of(database, only_files) == Coverage(1, 0, 2, 1024, 1)


async def test_an_empty_room_is_counted_as_a_room(database: Database) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    assert await coverage_of(database, scope_of(place.room_id)) == Coverage(1, 0, 0, 0, 0)
    assert await coverage_of(database, scope_of(members=[author])) == Coverage(1, 0, 0, 0, 0)
    assert await coverage_of(database, scope_of(senders=[author])) == Coverage(0, 0, 0, 0, 0)


async def test_what_several_parts_of_a_scope_cover_counts_once(database: Database) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    await post(database, author, place.shared)
    everything = scope_of(place.room_id, members=[author], senders=[author])
    assert await coverage_of(database, everything) == Coverage(1, 1, 0, 0, 1)


@pytest.mark.parametrize("seed", range(6))
async def test_the_count_is_what_a_hold_then_keeps(
    database: Database, owner: asyncpg.Connection, seed: int
) -> None:
    chance = random.Random(seed)
    people = [await make_account(database) for _ in range(4)]
    places = [await open_place(database, chance.choice(people)) for _ in range(3)]
    for _ in range(40):
        await do_something(database, owner, chance, people, places)
    instants = await owner.fetch("select recorded_at from messages order by recorded_at")
    scope = any_scope(chance, people, places, [record["recorded_at"] for record in instants])
    counted = await coverage_of(database, scope)
    await place_hold(database, await make_officer(database), scope)
    kept = await what_is_kept(owner)
    assert (counted.messages, counted.files, counted.byte_size) == kept[:3]
    if ContentKind.MESSAGES in scope.kinds:
        assert counted.people == kept[3]


async def do_something(
    database: Database,
    owner: asyncpg.Connection,
    chance: random.Random,
    people: list[Account],
    places: list[Place],
) -> None:
    """Something that changes what a scope covers; what may not be done just now is left."""
    person, place = chance.choice(people), chance.choice(places)
    is_member = await owner.fetchval(
        "select exists (select from memberships where room_id = $1 and account_id = $2 and left_seq is null)",
        place.room_id, person.account_id,
    )  # fmt: skip
    if not is_member:
        await join(database, person, place.room_id)
    elif chance.random() < 0.2:
        await leave(database, person, place.room_id)
    else:
        posted = await post(database, person, chance.choice([place.shared, place.staff]))
        if chance.random() < 0.4:
            await attach(owner, posted.message_id, chance.randrange(1, 5000))


def any_scope(
    chance: random.Random, people: list[Account], places: list[Place], instants: list[datetime]
) -> HoldScope:
    """Rooms, custodians and a span at random; never empty."""
    first, last = sorted(chance.sample(instants, 2))
    return scope_of(
        *(place.room_id for place in chance.sample(places, chance.randrange(2))),
        members=chance.sample(people, chance.randrange(1, 3)),
        senders=chance.sample(people, chance.randrange(3)),
        sent_from=chance.choice([None, first]),
        sent_until=chance.choice([None, last]),
        kinds=[ContentKind.MESSAGES] if chance.random() < 0.3 else list(ContentKind),
    )
