"""The race on the members' side: a hold is placed while somebody edits, deletes, leaves, closes, sweeps.

At every statement of theirs the hold comes in between, and at every statement of the placing they do. What was there
when the hold had committed is there at the end, to the byte, when all of it is long due and a run has been. And no
member waits for a hold, at any of its statements: that alone would tell them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import Place, delete, edit, leave, open_place, post, react, rename, set_archived
from tests.gates import ends_or_waits, gate, until_at_the_gate
from tests.holding import content_of_room, make_officer, open_matter, place_hold, scope_of
from tests.people import by, make_account, make_accounts
from tests.retaining import assign_default, make_class
from tests.servers import DatabaseUrls
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import accounts
from workroom.accounts import Account
from workroom.disposition import Pace, run_disposition
from workroom.errors import WorkroomError
from workroom.file_sweep import sweep_files
from workroom.ids import FileId, MatterId, MessageId
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores

MoveTime = Callable[[timedelta], Awaitable[None]]
Content = Mapping[str, list[str]]
ROUNDS = 30
PAPER = b"paper" * 100


@dataclass
class Scene:
    """A room in which there is something of each kind, and who is in it."""

    place: Place
    author: Account
    message_id: MessageId
    filed_id: MessageId
    unsent: FileId


class Stage:
    """Scene after scene in one database; at the end, all of them are looked at once more."""

    def __init__(
        self, database: Database, owner: asyncpg.Connection, looker: asyncpg.Connection, stores: FileStores
    ) -> None:
        self.database = database
        self.owner = owner
        self.looker = looker
        self.stores = stores
        self.kept: list[tuple[str, Scene, Content]] = []

    async def begin(self) -> None:
        self.admin = await make_account(self.database, "admin")
        self.officer = await make_officer(self.database)
        self.matter: MatterId = await open_matter(self.database, self.officer)
        await assign_default(self.owner, "shared", await make_class(self.owner, destroy=10, removed=5))

    async def set_scene(self) -> Scene:
        """A message with an earlier revision and a reaction, a note, a file that was sent, and one that was not."""
        author, other = await make_accounts(self.database, "staff", "staff")
        place = await open_place(self.database, author, other)
        receiver = make_receiver(self.database, self.stores)
        message_id = (await post(self.database, author, place.shared, "The first offer")).message_id
        await edit(self.database, author, place.shared, message_id, "The second offer")
        await react(self.database, author, place.shared, message_id)
        await post(self.database, author, place.staff, "Between us")
        filed = await claim(self.database, author, place, await upload(receiver, author, place, PAPER))
        unsent = await upload(receiver, author, place, b"a draft")
        await self.owner.execute(
            "update uploads set expires_at = now() - interval '1 hour' where file_id = $1", unsent
        )
        return Scene(place, author, message_id, filed.message_id, unsent)

    async def hold(self, name: str, scene: Scene) -> None:
        """Place a hold, of another scope each time, and remember what there is when it has committed."""
        scopes = (
            scope_of(scene.place.room_id),
            scope_of(members=[scene.author]),
            scope_of(senders=[scene.author]),
        )
        await place_hold(self.database, self.officer, scopes[len(self.kept) % 3], self.matter)
        self.kept.append((name, scene, await content_of_room(self.looker, scene.place.room_id)))

    async def end(self, move_time: MoveTime) -> None:
        """When all is long due, a run has been: what was there when its hold had committed is there still."""
        free = await self.set_scene()
        await move_time(timedelta(days=400))
        await sweep_files(self.database, self.stores)
        await run_disposition(self.database, self.stores, pace=Pace(rest=0.0))
        left = await content_of_room(self.owner, free.place.room_id)
        assert (left["message_revisions"], left["files"]) == ([], []), "nothing goes: this proves nothing"
        for name, scene, kept in self.kept:
            now = await content_of_room(self.owner, scene.place.room_id)
            for table, rows in kept.items():
                assert set(now[table]) >= set(rows), (name, table)
            assert len(kept["message_revisions"]) >= 4, name
            await self._require_bytes(name, scene)

    async def _require_bytes(self, name: str, scene: Scene) -> None:
        keys = await self.owner.fetch(
            "select s.store_key from file_segments as s join files as f using (file_id) where f.room_id = $1",
            scene.place.room_id,
        )
        assert len(keys) == 1, name
        assert await self.stores.writing.read(keys[0]["store_key"], 0, len(PAPER)) == PAPER, name


# -- what is done --------------------------------------------------------------------------------------------


async def _edit(stage: Stage, scene: Scene) -> None:
    await edit(stage.database, scene.author, scene.place.shared, scene.message_id, "No offer")


async def _delete(stage: Stage, scene: Scene) -> None:
    await delete(stage.database, scene.author, scene.place.shared, scene.filed_id)


async def _take_back(stage: Stage, scene: Scene) -> None:
    await react(stage.database, scene.author, scene.place.shared, scene.message_id, is_added=False)


async def _rename(stage: Stage, scene: Scene) -> None:
    await rename(stage.database, scene.author, scene.place.room_id, "Another name")


async def _archive(stage: Stage, scene: Scene) -> None:
    await set_archived(stage.database, scene.author, scene.place.room_id)


async def _leave(stage: Stage, scene: Scene) -> None:
    await leave(stage.database, scene.author, scene.place.room_id)


async def _close_account(stage: Stage, scene: Scene) -> None:
    async with stage.database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(stage.admin), scene.author.account_id)


async def _sweep(stage: Stage, scene: Scene) -> None:
    await sweep_files(stage.database, stage.stores)


Deed = Callable[[Stage, Scene], Coroutine[Any, Any, None]]
# Who does what, and the statements at which the hold comes in between.
DEEDS: list[tuple[Deed, list[tuple[str, str]]]] = [
    (_edit, [("streams", "update"), ("events", "insert"), ("message_revisions", "insert")]),
    (_delete, [("events", "insert"), ("messages", "update"), ("files", "update")]),
    (_take_back, [("events", "insert"), ("message_reactions", "update")]),
    (_rename, [("events", "insert"), ("room_names", "insert")]),
    (_archive, [("rooms", "update"), ("events", "insert")]),
    (_leave, [("memberships", "update"), ("events", "insert")]),
    (_close_account, [("accounts", "update"), ("events", "insert"), ("audit_entries", "insert")]),
    (
        _sweep,
        [
            ("uploads", "delete"),
            ("files", "delete"),
            ("file_contents", "delete"),
            ("uploads", "update"),
            ("file_segments", "delete"),
        ],
    ),
]
# Both write into the audit log, one after the other: an admin's act may wait for an officer's.
WRITES_AUDIT = {_close_account}
OF_A_PLACING = ["audit_entries", "holds", "hold_amendments"]


@pytest_asyncio.fixture
async def stage(
    database: Database, database_urls: DatabaseUrls, owner: asyncpg.Connection, tmp_path: Path
) -> AsyncIterator[Stage]:
    looker = await asyncpg.connect(database_urls.superuser_url, server_settings={"search_path": "workroom"})
    stage = Stage(database, owner, looker, disk_stores(tmp_path))
    await stage.begin()
    yield stage
    await looker.close()


@pytest.mark.deadline(120)
async def test_a_hold_that_comes_in_between_keeps_what_was_there(stage: Stage, move_time: MoveTime) -> None:
    for deed, statements in DEEDS:
        for table, operation in statements:
            name = f"{deed.__name__} at {operation} of {table}"
            scene = await stage.set_scene()
            async with asyncio.TaskGroup() as tasks, gate(stage.owner, table, operation) as open_gate:
                doing = tasks.create_task(deed(stage, scene))
                await until_at_the_gate(stage.owner)
                holding = tasks.create_task(stage.hold(name, scene))
                is_placed = await ends_or_waits(stage.owner, holding)
                assert is_placed or deed in WRITES_AUDIT, f"{name}: the hold waits for a member"
                assert not doing.done()
                await open_gate()
                await asyncio.gather(doing, holding)
    await stage.end(move_time)


@pytest.mark.deadline(120)
async def test_what_is_done_while_a_hold_is_being_placed_waits_for_nothing_and_destroys_nothing(
    stage: Stage, move_time: MoveTime
) -> None:
    for deed, _ in DEEDS:
        for table in OF_A_PLACING:
            name = f"{deed.__name__} while {table} is written"
            scene = await stage.set_scene()
            async with asyncio.TaskGroup() as tasks, gate(stage.owner, table, "insert") as open_gate:
                holding = tasks.create_task(stage.hold(name, scene))
                await until_at_the_gate(stage.owner)
                doing = tasks.create_task(deed(stage, scene))
                is_done = await ends_or_waits(stage.owner, doing)
                assert is_done or deed in WRITES_AUDIT, f"{name}: a member waits for the hold"
                assert not holding.done()
                await open_gate()
                await asyncio.gather(doing, holding)
    await stage.end(move_time)


@pytest.mark.deadline(120)
async def test_wherever_they_meet_what_was_there_stays(stage: Stage, move_time: MoveTime) -> None:
    random = Random()
    for number in range(ROUNDS):
        scene = await stage.set_scene()
        chosen = random.sample([deed for deed, _ in DEEDS], k=3)

        async def come(act: Awaitable[None]) -> None:
            for _ in range(random.randrange(20)):
                await asyncio.sleep(0)
            with suppress(WorkroomError):  # who has left, or whose room is closed, does no more
                await act

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(come(stage.hold(f"round {number}", scene)))
            for deed in chosen:
                tasks.create_task(come(deed(stage, scene)))
    assert len(stage.kept) == ROUNDS
    await stage.end(move_time)
