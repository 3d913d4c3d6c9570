"""What a run came by is gone for members for good, held or not: no later change brings back what a hold kept.

Of two installations that are alike, one has a hold over the room. The agreed period ends at both, and a run destroys
what no hold keeps. Then something changes by which the time of all that would be to come again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.deeds import find_place
from tests.holding import attach, open_matter, place_hold, scope_of
from tests.journeys.twins import Kept, Twin, Twins, run_twins
from tests.people import make_account
from tests.retaining import assign_room, label_file, label_message, make_class
from tests.servers import SharedServers
from workroom import file_findings
from workroom.disposition import Pace, run_disposition
from workroom.expiry_rounds import tell_what_expired
from workroom.ids import FileId, MessageId, RoomId
from workroom.passwords import PasswordCost, PasswordHasher

Change = Callable[[Twin], Awaitable[Any]]
ROOM, STREAM = Kept("room"), Kept("stream")
LINES = ("One", "Two", "Three")
TWO, THREE = ({"stream": STREAM, "message_id": Kept(line)} for line in LINES[1:])


@pytest_asyncio.fixture
async def twins(servers: SharedServers, environment: dict[str, str]) -> AsyncIterator[Twins]:
    hasher = PasswordHasher(PasswordCost(memory_kib=64, iterations=1))
    async with run_twins(servers, hasher, environment) as running:
        yield running


async def count_from_closing(twin: Twin) -> None:
    class_id = await make_class(twin.owner, counted_from="room_closed", destroy=10)
    await assign_room(twin.owner, RoomId(UUID(twin.kept["room"])), class_id)
    await twin.do("staff", "archive_room", room_id=ROOM)


async def reopen(twin: Twin) -> Any:
    return await twin.do("staff", "reopen_room", room_id=ROOM)


async def count_from_sending(twin: Twin) -> None:
    await assign_room(twin.owner, RoomId(UUID(twin.kept["room"])), await make_class(twin.owner, destroy=10))


async def lengthen(twin: Twin) -> None:
    await twin.owner.execute("update retention_classes set destroy_days = 1000")


async def label(twin: Twin) -> None:
    """One message has a short label, and the file of another."""
    await assign_room(twin.owner, RoomId(UUID(twin.kept["room"])), await make_class(twin.owner, destroy=1000))
    short = await make_class(twin.owner, destroy=10)
    await label_message(twin.owner, MessageId(UUID(twin.kept["One"])), short)
    await label_file(twin.owner, FileId(UUID(twin.kept["file"])), short)


async def take_labels_away(twin: Twin) -> None:
    await label_message(twin.owner, MessageId(UUID(twin.kept["One"])), None)
    await label_file(twin.owner, FileId(UUID(twin.kept["file"])), None)


async def end_what_was_superseded(twin: Twin) -> None:
    """Nothing ends but former versions, former names and reactions taken back."""
    class_id = await make_class(twin.owner, destroy=1000, removed=10)
    await assign_room(twin.owner, RoomId(UUID(twin.kept["room"])), class_id)


async def keep_what_was_superseded(twin: Twin) -> None:
    await twin.owner.execute("update retention_classes set removed_days = 1000")


@pytest.mark.parametrize(
    ("begin", "change", "is_told_first"),
    [
        (count_from_closing, reopen, True),
        (count_from_sending, lengthen, True),
        (count_from_sending, lengthen, False),
        (label, take_labels_away, True),
        (label, lengthen, True),
        (end_what_was_superseded, keep_what_was_superseded, True),
    ],
)
async def test_nothing_that_changes_after_a_run_shows_what_a_hold_kept(
    twins: Twins, begin: Change, change: Change, is_told_first: bool
) -> None:
    await twins.both("opening the room", open_room)
    await hold(twins.held)
    await twins.both("a rule", begin)
    before = await count_content(twins.held)
    for twin in (twins.held, twins.free):
        await tell_what_expired(twin.database)
        await twin.move_time(timedelta(days=12))
        if is_told_first:
            await tell_what_expired(twin.database)
        await run_disposition(twin.database, twin.stores, pace=Pace(rest=0))
    await look(twins)
    await twins.both("the change", change)
    left = [await count_content(twin) for twin in (twins.held, twins.free)]
    assert left[0] == before > left[1], "the run made no difference: this proves nothing"
    await twins.both("a round", tell)
    await twins.settle()
    await look(twins)
    twins.compare_what_was_heard()


async def open_room(twin: Twin) -> Any:
    customer = twin.people["customer"].account
    answer = await twin.do(
        "customer", "create_room", kind="private", name="The room", customer_ids=[customer.customer_id]
    )
    place = await find_place(twin.database, RoomId(UUID(answer["room_id"])))
    twin.kept.update(room=str(place.room_id), stream=str(place.shared))
    twin.kept.update({"edit": str(uuid4()), "taken back": str(uuid4())})
    answers = [answer, await twin.do("staff", "join_room", room_id=ROOM)]
    for who in ("customer", "staff"):
        answers.append(await twin.do(who, "subscribe", streams=[{"stream": place.shared}]))
    for text in LINES:
        said = await twin.do("customer", "post_message", stream=STREAM, text=text)
        twin.kept[text] = said["message_id"]
        answers.append(said)
    await twin.do("customer", "edit_message", text="Four", client_command_id=Kept("edit"), **THREE)
    await twin.do("customer", "edit_message", text="Five", **THREE)
    await twin.do("customer", "add_reaction", emoji="👍", **TWO)
    await twin.do("customer", "remove_reaction", emoji="👍", client_command_id=Kept("taken back"), **TWO)
    for name in ("Another name", "A third name"):
        await twin.do("staff", "rename_room", room_id=ROOM, name=name)
    await attach(twin.owner, MessageId(UUID(twin.kept["Two"])))
    twin.kept["file"] = str(await twin.owner.fetchval("select file_id from files"))
    return answers


async def hold(twin: Twin) -> None:
    officer = await make_account(twin.database, "compliance", name="Officer", email="officer@example.org")
    scope = scope_of(RoomId(UUID(twin.kept["room"])))
    await place_hold(twin.database, officer, scope, await open_matter(twin.database, officer))


async def count_content(twin: Twin) -> int:
    count: int = await twin.owner.fetchval(
        "select (select count(*) from messages) + (select count(*) from files) "
        "+ (select count(*) from message_revisions) + (select count(*) from message_reactions) "
        "+ (select count(*) from room_names)"
    )
    return count


async def tell(twin: Twin) -> int:
    """How many events a round records."""
    told = await tell_what_expired(twin.database)
    twin.node.check_positions_soon()
    return told


async def look(twins: Twins) -> None:
    """Everything that two members are shown of the room, and what counts as theirs."""
    for who in ("customer", "staff"):
        await twins.do(who, "list_rooms")
        await twins.do(who, "open_room", room_id=ROOM)
        await twins.do(who, "list_files", stream=STREAM)
        await twins.do(who, "read_messages", stream=STREAM)
        await twins.do(who, "read_since", stream=STREAM, seq=0)
        await twins.ask(who, "GET", "/api/files/{file}/preview")
        await twins.ask(who, "GET", "/api/labels/messages/{One}")
    # What was done long ago comes once more: the answer is what it was, where that is still known.
    for text in ("Four", "Six"):
        await twins.do("customer", "edit_message", text=text, client_command_id=Kept("edit"), **THREE)
    for emoji in ("👍", "🎉"):
        taken_back = {"emoji": emoji, "client_command_id": Kept("taken back"), **TWO}
        await twins.do("customer", "remove_reaction", **taken_back)
    await twins.both("what counts", count_bytes)


async def count_bytes(twin: Twin) -> Any:
    return await twin.owner.fetchval("select sum(visible_bytes) from room_file_bytes")


async def test_nothing_is_told_of_what_the_worker_finds_out_about_a_file_that_a_hold_kept(
    twins: Twins,
) -> None:
    await twins.both("opening the room", open_room)
    await hold(twins.held)
    for twin in (twins.held, twins.free):
        await attach(twin.owner, MessageId(UUID(twin.kept["One"])))
        await twin.owner.execute(
            "update files set scan_state = 'unchecked' where file_id = $1", UUID(twin.kept["file"])
        )
        await twin.owner.execute("update files set preview_state = 'wanted' where scan_state <> 'unchecked'")
        await count_from_sending(twin)
    for twin in (twins.held, twins.free):
        await twin.move_time(timedelta(days=12))
        await run_disposition(twin.database, twin.stores, pace=Pace(rest=0))
    waiting = "select count(*) from files where scan_state = 'unchecked' or preview_state = 'wanted'"
    left = [await twin.owner.fetchval(waiting) for twin in (twins.held, twins.free)]
    assert left == [2, 0], "the run made no difference: this proves nothing"
    await twins.both("what the worker finds out", find_out)
    assert await twins.held.owner.fetchval(waiting) == 0
    await twins.settle()
    await look(twins)
    twins.compare_what_was_heard()


async def find_out(twin: Twin) -> list[str]:
    """A scan and a preview of what waits for them; gives what members are told."""
    told = []
    async with twin.database.transaction() as transaction:
        for file in await file_findings.list_to_scan(transaction, 10, []):
            told += await file_findings.record_scan(transaction, file.file_id, is_infected=False)
        for file in await file_findings.list_to_preview(transaction, 10, []):
            told += await file_findings.record_preview_state(transaction, file.file_id, is_made=False)
    twin.node.check_positions_soon()
    return [event.kind for event in told]
