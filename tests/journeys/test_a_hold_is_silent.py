"""Promise 7: a hold is silent. Members of a held room cannot tell: same replies, same events, same counts, same time.

One installation has a hold over its room and everybody in it, its twin has none. Everything that a member can ask, over
HTTP and on the socket, is done at both, before and after the agreed period has ended and what no hold keeps was
destroyed.
"""

from __future__ import annotations

import gc
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from starlette.routing import Route

from tests.deeds import Place, find_place, open_place
from tests.holding import open_matter, place_hold, scope_of
from tests.journeys.twins import PASSWORD, Kept, Twin, Twins, run_twins
from tests.local_client import LocalClient, local_client, local_node
from tests.people import make_account
from tests.retaining import assign_room, make_class
from tests.servers import SharedServers
from tests.tus import BODY_TYPE, metadata
from workroom.disposition import Pace, run_disposition
from workroom.expiry_rounds import tell_what_expired
from workroom.file_sweep import sweep_files
from workroom.ids import RetentionClassId, RoomId
from workroom.passwords import PasswordCost, PasswordHasher
from workroom.settings import load_settings
from workroom.sockets.protocol import COMMANDS
from workroom.storage.database import Database

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f000501"
    "01ff9a3c6d0b0000000049454e44ae426082"
)
# Doors that are no member's: of the machine, of admins alone, before there is anybody, and of officers.
NOT_FOR_MEMBERS = re.compile(r"/(health|metrics|static|api/(first-admin|compliance|accounts))")
ROOM, STREAM, NOTES = Kept("room"), Kept("stream"), Kept("notes")
COMING_AGAIN = ("opening", "posting", "editing", "reacting", "taking_back", "renaming")
PAIRS = 500
MOST_PAIRS = 4_000
NEARNESS = 0.05


@pytest_asyncio.fixture
async def twins(servers: SharedServers, environment: dict[str, str]) -> AsyncIterator[Twins]:
    hasher = PasswordHasher(PasswordCost(memory_kib=64, iterations=1))
    small = {**environment, "WORKROOM_ROOM_FILE_BYTES": "40000"}
    async with run_twins(servers, hasher, small) as running:
        yield running


@pytest.mark.deadline(240)
async def test_every_reply_every_event_and_every_count_is_the_same(twins: Twins) -> None:
    await twins.both("opening the room", _open_room)
    for twin in (twins.held, twins.free):
        await _place_hold(twin, is_held=twin is twins.held)
    assert await _count_held(twins.held) > 0, "nothing is held: this proves nothing"
    assert await _count_held(twins.free) == 0
    await _talk(twins)
    await _send_files(twins)
    await _look_at_everything(twins)
    await _come_and_go(twins)
    await _look_at_everything(twins)
    await _forget_what_was_replaced(twins)
    await _send_again(twins)
    await _end_the_period(twins)
    await _send_again(twins)
    await twins.settle()
    await _look_at_everything(twins)
    await _go_on(twins)
    await _look_at_everything(twins)
    await _lengthen_the_period(twins)
    await twins.settle()
    await _look_at_everything(twins)
    await _be_somebody_else(twins)
    await twins.settle()
    twins.compare_what_was_heard()
    _require_that_everything_was_tried(twins.held)


@pytest.mark.deadline(180)
async def test_a_held_room_takes_as_long_as_any_other(
    environment: dict[str, str], database: Database
) -> None:
    fast = {"WORKROOM_COMMANDS_PER_SECOND": "100000", "WORKROOM_COMMANDS_BURST": "100000"}
    settings = load_settings({**environment, **fast})
    officer = await make_account(database, "compliance")
    author, colleague = await make_account(database, "staff"), await make_account(database, "staff")
    places = [await open_place(database, author, colleague) for _ in range(2)]
    await place_hold(database, officer, scope_of(places[0].room_id))
    async with local_node(settings) as node, local_client(node, author) as line:
        taken: list[list[float]] = [[], []]
        gc.disable()
        try:
            # What differs is found sooner or later; what only wobbles gets more pairs to come to rest.
            while len(taken[0]) < MOST_PAIRS:
                await _time_pairs(line, places, taken)
                held, free = (median(each) for each in taken)
                if abs(held / free - 1) <= NEARNESS:
                    break
        finally:
            gc.enable()
    assert abs(held / free - 1) <= NEARNESS, f"{held * 1000:.3f} ms held, {free * 1000:.3f} ms free"


async def _time_pairs(line: LocalClient, places: list[Place], taken: list[list[float]]) -> None:
    """Again and again: a message posted, edited, read, and taken back, in either room in turn."""
    for pair in range(PAIRS):
        for at in (0, 1) if pair % 2 else (1, 0):
            began = perf_counter()
            await _deed(line, places[at])
            taken[at].append(perf_counter() - began)


async def _deed(line: LocalClient, place: Place) -> None:
    stream = place.shared
    said = await line.command("post_message", stream=stream, text="Good morning")
    named = {"stream": stream, "message_id": said["message_id"]}
    await line.command("edit_message", text="Good evening", **named)
    await line.command("read_messages", stream=stream, limit=20)
    await line.command("delete_message", **named)


# -- the set-up ----------------------------------------------------------------------------------------------------


async def _open_room(twin: Twin) -> Any:
    customer = twin.people["customer"].account
    twin.kept.update({command: str(uuid4()) for command in COMING_AGAIN})
    answer = await twin.do(
        "customer",
        "create_room",
        kind="private",
        name="The room",
        customer_ids=[customer.customer_id],
        client_command_id=Kept("opening"),
    )
    place = await find_place(twin.database, RoomId(answer["room_id"]))
    twin.kept.update(room=str(place.room_id), stream=str(place.shared), notes=str(place.staff))
    said = await twin.do("customer", "post_message", stream=STREAM, text="The first line")
    twin.kept["first"] = said["message_id"]
    joined = await twin.do("staff", "join_room", room_id=ROOM)
    heard = [
        await twin.do(who, "subscribe", streams=[{"stream": place.shared}]) for who in ("customer", "staff")
    ]
    return [answer, said, joined, heard]


async def _place_hold(twin: Twin, *, is_held: bool) -> None:
    """An officer and a matter at both; at one a hold over the room, and over everybody in both ways."""
    officer = await make_account(twin.database, "compliance", name="Officer", email="officer@example.org")
    matter_id = await open_matter(twin.database, officer)
    everybody = [person.account for person in twin.people.values()]
    if is_held:
        scope = scope_of(RoomId(twin.kept["room"]), members=everybody, senders=everybody)
        await place_hold(twin.database, officer, scope, matter_id)


async def _count_held(twin: Twin) -> int:
    count: int = await twin.owner.fetchval("select count(distinct message_id) from held_messages")
    return count


# -- what members do -----------------------------------------------------------------------------------------------


async def _talk(twins: Twins) -> None:
    async def answer(twin: Twin) -> Any:
        fields = {"reply_to": twin.kept["first"], "mentions": [twin.kept["customer"]]}
        said = await twin.do("staff", "post_message", stream=STREAM, text="An answer", **fields)
        twin.kept["answer"] = said["message_id"]
        return said

    first = {"stream": STREAM, "message_id": Kept("first")}
    second = {"stream": STREAM, "message_id": Kept("answer")}
    await twins.both("answering", answer)
    await twins.do("staff", "watch_desk", watching=True)
    await twins.do("staff", "post_message", stream=NOTES, text="A note")
    await twins.do("customer", "post_message", stream=NOTES, text="Not for customers")
    await twins.do("customer", "edit_message", text="The first line, mended", **first)
    await twins.do("customer", "edit_message", text="Mine now", **second)
    for _ in range(2):
        await twins.do("customer", "add_reaction", emoji="👍", **second)
    for _ in range(2):
        await twins.do("customer", "remove_reaction", emoji="👍", **second)
    for _ in range(2):
        await twins.do("customer", "delete_message", **first)
    await twins.do("customer", "edit_message", text="Not so", **first)
    await twins.do("staff", "add_reaction", emoji="👍", **first)
    await twins.do("staff", "delete_message", **second)
    await twins.do("customer", "mark_read", stream=STREAM, seq=3)
    await twins.do("customer", "typing", stream=STREAM)
    for text in ("One", "Two", "Three"):
        await twins.do("customer", "post_message", stream=STREAM, text=text)
    await _replace(twins)


async def _replace(twins: Twins) -> None:
    """A text, an edit, a sign and a name that do not stay."""

    async def post(twin: Twin) -> Any:
        said = await twin.do(
            "customer", "post_message", stream=STREAM, text="Four", client_command_id=Kept("posting")
        )
        twin.kept["mended"] = said["message_id"]
        return said

    mended = {"stream": STREAM, "message_id": Kept("mended")}
    await twins.both("posting", post)
    await twins.do("customer", "edit_message", text="Five", client_command_id=Kept("editing"), **mended)
    await twins.do("customer", "edit_message", text="Six", **mended)
    await twins.do("staff", "add_reaction", emoji="👍", client_command_id=Kept("reacting"), **mended)
    await twins.do("staff", "remove_reaction", emoji="👍", client_command_id=Kept("taking_back"), **mended)
    await twins.do("staff", "rename_room", room_id=ROOM, name="A name", client_command_id=Kept("renaming"))


async def _send_again(twins: Twins) -> None:
    """The same commands with other content: refused while the first can be compared, answered as then afterwards."""
    mended = {"stream": STREAM, "message_id": Kept("mended")}
    sign = {"emoji": "🎉", **mended}
    await twins.do("customer", "create_room", kind="private", name="Other", client_command_id=Kept("opening"))
    await twins.do("customer", "post_message", stream=STREAM, text="Seven", client_command_id=Kept("posting"))
    await twins.do("customer", "edit_message", text="Seven", client_command_id=Kept("editing"), **mended)
    await twins.do("staff", "add_reaction", client_command_id=Kept("reacting"), **sign)
    await twins.do("staff", "remove_reaction", client_command_id=Kept("taking_back"), **sign)
    await twins.do("staff", "rename_room", room_id=ROOM, name="Other", client_command_id=Kept("renaming"))


async def _send_files(twins: Twins) -> None:
    tus = {"tus_resumable": "1.0.0"}
    for key, content in (("picture", PICTURE), ("paper", b"x" * 30_000), ("too_much", b"x" * 30_000)):
        await twins.both(key, partial(_send_file, key=key, content=content))
    await twins.both("half of one", partial(_begin_upload, key="half", size=2_000, body=b"y" * 1_000))
    await twins.ask("customer", "HEAD", "{half}", **tus)
    more = {**tus, "upload_offset": "1000", "content_type": BODY_TYPE}
    await twins.ask("customer", "PATCH", "{half}", b"y" * 500, **more)
    await twins.ask("customer", "POST", "{half}", x_http_method_override="HEAD", **tus)
    await twins.ask("customer", "OPTIONS", "{half}")
    await twins.ask("customer", "OPTIONS", "/api/uploads")
    await twins.ask("customer", "DELETE", "{half}", **tus)


async def _begin_upload(twin: Twin, *, key: str, size: int, body: bytes) -> Any:
    answer = await twin.ask(
        "customer",
        "POST",
        "/api/uploads",
        body,
        tus_resumable="1.0.0",
        upload_length=str(size),
        upload_metadata=metadata(filename=f"{key}.png", stream=twin.kept["stream"]),
        content_type=BODY_TYPE,
    )
    twin.kept[key] = dict(answer["headers"]).get("location", "")
    return answer


async def _send_file(twin: Twin, *, key: str, content: bytes) -> Any:
    begun = await _begin_upload(twin, key=key, size=len(content), body=content)
    twin.kept[key] = twin.kept[key].rpartition("/")[2] or twin.kept["picture"]
    files = [{"file_id": twin.kept[key], "alt_text": "What it shows"}]
    return [begun, await twin.do("customer", "post_message", stream=STREAM, text="", files=files)]


async def _come_and_go(twins: Twins) -> None:
    async def invite(twin: Twin) -> Any:
        answer = await twin.do("staff", "create_invitation", room_id=ROOM, grants_history=True)
        twin.kept.update(token=answer["token"], invitation=answer["invitation_id"])
        return answer

    async def look(twin: Twin) -> Any:
        return await twin.ask("outsider", "POST", "/api/invitation", {"token": twin.kept["token"]})

    await twins.do("staff", "rename_room", room_id=ROOM, name="Another name")
    await twins.do("customer", "rename_room", room_id=ROOM, name="Mine")
    await twins.both("inviting", invite)
    await twins.do("staff", "list_invitations", room_id=ROOM)
    await twins.both("looking at the invitation", look)
    await twins.do("outsider", "accept_invitation", token=Kept("token"))
    await twins.both("inviting again", invite)
    await twins.do("staff", "revoke_invitation", invitation_id=Kept("invitation"))
    await twins.do("staff", "add_member", room_id=ROOM, account_id=Kept("colleague"), grants_history=True)
    await twins.do("staff", "remove_member", room_id=ROOM, account_id=Kept("colleague"))
    await twins.do("admin", "join_room", room_id=ROOM)
    await twins.do("admin", "leave_room", room_id=ROOM)
    await twins.do("staff", "archive_room", room_id=ROOM)
    await twins.do("customer", "post_message", stream=STREAM, text="Into the archive")
    await twins.do("staff", "reopen_room", room_id=ROOM)


async def _look_at_everything(twins: Twins) -> None:
    pages: list[dict[str, int]] = [{}, {"before": 4, "limit": 2}, {"after": 2, "limit": 3}, {"around": 3}]
    for who in ("customer", "staff", "admin", "outsider"):
        await twins.do(who, "list_rooms")
        await twins.do(who, "open_room", room_id=ROOM)
        await twins.do(who, "list_people", room_id=ROOM)
        await twins.do(who, "list_waiting_rooms")
        for stream in (STREAM, NOTES):
            await twins.do(who, "list_files", stream=stream)
            await twins.do(who, "read_since", stream=stream, seq=0)
            for page in pages:
                await twins.do(who, "read_messages", stream=stream, **page)
        for key in ("picture", "paper"):
            for ending in ("", "?inline=1", "/preview"):
                for method in ("GET", "HEAD"):
                    await twins.ask(who, method, f"/api/files/{{{key}}}{ending}")
    await twins.ask("customer", "GET", "/api/files/{paper}", range="bytes=5-9")
    tus = {"tus_resumable": "1.0.0"}
    for who in ("customer", "staff"):
        for key in ("first", "answer"):
            await twins.ask(who, "GET", f"/api/labels/messages/{{{key}}}")
            await twins.ask(who, "PATCH", f"/api/labels/messages/{{{key}}}", {"class_id": None})
        await twins.ask(who, "PATCH", "/api/labels/files/{paper}", {"class_id": None})
    for key in ("picture", "paper"):
        for method in ("HEAD", "DELETE"):
            await twins.ask("customer", method, f"/api/uploads/{{{key}}}", **tus)
        more = {**tus, "upload_offset": "0", "content_type": BODY_TYPE}
        await twins.ask("customer", "PATCH", f"/api/uploads/{{{key}}}", b"", **more)


async def _forget_what_was_replaced(twins: Twins) -> None:
    """What was replaced or taken back comes to its end, what replaced it stays."""
    await _send_again(twins)
    for twin in (twins.held, twins.free):
        await _move_on(twin, await make_class(twin.owner, destroy=1000, removed=1))
    replaced = [
        await twin.owner.fetchval(
            "select count(*) from message_revisions where revision = 1 and message_id = $1",
            UUID(twin.kept["mended"]),
        )
        for twin in (twins.held, twins.free)
    ]
    assert replaced == [1, 0], "nothing was destroyed, or something held: this proves nothing"


async def _end_the_period(twins: Twins) -> None:
    """The agreed period ends at both; what no hold keeps is destroyed."""
    before = [await _count_standing(twin) for twin in (twins.held, twins.free)]
    for twin in (twins.held, twins.free):
        await _move_on(twin, await make_class(twin.owner, destroy=1, removed=1))
    assert before[0] == before[1] > 5, "hardly anything was there: this proves nothing"
    assert await _count_standing(twins.held) == before[0], "something held was destroyed"
    assert await _count_standing(twins.free) == 0, "nothing was destroyed: this proves nothing"


async def _lengthen_the_period(twins: Twins) -> None:
    """What a run came by is gone for good: a longer period shows again nothing of what a hold kept."""
    for twin in (twins.held, twins.free):
        await twin.owner.execute("update retention_classes set destroy_days = 1000, removed_days = 1000")
        assert await tell_what_expired(twin.database) == 0
        twin.node.check_positions_soon()


async def _move_on(twin: Twin, class_id: RetentionClassId) -> None:
    """The room gets a class, days pass, and the worker does its work."""
    await assign_room(twin.owner, RoomId(UUID(twin.kept["room"])), class_id)
    await twin.move_time(timedelta(days=4))
    await sweep_files(twin.database, twin.stores)
    await tell_what_expired(twin.database)
    await run_disposition(twin.database, twin.stores, pace=Pace(rest=0))
    twin.node.check_positions_soon()


async def _count_standing(twin: Twin) -> int:
    count: int = await twin.owner.fetchval("select count(*) from messages where deleted_at is null")
    return count


async def _go_on(twins: Twins) -> None:
    """What came to its end is not there any more for anybody; what is new is, and has room."""
    first = {"stream": STREAM, "message_id": Kept("answer")}
    await twins.do("staff", "edit_message", text="Not there", **first)
    await twins.do("customer", "add_reaction", emoji="👍", **first)
    await twins.do("staff", "delete_message", **first)
    await twins.do("customer", "post_message", stream=STREAM, text="In answer", reply_to=Kept("answer"))
    await twins.do("customer", "post_message", stream=STREAM, text="Something new")
    await twins.both("a file", partial(_send_file, key="paper", content=b"z" * 30_000))
    await twins.both("one too many", partial(_send_file, key="too_much", content=b"z" * 30_000))
    await twins.do("customer", "mark_read", stream=STREAM, seq=5)


async def _be_somebody_else(twins: Twins) -> None:
    another = "nine barrels of salt herring"
    newcomer = {"email": "new@example.org", "display_name": "New", "customer_name": "New & Co"}
    await twins.ask("customer", "PATCH", "/api/profile", {"display_name": "Somebody"})
    await twins.ask("customer", "GET", "/api/session")
    await twins.ask("customer", "POST", "/api/password", {"current_password": PASSWORD, "password": another})
    await twins.ask("outsider", "POST", "/api/registration", {"password": another, **newcomer})
    await twins.do("staff", "unsubscribe", streams=[])
    await twins.ask("admin", "PATCH", "/api/accounts/{colleague}", {"deactivated": True})
    await twins.ask("staff", "DELETE", "/api/session")
    await twins.ask("admin", "DELETE", "/api/sessions")
    await twins.ask("staff", "POST", "/api/session", {"email": "staff@example.org", "password": PASSWORD})


def _require_that_everything_was_tried(twin: Twin) -> None:
    assert twin.commands == set(COMMANDS)
    doors = {
        (method, re.sub(r"{[^}]*}", "{}", route.path))
        for route in twin.app.routes
        if isinstance(route, Route)
        and route.path.startswith("/api/")
        and not NOT_FOR_MEMBERS.match(route.path)
        for method in route.methods or ()
    }
    # A HEAD is a GET whose body is left out.
    assert {door for door in doors - twin.doors if door[0] != "HEAD"} == set()
