"""What a person sees of rooms: their own, those that wait, one that they open; customers nothing of the rest."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from tests.deeds import (
    Place,
    a_command,
    add,
    delete,
    edit,
    join,
    leave,
    mark,
    open_place,
    page,
    post,
    react,
    read_all,
    remove,
    rename,
    set_archived,
    write,
)
from tests.people import actor_of, make_account, make_accounts
from tests.reference_room import ReferenceRoom, as_shown
from workroom import room_overview
from workroom.accounts import Account
from workroom.errors import Forbidden, NotFound
from workroom.event_frames import encode_events, withhold_older
from workroom.ids import AccountId, RoomId
from workroom.message_pages import PAGE_BYTES
from workroom.messages import NewMessage
from workroom.room_overview import OpenedRoom, RoomLine, WaitingRoom
from workroom.storage.database import Database

Json = dict[str, Any]


async def list_rooms(database: Database, account: Account) -> list[RoomLine]:
    async with database.read() as reading:
        return await room_overview.list_rooms(reading, actor_of(account))


async def line_of(database: Database, account: Account, room_id: RoomId) -> RoomLine:
    (line,) = [line for line in await list_rooms(database, account) if line.room_id == room_id]
    return line


async def open_room(database: Database, account: Account, room_id: RoomId) -> OpenedRoom:
    async with database.read() as reading:
        return await room_overview.open_room(reading, actor_of(account), room_id)


async def list_waiting(database: Database, account: Account) -> list[WaitingRoom]:
    async with database.read() as reading:
        return (await room_overview.list_waiting_rooms(reading, actor_of(account))).rooms


def as_json(told: object) -> Any:
    return json.loads(msgspec.json.encode(told))


# -- the list ------------------------------------------------------------------------------------------------


async def test_the_list_has_the_rooms_of_which_one_is_a_member_the_latest_first(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    first, second, third = [await open_place(database, staff, customer) for _ in range(3)]
    elsewhere = await open_place(database, staff)
    await post(database, staff, second.shared)
    await remove(database, staff, third.room_id, customer)
    listed = [line.room_id for line in await list_rooms(database, customer)]
    assert listed == [second.room_id, first.room_id]
    assert elsewhere.room_id not in listed
    assert {line.room_id for line in await list_rooms(database, staff)} == {
        each.room_id for each in (first, second, third, elsewhere)
    }


async def test_a_line_says_what_the_room_is_and_how_far_it_went(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await rename(database, staff, place.room_id, "Second name")
    posted = await post(database, customer, place.shared, "a" * 300)
    line = await line_of(database, staff, place.room_id)
    assert (line.kind, line.name, line.archived_at, line.stream, line.seq) == (
        "shared", "Second name", None, place.shared, posted.seq,
    )  # fmt: skip
    assert [told.name for told in line.customers] == [customer.customer_name]
    assert line.member_count == 2
    assert set(line.member_ids) == {staff.account_id, customer.account_id}
    last = line.last_message
    assert last is not None
    assert (last.author_id, last.author_name, last.text, last.sent_at, last.deleted) == (
        customer.account_id, customer.display_name, "a" * 200, posted.recorded_at, False,
    )  # fmt: skip
    await set_archived(database, staff, place.room_id)
    assert (await line_of(database, staff, place.room_id)).archived_at is not None


async def test_a_long_list_names_fewer_members_of_each_room(database: Database) -> None:
    staff = await make_account(database)
    await open_place(database, staff)
    (line,) = await list_rooms(database, staff)
    people = [AccountId(uuid4()) for _ in range(200)]
    line = msgspec.structs.replace(line, member_ids=people)
    online = set(people[100:])
    for count, share in ((1, 200), (5, 200), (50, 20), (400, 2), (2_000, 1)):
        shown = room_overview.show_who_is_there([line] * count, online)
        assert len(shown) == count
        assert {tuple(each.member_ids) for each in shown} == {tuple(people[:share])}
        # Who is here is looked for among all of them.
        assert {tuple(each.online) for each in shown} == {tuple(people[100:][:share])}
    assert room_overview.show_who_is_there([], online) == []


async def test_the_last_line_is_todays_and_a_tombstone_says_nothing(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    assert (await line_of(database, staff, place.room_id)).last_message is None
    posted = await post(database, staff, place.shared, "One")
    await post(database, staff, place.staff, "Internal")
    await edit(database, staff, place.shared, posted.message_id, "Two")
    last = (await line_of(database, staff, place.room_id)).last_message
    assert (last.text, last.deleted) == ("Two", False)  # type: ignore[union-attr]
    await delete(database, staff, place.shared, posted.message_id)
    last = (await line_of(database, staff, place.room_id)).last_message
    assert (last.text, last.deleted) == ("", True)  # type: ignore[union-attr]


async def test_a_newcomer_is_not_shown_the_last_line_of_before(database: Database) -> None:
    staff, newcomer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    await post(database, staff, place.shared, "Before")
    await add(database, staff, place.room_id, newcomer)
    assert (await line_of(database, newcomer, place.room_id)).last_message is None
    await post(database, staff, place.shared, "After")
    assert (await line_of(database, newcomer, place.room_id)).last_message.text == "After"  # type: ignore[union-attr]


async def test_unread_are_standing_messages_of_others_after_the_marker(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)

    async def unread(account: Account = customer) -> int:
        return (await line_of(database, account, place.room_id)).unread

    first = await post(database, staff, place.shared)
    second = await post(database, staff, place.shared)
    await post(database, customer, place.shared)
    await react(database, staff, place.shared, first.message_id)
    await rename(database, staff, place.room_id, "Second name")
    await post(database, staff, place.staff, "Internal")
    assert (await unread(), await unread(staff)) == (2, 1)
    await mark(database, customer, place.shared, first.seq)
    assert await unread() == 1
    await delete(database, staff, place.shared, second.message_id)
    assert await unread() == 0


async def test_counting_stops_at_a_hundred(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await write(
        database, *(NewMessage(place.shared, staff.account_id, a_command(), str(n)) for n in range(120))
    )
    assert (await line_of(database, customer, place.room_id)).unread == 100


@pytest.mark.parametrize("grants_history", [True, False])
async def test_history_is_not_unread_to_a_newcomer(database: Database, grants_history: bool) -> None:
    staff, newcomer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    await post(database, staff, place.shared)
    joined, _ = await add(database, staff, place.room_id, newcomer, grants_history=grants_history)
    line = await line_of(database, newcomer, place.room_id)
    assert (line.unread, line.read_seq) == (0, joined)
    await post(database, staff, place.shared)
    assert (await line_of(database, newcomer, place.room_id)).unread == 1


async def test_who_comes_back_counts_from_coming_back(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await mark(database, customer, place.shared, (await post(database, staff, place.shared)).seq)
    await leave(database, customer, place.room_id)
    await post(database, staff, place.shared)
    await add(database, staff, place.room_id, customer, grants_history=True)
    assert (await line_of(database, customer, place.room_id)).unread == 0


async def test_a_mention_among_the_unread_is_told_as_the_message_stands_today(database: Database) -> None:
    staff, colleague = await make_accounts(database, "staff", "staff")
    place = await open_place(database, staff, colleague)

    async def mentioned() -> bool:
        return (await line_of(database, colleague, place.room_id)).mentioned

    posted = await post(database, staff, place.shared, mentions=(colleague.account_id,))
    assert await mentioned()
    await edit(database, staff, place.shared, posted.message_id, "Nobody")
    assert not await mentioned()
    note = await post(database, staff, place.staff, mentions=(colleague.account_id,))
    assert await mentioned()
    await mark(database, colleague, place.staff, note.seq)
    assert not await mentioned()


async def test_internal_notes_are_counted_apart(database: Database) -> None:
    staff, colleague = await make_accounts(database, "staff", "staff")
    place = await open_place(database, staff, colleague)
    note = await post(database, staff, place.staff)
    line = await line_of(database, colleague, place.room_id)
    assert (line.unread, line.staff_unread, line.staff_stream, line.staff_seq) == (
        0,
        1,
        place.staff,
        note.seq,
    )
    await mark(database, colleague, place.staff, note.seq)
    assert (await line_of(database, colleague, place.room_id)).staff_unread == 0


# -- the desk ------------------------------------------------------------------------------------------------


async def test_the_desk_shows_who_waits_longest_first_and_nothing_of_what_they_said(
    database: Database,
) -> None:
    staff, first, second = await make_accounts(database, "staff", "customer", "customer")
    places = [await open_place(database, customer, kind="private") for customer in (first, second)]
    answered = await open_place(database, staff, first)
    secret = f"secret {uuid4()}"
    await post(database, first, places[0].shared, secret)
    waiting = await list_waiting(database, staff)
    assert [room.room_id for room in waiting] == [place.room_id for place in places]
    assert [room.customers for room in waiting] == [[first.customer_name], [second.customer_name]]
    assert [room.member for room in waiting] == [False, False]
    assert secret not in str(as_json(waiting))
    assert set(as_json(waiting)[0]) == {"room_id", "kind", "name", "customers", "waiting_since", "member"}
    await join(database, staff, places[0].room_id)
    assert [room.member for room in await list_waiting(database, staff)] == [True, False]
    await post(database, staff, places[0].shared)
    await post(database, staff, answered.shared)
    assert [room.room_id for room in await list_waiting(database, staff)] == [places[1].room_id]


async def test_only_the_provider_watches_the_desk(database: Database) -> None:
    for account in await make_accounts(database, "customer", "compliance"):
        with pytest.raises(Forbidden):
            await list_waiting(database, account)


async def test_the_desks_fingerprint_changes_with_its_list(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)

    async def fingerprint() -> str:
        async with database.read() as reading:
            alone = await room_overview.fingerprint_waiting_rooms(reading)
            listed = await room_overview.list_waiting_rooms(reading, actor_of(staff))
        assert alone == listed.fingerprint
        return alone

    seen = [await fingerprint()]
    await post(database, customer, place.shared)
    seen.append(await fingerprint())
    await post(database, customer, place.shared)
    assert await fingerprint() == seen[-1]
    await rename(database, staff, place.room_id, "Second name")
    seen.append(await fingerprint())
    await add(database, staff, place.room_id, await make_account(database, "customer"))
    seen.append(await fingerprint())
    await join(database, await make_account(database), place.room_id)
    assert await fingerprint() == seen[-1]
    await post(database, staff, place.shared)
    assert await fingerprint() == seen[0]
    await post(database, customer, place.shared)
    seen.append(await fingerprint())
    assert len(set(seen)) == 5


# -- opening a room ------------------------------------------------------------------------------------------


async def test_not_a_member_and_no_such_room_look_the_same(database: Database) -> None:
    staff, customer, stranger = await make_accounts(database, "staff", "customer", "customer")
    colleague = await make_account(database)
    place = await open_place(database, staff, customer)
    refusals = set()
    for account, room_id in (
        (stranger, place.room_id),
        (colleague, place.room_id),
        (stranger, RoomId(uuid4())),
        (stranger, RoomId(place.shared)),
    ):
        with pytest.raises(NotFound) as refused:
            await open_room(database, account, room_id)
        refusals.add((refused.value.message, str(refused.value.params)))
    assert len(refusals) == 1
    await open_room(database, customer, place.room_id)


async def test_an_open_room_shows_its_members_its_markers_and_its_newest_page(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    posted = await post(database, customer, place.shared)
    await mark(database, staff, place.shared, posted.seq)
    opened = await open_room(database, staff, place.room_id)
    assert [member.account_id for member in opened.members] == [staff.account_id, customer.account_id]
    assert set(opened.streams) == {"shared", "staff"}
    shared = opened.streams["shared"]
    assert (shared.stream, shared.seq, shared.reads_from_seq) == (place.shared, posted.seq, 1)
    assert [(marker.account_id, marker.seq) for marker in shared.read_markers] == [
        (staff.account_id, posted.seq)
    ]
    assert [message.message_id for message in shared.page.messages] == [posted.message_id]


async def test_the_pages_of_an_open_room_share_the_size_of_one(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    for stream_id in (place.shared, place.staff):
        for _ in range(10):
            await post(database, staff, stream_id, "𝄞" * 2_000)
    for account, expected in ((staff, {"shared": 3, "staff": 3}), (customer, {"shared": 7})):
        room = await open_room(database, account, place.room_id)
        assert {kind: len(stream.page.messages) for kind, stream in room.streams.items()} == expected
        assert len(msgspec.json.encode(room)) < PAGE_BYTES + 2_000
        assert all(stream.page.more_before for stream in room.streams.values())


async def test_who_left_is_named_because_their_words_stay(database: Database) -> None:
    staff, author, reacting = await make_accounts(database, "staff", "customer", "customer")
    place = await open_place(database, staff, author, reacting)
    posted = await post(database, author, place.shared)
    await react(database, reacting, place.shared, posted.message_id)
    for account in (author, reacting):
        await leave(database, account, place.room_id)
    opened = await open_room(database, staff, place.room_id)
    assert {person.account_id for person in opened.people} == {author.account_id, reacting.account_id}


async def test_mentioning_somebody_is_no_way_to_learn_who_they_are(database: Database) -> None:
    staff, customer, stranger = await make_accounts(database, "staff", "customer", "customer")
    officer = await make_account(database, "compliance", name="Nobody's business")
    place = await open_place(database, staff, customer)
    await post(database, customer, place.shared, mentions=(stranger.account_id, officer.account_id))
    opened = await open_room(database, customer, place.room_id)
    assert opened.people == []
    for name in (stranger.display_name, officer.display_name, stranger.customer_name):
        assert str(name) not in str(as_json(opened))


async def test_what_changes_while_a_room_is_being_opened_is_in_it_or_comes_as_an_event(
    database: Database, owner: asyncpg.Connection
) -> None:
    """Between any two statements of `open_room` everything about the room changes."""
    staff, customer, other = await make_accounts(database, "staff", "customer", "customer")
    changed_in_between = 0
    for step in range(20):
        place = await open_place(database, staff, customer)
        posted = await post(database, customer, place.shared, "One")
        line = as_json(await line_of(database, staff, place.room_id))

        async def change_everything(place: Place = place, posted: Any = posted) -> None:
            await rename(database, staff, place.room_id, "Second name")
            await add(database, staff, place.room_id, other)
            await edit(database, customer, place.shared, posted.message_id, "Two")
            await react(database, other, place.shared, (await post(database, other, place.shared)).message_id)
            await remove(database, staff, place.room_id, customer)
            await post(database, staff, place.staff, "Internal")
            await set_archived(database, staff, place.room_id)

        async with database.read() as reading:
            meddled = Meddled(reading, step, change_everything)
            room = as_json(await room_overview.open_room(meddled, actor_of(staff), place.room_id))  # type: ignore[arg-type]
        if meddled.statements <= step:
            break
        changed_in_between += 1
        reference = ReferenceRoom(str(staff.account_id), room, line)
        for stream_id in (place.shared, place.staff):
            told = as_json(await read_all(database, stream_id))
            for event in told:
                reference.apply(str(stream_id), event)
        fresh = as_shown(
            as_json(await open_room(database, staff, place.room_id)),
            as_json(await line_of(database, staff, place.room_id)),
        )
        shown = reference.shown()
        for state in (fresh, shown):
            for name in ("read_seq", "unread", "last_message", "waiting_since"):  # the list's, not the room's
                state.pop(name)
        assert shown == fresh, f"changed after statement {step}"
    assert changed_in_between > 5


class Meddled:
    """A reading during which something happens: after so many statements."""

    def __init__(self, reading: Any, after: int, act: Callable[[], Awaitable[None]]) -> None:
        self._reading, self._after, self._act = reading, after, act
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._reading, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            answer = await method(*args, **kwargs)
            if self.statements == self._after:
                await self._act()
            self.statements += 1
            return answer

        return call


# -- customers and the provider's own ------------------------------------------------------------------------


async def test_no_answer_to_a_customer_has_a_trace_of_the_internal_notes(database: Database) -> None:
    staff, colleague, customer = await make_accounts(database, "staff", "staff", "customer")
    place = await open_place(database, staff, colleague, customer)
    hidden = "hidden words"
    note = await post(database, staff, place.staff, hidden, mentions=(customer.account_id,))
    await post(database, staff, place.shared, "Shown words")

    async def everything_told() -> str:
        shared = await read_all(database, place.shared)
        return json.dumps(
            [
                as_json(await list_rooms(database, customer)),
                as_json(await open_room(database, customer, place.room_id)),
                as_json(await page(database, customer, place.shared)),
                json.loads(encode_events(place.shared, withhold_older(shared, 1))),
                as_json(await read_all(database, customer.stream_id)),
            ]
        )

    before = await everything_told()
    for _ in range(3):
        more = await post(database, colleague, place.staff, hidden, reply_to=note.message_id)
        await react(database, staff, place.staff, more.message_id)
        await mark(database, staff, place.staff, more.seq)
    await edit(database, staff, place.staff, note.message_id, hidden)
    await delete(database, staff, place.staff, note.message_id)
    after = await everything_told()
    assert after == before
    for trace in (hidden, str(place.staff), str(note.message_id), "staff_", "waiting", '"staff":'):
        assert trace not in after, trace
    assert "Shown words" in after


async def test_the_provider_does_see_them(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    await post(database, staff, place.staff, "hidden words")
    told = str(as_json(await open_room(database, staff, place.room_id)))
    assert "hidden words" in told
    assert str(place.staff) in str(as_json(await list_rooms(database, staff)))
