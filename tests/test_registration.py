"""How people come in."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from tests.people import actor_of, make_account, make_room
from workroom import accounts, invitations, memberships, one_time_links, registration, rooms
from workroom.abilities import AccountKind
from workroom.errors import Conflict, InvalidInput, LinkExpired, NotFound
from workroom.ids import ClientCommandId, RoomId
from workroom.registration import NewPerson, Registered
from workroom.storage.database import Database

MARA = NewPerson("mara@example.org", "Mara Lindt", "hash")
OTTO = NewPerson("otto@example.org", "Otto Brandt", "hash")


async def invite(database: Database, inviter: accounts.Account, room_id: RoomId) -> str:
    async with database.transaction() as transaction:
        invitation = await invitations.create_invitation(
            transaction, actor_of(inviter), room_id, grants_history=False, expires_in_hours=1
        )
    return invitation.token


async def register_invited(
    database: Database, person: NewPerson, token: str, customer_name: str | None = None
) -> Registered:
    async with database.transaction() as transaction:
        return await registration.register_invited(transaction, person, token, customer_name)


async def test_whoever_registers_becomes_the_first_person_of_a_new_customer(database: Database) -> None:
    async with database.transaction() as transaction:
        registered = await registration.register_customer(transaction, MARA, "Lindt Bakery")
    account = registered.account
    assert (account.kind, account.customer_name, account.display_name, account.email) == (
        AccountKind.CUSTOMER,
        "Lindt Bakery",
        "Mara Lindt",
        "mara@example.org",
    )


async def test_writing_the_name_of_a_customer_gives_no_right_to_it(database: Database) -> None:
    async with database.transaction() as transaction:
        first = await registration.register_customer(transaction, MARA, "Lindt Bakery")
        second = await registration.register_customer(transaction, OTTO, "Lindt Bakery")
    assert first.account.customer_id != second.account.customer_id


async def test_an_address_has_one_account_however_it_is_written(database: Database) -> None:
    async with database.transaction() as transaction:
        await registration.register_customer(transaction, MARA, "Lindt Bakery")
    again = NewPerson("  MARA@Example.ORG", "Somebody", "hash")
    with pytest.raises(Conflict) as refusal:
        async with database.transaction() as transaction:
            await registration.register_customer(transaction, again, "Another")
    assert refusal.value.params == {"field": "email"}


async def test_a_registration_that_fails_leaves_nothing_behind(
    database: Database, owner: asyncpg.Connection
) -> None:
    await make_account(database, email=MARA.email)
    with pytest.raises(Conflict):
        async with database.transaction() as transaction:
            await registration.register_customer(transaction, MARA, "Lindt Bakery")
    assert await owner.fetchval("select count(*) from customers") == 0


async def test_an_invitation_to_a_private_room_makes_one_a_person_of_its_customer(database: Database) -> None:
    staff, person = await make_account(database), await make_account(database, "customer")
    room_id = await make_room(database, staff, person, kind="private")
    token = await invite(database, staff, room_id)
    registered = await register_invited(database, MARA, token, "Ignored: the room says it")
    assert registered.account.customer_id == person.customer_id
    async with database.read() as reading:
        members = [member.account_id for member in await memberships.list_members(reading, room_id)]
    assert registered.account.account_id in members
    assert {event.kind for event in registered.events} == {"member_joined", "room_entered"}


async def test_an_invitation_to_a_shared_room_asks_for_a_customer_of_ones_own(database: Database) -> None:
    staff, person = await make_account(database), await make_account(database, "customer")
    token = await invite(database, staff, await make_room(database, staff, person))
    with pytest.raises(InvalidInput) as refusal:
        await register_invited(database, MARA, token)
    assert refusal.value.params["field"] == "customer_name"
    registered = await register_invited(database, MARA, token, "Lindt Bakery")
    assert registered.account.customer_name == "Lindt Bakery"
    assert registered.account.customer_id != person.customer_id


async def test_an_invitation_lets_one_person_register_and_no_second(database: Database) -> None:
    staff, person = await make_account(database), await make_account(database, "customer")
    token = await invite(database, staff, await make_room(database, staff, person, kind="private"))
    outcomes = await asyncio.gather(
        register_invited(database, MARA, token),
        register_invited(database, OTTO, token),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkExpired", "Registered"]
    async with database.read() as reading:
        assert len(await accounts.list_accounts(reading)) == 3, "who was too late has no account"


async def test_an_invitation_that_was_registered_with_can_be_accepted_again_by_the_same_person(
    database: Database,
) -> None:
    staff, person = await make_account(database), await make_account(database, "customer")
    room_id = await make_room(database, staff, person, kind="private")
    token = await invite(database, staff, room_id)
    registered = await register_invited(database, MARA, token)
    async with database.transaction() as transaction:
        found, events = await invitations.accept_invitation(
            transaction, actor_of(registered.account), token, ClientCommandId(uuid4())
        )
    assert (found, events) == (room_id, [])


async def test_an_unknown_invitation_makes_no_account(database: Database) -> None:
    with pytest.raises(LinkExpired):
        await register_invited(database, MARA, "x" * 43, "Lindt Bakery")
    async with database.read() as reading:
        assert await accounts.list_accounts(reading) == []


async def test_the_first_admin_comes_in_by_the_link_and_nobody_after(database: Database) -> None:
    async with database.transaction() as transaction:
        link = await one_time_links.mint_first_admin_link(transaction)
        assert link is not None
    async with database.transaction() as transaction:
        registered = await registration.register_first_admin(transaction, MARA, link.token)
    assert registered.account.kind is AccountKind.ADMIN
    with pytest.raises(LinkExpired):
        async with database.transaction() as transaction:
            await registration.register_first_admin(transaction, OTTO, link.token)


async def test_a_link_for_the_first_admin_is_worth_nothing_when_there_is_one(database: Database) -> None:
    async with database.transaction() as transaction:
        link = await one_time_links.mint_first_admin_link(transaction)
        assert link is not None
    await make_account(database, "admin")
    with pytest.raises(LinkExpired):
        async with database.transaction() as transaction:
            await registration.register_first_admin(transaction, MARA, link.token)


async def test_two_who_open_the_first_link_at_once_are_one_admin(database: Database) -> None:
    async with database.transaction() as transaction:
        link = await one_time_links.mint_first_admin_link(transaction)
        assert link is not None

    async def come_in(person: NewPerson) -> Registered:
        async with database.transaction() as transaction:
            return await registration.register_first_admin(transaction, person, link.token)

    outcomes = await asyncio.gather(come_in(MARA), come_in(OTTO), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkExpired", "Registered"]


async def test_a_first_link_that_failed_for_a_wrong_name_still_works(database: Database) -> None:
    async with database.transaction() as transaction:
        link = await one_time_links.mint_first_admin_link(transaction)
        assert link is not None
    with pytest.raises(InvalidInput):
        async with database.transaction() as transaction:
            await registration.register_first_admin(transaction, NewPerson("m@x.org", " ", "h"), link.token)
    async with database.transaction() as transaction:
        assert await registration.register_first_admin(transaction, MARA, link.token)


async def test_an_invited_person_reads_nothing_of_other_rooms(database: Database) -> None:
    staff, person = await make_account(database), await make_account(database, "customer")
    invited_to = await make_room(database, staff, person, kind="private")
    other = await make_room(database, staff, person, kind="private")
    registered = await register_invited(database, MARA, await invite(database, staff, invited_to))
    async with database.read() as reading:
        await rooms.require_room(reading, actor_of(registered.account), invited_to)
        with pytest.raises(NotFound):
            await rooms.require_room(reading, actor_of(registered.account), other)
