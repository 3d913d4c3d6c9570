"""The strongest test of a live product: old state + the events received = the state fetched afresh, for every command.

Random sequences of deeds by five people in one room; whoever is a member holds the room as it was once fetched, and
from then on applies nothing but events, live or read after a lost line. At the end everybody fetches afresh and
compares.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.client import CommandRefused, Json
from tests.deeds import Place, open_place
from tests.local_client import LocalClient, local_client, local_node, sign_in
from tests.looking import take_breath
from tests.people import actor_of, by, make_account
from tests.reference_room import ReferenceRoom, as_shown
from tests.retaining import assign_room, make_class
from workroom import accounts, room_overview
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.errors import WorkroomError
from workroom.expiry_rounds import tell_what_expired
from workroom.node import Node
from workroom.sessions import hash_token
from workroom.settings import Settings
from workroom.storage.database import Database

KINDS = ("staff", "admin", "customer", "customer", "customer")
REFUSALS = {"not_found", "forbidden", "room_archived", "conflict", "invalid_input", "link_expired"}
SIGNS = ("👍", "🎉")

DEEDS = {
    "post": 8,
    "edit": 5,
    "delete": 3,
    "add_reaction": 5,
    "remove_reaction": 6,
    "mark_read": 4,
    "rename_room": 2,
    "archive_room": 2,
    "reopen_room": 4,
    "join_room": 6,
    "add_member": 5,
    "remove_member": 4,
    "leave_room": 2,
    "invite": 2,
    "revoke_invitation": 2,
    "create_room": 2,
    "change_name": 2,
    "change_kind": 2,
    "deactivate": 1,
    "reactivate": 6,
    "watch_desk": 2,
    "lose_line": 3,
    "come_back": 6,
    "keep_copy": 5,
    "fetch_afresh": 1,
    "let_time_pass": 3,
}
COMINGS_AND_GOINGS = {"join_room", "add_member", "remove_member", "leave_room", "invite", "change_kind"}
MoveTime = Callable[[timedelta], Awaitable[None]]
MOST_MOVES = 6  # of two days each: a sign-in lasts thirty days, and so do the invitations made here
MOST_HOURS = 30 * 24
PROVIDER_KINDS = (AccountKind.STAFF, AccountKind.ADMIN, AccountKind.COMPLIANCE)
STEPS = 60
EXAMPLES = 20
DONE: Counter[str] = Counter()


@dataclass
class Visitor:
    """A person with a line of their own, and the room as they hold it; None while they are no member."""

    account: Account
    client: LocalClient
    place: Place
    room: ReferenceRoom | None = None
    copies: list[ReferenceRoom] = field(default_factory=list)
    is_connected: bool = True
    # Fetched once; then it follows from the account's own stream.
    room_ids: set[str] = field(default_factory=set)
    created: list[ReferenceRoom] = field(default_factory=list)
    # The desk as it was fetched when this line was last told of a change, and how often it was; None: not watched.
    desk: list[Json] | None = None
    desk_told: int = 0

    async def fetch(self, room_id: object = None) -> tuple[Json, Json] | None:
        """The room and its line in the list as they are now; None for who is no member."""
        try:
            room = (await self.client.command("open_room", room_id=room_id or self.place.room_id))["room"]
        except CommandRefused as refused:
            assert refused.code == "not_found"
            return None
        lines = (await self.client.command("list_rooms"))["rooms"]
        return room, next(line for line in lines if line["room_id"] == room["room_id"])

    async def enter(self) -> None:
        """Fetch the room, and listen from there on."""
        fetched = await self.fetch()
        self.copies.clear()
        self.room = None
        if fetched is None:
            return
        self.room = ReferenceRoom(str(self.account.account_id), *fetched)
        await self.listen()

    async def listen(self) -> None:
        """Listen to the room from where it is held, reading what was missed."""
        assert self.room is not None
        self.apply_heard()
        for stream, kind in self.room.streams.items():
            self.client.positions[stream] = self.room.positions[kind]
        await self.client.subscribe(*self.room.streams)

    async def fetch_room_ids(self) -> set[str]:
        """The ids of all rooms of the list."""
        return {line["room_id"] for line in (await self.client.command("list_rooms"))["rooms"]}

    def known_room_ids(self) -> set[str]:
        """The rooms of the list as it was once fetched, and entered and left since."""
        known = set(self.room_ids)
        for event in self.client.events[str(self.account.stream_id)]:
            if event["kind"] == "room_entered":
                known.add(event["room_id"])
            elif event["kind"] == "room_exited":
                known.discard(event["room_id"])
        return known

    async def fetch_desk(self) -> list[Json]:
        """The list of rooms that wait, and how often it was told to have changed before it was asked for."""
        self.desk_told = self.count_desk_hints()
        self.desk = (await self.client.command("list_waiting_rooms"))["rooms"]
        return self.desk

    def count_desk_hints(self) -> int:
        """How often `desk_changed` was heard."""
        return sum(hint["type"] == "desk_changed" for hint in self.client.hints)

    async def lost_session(self, node: Node) -> None:
        """The server ended every session of the account: the line too, and coming back takes a new one."""
        if self.is_connected:
            await self.client.wait_closed()
        self.is_connected = False
        self.desk = None
        if self.account.deactivated_at is None:
            self.client.token_hash = hash_token(await sign_in(node.database, self.account))

    async def hear_about_oneself(self, seq: int) -> None:
        """Hear a change of the account, after which the session proves itself; then the line listens again.

        What is recorded for the account in that moment is read by coming back, so nothing else is done meanwhile.
        """
        own = self.account.stream_id
        await self.client.wait_for_seq(own, seq)
        while own not in self.client.line.session.streams:
            await take_breath()

    def apply_heard(self) -> None:
        """Apply everything that was heard and is not applied yet."""
        assert self.room is not None
        for stream in self.room.streams:
            for event in self.client.events[stream]:
                self.room.apply(stream, event)
        for event in self.client.events[str(self.account.stream_id)]:
            self.room.apply_own(event)


class Play:
    """One sequence of deeds."""

    def __init__(self, node: Node, place: Place, visitors: list[Visitor], move_time: MoveTime) -> None:
        self.node = node
        self.move_time = move_time
        self.place = place
        self.visitors = visitors
        self.messages: list[tuple[str, str]] = []
        self.signs: list[tuple[Visitor, Json]] = []
        # Those that work: id and token.
        self.invitations: dict[str, str] = {}
        self.length = 1
        self.done: Counter[str] = Counter()

    async def act(self, random: Random) -> None:
        """Do one deed, which may be refused; then whoever came or went notices it."""
        (deed,) = random.choices(list(DEEDS), list(DEEDS.values()))
        chosen = [each for each in self.visitors if self._may_try(each, deed) or random.random() < 0.05]
        chosen = [each for each in chosen if each.is_connected or deed == "come_back"]
        if not chosen:
            return
        try:
            await getattr(self, f"_{deed}")(
                random.choice(chosen), random.randrange(10), random.random() < 0.4
            )
            self.done[deed] += 1
        except (CommandRefused, WorkroomError) as refused:
            assert refused.code in REFUSALS, refused
        for each in self.visitors if deed in COMINGS_AND_GOINGS else ():
            if each.is_connected:
                await self._notice(each)

    def _may_try(self, visitor: Visitor, deed: str) -> bool:
        """Whether it makes sense; now and then, what makes none is tried too."""
        if deed == "come_back":
            return not visitor.is_connected
        if deed in ("change_kind", "deactivate", "reactivate"):
            return visitor.account.kind is AccountKind.ADMIN
        if deed == "watch_desk":
            return visitor.account.kind is not AccountKind.CUSTOMER
        if deed == "join_room":
            return visitor.room is None and visitor.account.kind != "customer"
        return visitor.room is not None

    async def _notice(self, visitor: Visitor) -> None:
        fetched = await visitor.fetch()
        is_member = fetched is not None
        joined_at = _joined_at(fetched[0], visitor) if fetched else None
        held = visitor.room
        if held is not None and (
            not is_member or joined_at != held.members.get(held.account_id, {}).get("joined_at")
        ):
            visitor.room = None
        if is_member and visitor.room is None:
            await visitor.enter()

    # -- messages

    def _stream(self, visitor: Visitor, flag: bool) -> str:
        is_note = flag and visitor.account.kind != "customer"
        return str(self.place.staff if is_note else self.place.shared)

    async def _post(self, visitor: Visitor, which: int, flag: bool) -> None:
        stream = self._stream(visitor, flag)
        mentioned = self.visitors[which % 5].account.account_id
        fields: Json = {"mentions": [mentioned] if which % 3 == 0 else []}
        inside = [message_id for where, message_id in self.messages if where == stream]
        if which > 6 and inside:
            fields["reply_to"] = inside[which % len(inside)]
        reply = await visitor.client.command(
            "post_message", stream=stream, text=f"text {len(self.messages)} " + "ö" * which * 30, **fields
        )
        self.messages.append((stream, reply["message_id"]))
        self.length = max(self.length, reply["seq"])

    def _pick(self, which: int) -> Json:
        if not self.messages:
            return {"stream": self.place.shared, "message_id": self.place.room_id}
        stream, message_id = self.messages[-1 - which % len(self.messages)]
        return {"stream": stream, "message_id": message_id}

    async def _edit(self, visitor: Visitor, which: int, flag: bool) -> None:
        mentions = [self.visitors[which % 5].account.account_id] if flag else []
        await visitor.client.command(
            "edit_message", text=f"edited {which}", mentions=mentions, **self._pick(which)
        )

    async def _delete(self, visitor: Visitor, which: int, flag: bool) -> None:
        await visitor.client.command("delete_message", **self._pick(which))

    async def _add_reaction(self, visitor: Visitor, which: int, flag: bool) -> None:
        sign = {"emoji": SIGNS[flag], **self._pick(which % 3)}
        await visitor.client.command("add_reaction", **sign)
        self.signs.append((visitor, sign))

    async def _remove_reaction(self, visitor: Visitor, which: int, flag: bool) -> None:
        own = [sign for who, sign in self.signs if who is visitor]
        sign = own[which % len(own)] if own else {"emoji": SIGNS[flag], **self._pick(which)}
        await visitor.client.command("remove_reaction", **sign)

    async def _mark_read(self, visitor: Visitor, which: int, flag: bool) -> None:
        seq = max(0, self.length - which)
        await visitor.client.command("mark_read", stream=self._stream(visitor, flag), seq=seq)

    # -- the room

    async def _rename_room(self, visitor: Visitor, which: int, flag: bool) -> None:
        await visitor.client.command("rename_room", room_id=self.place.room_id, name=f"Name {which}")

    async def _archive_room(self, visitor: Visitor, which: int, flag: bool) -> None:
        await visitor.client.command("archive_room", room_id=self.place.room_id)

    async def _reopen_room(self, visitor: Visitor, which: int, flag: bool) -> None:
        await visitor.client.command("reopen_room", room_id=self.place.room_id)

    async def _join_room(self, visitor: Visitor, which: int, flag: bool) -> None:
        await visitor.client.command("join_room", room_id=self.place.room_id)

    async def _leave_room(self, visitor: Visitor, which: int, flag: bool) -> None:
        await visitor.client.command("leave_room", room_id=self.place.room_id)

    async def _add_member(self, visitor: Visitor, which: int, flag: bool) -> None:
        account_id = self.visitors[which % 5].account.account_id
        about = {"room_id": self.place.room_id, "account_id": account_id, "grants_history": flag}
        await visitor.client.command("add_member", **about)

    async def _remove_member(self, visitor: Visitor, which: int, flag: bool) -> None:
        account_id = self.visitors[which % 5].account.account_id
        await visitor.client.command("remove_member", room_id=self.place.room_id, account_id=account_id)

    async def _invite(self, visitor: Visitor, which: int, flag: bool) -> None:
        made = await visitor.client.command(
            "create_invitation",
            room_id=self.place.room_id,
            grants_history=flag,
            expires_in_hours=MOST_HOURS,
        )
        self.invitations[made["invitation_id"]] = made["token"]
        invited = self.visitors[which % 5]
        if invited.is_connected:
            # For somebody who is a member already it stays unused.
            is_used = await invited.fetch() is None
            await invited.client.command("accept_invitation", token=made["token"])
            if is_used:
                del self.invitations[made["invitation_id"]]

    async def _revoke_invitation(self, visitor: Visitor, which: int, flag: bool) -> None:
        made = await visitor.client.command(
            "create_invitation",
            room_id=self.place.room_id,
            grants_history=flag,
            expires_in_hours=MOST_HOURS,
        )
        self.invitations[made["invitation_id"]] = made["token"]
        revoked = list(self.invitations)[-1 - which % len(self.invitations)]
        await visitor.client.command("revoke_invitation", invitation_id=revoked)
        token = self.invitations.pop(revoked)
        stranger = next((each for each in self.visitors if each.is_connected and each.room is None), None)
        if stranger is not None:
            with pytest.raises(CommandRefused, match=r"link_expired|forbidden"):
                await stranger.client.command("accept_invitation", token=token)

    # -- beside the room

    async def _create_room(self, visitor: Visitor, which: int, flag: bool) -> None:
        customer_ids = [visitor.account.customer_id or self.visitors[2].account.customer_id]
        about = {"kind": "private", "name": f"Beside {which}", "customer_ids": customer_ids}
        made = await visitor.client.command("create_room", **about)
        fetched = await visitor.fetch(made["room_id"])
        assert fetched is not None, "who made a room is in it"
        held = ReferenceRoom(str(visitor.account.account_id), *fetched)
        visitor.created.append(held)
        await visitor.client.command("post_message", stream=made["stream"], text=f"first {which}")
        await visitor.client.command("rename_room", room_id=made["room_id"], name=f"Renamed {which}")

    async def _watch_desk(self, visitor: Visitor, which: int, flag: bool) -> None:
        await visitor.client.command("watch_desk", watching=True)
        await visitor.fetch_desk()

    async def _change_name(self, visitor: Visitor, which: int, flag: bool) -> None:
        async with self.node.transaction() as work:
            changed = await accounts.change_name(
                work.transaction, visitor.account.account_id, f"Person {which} {flag}"
            )
            work.recorded(changed.events)
        own = [event.seq for event in changed.events if event.stream_id == visitor.account.stream_id]
        await visitor.hear_about_oneself(max(own, default=0))

    async def _change_kind(self, visitor: Visitor, which: int, flag: bool) -> None:
        target, kind = self.visitors[which % 3], PROVIDER_KINDS[which % 2 + flag]
        if kind is target.account.kind:
            return
        async with self.node.transaction() as work:
            changed = await accounts.change_kind(
                work.transaction, by(visitor.account), target.account.account_id, kind
            )
            work.recorded(changed.events)
        target.account = changed.account
        await target.lost_session(self.node)

    async def _deactivate(self, visitor: Visitor, which: int, flag: bool) -> None:
        await self._set_active(visitor, self.visitors[which % 5], False)

    async def _reactivate(self, visitor: Visitor, which: int, flag: bool) -> None:
        inactive = [each for each in self.visitors if each.account.deactivated_at is not None]
        if inactive:
            await self._set_active(visitor, inactive[which % len(inactive)], True)

    async def _set_active(self, visitor: Visitor, target: Visitor, is_active: bool) -> None:
        if (target.account.deactivated_at is None) is is_active:
            return
        act = accounts.reactivate_account if is_active else accounts.deactivate_account
        async with self.node.transaction() as work:
            changed = await act(work.transaction, by(visitor.account), target.account.account_id)
            work.recorded(changed.events)
        target.account = changed.account
        await target.lost_session(self.node)

    # -- lines and copies

    async def _lose_line(self, visitor: Visitor, which: int, flag: bool) -> None:
        if visitor.is_connected:
            await visitor.client.cut_off()
            visitor.is_connected = False
            visitor.desk = None

    async def _come_back(self, visitor: Visitor, which: int, flag: bool) -> None:
        if visitor.is_connected or visitor.account.deactivated_at is not None:
            return
        own = str(visitor.account.stream_id)
        heard = visitor.client.positions[own]
        await visitor.client.connect()
        visitor.client.positions[own] = heard
        visitor.is_connected = True
        await visitor.client.subscribe(own)
        fetched = await visitor.fetch()
        if visitor.room is not None and fetched is not None:
            joined_at = _joined_at(fetched[0], visitor)
            if joined_at == visitor.room.members[visitor.room.account_id]["joined_at"]:
                await visitor.listen()
                return
        await visitor.enter()

    async def _keep_copy(self, visitor: Visitor, which: int, flag: bool) -> None:
        if visitor.room is not None and visitor.is_connected:
            visitor.apply_heard()
            visitor.copies.append(copy.deepcopy(visitor.room))

    async def _fetch_afresh(self, visitor: Visitor, which: int, flag: bool) -> None:
        if visitor.is_connected:
            await visitor.enter()

    async def _let_time_pass(self, visitor: Visitor, which: int, flag: bool) -> None:
        """Some of what was written has expired; the worker tells."""
        if self.done["let_time_pass"] < MOST_MOVES:
            await self.move_time(timedelta(days=2))
        await tell_what_expired(self.node.database)

    # -- the end

    async def compare(self) -> None:
        """Everybody comes back, hears everything, and compares what they hold with what they fetch."""
        await tell_what_expired(self.node.database)
        for visitor in self.visitors:
            await self._set_active(visitor, visitor, True)
            await self._come_back(visitor, 0, False)
            await self._notice(visitor)
            await self._compare_beside(visitor)
            fetched = await visitor.fetch()
            assert (fetched is None) == (visitor.room is None)
            if fetched is None or visitor.room is None:
                continue
            self.done["compared"] += 1
            fresh = as_shown(*fetched)
            for stream, kind in visitor.room.streams.items():
                await visitor.client.wait_for_seq(stream, fresh["positions"][kind])
            await self._hear_own(visitor)
            visitor.apply_heard()
            _assert_same(visitor.room.shown(), fresh)
            for old in visitor.copies:
                self.done["compared with a copy"] += 1
                await self._compare_copy(visitor, old, fresh)

    async def _compare_beside(self, visitor: Visitor) -> None:
        """The list of rooms, the rooms they made themselves, the desk, the invitations that work."""
        await self._hear_own(visitor)
        assert visitor.known_room_ids() == await visitor.fetch_room_ids()
        for held in visitor.created:
            fetched = await visitor.fetch(held.room_id)
            if fetched is not None:
                self.done["compared a room they made"] += 1
                await self._compare_copy(visitor, held, as_shown(*fetched))
        if visitor.desk is not None:
            self.done["compared the desk"] += 1
            await self._compare_desk(visitor, visitor.desk)
        if visitor.account.kind in (AccountKind.STAFF, AccountKind.ADMIN) and visitor.room is not None:
            listed = await visitor.client.command("list_invitations", room_id=self.place.room_id)
            assert {one["invitation_id"] for one in listed["invitations"]} == set(self.invitations)

    async def _compare_desk(self, visitor: Visitor, held: list[Json]) -> None:
        """Whenever it is another list than the one that was fetched last, that was told or is told."""

        def shown(rooms: list[Json]) -> list[Json]:
            # Which of them one is in follows from one's own stream.
            return [room | {"member": room["room_id"] in visitor.known_room_ids()} for room in rooms]

        async def read() -> Any:
            # Past the line: what is fetched on it is what is held.
            async with self.node.database.read() as reading:
                waiting = await room_overview.list_waiting_rooms(reading, actor_of(visitor.account))
            return json.loads(msgspec.json.encode(waiting.rooms))

        while shown(held) != await read():
            await visitor.client.wait_until(lambda: visitor.count_desk_hints() > visitor.desk_told)
            held = await visitor.fetch_desk()

    async def _hear_own(self, visitor: Visitor) -> None:
        own = str(visitor.account.stream_id)
        page = await visitor.client.command("read_since", stream=own, seq=visitor.client.positions[own])
        if page["events"]:
            await visitor.client.wait_for_seq(own, page["seq"])

    async def _compare_copy(self, visitor: Visitor, old: ReferenceRoom, fresh: Json) -> None:
        """What was held at some moment, and everything since, read in pages."""
        for stream, kind in old.streams.items():
            more = True
            while more:
                page = await visitor.client.command("read_since", stream=stream, seq=old.positions[kind])
                for event in page["events"]:
                    old.apply(stream, event)
                more = page["more"]
        for event in visitor.client.events[str(visitor.account.stream_id)]:
            old.apply_own(event)
        _assert_same(old.shown(), fresh)


def _joined_at(room: Json, visitor: Visitor) -> Any:
    account_id = str(visitor.account.account_id)
    return next(member["joined_at"] for member in room["members"] if member["account_id"] == account_id)


def _assert_same(held: Json, fresh: Json) -> None:
    for state in (held, fresh):
        # Whoever left is not followed any more: a new name of theirs is learned by fetching.
        last = state["last_message"]
        if last is not None and last["author_id"] not in fresh["members"]:
            state["last_message"] = {name: value for name, value in last.items() if name != "author_name"}
    assert held == fresh


@pytest_asyncio.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    unlimited = replace(settings, commands_per_second=100_000, commands_burst=100_000)
    async with local_node(unlimited) as running:
        yield running


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(st.randoms(use_true_random=True))
async def test_old_state_and_events_are_the_state_fetched_afresh(
    node: Node, database: Database, owner: asyncpg.Connection, move_time: MoveTime, random: Random
) -> None:
    people = [await make_account(database, kind) for kind in KINDS]
    place = await open_place(database, people[0], people[1], people[2])
    await assign_room(owner, place.room_id, await make_class(owner, destroy=3))
    async with AsyncExitStack() as lines:
        visitors = [
            Visitor(account, await lines.enter_async_context(local_client(node, account)), place)
            for account in people
        ]
        play = Play(node, place, visitors, move_time)
        for visitor in visitors:
            visitor.room_ids = await visitor.fetch_room_ids()
            await visitor.enter()
        for _ in range(STEPS):
            await play.act(random)
        await play.compare()
    DONE.update(play.done)
    DONE["sequences"] += 1
    if DONE["sequences"] == EXAMPLES:  # this proves nothing unless everything was done, and much compared
        assert set(DEEDS) <= set(DONE), set(DEEDS) - set(DONE)
        assert DONE["compared"] > EXAMPLES
        assert DONE["compared with a copy"] > EXAMPLES // 2
        assert DONE["compared a room they made"] > 2
        assert DONE["compared the desk"] > 2
