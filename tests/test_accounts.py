"""Accounts: made, changed and ended, and told of where the person is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest

from tests.people import actor_of, by, make_account, make_room
from workroom import accounts, audit, customers, memberships, one_time_links, room_members, rooms, sessions
from workroom.abilities import AccountKind
from workroom.accounts import Account, ChangedAccount
from workroom.audit import Initiator
from workroom.errors import Conflict, InvalidInput, NotFound, SignInRequired, TryAgain
from workroom.events import RecordedEvent
from workroom.ids import AccountId, ClientCommandId, CustomerId, RoomId
from workroom.storage.database import Database, Transaction


def told(events: list[RecordedEvent], account: Account) -> tuple[list[str], list[str]]:
    """What the account's own stream was told, and what other streams were."""
    own = [event.kind for event in events if event.stream_id == account.stream_id]
    return own, [event.kind for event in events if event.stream_id != account.stream_id]


async def change_kind(database: Database, actor: Account, account: Account, kind: str) -> ChangedAccount:
    async with database.transaction() as transaction:
        return await accounts.change_kind(transaction, by(actor), account.account_id, AccountKind(kind))


async def deactivate(database: Database, actor: Account, account: Account) -> ChangedAccount:
    async with database.transaction() as transaction:
        return await accounts.deactivate_account(transaction, by(actor), account.account_id)


async def is_signed_in(database: Database, token: str) -> bool:
    async with database.read() as reading:
        return await sessions.find_session(reading, token) is not None


async def sign_in(database: Database, account: Account) -> str:
    async with database.transaction() as transaction:
        return (await sessions.start_session(transaction, account.account_id, days=1)).token


async def member_ids(database: Database, room_id: RoomId) -> set[AccountId]:
    async with database.read() as reading:
        return {member.account_id for member in await memberships.list_members(reading, room_id)}


async def test_an_account_is_made_with_its_person_and_its_own_stream(
    database: Database, owner: asyncpg.Connection
) -> None:
    account = await make_account(database, "staff", name="  Mara  Lindt", email=" Mara@Example.org")
    assert (account.kind, account.display_name, account.email) == (
        AccountKind.STAFF,
        "Mara Lindt",
        "Mara@Example.org",
    )
    assert (
        await owner.fetchval("select kind from streams where account_id = $1", account.account_id)
        == "account"
    )
    async with database.read() as reading:
        assert await accounts.require_account(reading, account.account_id) == account


async def test_a_customers_account_needs_a_customer_and_no_other_may_have_one(database: Database) -> None:
    async with database.transaction() as transaction:
        customer = await customers.create_customer(transaction, "Lindt Bakery")
        for kind, customer_id in (("customer", None), ("staff", customer.customer_id)):
            with pytest.raises(InvalidInput) as refusal:
                await accounts.create_account(
                    transaction,
                    kind=AccountKind(kind),
                    email="m@example.org",
                    display_name="Mara",
                    customer_id=customer_id,
                )
            assert refusal.value.params["field"] == "customer_id"
        with pytest.raises(InvalidInput):
            await accounts.create_account(
                transaction,
                kind=AccountKind.CUSTOMER,
                email="m@example.org",
                display_name="Mara",
                customer_id=CustomerId(uuid4()),
            )


async def test_an_address_has_one_account(database: Database) -> None:
    await make_account(database, email="mara@example.org")
    with pytest.raises(Conflict) as refusal:
        await make_account(database, email="MARA@example.org")
    assert refusal.value.params == {"field": "email"}


async def test_accounts_are_listed_in_pages(database: Database) -> None:
    made = [await make_account(database) for _ in range(5)]
    async with database.read() as reading:
        first = await accounts.list_accounts(reading, limit=3)
        rest = await accounts.list_accounts(reading, after=first[-1].account_id, limit=3)
    assert [*first, *rest] == made


async def test_an_account_that_does_not_exist_cannot_be_changed(database: Database) -> None:
    admin, nobody = await make_account(database, "admin"), AccountId(uuid4())
    async with database.transaction() as transaction:
        for change in (
            accounts.change_name(transaction, nobody, "Mara"),
            accounts.change_kind(transaction, by(admin), nobody, AccountKind.STAFF),
            accounts.deactivate_account(transaction, by(admin), nobody),
            accounts.reactivate_account(transaction, by(admin), nobody),
        ):
            with pytest.raises(NotFound):
                await change


async def test_another_name_is_told_to_the_person_and_in_each_room(database: Database) -> None:
    staff, person = await make_account(database), await make_account(database, "customer")
    await make_room(database, staff, person)
    await make_room(database, staff, person, kind="private")
    await make_room(database, staff)
    async with database.transaction() as transaction:
        changed = await accounts.change_name(transaction, person.account_id, " Mara  Lindt ")
    assert changed.account.display_name == "Mara Lindt"
    assert told(changed.events, person) == (["account_changed"], ["member_changed"] * 2)
    assert {event.subject_id for event in changed.events} == {person.account_id}


async def test_the_same_name_again_tells_nobody(database: Database) -> None:
    account = await make_account(database, name="Mara")
    async with database.transaction() as transaction:
        assert (await accounts.change_name(transaction, account.account_id, "Mara")).events == []


async def test_another_kind_ends_every_session_and_is_told_in_each_room(database: Database) -> None:
    admin, staff = await make_account(database, "admin"), await make_account(database)
    await make_room(database, staff)
    token = await sign_in(database, staff)
    changed = await change_kind(database, admin, staff, "admin")
    assert changed.account.kind is AccountKind.ADMIN
    assert told(changed.events, staff) == (["account_changed", "sessions_ended"], ["member_changed"])
    assert {event.actor_id for event in changed.events} == {admin.account_id}
    assert not await is_signed_in(database, token)


async def test_the_same_kind_again_ends_no_session_and_tells_nobody(database: Database) -> None:
    admin, staff = await make_account(database, "admin"), await make_account(database)
    token = await sign_in(database, staff)
    assert (await change_kind(database, admin, staff, "staff")).events == []
    assert await is_signed_in(database, token)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("customer", "staff"),
        ("customer", "admin"),
        ("customer", "compliance"),
        ("staff", "customer"),
        ("compliance", "customer"),
    ],
)
async def test_nobody_changes_between_customer_and_provider(
    database: Database, before: str, after: str
) -> None:
    admin, account = await make_account(database, "admin"), await make_account(database, before)
    with pytest.raises(Conflict) as refusal:
        await change_kind(database, admin, account, after)
    assert refusal.value.params["problem"] == "kind_is_fixed"


async def test_whoever_becomes_compliance_leaves_every_room(database: Database) -> None:
    admin, staff = await make_account(database, "admin"), await make_account(database)
    room_ids = [await make_room(database, staff), await make_room(database, staff)]
    changed = await change_kind(database, admin, staff, "compliance")
    for room_id in room_ids:
        assert await member_ids(database, room_id) == set()
    own, others = told(changed.events, staff)
    assert sorted(own) == ["account_changed", "room_exited", "room_exited", "sessions_ended"]
    assert "member_removed" in others
    assert "member_changed" not in others, "nobody there sees the person any more"


async def test_a_deactivated_person_stays_in_the_rooms_and_is_seen_as_such(database: Database) -> None:
    admin, staff = await make_account(database, "admin"), await make_account(database)
    room_id = await make_room(database, staff)
    changed = await deactivate(database, admin, staff)
    assert changed.account.deactivated_at is not None
    assert told(changed.events, staff) == (["account_deactivated"], ["member_changed"])
    assert await member_ids(database, room_id) == {staff.account_id}
    assert (await deactivate(database, admin, staff)).events == [], "a second time changes nothing"


async def test_a_deactivated_person_reads_nothing(database: Database) -> None:
    admin, staff = await make_account(database, "admin"), await make_account(database)
    room_id = await make_room(database, staff)
    async with database.read() as reading:
        await rooms.require_room(reading, actor_of(staff), room_id)
    await deactivate(database, admin, staff)
    async with database.read() as reading:
        with pytest.raises(NotFound):
            await rooms.require_room(reading, actor_of(staff), room_id)


async def test_a_reactivated_person_is_seen_again(database: Database) -> None:
    admin, staff = await make_account(database, "admin"), await make_account(database)
    await make_room(database, staff)
    await deactivate(database, admin, staff)
    async with database.transaction() as transaction:
        changed = await accounts.reactivate_account(transaction, by(admin), staff.account_id)
        again = await accounts.reactivate_account(transaction, by(admin), staff.account_id)
    assert changed.account.deactivated_at is None
    assert told(changed.events, staff) == (["account_reactivated"], ["member_changed"])
    assert again.events == []


async def test_the_last_active_admin_stays_one(database: Database) -> None:
    admin, second = await make_account(database, "admin"), await make_account(database, "admin")
    await deactivate(database, admin, second)
    for act in (deactivate(database, admin, admin), change_kind(database, admin, admin, "staff")):
        with pytest.raises(Conflict) as refusal:
            await act
        assert refusal.value.params["problem"] == "last_admin"


async def test_two_admins_who_remove_each_other_at_once_leave_one(database: Database) -> None:
    first, second = await make_account(database, "admin"), await make_account(database, "admin")
    outcomes = await asyncio.gather(
        deactivate(database, first, second),
        change_kind(database, second, first, "staff"),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ChangedAccount", "Conflict"]


async def test_a_change_of_kind_and_a_join_at_once_never_leave_compliance_in_a_room(
    database: Database,
) -> None:
    admin, opener = await make_account(database, "admin"), await make_account(database)
    room_id = await make_room(database, opener)
    for _ in range(10):
        staff = await make_account(database)

        async def join(staff: Account = staff) -> None:
            async with database.transaction() as transaction:
                await room_members.join_room(transaction, actor_of(staff), room_id, ClientCommandId(uuid4()))

        outcomes = await asyncio.gather(
            join(), change_kind(database, admin, staff, "compliance"), return_exceptions=True
        )
        unexpected = [o for o in outcomes if isinstance(o, BaseException) and not isinstance(o, TryAgain)]
        async with database.read() as reading:
            kind = (await accounts.require_account(reading, staff.account_id)).kind
        joined = staff.account_id in await member_ids(database, room_id)
        assert not (kind is AccountKind.COMPLIANCE and joined), unexpected


# -- an admin, to the end ------------------------------------------------------------------------------------

Change = Callable[[Transaction, Initiator, AccountId], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "create_account": lambda transaction, initiator, _: accounts.create_account(
        transaction, kind=AccountKind.ADMIN, email="x@example.org", display_name="X", by=initiator
    ),
    "change_kind": lambda transaction, initiator, account_id: accounts.change_kind(
        transaction, initiator, account_id, AccountKind.ADMIN
    ),
    "deactivate_account": accounts.deactivate_account,
    "reactivate_account": accounts.reactivate_account,
    "mint_password_link": one_time_links.mint_password_link,
}


async def begin_session(database: Database, account: Account) -> Initiator:
    async with database.transaction() as transaction:
        session = await sessions.start_session(transaction, account.account_id, days=1)
    return audit.by_session(account.account_id, session.session_id)


@pytest.mark.parametrize(
    ("loss", "refusal"),
    [("deactivated", SignInRequired), ("signed out", SignInRequired), ("staff by now", NotFound)],
)
@pytest.mark.parametrize("change", CHANGES)
async def test_who_is_no_admin_any_more_changes_no_account(
    change: str, loss: str, refusal: type[Exception], database: Database
) -> None:
    first, admin, staff = [await make_account(database, kind) for kind in ("admin", "admin", "staff")]
    initiator, allowed = await begin_session(database, admin), await begin_session(database, first)
    if loss == "deactivated":
        await deactivate(database, first, admin)
    elif loss == "signed out":
        async with database.transaction() as transaction:
            await sessions.end_every_session(transaction, admin.account_id, admin.stream_id)
    else:
        await change_kind(database, first, admin, "staff")
        initiator = await begin_session(database, admin)
    async with database.transaction() as transaction:
        with pytest.raises(refusal):
            await CHANGES[change](transaction, initiator, staff.account_id)
        await CHANGES[change](transaction, allowed, staff.account_id)


async def test_of_two_admins_who_dismiss_each_other_at_once_one_is_too_late(database: Database) -> None:
    await make_account(database, "admin")
    first, second = [await make_account(database, "admin") for _ in range(2)]
    by_first, by_second = await begin_session(database, first), await begin_session(database, second)

    async def dismiss(initiator: Initiator, account: Account) -> None:
        async with database.transaction() as transaction:
            await accounts.deactivate_account(transaction, initiator, account.account_id)

    outcomes = await asyncio.gather(
        dismiss(by_first, second), dismiss(by_second, first), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "SignInRequired"]
