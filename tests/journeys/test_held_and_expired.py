"""A whole office played at random against a model in plain Python: held is never destroyed, expired and free is always
gone, members are shown what is neither, and every explanation agrees with what happens.

The clock of the database is the test's: it stands still, and moves only when it is moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import UNSET

from tests.deeds import Place, add, delete, edit, open_place, page, post, react, remove, set_archived
from tests.holding import attach, make_officer, open_matter, place_hold, release_hold, scope_of
from tests.keeping_model import Class, File, Hold, Message, Office, Room
from tests.people import by, make_account
from tests.retaining import assign_default, assign_room, label_file, label_message, make_class
from tests.servers import SharedServers
from tests.uploading import disk_stores
from workroom.accounts import Account
from workroom.disposition import Pace, run_disposition
from workroom.explanation import explain
from workroom.hold_scopes import ContentKind, Covers, Custodian
from workroom.holds import Widening, amend_hold
from workroom.ids import AccountId, HoldId, MessageId, RoomId
from workroom.storage.database import Database, open_database
from workroom.storage.database_errors import HELD

EXAMPLES = 40
STEPS = 60
START = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = """
    create table workroom.test_clock (instant timestamptz not null);
    grant select on workroom.test_clock to public;
    insert into workroom.test_clock values ('2026-01-01T00:00:00Z');
    create or replace function workroom.current_instant() returns timestamptz
        language plpgsql volatile parallel safe security definer
        as 'begin return (select instant from workroom.test_clock); end'
"""
DAYS = st.sampled_from([1, 5, 20, 30, 31, 60])
OPEN_OR_DAYS = st.none() | st.sampled_from([3, 10, 25, 50])
# Which kind a hold has to cover to keep a row of a table; None: any.
KEPT_BY = {"messages": None, "message_revisions": "messages", "files": "files"}
SEEN: dict[str, int] = {}

_Result = TypeVar("_Result")


class OfficeMachine(RuleBasedStateMachine):
    """One office. Each example has a database of its own."""

    servers: SharedServers
    loop: asyncio.AbstractEventLoop
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.stack = AsyncExitStack()
        self.model = Office()
        self.now = START
        self.places: list[Place] = []
        self.order: list[UUID] = []
        self.standing: dict[UUID, Any] = {}
        self.run_async(self._begin())

    def run_async(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    async def _begin(self) -> None:
        urls = await self.stack.enter_async_context(self.servers.clone_template())
        self.owner = await asyncpg.connect(urls.owner_url, server_settings={"search_path": "workroom"})
        self.stack.push_async_callback(self.owner.close)
        await self.owner.execute(CLOCK)
        self.database: Database = await open_database(urls.service_url, application_name="workroom test")
        self.stack.push_async_callback(self.database.close, 0.5)
        self.people: list[Account] = [await make_account(self.database) for _ in range(3)]
        self.officer = await make_officer(self.database)
        self.matter = await open_matter(self.database, self.officer)
        self.stores = disk_stores(self.folder / uuid4().hex)

    def teardown(self) -> None:
        self.run_async(self.stack.aclose())

    # -- what is there

    async def _tick(self, by: timedelta = timedelta(minutes=1)) -> None:
        self.now += by
        await self.owner.execute("update test_clock set instant = $1", self.now)

    def _message(self, which: int) -> tuple[MessageId, Message] | None:
        """One of those that members can be shown, the newest first."""
        shown = [
            message_id
            for message_id in self.order
            if message_id in self.model.messages
            and message_id in self.model.visible(self.model.messages[message_id].room_id, self.now)
            and self.model.messages[message_id].deleted_at is None
            and self.model.rooms[self.model.messages[message_id].room_id].archived_at is None
        ]
        if not shown:
            return None
        chosen = shown[-1 - which % len(shown)]
        return MessageId(chosen), self.model.messages[chosen]

    def _place_of(self, message: Message) -> Place:
        return next(place for place in self.places if place.room_id == message.room_id)

    def _author(self, message: Message) -> Account:
        return next(one for one in self.people if one.account_id == message.author_id)

    # -- the office

    @initialize(held=st.sampled_from([0, 0, None]), labelled=st.sampled_from([0, 1, None]))
    def open_two_rooms(self, held: int | None, labelled: int | None) -> None:
        """Two rooms in which some was written, a class that ends it, one that keeps it longer, and perhaps a hold."""

        async def act() -> None:
            for _ in range(2):
                await self._tick()
                place = await open_place(self.database, *self.people[:2])
                self.places.append(place)
                members = [(one.account_id, self.now, None) for one in self.people[:2]]
                self.model.rooms[place.room_id] = Room("shared", members=list(members))
            for which in range(4):
                await self._post(which % 2, which // 2, which % 2)
            await self._make_class("sent", None, 10, 5)
            await self._make_class("sent", 45, None, 30)
            await self._assign_default(0)
            if labelled is not None:
                await self._label(labelled, 1, of_file=False)
            if held is not None:
                await self._place_hold({held}, set(), set(), {"messages", "files"}, since=False)

        self.run_async(act())

    async def _post(self, which: int, who: int, files: int) -> None:
        await self._tick()
        place, author = self.places[which], self.people[who]
        if self.model.rooms[place.room_id].archived_at is not None:
            return
        posted = await post(self.database, author, place.shared)
        message = Message(place.room_id, author.account_id, self.now, revisions={1: self.now})
        for _ in range(files):
            await attach(self.owner, posted.message_id)
        found = await self.owner.fetch("select file_id from files where message_id = $1", posted.message_id)
        message.files = {record["file_id"]: File() for record in found}
        self.model.messages[posted.message_id] = message
        self.order.append(posted.message_id)

    @rule(which=st.integers(0, 1), who=st.integers(0, 1), files=st.integers(0, 2))
    def post(self, which: int, who: int, files: int) -> None:
        self.run_async(self._post(which, who, files))

    @rule(which=st.integers(0, 20))
    def edit(self, which: int) -> None:
        async def act() -> None:
            await self._tick()
            chosen = self._message(which)
            if chosen is None:
                return
            message_id, message = chosen
            await edit(
                self.database,
                self._author(message),
                self._place_of(message).shared,
                message_id,
                "Other words",
            )
            await react(self.database, self._author(message), self._place_of(message).shared, message_id)
            message.revisions[max(message.revisions) + 1] = self.now

        self.run_async(act())

    @rule(which=st.integers(0, 20))
    def delete(self, which: int) -> None:
        async def act() -> None:
            await self._tick()
            chosen = self._message(which)
            if chosen is not None:
                message_id, message = chosen
                place = self._place_of(message)
                await delete(self.database, self._author(message), place.shared, message_id)
                message.deleted_at = self.now

        self.run_async(act())

    @rule(which=st.integers(0, 1))
    def archive_or_open_again(self, which: int) -> None:
        async def act() -> None:
            await self._tick()
            place = self.places[which]
            room = self.model.rooms[place.room_id]
            is_open = room.archived_at is None
            await set_archived(self.database, self.people[0], place.room_id, archived=is_open)
            room.archived_at = self.now if is_open else None

        self.run_async(act())

    @rule(which=st.integers(0, 1))
    def join_or_leave(self, which: int) -> None:
        async def act() -> None:
            await self._tick()
            place, who = self.places[which], self.people[2]
            room = self.model.rooms[place.room_id]
            if room.archived_at is not None:
                return
            standing = [one for one in room.members if one[0] == who.account_id and one[2] is None]
            if standing:
                await remove(self.database, self.people[0], place.room_id, who)
                room.members[room.members.index(standing[0])] = (who.account_id, standing[0][1], self.now)
            else:
                await add(self.database, self.people[0], place.room_id, who)
                room.members.append((who.account_id, self.now, None))

        self.run_async(act())

    # -- the rules

    @rule(
        counted_from=st.sampled_from(["sent", "sent", "room_closed"]),
        keep=OPEN_OR_DAYS,
        destroy=OPEN_OR_DAYS,
        removed=st.sampled_from([1, 10, 30]),
    )
    def make_class(self, counted_from: str, keep: int | None, destroy: int | None, removed: int) -> None:
        longest = destroy if keep is None or destroy is None else max(keep, destroy)
        self.run_async(self._make_class(counted_from, keep, longest, removed))

    async def _make_class(
        self, counted_from: str, keep: int | None, destroy: int | None, removed: int
    ) -> None:
        await self._tick()
        class_id = await make_class(
            self.owner, counted_from=counted_from, keep=keep, destroy=destroy, removed=removed
        )
        self.model.classes[class_id] = Class(counted_from, keep, destroy, removed, self.now)

    def _class(self, which: int) -> UUID | None:
        known = [*self.model.classes, None]
        return known[which % len(known)]

    @precondition(lambda self: self.model.classes)
    @rule(which=st.integers(0, 9), destroy=OPEN_OR_DAYS)
    def change_class(self, which: int, destroy: int | None) -> None:
        async def act() -> None:
            await self._tick()
            class_id = list(self.model.classes)[which % len(self.model.classes)]
            changed = self.model.classes[class_id]
            longest = destroy if changed.keep is None or destroy is None else max(changed.keep, destroy)
            await self.owner.execute(
                "update retention_classes set destroy_days = $2 where class_id = $1", class_id, longest
            )
            if longest != changed.destroy:
                changed.destroy, changed.changed_at = longest, self.now

        self.run_async(act())

    @rule(which=st.integers(0, 1), class_number=st.integers(0, 9))
    def assign_room(self, which: int, class_number: int) -> None:
        async def act() -> None:
            await self._tick()
            room_id, class_id = self.places[which].room_id, self._class(class_number)
            await assign_room(self.owner, room_id, class_id)
            room = self.model.rooms[room_id]
            room.class_id, room.class_since = class_id, self.now

        self.run_async(act())

    @rule(class_number=st.integers(0, 9))
    def assign_default(self, class_number: int) -> None:
        self.run_async(self._assign_default(class_number))

    async def _assign_default(self, class_number: int) -> None:
        await self._tick()
        class_id = self._class(class_number)
        await assign_default(self.owner, "shared", class_id)
        self.model.defaults["shared"] = (class_id, self.now)

    @rule(which=st.integers(0, 20), class_number=st.integers(0, 9), of_file=st.booleans())
    def label(self, which: int, class_number: int, of_file: bool) -> None:
        self.run_async(self._label(which, class_number, of_file=of_file))

    async def _label(self, which: int, class_number: int, *, of_file: bool) -> None:
        await self._tick()
        if not self.model.messages:
            return
        message_id = list(self.model.messages)[which % len(self.model.messages)]
        message, class_id = self.model.messages[message_id], self._class(class_number)
        if of_file and message.files:
            file_id = sorted(message.files)[which % len(message.files)]
            await label_file(self.owner, file_id, class_id)  # type: ignore[arg-type]
            message.files[file_id] = File(class_id, self.now)
        else:
            await label_message(self.owner, MessageId(message_id), class_id)
            message.label = class_id
        message.labelled_at = self.now

    # -- holds

    @precondition(lambda self: len(self.standing) < 2)
    @rule(
        rooms=st.sets(st.integers(0, 1), max_size=1),
        members=st.sets(st.integers(0, 2), max_size=1),
        senders=st.sets(st.integers(0, 2), max_size=1),
        kinds=st.sampled_from([{"messages", "files"}, {"messages"}, {"files"}]),
        since=st.booleans(),
    )
    def place_hold(
        self, rooms: set[int], members: set[int], senders: set[int], kinds: set[str], since: bool
    ) -> None:
        if rooms or members or senders:
            self.run_async(self._place_hold(rooms, members, senders, kinds, since=since))

    async def _place_hold(
        self, rooms: set[int], members: set[int], senders: set[int], kinds: set[str], *, since: bool
    ) -> None:
        await self._tick()
        room_ids = {self.places[which].room_id for which in rooms}
        sent_from = self.now - timedelta(days=3) if since else None
        scope = scope_of(
            *room_ids,
            members=[self.people[which] for which in members],
            senders=[self.people[which] for which in senders],
            sent_from=sent_from,
            kinds=[ContentKind(kind) for kind in kinds],
        )
        hold = await place_hold(self.database, self.officer, scope, self.matter)
        self.standing[hold.hold_id] = hold
        self.model.holds[hold.hold_id] = Hold(
            set(room_ids),
            {self.people[which].account_id for which in members},
            {self.people[which].account_id for which in senders},
            set(kinds),
            sent_from,
        )

    @precondition(lambda self: self.standing)
    @rule(which=st.integers(0, 9), grace_days=st.sampled_from([1, 20]))
    def release_hold(self, which: int, grace_days: int) -> None:
        async def act() -> None:
            await self._tick()
            hold_id = list(self.standing)[which % len(self.standing)]
            await release_hold(self.database, self.officer, self.standing.pop(hold_id), grace_days)
            self.model.holds[hold_id].kept_until = self.now + timedelta(days=grace_days)
            for message_id in self.model.messages:
                await self._try_by_hand(message_id, "message_revisions")
            await self._look()

        self.run_async(act())

    @precondition(lambda self: self.standing)
    @rule(
        which=st.integers(0, 9),
        room=st.none() | st.integers(0, 1),
        member=st.none() | st.integers(0, 2),
        sender=st.none() | st.integers(0, 2),
        kinds=st.sampled_from([set(), {"messages", "files"}]),
        opens=st.booleans(),
    )
    def widen_hold(
        self,
        which: int,
        room: int | None,
        member: int | None,
        sender: int | None,
        kinds: set[str],
        opens: bool,
    ) -> None:
        async def act() -> None:
            await self._tick()
            hold_id = list(self.standing)[which % len(self.standing)]
            hold = self.model.holds[hold_id]
            before = (set(hold.rooms), set(hold.members), set(hold.senders), set(hold.kinds), hold.sent_from)
            hold.rooms |= set() if room is None else {self.places[room].room_id}
            hold.members |= set() if member is None else {self.people[member].account_id}
            hold.senders |= set() if sender is None else {self.people[sender].account_id}
            hold.kinds |= kinds
            hold.sent_from = None if opens else hold.sent_from
            if before == (hold.rooms, hold.members, hold.senders, hold.kinds, hold.sent_from):
                return
            widening = Widening(
                frozenset(RoomId(each) for each in hold.rooms),
                frozenset(Custodian(AccountId(each), Covers.MEMBERSHIPS) for each in hold.members)
                | frozenset(Custodian(AccountId(each), Covers.SENT) for each in hold.senders),
                None if opens else UNSET,
                UNSET,
                frozenset(ContentKind(kind) for kind in hold.kinds),
            )
            async with self.database.transaction() as transaction:
                await amend_hold(transaction, by(self.officer), HoldId(hold_id), widening, "More is claimed")
            for message_id in self.model.messages:
                await self._try_by_hand(message_id, "message_revisions")
            _note("holds that were widened", True)

        self.run_async(act())

    @rule(which=st.integers(0, 20), table=st.sampled_from(sorted(KEPT_BY)))
    def type_sql(self, which: int, table: str) -> None:
        """Whoever owns the tables deletes by hand: refused exactly where the model says that it is held."""

        async def act() -> None:
            await self._tick()
            if not self.model.messages:
                return
            message_id = list(self.model.messages)[which % len(self.model.messages)]
            await self._try_by_hand(message_id, table)

        self.run_async(act())

    async def _try_by_hand(self, message_id: UUID, table: str) -> None:
        message = self.model.messages[message_id]
        if not {"message_revisions": message.revisions, "files": message.files}.get(table, True):
            return
        attempt = self.owner.transaction()
        await attempt.start()
        try:
            await self.owner.execute(f"delete from {table} where message_id = $1", message_id)
            refused = None
        except asyncpg.PostgresError as error:
            refused = error.sqlstate
        await attempt.rollback()
        is_held = self.model.is_held(message, KEPT_BY[table], self.now)
        assert refused == (HELD if is_held else None)
        _note("hands that were refused" if is_held else "hands that were let", True)

    # -- time, runs, looks

    @rule(days=DAYS)
    def let_time_pass(self, days: int) -> None:
        self.run_async(self._tick(timedelta(days=days)))

    @rule(days=DAYS, most=st.sampled_from([1, 3, 1000]))
    def dispose(self, days: int, most: int) -> None:
        async def act() -> None:
            await self._tick(timedelta(days=days))
            await self._look()
            before = dict(self.model.messages)
            self.model.dispose(self.now)
            run = await run_disposition(self.database, self.stores, pace=Pace(most, 0.0, largest=most))
            assert run.messages == len(before) - len(self.model.messages)
            await self._compare()
            for which in (0, 1):  # the office goes on
                await self._post(which, days % 2, most % 2)
            _note("runs that destroyed", run.messages > 0)
            _note(
                "runs that spared what is held",
                any(self._is_spared(one) for one in self.model.messages.values()),
            )

        self.run_async(act())

    def _is_spared(self, message: Message) -> bool:
        is_over = self.model.is_due(self.model.message_due(message), self.now)
        return is_over and self.model.is_settled(message, self.now)

    async def _compare(self) -> None:
        """The database has exactly what the model has."""
        messages = {
            record["message_id"] for record in await self.owner.fetch("select message_id from messages")
        }
        assert messages == set(self.model.messages)
        revisions = {
            tuple(record)
            for record in await self.owner.fetch("select message_id, revision from message_revisions")
        }
        assert revisions == {
            (key, number) for key, one in self.model.messages.items() for number in one.revisions
        }
        for table in ("files", "file_contents", "file_previews", "file_segments"):
            files = {record["file_id"] for record in await self.owner.fetch(f"select file_id from {table}")}
            assert files == {file_id for one in self.model.messages.values() for file_id in one.files}, table

    @rule()
    def look(self) -> None:
        self.run_async(self._look())

    async def _look(self) -> None:
        """What is shown, and what is said about why."""
        for place in self.places:
            shown = {
                message.message_id
                for message in (await page(self.database, self.people[0], place.shared, limit=100)).messages
            }
            assert shown == self.model.visible(place.room_id, self.now)
        async with self.database.read() as reading:
            explained = await explain(reading, [MessageId(key) for key in self.model.messages])
        assert len(explained) == len(self.model.messages)
        for one in explained:
            message = self.model.messages[one.message_id]
            due_at = self.model.message_due(message)
            assert one.due_at == due_at
            is_over = self.model.is_due(due_at, self.now)
            if not message.revisions:
                expected = "emptied"
            elif not is_over:
                expected = "gone" if message.is_gone else "shown"
            elif self.model.is_held(message, "messages", self.now):
                expected = "held"
            elif not self.model.is_settled(message, self.now):
                expected = "settling"
            else:
                expected = "files_held" if self.model.is_held(message, None, self.now) else "due"
            assert one.state == expected
            _note(f"explained as {expected}", True)


def _note(what: str, happened: bool) -> None:
    SEEN[what] = SEEN.get(what, 0) + happened


@pytest.mark.deadline(400)
async def test_held_is_never_destroyed_and_expired_and_free_is_always_gone(
    servers: SharedServers, tmp_path: Path
) -> None:
    OfficeMachine.servers, OfficeMachine.folder = servers, tmp_path
    OfficeMachine.loop = asyncio.get_running_loop()
    play = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        # To make a failing play short takes minutes: with Phase.shrink added, when one is to be read.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, OfficeMachine, settings=play)
    for what in (
        "runs that destroyed",
        "runs that spared what is held",
        "explained as due",
        "explained as held",
        "holds that were widened",
        "hands that were refused",
        "hands that were let",
    ):
        assert SEEN.get(what), f"{what}: never, so this proves nothing"
