"""Invitations: one person, one room, until used, revoked or past its time; a dead link says nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import (
    a_command,
    accept,
    add,
    invite,
    leave,
    open_place,
    post,
    read_all,
    readership_of,
    remove,
    set_archived,
)
from tests.looking import until_yes
from tests.people import actor_of, by, make_account, make_accounts
from workroom import accounts, invitations
from workroom.abilities import AccountKind
from workroom.accounts import Account
from workroom.errors import CommandIdReused, Forbidden, LinkExpired, NotFound, WorkroomError
from workroom.ids import InvitationId, RoomId
from workroom.storage.database import Database, Transaction

MoveTime = Callable[[timedelta], Awaitable[None]]


async def revoke(database: Database, actor: Account, invitation_id: InvitationId) -> None:
    async with database.transaction() as transaction:
        await invitations.revoke_invitation(transaction, actor_of(actor), invitation_id)


async def listed(database: Database, actor: Account, room_id: RoomId) -> list[InvitationId]:
    async with database.read() as reading:
        found = await invitations.list_invitations(reading, actor_of(actor), room_id)
    return [each.invitation_id for each in found]


async def test_a_link_lets_one_person_in_once(database: Database) -> None:
    staff, customer, other = await make_accounts(database, "staff", "customer", "customer")

    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id)
    room_id, recorded = await accept(database, customer, made.token)
    assert room_id == place.room_id
    assert (recorded[0].kind, recorded[0].actor_id) == ("member_joined", customer.account_id)
    assert (await readership_of(database, customer, place.shared)).reads_from_seq == recorded[0].seq
    with pytest.raises(LinkExpired):
        await accept(database, other, made.token)


async def test_the_history_is_granted_by_the_link(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    await post(database, staff, place.shared)
    made = await invite(database, staff, place.room_id, grants_history=True)
    await accept(database, customer, made.token)
    assert (await readership_of(database, customer, place.shared)).reads_from_seq == 1


async def test_accepting_is_done_once_however_often_it_is_sent(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    made, command = await invite(database, staff, place.room_id), a_command()
    await accept(database, customer, made.token, command)
    for again in (command, a_command()):
        assert await accept(database, customer, made.token, again) == (place.room_id, [])
    assert [event.kind for event in await read_all(database, place.shared)].count("member_joined") == 2


async def test_a_used_link_does_not_let_back_in_who_was_removed(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id)
    await accept(database, customer, made.token)
    await remove(database, staff, place.room_id, customer)
    await accept(database, customer, made.token)
    with pytest.raises(NotFound):
        await readership_of(database, customer, place.shared)


async def test_an_id_used_for_another_command_is_an_error(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    command = a_command()
    await post(database, customer, place.shared, command=command)
    await leave(database, customer, place.room_id)
    made = await invite(database, staff, place.room_id)
    with pytest.raises(CommandIdReused):
        await accept(database, customer, made.token, command)
    await accept(database, customer, made.token)


async def test_two_at_the_same_moment_are_one_too_many(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    customers = [await make_account(database, "customer") for _ in range(4)]
    made = await invite(database, staff, place.room_id)
    answers = await asyncio.gather(
        *(accept(database, customer, made.token) for customer in customers), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["LinkExpired"] * 3 + ["tuple"]


async def test_who_is_a_member_keeps_the_membership_and_the_link_stays_unused(database: Database) -> None:
    staff, customer, other = await make_accounts(database, "staff", "customer", "customer")

    place = await open_place(database, staff, customer)
    before = await readership_of(database, customer, place.shared)
    made = await invite(database, staff, place.room_id, grants_history=True)
    assert await accept(database, customer, made.token) == (place.room_id, [])
    assert (await readership_of(database, customer, place.shared)).reads_from_seq == before.reads_from_seq
    await accept(database, other, made.token)


async def test_dead_links_look_all_the_same(database: Database, move_time: MoveTime) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place, archived = await open_place(database, staff), await open_place(database, staff)
    used, revoked, expired = [
        await invite(database, staff, place.room_id, expires_in_hours=h) for h in (9, 9, 1)
    ]
    in_archived = await invite(database, staff, archived.room_id, expires_in_hours=9)
    await accept(database, await make_account(database, "customer"), used.token)
    await revoke(database, staff, revoked.invitation_id)
    await set_archived(database, staff, archived.room_id)
    await move_time(timedelta(hours=1, seconds=1))
    refusals = set()
    for token in (used.token, revoked.token, expired.token, in_archived.token, "x" * 43):
        for asked in (accept(database, customer, token), _find(database, token)):
            with pytest.raises(LinkExpired) as refused:
                await asked
            refusals.add((refused.value.message, str(refused.value.params)))
    assert len(refusals) == 1


async def test_a_link_lasts_as_long_as_it_says(database: Database, move_time: MoveTime) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id, expires_in_hours=24)
    await move_time(timedelta(hours=23, minutes=59))
    await accept(database, customer, made.token)


async def test_the_database_does_not_know_the_token(database: Database, owner: asyncpg.Connection) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id)
    row = await owner.fetchrow("select * from invitations")
    assert row["token_hash"] == hashlib.sha256(made.token.encode()).digest()
    assert made.token not in str(dict(row))
    assert len(made.token) >= 43  # 256 bits


async def test_an_invitation_says_before_it_is_accepted_what_it_is_for(database: Database) -> None:
    staff = await make_account(database, name="Mara Lindt")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id, grants_history=True)
    found = await _find(database, made.token)
    assert (found.room_id, found.room_kind, found.room_name, found.invited_by, found.grants_history) == (
        place.room_id, "shared", "The room", "Mara Lindt", True,
    )  # fmt: skip


async def test_links_that_work_are_listed_oldest_first(database: Database, move_time: MoveTime) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    made = [await invite(database, staff, place.room_id, expires_in_hours=h) for h in (9, 9, 1, 9)]
    await accept(database, customer, made[1].token)
    await move_time(timedelta(hours=2))
    assert await listed(database, staff, place.room_id) == [made[0].invitation_id, made[3].invitation_id]


async def test_only_the_provider_invites_and_only_where_it_is_a_member(database: Database) -> None:
    staff, customer, colleague = await make_accounts(database, "staff", "customer", "staff")

    place = await open_place(database, staff, customer)
    made = await invite(database, staff, place.room_id)
    for refused in (
        invite(database, customer, place.room_id),
        listed(database, customer, place.room_id),
        revoke(database, customer, made.invitation_id),
    ):
        with pytest.raises(Forbidden):
            await refused
    refusals = set()
    for asked in (
        invite(database, colleague, place.room_id),
        invite(database, colleague, RoomId(uuid4())),
        listed(database, colleague, place.room_id),
        listed(database, colleague, RoomId(uuid4())),
    ):
        with pytest.raises(NotFound) as refused_:
            await asked
        refusals.add(refused_.value.message)
    assert len(refusals) == 1


async def test_revoking_what_is_elsewhere_and_what_is_nowhere_look_the_same(database: Database) -> None:
    staff, colleague = await make_accounts(database, "staff", "staff")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id)
    refusals = set()
    for invitation_id in (made.invitation_id, InvitationId(uuid4())):
        with pytest.raises(WorkroomError) as refused:
            await revoke(database, colleague, invitation_id)
        refusals.add((refused.value.code, refused.value.message))
    assert len(refusals) == 1
    await revoke(database, staff, made.invitation_id)
    with pytest.raises(NotFound):
        await revoke(database, staff, made.invitation_id)


async def test_a_private_room_is_not_opened_to_another_customer_by_a_link(database: Database) -> None:
    staff, customer, stranger = await make_accounts(database, "staff", "customer", "customer")

    colleague = await make_account(database, "customer", customer_id=customer.customer_id)
    place = await open_place(database, staff, customer, kind="private")
    made = await invite(database, staff, place.room_id)
    with pytest.raises(Forbidden):
        await accept(database, stranger, made.token)
    await accept(database, colleague, made.token)  # the refused one did not use it up


async def test_compliance_does_not_come_in_by_a_link(database: Database) -> None:
    staff, officer = await make_accounts(database, "staff", "compliance")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id, grants_history=True)
    with pytest.raises(Forbidden):
        await accept(database, officer, made.token)


async def test_the_invitation_of_somebody_who_left_still_works_until_it_is_revoked(
    database: Database,
) -> None:
    staff, colleague, customer = await make_accounts(database, "staff", "staff", "customer")

    place = await open_place(database, staff)
    await add(database, staff, place.room_id, colleague)
    made = await invite(database, staff, place.room_id)
    await leave(database, staff, place.room_id)
    assert await listed(database, colleague, place.room_id) == [made.invitation_id]
    await accept(database, customer, made.token)


async def test_the_invitation_of_somebody_deactivated_works_for_nobody_until_they_are_back(
    database: Database,
) -> None:
    admin, staff, colleague, customer = await make_accounts(database, "admin", "staff", "staff", "customer")
    place = await open_place(database, staff)
    await add(database, staff, place.room_id, colleague)
    made = await invite(database, staff, place.room_id, grants_history=True)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), staff.account_id)
    for asked in (accept(database, customer, made.token), _find(database, made.token)):
        with pytest.raises(LinkExpired):
            await asked
    assert await listed(database, colleague, place.room_id) == [made.invitation_id], "it can be revoked"
    async with database.transaction() as transaction:
        await accounts.reactivate_account(transaction, by(admin), staff.account_id)
    await accept(database, customer, made.token)


async def test_the_invitation_of_somebody_who_may_not_invite_any_more_works_for_nobody(
    database: Database,
) -> None:
    admin, staff, customer = await make_accounts(database, "admin", "staff", "customer")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id)
    for kind, works in ((AccountKind.COMPLIANCE, False), (AccountKind.ADMIN, True)):
        async with database.transaction() as transaction:
            await accounts.change_kind(transaction, by(admin), staff.account_id, kind)
        for asked in (_find(database, made.token), accept(database, customer, made.token)):
            if works:
                await asked
            else:
                with pytest.raises(LinkExpired):
                    await asked


async def test_an_invitation_is_not_used_after_its_maker_was_deactivated_meanwhile(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, staff, customer = await make_accounts(database, "admin", "staff", "customer")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id)
    find = invitations.find_invitation

    async def find_before_the_deactivation(transaction: Transaction, token: str) -> invitations.Invitation:
        found = await find(transaction, token)
        async with database.transaction() as other:
            await accounts.deactivate_account(other, by(admin), staff.account_id)
        return found

    monkeypatch.setattr(invitations, "find_invitation", find_before_the_deactivation)
    with pytest.raises(LinkExpired):
        await accept(database, customer, made.token)


async def test_a_link_that_is_used_while_it_is_revoked_was_not_revoked(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    made = await invite(database, staff, place.room_id)
    async with database.transaction() as transaction:
        await invitations.accept_invitation(transaction, actor_of(customer), made.token, a_command())
        revoking = asyncio.create_task(revoke(database, staff, made.invitation_id))
        await until_yes(
            owner,
            "select exists (select from pg_locks join pg_stat_activity using (pid) "
            "where datname = current_database() and not granted)",
        )
    with pytest.raises(NotFound):
        await revoking
    assert (await readership_of(database, customer, place.shared)).reads_from_seq


async def _find(database: Database, token: str) -> invitations.Invitation:
    async with database.read() as reading:
        return await invitations.find_invitation(reading, token)
