"""Messages: posted once each, edited by their author, taken back by author or provider, and never rewritten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import (
    Place,
    a_command,
    add,
    delete,
    edit,
    open_place,
    post,
    read_all,
    remove,
    set_archived,
    write,
)
from tests.people import make_account
from workroom import events, memberships, messages, rooms
from workroom.accounts import Account
from workroom.digests import digest_message
from workroom.errors import CommandIdReused, Forbidden, NotFound, RoomArchived, WorkroomError
from workroom.ids import MessageId, StreamId
from workroom.messages import NewMessage, Posted
from workroom.storage.database import Database
from workroom.storage.queries import Query

SOMEBODY_WAITS = Query(
    "test.somebody_waits",
    "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())",
    (),
    "",
    True,
)
MoveTime = Callable[[timedelta], Awaitable[None]]


async def staff_and_customer(database: Database) -> tuple[Account, Account, Place]:
    staff, customer = await make_account(database), await make_account(database, "customer")
    return staff, customer, await open_place(database, staff, customer)


async def waiting_since(owner: asyncpg.Connection, stream_id: StreamId) -> object:
    return await owner.fetchval("select waiting_since from streams where stream_id = $1", stream_id)


# -- posting -------------------------------------------------------------------------------------------------


async def test_a_post_is_stored_whole(database: Database, owner: asyncpg.Connection) -> None:
    staff, customer, place = await staff_and_customer(database)
    first = await post(database, customer, place.shared, "Grüße 🎉 \n\t\u202e")
    answer = await post(
        database, staff, place.shared, "Thanks", reply_to=first.message_id, mentions=(customer.account_id,)
    )
    row = await owner.fetchrow(
        "select m.*, r.revision, r.text, r.mentions, r.salt, e.content_digest, e.kind, e.actor_id, e.recorded_at as at "
        "from messages m join message_revisions r using (message_id) join events e "
        "on e.stream_id = m.stream_id and e.seq = m.seq where m.message_id = $1",
        answer.message_id,
    )
    assert (row["stream_id"], row["room_id"], row["seq"]) == (place.shared, place.room_id, first.seq + 1)
    assert (row["author_id"], row["actor_id"], row["kind"]) == (
        staff.account_id, staff.account_id, "message_posted",
    )  # fmt: skip
    assert (row["revision"], row["text"], row["mentions"]) == (1, "Thanks", [customer.account_id])
    assert row["reply_to_message_id"] == first.message_id
    assert row["sent_at"] == row["recorded_at"] == row["at"] == answer.recorded_at
    assert row["content_digest"] == digest_message(row["salt"], place.shared, answer.seq, 1, "Thanks")
    stored = await owner.fetchval(
        "select text from message_revisions where message_id = $1", first.message_id
    )
    assert stored == "Grüße 🎉 \n\t\u202e"


async def test_a_message_id_carries_the_time_it_was_sent(database: Database, move_time: MoveTime) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    early = await post(database, staff, place.shared)
    await move_time(timedelta(days=40))
    late = await post(database, staff, place.shared)
    assert late.message_id > early.message_id
    assert late.message_id.int >> 80 == int(late.recorded_at.timestamp() * 1000)


async def test_posts_of_one_batch_are_numbered_in_the_order_they_came(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    authors = [staff, customer] * 20
    outcomes = await write(
        database,
        *(NewMessage(place.shared, a.account_id, a_command(), str(n)) for n, a in enumerate(authors)),
    )
    seqs = [outcome.seq for outcome in outcomes if isinstance(outcome, Posted)]
    assert seqs == list(range(seqs[0], seqs[0] + 40))
    posted = [event for event in await read_all(database, place.shared) if event.kind == "message_posted"]
    assert [event.text for event in posted] == [str(n) for n in range(40)]


async def test_the_same_command_is_done_once_and_answered_as_the_first_time(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    command = a_command()
    first = await post(database, staff, place.shared, "Once", command=command)
    again = await post(database, staff, place.shared, "Once", command=command)
    assert (again.message_id, again.seq, again.recorded_at) == (
        first.message_id,
        first.seq,
        first.recorded_at,
    )
    assert again.told is None
    assert [e.text for e in await read_all(database, place.shared) if e.kind == "message_posted"] == ["Once"]


async def test_the_same_command_twice_in_one_batch_is_done_once(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    new = NewMessage(place.shared, staff.account_id, a_command(), "Once")
    other = NewMessage(place.shared, staff.account_id, new.client_command_id, "Twice")
    first, again, changed = await write(database, new, new, other)
    assert isinstance(first, Posted)
    assert isinstance(again, Posted)
    assert (again.message_id, again.seq, again.told) == (first.message_id, first.seq, None)
    assert isinstance(changed, CommandIdReused)


@pytest.mark.parametrize("difference", ["text", "reply_to", "mentions"])
async def test_the_same_command_with_other_content_is_an_error(database: Database, difference: str) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    quoted = await post(database, staff, place.shared)
    command = a_command()
    await post(database, staff, place.shared, "Once", command=command)
    other = {"text": "Twice", "reply_to": quoted.message_id, "mentions": (staff.account_id,)}[difference]
    fields = {"text": "Once", difference: other}
    with pytest.raises(CommandIdReused):
        await post(database, staff, place.shared, command=command, **fields)  # type: ignore[arg-type]


async def test_an_id_used_for_another_command_is_an_error(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    first = await post(database, staff, place.shared)
    command = a_command()
    await edit(database, staff, place.shared, first.message_id, "Edited", command=command)
    with pytest.raises(CommandIdReused):
        await post(database, staff, place.shared, "Edited", command=command)
    with pytest.raises(CommandIdReused):
        await delete(database, staff, place.shared, first.message_id, command=command)


async def test_the_same_id_of_somebody_else_is_another_command(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    command = a_command()
    first = await post(database, staff, place.shared, "Mine", command=command)
    second = await post(database, customer, place.shared, "Yours", command=command)
    assert second.seq == first.seq + 1


async def test_the_same_command_at_the_same_moment_is_done_once(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    command = a_command()
    async with asyncio.TaskGroup() as group:
        posts = [
            group.create_task(post(database, staff, place.shared, "Once", command=command)) for _ in range(6)
        ]
    assert len({each.result().seq for each in posts}) == 1
    assert sum(each.result().told is not None for each in posts) == 1


async def test_one_that_is_refused_takes_nothing_from_the_others(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    stranger = await make_account(database)
    accounts = [staff, stranger, customer]
    outcomes = await write(
        database, *(NewMessage(place.shared, each.account_id, a_command(), "Hello") for each in accounts)
    )
    assert [type(outcome) for outcome in outcomes] == [Posted, NotFound, Posted]
    assert outcomes[2].seq == outcomes[0].seq + 1  # type: ignore[union-attr]


async def test_not_a_member_and_no_such_stream_look_the_same(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    stranger = await make_account(database, "customer")
    refusals = []
    for account, stream_id in (
        (stranger, place.shared),
        (stranger, place.staff),
        (stranger, staff.stream_id),
        (stranger, stranger.stream_id),
        (customer, place.staff),
        (stranger, StreamId(uuid4())),
    ):
        with pytest.raises(WorkroomError) as refused:
            await post(database, account, stream_id)
        refusals.append((refused.value.code, refused.value.message, refused.value.params))
    assert len({str(refusal) for refusal in refusals}) == 1
    assert refusals[0][0] == "not_found"
    await post(database, staff, place.staff)  # the way itself is open


async def test_a_message_by_somebody_removed_while_it_waited_is_refused(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    async with database.transaction() as removing:
        # Their message waits for the room's lock while they are being removed.
        await messages.lock_rooms_of(removing, [place.shared])
        waiting = asyncio.ensure_future(post(database, customer, place.shared, "Too late"))
        await _until_somebody_waits(database)
        room = await rooms.find_room(removing, place.room_id)
        streams = await memberships.open_room_streams(
            removing, room.room_id, room.shared_stream_id, room.staff_stream_id, [customer.account_id]
        )
        ended = await memberships.end_membership(
            removing, streams, customer.account_id, ended_by=staff.account_id, client_command_id=None
        )
        await events.write_events(removing, ended, streams.all)
        assert not waiting.done()
    with pytest.raises(NotFound):
        await waiting
    assert [event.kind for event in await read_all(database, place.shared)][-1] == "member_removed"


async def test_a_deactivated_account_writes_nothing(database: Database, owner: asyncpg.Connection) -> None:
    _, customer, place = await staff_and_customer(database)
    posted = await post(database, customer, place.shared)
    await owner.execute(
        "update accounts set deactivated_at = now() where account_id = $1", customer.account_id
    )
    with pytest.raises(NotFound):
        await post(database, customer, place.shared)
    with pytest.raises(NotFound):
        await edit(database, customer, place.shared, posted.message_id, "Edited")


async def test_an_archived_room_takes_no_message_but_answers_one_it_has(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    command = a_command()
    posted = await post(database, staff, place.shared, command=command)
    await set_archived(database, staff, place.room_id)
    for stream_id in (place.shared, place.staff):
        with pytest.raises(RoomArchived):
            await post(database, staff, stream_id)
    assert (await post(database, staff, place.shared, command=command)).seq == posted.seq
    with pytest.raises(RoomArchived):
        await edit(database, staff, place.shared, posted.message_id, "Edited")
    with pytest.raises(RoomArchived):
        await delete(database, staff, place.shared, posted.message_id)
    await set_archived(database, staff, place.room_id, archived=False)
    await post(database, staff, place.shared)


async def test_one_can_reply_only_to_what_one_may_read_in_the_same_stream(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    newcomer = await make_account(database, "customer")
    shared = await post(database, staff, place.shared)
    note = await post(database, staff, place.staff)
    elsewhere = await post(database, staff, (await open_place(database, staff)).shared)
    await add(database, staff, place.room_id, newcomer)
    refusals = []
    for account, quoted in (
        (customer, note.message_id),
        (customer, elsewhere.message_id),
        (newcomer, shared.message_id),
        (newcomer, MessageId(uuid4())),
    ):
        with pytest.raises(NotFound) as refused:
            await post(database, account, place.shared, reply_to=quoted)
        refusals.append(refused.value.message)
    assert len(set(refusals)) == 1
    await post(database, customer, place.shared, reply_to=shared.message_id)
    await post(database, staff, place.staff, reply_to=note.message_id)


# -- waiting for an answer -----------------------------------------------------------------------------------


async def test_a_room_waits_from_a_customers_first_message_until_the_provider_answers(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff, customer, place = await staff_and_customer(database)
    assert await waiting_since(owner, place.shared) is None
    first = await post(database, customer, place.shared)
    await post(database, customer, place.shared)
    assert await waiting_since(owner, place.shared) == first.recorded_at
    await post(database, staff, place.staff, "An internal note is no answer")
    assert await waiting_since(owner, place.shared) == first.recorded_at
    await post(database, staff, place.shared)
    assert await waiting_since(owner, place.shared) is None


async def test_in_one_batch_the_last_word_decides_who_waits(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff, customer, place = await staff_and_customer(database)
    by_staff = NewMessage(place.shared, staff.account_id, a_command(), "Answer")
    by_customer = NewMessage(place.shared, customer.account_id, a_command(), "Question")
    await write(database, by_customer, by_staff)
    assert await waiting_since(owner, place.shared) is None
    later = NewMessage(place.shared, customer.account_id, a_command(), "Question")
    await write(database, NewMessage(place.shared, staff.account_id, a_command(), "Answer"), later)
    assert await waiting_since(owner, place.shared) is not None


# -- editing -------------------------------------------------------------------------------------------------


async def test_an_edit_adds_a_revision_and_changes_none(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared, "One", mentions=(staff.account_id,))
    second = await edit(database, staff, place.shared, posted.message_id, "Two")
    third = await edit(
        database, staff, place.shared, posted.message_id, "Three", mentions=(staff.account_id,)
    )
    assert [(second.seq, second.revision), (third.seq, third.revision)] == [
        (posted.seq + 1, 2), (posted.seq + 2, 3),
    ]  # fmt: skip
    rows = await owner.fetch(
        "select r.*, e.content_digest from message_revisions r left join events e "
        "on e.subject_id = r.message_id and e.subject_detail = r.revision "
        "where r.message_id = $1 order by revision",
        posted.message_id,
    )
    assert [(row["revision"], row["text"], len(row["mentions"])) for row in rows] == [
        (1, "One", 1), (2, "Two", 0), (3, "Three", 1),
    ]  # fmt: skip
    assert len({row["salt"] for row in rows}) == 3
    for row in rows[1:]:
        expected = digest_message(row["salt"], place.shared, posted.seq, row["revision"], row["text"])
        assert row["content_digest"] == expected


async def test_the_same_edit_is_done_once(database: Database, owner: asyncpg.Connection) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared, "One")
    command = a_command()
    first = await edit(database, staff, place.shared, posted.message_id, "Two", command=command)
    await edit(database, staff, place.shared, posted.message_id, "Three")
    again = await edit(database, staff, place.shared, posted.message_id, "Two", command=command)
    assert (again.seq, again.revision, again.told) == (first.seq, first.revision, None)
    assert await owner.fetchval("select count(*) from message_revisions") == 3
    for text, mentions in (("Other", ()), ("Two", (staff.account_id,))):
        with pytest.raises(CommandIdReused):
            await edit(
                database, staff, place.shared, posted.message_id, text, command=command, mentions=mentions
            )


async def test_only_the_author_edits(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    by_customer = await post(database, customer, place.shared)
    by_staff = await post(database, staff, place.shared)
    with pytest.raises(Forbidden):
        await edit(database, staff, place.shared, by_customer.message_id, "In your name")
    with pytest.raises(Forbidden):
        await edit(database, customer, place.shared, by_staff.message_id, "In your name")
    await edit(database, customer, place.shared, by_customer.message_id, "My own")


async def test_a_message_is_found_only_in_its_stream_from_where_one_reads_while_it_stands(
    database: Database,
) -> None:
    staff, customer, place = await staff_and_customer(database)
    newcomer = await make_account(database, "customer")
    old = await post(database, staff, place.shared)
    note = await post(database, staff, place.staff)
    gone = await post(database, staff, place.shared)
    await delete(database, staff, place.shared, gone.message_id)
    await add(database, staff, place.room_id, newcomer)
    refusals = set()
    for actor, message_id in (
        (newcomer, old.message_id),
        (customer, note.message_id),
        (staff, gone.message_id),
        (staff, MessageId(uuid4())),
    ):
        for act in (edit, delete):
            with pytest.raises(NotFound) as refused:
                if act is edit:
                    await edit(database, actor, place.shared, message_id, "Edited")
                else:
                    await delete(database, actor, place.shared, message_id)
            refusals.add(refused.value.message)
    assert len(refusals) == 1


# -- taking back ---------------------------------------------------------------------------------------------


async def test_a_message_taken_back_keeps_its_text_in_the_database_and_tells_it_nobody(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared, "Sorry", mentions=(staff.account_id,))
    taken = await delete(database, staff, place.shared, posted.message_id)
    row = await owner.fetchrow("select * from messages where message_id = $1", posted.message_id)
    assert (row["deleted_by"], row["deleted_at"]) == (staff.account_id, taken.told.at)  # type: ignore[union-attr]
    assert await owner.fetchval("select text from message_revisions") == "Sorry"
    told = [
        event for event in await read_all(database, place.shared) if event.message_id == posted.message_id
    ]
    assert [(event.kind, event.text or "", event.mentions) for event in told] == [
        ("message_posted", "", []), ("message_deleted", "", []),
    ]  # fmt: skip


async def test_the_author_takes_back_and_the_provider_what_a_customer_wrote(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    colleague, other_customer = (
        await make_account(database, "admin"),
        await make_account(database, "customer"),
    )
    for account in (colleague, other_customer):
        await add(database, staff, place.room_id, account)
    allowed = [(customer, customer), (staff, staff), (staff, customer), (colleague, customer)]
    refused = [(customer, staff), (other_customer, customer), (colleague, staff)]
    for actor, author in allowed:
        posted = await post(database, author, place.shared)
        await delete(database, actor, place.shared, posted.message_id)
    for actor, author in refused:
        posted = await post(database, author, place.shared)
        with pytest.raises(Forbidden):
            await delete(database, actor, place.shared, posted.message_id)


async def test_taking_back_twice_is_done_once(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared)
    command = a_command()
    first = await delete(database, staff, place.shared, posted.message_id, command=command)
    again = await delete(database, staff, place.shared, posted.message_id, command=command)
    assert (again.seq, again.told) == (first.seq, None)
    with pytest.raises(NotFound):
        await delete(database, staff, place.shared, posted.message_id)


async def test_who_was_removed_changes_nothing_any_more(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    posted = await post(database, customer, place.shared)
    await remove(database, staff, place.room_id, customer)
    with pytest.raises(NotFound):
        await edit(database, customer, place.shared, posted.message_id, "Edited")
    with pytest.raises(NotFound):
        await delete(database, customer, place.shared, posted.message_id)


async def _until_somebody_waits(database: Database) -> None:
    is_waiting = False
    while not is_waiting:
        async with database.read() as reading:
            is_waiting = await reading.fetch_value(SOMEBODY_WAITS)
