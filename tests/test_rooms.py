"""Rooms: who opens, joins, manages, renames and archives them, each command once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import (
    a_command,
    add,
    find_place,
    join,
    leave,
    may_read,
    open_place,
    post,
    read_all,
    readership_of,
    remove,
    rename,
    set_archived,
)
from tests.people import actor_of, by, make_account, make_accounts
from workroom import accounts, rooms
from workroom.accounts import Account
from workroom.digests import digest_room_name
from workroom.errors import (
    CommandIdReused,
    Conflict,
    Forbidden,
    InvalidInput,
    LimitReached,
    NotFound,
    RoomArchived,
    WorkroomError,
)
from workroom.events import RecordedEvent
from workroom.ids import ClientCommandId, CustomerId, RoomId, StreamId
from workroom.storage.database import Database


async def create(
    database: Database,
    actor: Account,
    *,
    kind: str = "private",
    name: str = "Annual accounts",
    customers: list[Any] | None = None,
    command: ClientCommandId | None = None,
) -> tuple[RoomId, StreamId, list[RecordedEvent]]:
    async with database.transaction() as transaction:
        return await rooms.create_room(
            transaction,
            actor_of(actor),
            kind=kind,
            name=name,
            customer_ids=customers or [],
            client_command_id=command or a_command(),
        )


async def customers_of(owner: asyncpg.Connection, room_id: RoomId) -> set[CustomerId]:
    rows = await owner.fetch("select customer_id from room_customers where room_id = $1", room_id)
    return {row["customer_id"] for row in rows}


# -- opening -------------------------------------------------------------------------------------------------


async def test_a_room_begins_with_its_creator_its_name_and_two_streams(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    room_id, stream_id, recorded = await create(
        database, staff, name="  Annual \n accounts ", customers=[customer.customer_id]
    )
    place = await find_place(database, room_id)
    assert place.shared == stream_id
    events = await read_all(database, place.shared)
    assert [(event.seq, event.kind, event.name) for event in events] == [
        (1, "room_created", "Annual accounts"), (2, "member_joined", None),
    ]  # fmt: skip
    assert [event.kind for event in await read_all(database, place.staff)] == ["member_joined"]
    assert [event.kind for event in await read_all(database, staff.stream_id)] == ["room_entered"]
    assert [event.seq for event in recorded] == [1, 2, 1, 1]
    assert await customers_of(owner, room_id) == {customer.customer_id}
    row = await owner.fetchrow("select * from room_names where room_id = $1", room_id)
    digest = await owner.fetchval(
        "select content_digest from events where stream_id = $1 and kind = 'room_created'", place.shared
    )
    assert digest == digest_room_name(row["salt"], room_id, 1, "Annual accounts")


async def test_a_customer_opens_private_rooms_for_their_own_customer_and_waits(
    database: Database, owner: asyncpg.Connection
) -> None:
    customer, other = await make_accounts(database, "customer", "customer")
    room_id, stream_id, _ = await create(database, customer)
    assert await customers_of(owner, room_id) == {customer.customer_id}
    assert (
        await owner.fetchval("select waiting_since from streams where stream_id = $1", stream_id) is not None
    )
    assert (await readership_of(database, customer, stream_id)).reads_from_seq == 1
    await create(database, customer, customers=[customer.customer_id])
    with pytest.raises(NotFound):
        await create(database, customer, customers=[other.customer_id])
    with pytest.raises(NotFound):
        await create(database, customer, customers=[customer.customer_id, other.customer_id])
    with pytest.raises(Forbidden):
        await create(database, customer, kind="shared")


async def test_a_customer_who_waits_in_many_rooms_opens_no_other_until_one_is_answered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MOST_WAITING_ROOMS", 2)
    staff, customer, other = await make_accounts(database, "staff", "customer", "customer")
    first, stream_id, _ = await create(database, customer)
    again = a_command()
    second, _, _ = await create(database, customer, command=again)
    with pytest.raises(LimitReached) as refused:
        await create(database, customer)
    assert refused.value.params == {"limit": "waiting_rooms", "value": 2}
    assert (await create(database, customer, command=again))[0] == second
    await create(database, other)
    await create(database, staff, customers=[customer.customer_id])
    await join(database, staff, first)
    await post(database, staff, stream_id)
    await create(database, customer)
    with pytest.raises(LimitReached):
        await create(database, customer)


async def test_the_provider_opens_either_kind_and_nobody_waits(
    database: Database, owner: asyncpg.Connection
) -> None:
    admin = await make_account(database, "admin")
    one, other = await make_accounts(database, "customer", "customer")
    room_id, stream_id, _ = await create(
        database, admin, kind="shared", customers=[one.customer_id, other.customer_id, one.customer_id]
    )
    assert await customers_of(owner, room_id) == {one.customer_id, other.customer_id}
    assert await owner.fetchval("select waiting_since from streams where stream_id = $1", stream_id) is None
    await create(database, admin, kind="shared")
    for customers in ([], [one.customer_id, other.customer_id]):
        with pytest.raises(InvalidInput):
            await create(database, admin, customers=customers)
    with pytest.raises(NotFound):
        await create(database, admin, customers=[CustomerId(uuid4())])
    with pytest.raises(NotFound):
        await create(database, admin, kind="shared", customers=[one.customer_id, CustomerId(uuid4())])


async def test_a_room_has_a_known_kind_and_a_name(database: Database, owner: asyncpg.Connection) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    refused: list[dict[str, Any]] = [{"kind": "secret"}, {"name": " \n "}]
    for fields in refused:
        with pytest.raises(InvalidInput):
            await create(database, staff, customers=[customer.customer_id], **fields)
    assert await owner.fetchval("select count(*) from rooms") == 0


async def test_compliance_opens_and_joins_nothing(database: Database) -> None:
    officer, staff = await make_accounts(database, "compliance", "staff")
    place = await open_place(database, staff)
    for kind in ("private", "shared"):
        with pytest.raises(Forbidden):
            await create(database, officer, kind=kind)
    with pytest.raises(Forbidden):
        await join(database, officer, place.room_id)


async def test_opening_is_done_once(database: Database, owner: asyncpg.Connection) -> None:
    customer = await make_account(database, "customer")
    command = a_command()
    first = await create(database, customer, command=command)
    again = await create(database, customer, command=command)
    assert (again[:2], again[2]) == (first[:2], [])
    assert await owner.fetchval("select count(*) from rooms") == 1
    with pytest.raises(CommandIdReused):
        await create(database, customer, name="Another name", command=command)


async def test_opening_again_with_other_customers_is_another_command(database: Database) -> None:
    staff = await make_account(database)
    one, other = await make_accounts(database, "customer", "customer")
    command = a_command()
    await create(database, staff, customers=[one.customer_id], command=command)
    with pytest.raises(CommandIdReused):
        await create(database, staff, customers=[other.customer_id], command=command)
    with pytest.raises(CommandIdReused):
        await create(database, staff, kind="shared", customers=[one.customer_id], command=command)


# -- joining, adding, removing, leaving ------------------------------------------------------------------------


async def test_the_provider_joins_and_customers_do_not(database: Database) -> None:
    staff, admin = await make_accounts(database, "staff", "admin")
    customer, stranger = await make_accounts(database, "customer", "customer")
    room_id, stream_id, _ = await create(database, customer)
    for account in (staff, admin):
        seq, recorded = await join(database, account, room_id)
        assert (recorded[0].seq, recorded[0].kind) == (seq, "member_joined")
        assert (await readership_of(database, account, stream_id)).reads_from_seq == 1
    for room in (room_id, RoomId(uuid4())):
        with pytest.raises(Forbidden):
            await join(database, stranger, room)
    with pytest.raises(NotFound):
        await join(database, staff, RoomId(uuid4()))


async def test_joining_is_done_once(database: Database) -> None:
    customer, staff = await make_accounts(database, "customer", "staff")
    room_id, stream_id, _ = await create(database, customer)
    command = a_command()
    first, _ = await join(database, staff, room_id, command)
    again, recorded = await join(database, staff, room_id, command)
    assert (again, recorded) == (first, [])
    with pytest.raises(Conflict):
        await join(database, staff, room_id)
    assert len(await read_all(database, stream_id)) == 3


async def test_a_private_room_takes_people_of_its_customer_and_of_the_provider(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    colleague = await make_account(database, "customer", customer_id=customer.customer_id)
    stranger, other_staff = await make_accounts(database, "customer", "staff")
    place = await open_place(database, staff, customer, kind="private")
    for account in (colleague, other_staff):
        await add(database, staff, place.room_id, account)
    with pytest.raises(Forbidden):
        await add(database, staff, place.room_id, stranger)


async def test_a_shared_room_takes_the_customer_of_whoever_is_added(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    assert await customers_of(owner, place.room_id) == set()
    await add(database, staff, place.room_id, customer)
    assert await customers_of(owner, place.room_id) == {customer.customer_id}


async def test_adding_and_removing_is_done_once(database: Database) -> None:
    staff, customer, other = await make_accounts(database, "staff", "customer", "staff")

    place = await open_place(database, staff)
    adding, removing = a_command(), a_command()
    added, _ = await add(database, staff, place.room_id, customer, command=adding)
    assert await add(database, staff, place.room_id, customer, command=adding) == (added, [])
    with pytest.raises(CommandIdReused):
        await add(database, staff, place.room_id, other, command=adding)
    removed, _ = await remove(database, staff, place.room_id, customer, removing)
    assert await remove(database, staff, place.room_id, customer, removing) == (removed, [])
    with pytest.raises(CommandIdReused):
        await remove(database, staff, place.room_id, other, removing)
    with pytest.raises(NotFound):
        await remove(database, staff, place.room_id, customer)


async def test_adding_again_with_another_history_is_another_command(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    command = a_command()
    await add(database, staff, place.room_id, customer, command=command)
    with pytest.raises(CommandIdReused):
        await add(database, staff, place.room_id, customer, grants_history=True, command=command)


async def test_leaving_is_done_once(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    command = a_command()
    left, _ = await leave(database, customer, place.room_id, command)
    assert await leave(database, customer, place.room_id, command) == (left, [])
    assert not await may_read(database, customer, place.shared)


async def test_one_does_not_remove_oneself(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    with pytest.raises(InvalidInput):
        await remove(database, staff, place.room_id, staff)


async def test_only_the_provider_manages_members(database: Database) -> None:
    staff, customer, other = await make_accounts(database, "staff", "customer", "staff")

    place = await open_place(database, staff, customer)
    with pytest.raises(Forbidden):
        await add(database, customer, place.room_id, other)
    with pytest.raises(Forbidden):
        await remove(database, customer, place.room_id, staff)


async def test_not_a_member_and_no_such_room_look_the_same_to_every_command(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    stranger, outsider = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)

    async def refusal(actor: Account, deed: str, room_id: RoomId) -> tuple[str, str, str]:
        with pytest.raises(WorkroomError) as refused:
            if deed == "leave":
                await leave(database, actor, room_id)
            elif deed == "add":
                await add(database, actor, room_id, outsider)
            elif deed == "remove":
                await remove(database, actor, room_id, customer)
            elif deed == "rename":
                await rename(database, actor, room_id, "Another name")
            elif deed == "archive":
                await set_archived(database, actor, room_id)
            else:
                await join(database, actor, room_id)
        return refused.value.code, refused.value.message, str(refused.value.params)

    for actor, deeds in (
        (stranger, ("leave", "add", "remove", "rename", "archive")),
        (outsider, ("leave", "add", "remove", "rename", "archive", "join")),
    ):
        for deed in deeds:
            there = await refusal(actor, deed, place.room_id)
            assert there == await refusal(actor, deed, RoomId(uuid4())), (actor.kind, deed)
            assert there[0] == ("forbidden" if actor is outsider and deed != "leave" else "not_found")


# -- renaming and archiving ------------------------------------------------------------------------------------


async def test_a_new_name_is_one_more_revision(database: Database, owner: asyncpg.Connection) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    command = a_command()
    seq, recorded = await rename(database, staff, place.room_id, " Second  name ", command)
    assert (recorded[0].kind, recorded[0].seq, recorded[0].subject_detail) == ("room_renamed", seq, 2)
    await rename(database, staff, place.room_id, "Third name")
    assert await rename(database, staff, place.room_id, "Second name", command) == (seq, [])
    with pytest.raises(CommandIdReused):
        await rename(database, staff, place.room_id, "Fourth name", command)
    rows = await owner.fetch("select * from room_names where room_id = $1 order by revision", place.room_id)
    assert [row["name"] for row in rows] == ["The room", "Second name", "Third name"]
    assert recorded[0].content_digest == digest_room_name(rows[1]["salt"], place.room_id, 2, "Second name")
    assert [event.name for event in await read_all(database, place.shared) if event.name] == [
        "The room", "Second name", "Third name",
    ]  # fmt: skip
    with pytest.raises(InvalidInput):
        await rename(database, staff, place.room_id, "   ")


async def test_customers_neither_rename_nor_archive(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    with pytest.raises(Forbidden):
        await rename(database, customer, place.room_id, "Mine")
    with pytest.raises(Forbidden):
        await set_archived(database, customer, place.room_id)


async def test_an_archived_room_is_read_and_left_and_nothing_else(database: Database) -> None:
    staff, customer, other = await make_accounts(database, "staff", "customer", "staff")

    place = await open_place(database, staff, customer)
    await set_archived(database, staff, place.room_id)
    assert await may_read(database, customer, place.shared)
    for refused in (
        rename(database, staff, place.room_id, "Another name"),
        add(database, staff, place.room_id, other),
        join(database, other, place.room_id),
    ):
        with pytest.raises(RoomArchived):
            await refused
    await remove(database, staff, place.room_id, customer)
    await leave(database, staff, place.room_id)


async def test_archiving_is_done_once_and_ends_the_waiting(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    await post(database, customer, place.shared)
    command = a_command()
    seq, _ = await set_archived(database, staff, place.room_id, command=command)
    assert await set_archived(database, staff, place.room_id, command=command) == (seq, [])
    waiting = "select waiting_since from streams where stream_id = $1"
    assert await owner.fetchval(waiting, place.shared) is None
    assert (await set_archived(database, staff, place.room_id))[1] == []  # it is already
    with pytest.raises(CommandIdReused):
        await set_archived(database, staff, place.room_id, archived=False, command=command)
    reopened, recorded = await set_archived(database, staff, place.room_id, archived=False)
    assert (reopened, recorded[0].kind) == (seq + 1, "room_reopened")
    assert await owner.fetchval(waiting, place.shared) is None
    await post(database, customer, place.shared)
    assert await owner.fetchval(waiting, place.shared) is not None


async def test_a_deactivated_member_stays_one_and_can_come_back(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(staff), customer.account_id)
    changed = (await read_all(database, place.shared))[-1]
    assert (changed.kind, changed.member.deactivated) == ("member_changed", True)  # type: ignore[union-attr]
    await remove(database, staff, place.room_id, customer)
