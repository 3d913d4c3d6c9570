"""Listening: from which number, to what, until when; and being present where one listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.client import CommandRefused
from tests.deeds import add, edit, open_place, post, read_all, remove
from tests.local_client import LocalClient, local_client, local_node, sign_in
from tests.people import by, make_account, make_accounts
from workroom import accounts, sessions
from workroom.events import RecordedEvent
from workroom.node import Node
from workroom.sessions import hash_token
from workroom.settings import Settings
from workroom.storage.database import Database


@pytest_asyncio.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    async with local_node(settings) as running:
        yield running


async def tell(node: Node, recorded: list[RecordedEvent]) -> None:
    """What a door does after its commit."""
    async with node.transaction() as work:
        work.recorded(recorded)


async def _subscribe(client: LocalClient, stream: Any) -> None:
    await client.command("subscribe", streams=[{"stream": stream}])


def seqs_of(client: LocalClient, stream: Any) -> list[int]:
    return [event["seq"] for event in client.events[str(stream)]]


async def test_what_is_not_ones_to_read_is_refused_like_what_does_not_exist(
    node: Node, database: Database
) -> None:
    staff, customer, stranger = await make_accounts(database, "staff", "customer", "customer")
    place = await open_place(database, staff, customer)
    elsewhere, nowhere = await open_place(database, staff), uuid4()
    wanted = [place.shared, place.staff, elsewhere.shared, staff.stream_id, nowhere]
    async with local_client(node, customer) as client, local_client(node, stranger) as outside:
        reply = await client.command("subscribe", streams=[{"stream": each} for each in wanted])
        assert [each["stream"] for each in reply["streams"]] == [str(place.shared)]
        assert reply["refused"] == [str(each) for each in wanted[1:]]
        assert reply["reset"] == []
        reply = await outside.command("subscribe", streams=[{"stream": each} for each in wanted])
        assert (reply["streams"], len(reply["refused"])) == ([], 5)


async def test_everything_after_the_number_in_the_reply_is_heard(node: Node, database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with local_client(node, staff) as author, local_client(node, customer) as reader:
        await author.command("post_message", stream=place.shared, text="Before")
        reply = await reader.command("subscribe", streams=[{"stream": place.shared}])
        position = reply["streams"][0]["seq"]
        assert position == (await read_all(database, place.shared))[-1].seq
        for n in range(20):
            await author.command("post_message", stream=place.shared, text=str(n))
        await reader.wait_for_seq(place.shared, position + 20)
        assert seqs_of(reader, place.shared) == list(range(position + 1, position + 21))


async def test_many_who_arrive_while_messages_flow_miss_none(node: Node, database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    token = await sign_in(database, customer)
    readers = [LocalClient(node, token) for _ in range(20)]
    async with local_client(node, staff) as author:
        writing = asyncio.create_task(_post_many(author, place.shared, 60))
        for reader in readers:
            await reader.connect()
            reader.positions[str(place.shared)] = 3
            await reader.subscribe(place.shared)
        last = await writing
        for reader in readers:
            await reader.wait_for_seq(place.shared, last)
            assert seqs_of(reader, place.shared) == list(range(4, last + 1))
            await reader.disconnect()


async def _post_many(author: LocalClient, stream: Any, count: int) -> int:
    last = 0
    for n in range(count):
        last = (await author.command("post_message", stream=stream, text=str(n)))["seq"]
    return last


async def test_a_foreign_epoch_or_a_number_ahead_is_reset_and_heard_all_the_same(
    node: Node, database: Database
) -> None:
    staff = await make_account(database)
    place, other = await open_place(database, staff), await open_place(database, staff)
    async with local_client(node, staff) as client:
        for position, epoch, is_reset in (
            (2, node.epoch, False),
            (3, node.epoch, True),
            (2, uuid4(), True),
            (None, uuid4(), False),
            (2, None, False),
            (3, None, True),
        ):
            asked = {"stream": place.shared} | ({} if position is None else {"seq": position})
            fields = {} if epoch is None else {"epoch": epoch}
            reply = await client.command("subscribe", streams=[asked, {"stream": other.shared}], **fields)
            assert reply["reset"] == ([str(place.shared)] if is_reset else []), (position, epoch)
            assert {each["stream"]: each["seq"] for each in reply["streams"]} == {
                str(place.shared): 2, str(other.shared): 2,
            }  # fmt: skip
        with pytest.raises(CommandRefused) as refused:
            await client.command("read_since", stream=place.shared, seq=3)
        assert refused.value.code == "reset"


async def test_listening_twice_is_listening_once(node: Node, database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await asyncio.gather(*(_subscribe(client, place.shared) for _ in range(3)))
        await client.command("post_message", stream=place.shared, text="Once")
        await client.wait_for_event(place.shared, text="Once")
        await client.command("list_rooms")
        assert client.texts(place.shared) == ["Once"]


async def test_who_stops_listening_hears_no_more_but_of_their_own_account(
    node: Node, database: Database
) -> None:
    staff = await make_account(database)
    place, other = await open_place(database, staff), await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared, other.shared)
        await client.command("unsubscribe", streams=[place.shared, staff.stream_id, uuid4()])
        await client.command("post_message", stream=place.shared, text="Unheard")
        await client.command("post_message", stream=other.shared, text="Heard")
        await client.command("mark_read", stream=other.shared, seq=3)
        await client.wait_for_event(other.shared, text="Heard")
        await client.wait_for_event(staff.stream_id, kind="read_marker_moved")
        assert client.texts(place.shared) == []


async def test_a_connection_listens_to_so_many_streams_and_no_more(
    settings: Settings, database: Database
) -> None:
    staff = await make_account(database)
    async with (
        local_node(replace(settings, rooms_per_subscription=3)) as node,
        local_client(node, staff) as client,
    ):
        streams = [(await open_place(database, staff)).shared for _ in range(7)]
        await client.subscribe(*streams[:6], staff.stream_id)  # its own stream needs no place
        with pytest.raises(CommandRefused) as refused:
            await client.subscribe(streams[6])
        assert (refused.value.code, refused.value.error["params"]) == (
            "limit_reached", {"limit": "subscriptions", "value": 6},
        )  # fmt: skip
        await client.command("unsubscribe", streams=[streams[0]])
        await client.subscribe(streams[6])


async def test_streams_that_are_not_listened_to_yet_have_their_places_already(
    settings: Settings, database: Database
) -> None:
    staff = await make_account(database)
    async with (
        local_node(replace(settings, rooms_per_subscription=3)) as node,
        local_client(node, staff) as client,
    ):
        streams = [(await open_place(database, staff)).shared for _ in range(15)]
        answers = await asyncio.gather(
            *(_subscribe(client, stream) for stream in streams), return_exceptions=True
        )
        refused = [answer.code for answer in answers if isinstance(answer, CommandRefused)]
        assert refused == ["limit_reached"] * 9
        assert len(client.line.session.streams) == 6 + 1
        # What ended, whether well or badly, keeps no place.
        assert client.line.session.awaited_streams == []
        await client.command("unsubscribe", streams=streams[:6])
        await asyncio.gather(*(_subscribe(client, streams[7]) for _ in range(9)))


async def test_a_newcomer_hears_of_an_older_message_without_its_content(
    node: Node, database: Database
) -> None:
    staff, newcomer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    old = await post(database, staff, place.shared, "Old words")
    await add(database, staff, place.room_id, newcomer)
    async with local_client(node, staff) as author, local_client(node, newcomer) as reader:
        for client in (author, reader):
            await client.subscribe(place.shared)
        about = {"stream": place.shared, "message_id": old.message_id}
        await author.command("edit_message", text="Old words, edited", **about)
        await author.command("add_reaction", emoji="🎉", **about)
        await author.command("remove_reaction", emoji="🎉", **about)
        last = (await author.command("delete_message", **about))["seq"]
        for client in (author, reader):
            await client.wait_for_seq(place.shared, last)
        heard = reader.events[str(place.shared)]
        assert [event["kind"] for event in heard] == [
            "message_edited", "reaction_added", "reaction_removed", "message_deleted",
        ]  # fmt: skip
        for event in heard:
            assert (event["withheld"], event["subject_seq"]) == (True, old.seq)
            assert set(event) == {"seq", "kind", "actor_id", "at", "subject_seq", "withheld"}
        assert author.events[str(place.shared)][0]["text"] == "Old words, edited"


async def test_who_is_removed_hears_their_own_removal_and_nothing_after_it(
    node: Node, database: Database
) -> None:
    staff, customer, colleague = await make_accounts(database, "staff", "customer", "staff")
    place = await open_place(database, staff, customer, colleague)
    async with (
        local_client(node, staff) as author,
        local_client(node, customer) as outside,
        local_client(node, colleague) as inside,
    ):
        for client, streams in (
            (author, [place.shared, place.staff]),
            (outside, [place.shared]),
            (inside, [place.shared, place.staff]),
        ):
            await client.subscribe(*streams)
        removed = await author.command("remove_member", room_id=place.room_id, account_id=customer.account_id)
        await author.command("post_message", stream=place.shared, text="After")
        await outside.wait_for_hint(type="unsubscribed", stream=place.shared, reason="removed")
        await inside.wait_for_event(place.shared, text="After")
        await outside.wait_for_event(customer.stream_id, kind="room_exited")
        assert outside.events[str(place.shared)][-1]["kind"] == "member_removed"
        assert seqs_of(outside, place.shared)[-1] == removed["seq"]
        # Of the provider's people both streams end, each at its own number.
        await author.command("remove_member", room_id=place.room_id, account_id=colleague.account_id)
        for stream in (place.shared, place.staff):
            await inside.wait_for_hint(type="unsubscribed", stream=stream)
            assert inside.events[str(stream)][-1]["kind"] == "member_removed"
        with pytest.raises(CommandRefused):
            await inside.command("typing", stream=place.shared)


async def test_rights_that_are_older_than_a_removal_make_no_listener(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question of rights and the answer the member is removed, and messages go on."""
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    ask = node.reads.listening.ask

    async def ask_slowly(request: Any) -> Any:
        answer = await ask(request)
        if request.account_id == customer.account_id and place.shared in answer:
            _, recorded = await remove(database, staff, place.room_id, customer)
            await tell(node, recorded)
            await author.command("post_message", stream=place.shared, text="After")
        return answer

    async with local_client(node, staff) as author, local_client(node, customer) as reader:
        await author.subscribe(place.shared)
        monkeypatch.setattr(node.reads.listening, "ask", ask_slowly)
        reply = await reader.command("subscribe", streams=[{"stream": place.shared}])
        assert reply["refused"] == [str(place.shared)]
        await author.wait_for_event(place.shared, text="After")
        assert reader.events[str(place.shared)] == []


async def test_a_listener_that_was_removed_and_comes_back_reads_from_there(
    node: Node, database: Database
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    old = await post(database, staff, place.shared, "Old words")
    async with local_client(node, staff) as author, local_client(node, customer) as reader:
        await reader.subscribe(place.shared)
        about = {"room_id": place.room_id, "account_id": customer.account_id}
        await author.command("remove_member", **about)
        await reader.wait_for_hint(type="unsubscribed")
        await author.command("post_message", stream=place.shared, text="While gone")
        joined = (await author.command("add_member", **about))["seq"]
        reader.positions[str(place.shared)] = joined - 1
        await reader.subscribe(place.shared)
        await author.command("edit_message", stream=place.shared, message_id=old.message_id, text="Edited")
        told = await reader.wait_for_event(place.shared, kind="message_edited")
        assert told["withheld"]
        assert "While gone" not in reader.texts(place.shared)


# -- hints -------------------------------------------------------------------------------------------------------


async def test_typing_is_told_to_the_others_who_listen_and_by_nobody_else(
    node: Node, database: Database
) -> None:
    staff, customer, stranger = await make_accounts(database, "staff", "customer", "customer")
    place = await open_place(database, staff, customer)
    async with (
        local_client(node, staff) as one,
        local_client(node, customer) as other,
        local_client(node, stranger) as outside,
    ):
        await one.subscribe(place.shared, place.staff)
        await other.subscribe(place.shared)
        await other.command("typing", stream=place.shared)
        hint = await one.wait_for_hint(type="typing", stream=place.shared)
        assert hint["account_id"] == str(customer.account_id)
        await one.command("typing", stream=place.staff)
        await one.command("typing", stream=place.shared)
        await other.wait_for_hint(type="typing", account_id=staff.account_id)
        assert [hint["stream"] for hint in other.hints if hint["type"] == "typing"] == [str(place.shared)]
        refusals = set()
        for client, stream in (
            (outside, place.shared),
            (other, place.staff),
            (other, customer.stream_id),
            (other, uuid4()),
        ):
            with pytest.raises(CommandRefused) as refused:
                await client.command("typing", stream=stream)
            refusals.add((refused.value.code, refused.value.error["message"]))
        assert len(refusals) == 1


async def test_a_read_marker_is_told_to_the_room_and_to_ones_other_devices(
    node: Node, database: Database
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    posted = await post(database, staff, place.shared)
    async with (
        local_client(node, customer) as phone,
        local_client(node, customer) as laptop,
        local_client(node, staff) as author,
    ):
        for client in (phone, laptop, author):
            await client.subscribe(place.shared)
        assert await phone.command("mark_read", stream=place.shared, seq=posted.seq) == {"seq": posted.seq}
        hint = await author.wait_for_hint(type="read_marker", stream=place.shared)
        assert (hint["account_id"], hint["seq"]) == (str(customer.account_id), posted.seq)
        for device in (phone, laptop):
            moved = await device.wait_for_event(customer.stream_id, kind="read_marker_moved")
            assert (moved["stream"], moved["read_seq"]) == (str(place.shared), posted.seq)
        await phone.command("mark_read", stream=place.shared, seq=posted.seq)
        assert len(laptop.events[str(customer.stream_id)]) == 1
        assert not [hint for hint in laptop.hints if hint["type"] == "read_marker"]


async def test_presence_is_counted_once_for_each_connection_and_stream(
    node: Node, database: Database
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    listening = node.presence._streams
    async with local_client(node, customer) as one:
        await asyncio.gather(*(_subscribe(one, place.shared) for _ in range(3)))
        assert listening[customer.account_id] == {place.shared: 1}
        async with local_client(node, customer) as other:
            await other.subscribe(place.shared)
            assert listening[customer.account_id] == {place.shared: 2}
            await other.command("unsubscribe", streams=[place.shared])
            await other.command("unsubscribe", streams=[place.shared])
            assert listening[customer.account_id] == {place.shared: 1}
        async with local_client(node, staff) as author:
            await author.subscribe(place.shared, place.staff)
            assert listening[staff.account_id] == {place.shared: 1}
            await author.command("remove_member", room_id=place.room_id, account_id=customer.account_id)
            await one.wait_for_hint(type="unsubscribed")
            assert customer.account_id not in listening
    assert not listening


# -- the account's own stream --------------------------------------------------------------------------------------


async def test_the_own_stream_is_heard_from_the_number_that_hello_says(
    node: Node, database: Database
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    async with local_client(node, staff) as author, local_client(node, customer) as client:
        start = client.hello["stream_seq"]
        place = await open_place(database, staff)
        await author.command("add_member", room_id=place.room_id, account_id=customer.account_id)
        entered = await client.wait_for_event(customer.stream_id, kind="room_entered")
        assert (entered["seq"], entered["room_id"]) == (start + 1, str(place.room_id))


async def test_another_name_is_told_and_the_connection_goes_on(node: Node, database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with local_client(node, staff) as client:
        await client.subscribe(place.shared)
        for name in ("Second name", "Third name"):
            async with node.transaction() as work:
                changed = await accounts.change_name(work.transaction, staff.account_id, name)
                work.recorded(changed.events)
            await client.wait_for_event(
                place.shared,
                lambda event, name=name: event.get("member", {}).get("display_name") == name,  # type: ignore[misc]
            )
            (session,) = node.sessions[staff.account_id]
            while staff.stream_id not in session.streams:  # type: ignore[attr-defined]
                await client.command("list_rooms")  # until it has shown that it still stands
        await client.command("mark_read", stream=place.shared, seq=3)
        await client.wait_for_event(staff.stream_id, kind="read_marker_moved")


async def test_what_is_told_while_a_session_proves_itself_makes_the_client_come_back(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    ask = node.reads.signed_in.ask

    async def ask_slowly(token_hash: bytes) -> Any:
        monkeypatch.setattr(node.reads.signed_in, "ask", ask)
        place = await open_place(database, staff)
        _, recorded = await add(database, staff, place.room_id, customer)
        await tell(node, recorded)
        return await ask(token_hash)

    async with local_client(node, customer) as client:
        monkeypatch.setattr(node.reads.signed_in, "ask", ask_slowly)
        async with node.transaction() as work:
            changed = await accounts.change_name(work.transaction, customer.account_id, "Second name")
            work.recorded(changed.events)
        assert await client.wait_closed() == 4003
        assert client.goodbye is not None
        assert client.goodbye["reconnect"]
        await client.connect()
        missed = await client.command("read_since", stream=customer.stream_id, seq=changed.events[-1].seq - 1)
        assert "room_entered" in [event["kind"] for event in missed["events"]]


async def test_what_comes_together_with_a_change_of_the_account_makes_the_client_come_back(
    node: Node, database: Database
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    async with local_client(node, customer) as client:
        async with database.transaction() as transaction:
            changed = await accounts.change_name(transaction, customer.account_id, "Second name")
        _, entered = await add(database, staff, place.room_id, customer)
        await tell(node, [*changed.events, *entered])  # as from another node, or read after Redis was away
        assert await client.wait_closed() == 4003
        await client.connect()
        heard = client.positions[str(customer.stream_id)]
        missed = await client.command("read_since", stream=customer.stream_id, seq=changed.events[-1].seq)
        assert heard >= changed.events[-1].seq
        assert [event["kind"] for event in missed["events"]] == ["room_entered"]


@pytest.mark.parametrize("what", ["end", "deactivate", "expire"])
async def test_a_session_that_ended_between_two_looks_opens_no_connection(
    node: Node, database: Database, monkeypatch: pytest.MonkeyPatch, what: str, owner: Any
) -> None:
    """The door looks twice; in between the session ends, and that was told before the account's stream was heard."""
    staff = await make_account(database)
    token = await sign_in(database, staff)
    ask = node.reads.signed_in.ask

    async def end_after_the_first_look(token_hash: bytes) -> Any:
        monkeypatch.setattr(node.reads.signed_in, "ask", ask)
        found = await ask(token_hash)
        if what == "end":
            assert found is not None
            async with node.transaction() as work:
                work.recorded(await sessions.end_session(work.transaction, found))
        elif what == "deactivate":
            async with node.transaction() as work:
                changed = await accounts.deactivate_account(work.transaction, by(staff), staff.account_id)
                work.recorded(changed.events)
        else:
            await owner.execute(
                "update sessions set expires_at = now() - interval '1 s' where token_hash = $1",
                hash_token(token),
            )
        return found

    monkeypatch.setattr(node.reads.signed_in, "ask", end_after_the_first_look)
    with pytest.raises(AssertionError, match="not signed in"):
        await LocalClient(node, token).connect()
    assert not node.hub.has_listeners(staff.stream_id)


async def test_a_past_edit_is_read_with_todays_words(node: Node, database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    posted = await post(database, staff, place.shared, "One")
    await edit(database, staff, place.shared, posted.message_id, "Two")
    async with local_client(node, staff) as client:
        client.positions[str(place.shared)] = posted.seq - 1
        await client.subscribe(place.shared)
        assert client.texts(place.shared) == ["Two"]
