"""Memberships: intervals that are never deleted, and the one rule of who reads which stream from where."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import (
    Place,
    add,
    leave,
    may_read,
    open_place,
    post,
    read_all,
    readership_of,
    remove,
)
from tests.people import actor_of, by, make_account, make_accounts
from workroom import accounts, memberships
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.errors import Conflict, Forbidden, NotFound
from workroom.ids import AccountId, StreamId
from workroom.storage.database import Database

MEMBERSHIPS = "select * from memberships where room_id = $1 and account_id = $2 order by joined_seq"


async def staff_and_customer(database: Database) -> tuple[Account, Account, Place]:
    staff, customer = await make_accounts(database, "staff", "customer")
    return staff, customer, await open_place(database, staff, customer)


async def test_who_may_read_what(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    admin, stranger = await make_accounts(database, "admin", "customer")
    colleague, officer = await make_accounts(database, "staff", "compliance")
    await add(database, staff, place.room_id, admin)
    readers = {
        "shared": {staff.account_id, customer.account_id, admin.account_id},
        "staff": {staff.account_id, admin.account_id},
    }
    everybody = [staff, customer, admin, stranger, colleague, officer]
    for account in everybody:
        for kind, stream_id in (("shared", place.shared), ("staff", place.staff)):
            expected = account.account_id in readers[kind]
            assert await may_read(database, account, stream_id) == expected, (account.kind, kind)
        own = [other for other in everybody if await may_read(database, account, other.stream_id)]
        assert own == [account]
        assert not await may_read(database, account, StreamId(uuid4()))


async def test_the_shared_streams_of_accounts_are_those_of_the_rooms_they_are_in(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    stranger = await make_account(database)
    other = await open_place(database, staff)
    await leave(database, staff, other.room_id)
    asked = [account.account_id for account in (staff, customer, stranger)]
    async with database.read() as reading:
        found = await memberships.list_shared_streams(reading, asked)
    assert {stream: set(who) for stream, who in found.items()} == {
        place.shared: {staff.account_id, customer.account_id}
    }


async def test_no_right_to_it_and_no_such_stream_look_the_same(database: Database) -> None:
    _, customer, place = await staff_and_customer(database)
    refusals = set()
    for stream_id in (place.staff, StreamId(uuid4())):
        with pytest.raises(NotFound) as refused:
            await readership_of(database, customer, stream_id)
        refusals.add((refused.value.message, str(refused.value.params)))
    assert len(refusals) == 1


async def test_many_questions_are_answered_in_one_query(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    pairs = [
        (customer.account_id, place.shared),
        (customer.account_id, place.staff),
        (staff.account_id, place.staff),
        (AccountId(uuid4()), place.shared),
        (customer.account_id, place.shared),
    ]
    async with database.read() as reading:
        readable = await memberships.find_readable(reading, pairs)
    assert set(readable) == {pairs[0], pairs[2]}
    assert readable[pairs[0]].room_id == place.room_id
    assert readable[pairs[0]].last_seq == (await read_all(database, place.shared))[-1].seq


async def test_a_deactivated_account_reads_nothing_not_even_its_own_stream(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(staff), customer.account_id)
    assert not await may_read(database, customer, place.shared)
    assert not await may_read(database, customer, customer.stream_id)
    async with database.transaction() as transaction:
        await accounts.reactivate_account(transaction, by(staff), customer.account_id)
    assert await may_read(database, customer, place.shared)


async def test_a_customer_reads_from_joining_on_and_the_provider_from_the_beginning(
    database: Database,
) -> None:
    staff, _, place = await staff_and_customer(database)
    newcomer, colleague = await make_accounts(database, "customer", "staff")
    await post(database, staff, place.shared)
    joined, _ = await add(database, staff, place.room_id, newcomer)
    await add(database, staff, place.room_id, colleague)
    assert (await readership_of(database, newcomer, place.shared)).reads_from_seq == joined
    assert (await readership_of(database, colleague, place.shared)).reads_from_seq == 1
    assert (await readership_of(database, colleague, place.staff)).reads_from_seq == 1


async def test_history_is_read_only_where_it_is_granted(database: Database) -> None:
    staff, _, place = await staff_and_customer(database)
    newcomer = await make_account(database, "customer")
    await add(database, staff, place.room_id, newcomer, grants_history=True)
    assert (await readership_of(database, newcomer, place.shared)).reads_from_seq == 1


async def test_leaving_ends_all_reading(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    colleague = await make_account(database)
    await add(database, staff, place.room_id, colleague)
    await leave(database, customer, place.room_id)
    await remove(database, staff, place.room_id, colleague)
    for account in (customer, colleague):
        for stream_id in (place.shared, place.staff):
            assert not await may_read(database, account, stream_id)


async def test_an_interval_says_who_and_when_and_at_which_numbers(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff, customer, place = await staff_and_customer(database)
    ended, recorded = await remove(database, staff, place.room_id, customer)
    again, _ = await add(database, staff, place.room_id, customer)
    await leave(database, customer, place.room_id)
    first, second = await owner.fetch(MEMBERSHIPS, place.room_id, customer.account_id)
    assert (first["left_seq"], first["left_at"], first["removed_by"]) == (
        ended, recorded[0].recorded_at, staff.account_id,
    )  # fmt: skip
    assert first["added_by"] == staff.account_id
    assert first["reads_from_seq"] == first["joined_seq"] < ended < again == second["joined_seq"]
    assert second["reads_from_seq"] == again
    assert (second["removed_by"], second["left_seq"] > again) == (None, True)


async def test_who_comes_back_does_not_read_what_was_said_while_they_were_gone_nor_before(
    database: Database,
) -> None:
    staff, customer, place = await staff_and_customer(database)
    await post(database, staff, place.shared, "Before")
    await remove(database, staff, place.room_id, customer)
    await post(database, staff, place.shared, "While gone")
    again, _ = await add(database, staff, place.room_id, customer)
    assert (await readership_of(database, customer, place.shared)).reads_from_seq == again


async def test_a_beginning_is_told_in_the_room_to_the_provider_and_to_the_account(database: Database) -> None:
    staff, _, place = await staff_and_customer(database)
    newcomer, colleague = await make_accounts(database, "customer", "staff")
    notes = len(await read_all(database, place.staff))
    await add(database, staff, place.room_id, newcomer)
    assert len(await read_all(database, place.staff)) == notes
    await add(database, staff, place.room_id, colleague)
    assert [event.account_id for event in await read_all(database, place.staff, notes)] == [
        colleague.account_id
    ]
    joined = (await read_all(database, place.shared))[-2:]
    assert [(event.kind, event.account_id, event.actor_id) for event in joined] == [
        ("member_joined", newcomer.account_id, staff.account_id),
        ("member_joined", colleague.account_id, staff.account_id),
    ]
    entered = (await read_all(database, newcomer.stream_id))[-1]
    assert (entered.kind, entered.room_id) == ("room_entered", place.room_id)


async def test_an_end_has_its_number_in_both_streams_and_in_the_accounts_own(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    await remove(database, staff, place.room_id, customer)
    for stream_id in (place.shared, place.staff):
        ended = (await read_all(database, stream_id))[-1]
        assert (ended.kind, ended.account_id, ended.actor_id) == (
            "member_removed", customer.account_id, staff.account_id,
        )  # fmt: skip
    exited = (await read_all(database, customer.stream_id))[-1]
    assert (exited.kind, exited.room_id) == ("room_exited", place.room_id)
    await leave(database, staff, place.room_id)
    assert [(await read_all(database, stream_id))[-1].kind for stream_id in (place.shared, place.staff)] == [
        "member_left"
    ] * 2


async def test_nobody_is_a_member_twice(database: Database, owner: asyncpg.Connection) -> None:
    staff, customer, place = await staff_and_customer(database)
    with pytest.raises(Conflict):
        await add(database, staff, place.room_id, customer)
    assert len(await owner.fetch(MEMBERSHIPS, place.room_id, customer.account_id)) == 1


async def test_only_accounts_that_take_part_become_members(database: Database) -> None:
    staff, _, place = await staff_and_customer(database)
    officer, gone = await make_accounts(database, "compliance", "staff")
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(staff), gone.account_id)
    with pytest.raises(Forbidden):
        await add(database, staff, place.room_id, officer)
    with pytest.raises(NotFound):
        await add(database, staff, place.room_id, gone)


async def test_whoever_becomes_compliance_is_a_member_of_nothing(database: Database) -> None:
    staff, _, place = await staff_and_customer(database)
    admin = await make_account(database, "admin")
    other_place = await open_place(database, staff)
    async with database.transaction() as transaction:
        await accounts.change_kind(transaction, by(admin), staff.account_id, AccountKind.COMPLIANCE)
    for stream_id in (place.shared, place.staff, other_place.shared, other_place.staff):
        assert not await may_read(database, staff, stream_id)
        assert (await read_all(database, stream_id))[-1].kind == "member_removed"


async def test_members_are_listed_in_the_order_in_which_they_joined(database: Database) -> None:
    staff, customer, place = await staff_and_customer(database)
    late = await make_account(database)
    await add(database, staff, place.room_id, late)
    await leave(database, customer, place.room_id)
    async with database.read() as reading:
        members = await memberships.list_members(reading, place.room_id)
    assert [member.account_id for member in members] == [staff.account_id, late.account_id]
    assert members[0].display_name == staff.display_name


async def test_whom_one_can_add_depends_on_the_rooms_customers(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    colleague_of_customer = await make_account(database, "customer", customer_id=customer.customer_id)
    stranger = await make_account(database, "customer")
    officer, gone = await make_accounts(database, "compliance", "staff")
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(staff), gone.account_id)
    private = await open_place(database, staff, customer, kind="private")
    shared = await open_place(database, staff)
    async with database.read() as reading:
        for room_id, expected in (
            (private.room_id, {staff, customer, colleague_of_customer}),
            (shared.room_id, {staff, customer, colleague_of_customer, stranger}),
            (None, {staff, customer, colleague_of_customer, stranger}),
        ):
            people = await memberships.list_addable_people(reading, room_id)
            assert {person.account_id for person in people} == {each.account_id for each in expected}
    assert officer.account_id
    assert actor_of(staff).is_provider
