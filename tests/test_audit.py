"""Every act of power leaves a mark: numbered, with who and why, and what people wrote kept apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import open_place, post
from tests.holding import attach, make_officer
from tests.people import by, make_account, make_accounts
from workroom import (
    account_commands,
    accounts,
    audit,
    files,
    integrity,
    one_time_links,
    registration,
    sessions,
)
from workroom.abilities import AccountKind
from workroom.account_commands import NewAccount
from workroom.audit import BY_WORKER, Act, AuditEntry, EntryFilter, Origin, Subject
from workroom.errors import Conflict
from workroom.ids import AccountId
from workroom.registration import NewPerson
from workroom.settings import Settings
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]


async def entries_of(database: Database, **wanted: object) -> list[AuditEntry]:
    """Entries that match, oldest first."""
    async with database.read() as reading:
        return (await audit.list_entries(reading, EntryFilter(**wanted)))[::-1]  # type: ignore[arg-type]


async def record(database: Database, reason: str = "Because", **facts: object) -> int:
    """An entry about nothing in particular."""
    async with database.transaction() as transaction:
        return await audit.record_act(
            transaction,
            audit.by_shell(),
            Act.MATTER_OPENED,
            Subject("matter", uuid4()),
            facts,
            {"reason": reason},
        )


# -- the log -------------------------------------------------------------------------------------------------


async def test_entries_are_numbered_without_gaps_however_many_act_at_once(database: Database) -> None:
    numbers = await asyncio.gather(*(record(database) for _ in range(20)))
    assert sorted(numbers) == list(range(1, 21))
    async with database.read() as reading:
        assert (await integrity.follow_chain(reading)).findings == []


async def test_what_was_rolled_back_leaves_no_entry_and_no_gap(database: Database) -> None:
    await record(database)
    with pytest.raises(RuntimeError):
        async with database.transaction() as transaction:
            await audit.record_act(transaction, BY_WORKER, Act.ALARM_RAISED, Subject("database"))
            raise RuntimeError("before the commit")
    assert await record(database) == 2


async def test_time_never_runs_backwards_in_the_log(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    await record(database)
    await move_time(timedelta(days=-3))
    await record(database)
    first, second = await entries_of(database)
    assert second.recorded_at == first.recorded_at


async def test_what_a_person_wrote_is_not_in_the_entry_and_can_be_erased_alone(
    database: Database, owner: asyncpg.Connection
) -> None:
    await record(database, "Ms Abernathy complains")
    everything = await owner.fetchval(
        "select string_agg(e::text || convert_from(canonical, 'UTF8'), '') from audit_entries e"
    )
    assert "Abernathy" not in everything
    assert (await entries_of(database))[0].texts == {"reason": "Ms Abernathy complains"}
    await owner.execute("delete from audit_texts")
    assert (await entries_of(database))[0].texts == {"reason": None}


async def test_the_same_reason_twice_has_two_digests(database: Database, owner: asyncpg.Connection) -> None:
    await record(database, "Settled")
    await record(database, "Settled")
    digests = await owner.fetch(
        "select convert_from(canonical, 'UTF8')::jsonb -> 'texts' ->> 'reason' as d from audit_entries"
    )
    assert len({each["d"] for each in digests}) == 2


async def test_entries_are_found_by_act_actor_subject_and_time_in_pages(
    database: Database, owner: asyncpg.Connection
) -> None:
    officer, admin = await make_officer(database), await make_account(database, "admin")
    before = await owner.fetchval("select clock_timestamp()")
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), officer.account_id)
    between = await owner.fetchval("select clock_timestamp()")
    await record(database)
    assert [each.act for each in await entries_of(database, act="account_deactivated")] == [
        "account_deactivated"
    ]
    assert [each.act for each in await entries_of(database, actor_id=admin.account_id)] == [
        "account_deactivated"
    ]
    assert [each.act for each in await entries_of(database, subject_id=officer.account_id)] == [
        "account_created", "account_deactivated",
    ]  # fmt: skip
    assert [
        each.act for each in await entries_of(database, recorded_from=before, recorded_until=between)
    ] == ["account_deactivated"]
    async with database.read() as reading:
        newest = await audit.list_entries(reading, EntryFilter(), limit=2)
        older = await audit.list_entries(reading, EntryFilter(), before=newest[-1].entry_number, limit=2)
    assert [each.entry_number for each in newest + older] == [4, 3, 2, 1]


async def test_facts_come_back_as_they_were_given(database: Database) -> None:
    account_id = uuid4()
    await record(database, before={"rooms": [account_id], "days": 3}, after=None, name="ß")
    assert (await entries_of(database))[0].facts == {
        "before": {"rooms": [str(account_id)], "days": 3}, "after": None, "name": "ß",
    }  # fmt: skip


# -- acts of power -------------------------------------------------------------------------------------------


async def test_what_an_admin_does_to_accounts_is_recorded_with_before_and_after(database: Database) -> None:
    admin, staff = await make_accounts(database, "admin", "staff")
    async with database.transaction() as transaction:
        session = await sessions.start_session(transaction, admin.account_id, days=1)
        initiator = audit.by_session(admin.account_id, session.session_id)
        await accounts.change_kind(transaction, initiator, staff.account_id, AccountKind.COMPLIANCE)
        await accounts.deactivate_account(transaction, initiator, staff.account_id)
        await accounts.reactivate_account(transaction, initiator, staff.account_id)
        await one_time_links.mint_password_link(transaction, initiator, staff.account_id)
    found = await entries_of(database, actor_id=admin.account_id)
    assert [(each.act, each.facts) for each in found] == [
        ("signed_in", {"kind": "admin"}),
        ("account_kind_changed", {"before": "staff", "after": "compliance"}),
        ("account_deactivated", {"kind": "compliance"}),
        ("account_reactivated", {"kind": "compliance"}),
        ("password_link_made", {}),
    ]
    assert {(each.origin, each.session_id, each.subject.subject_id) for each in found[1:]} == {
        (Origin.SESSION, initiator.session_id, staff.account_id)
    }


async def test_what_changes_nothing_is_not_recorded(database: Database) -> None:
    admin, staff = await make_accounts(database, "admin", "staff")
    async with database.transaction() as transaction:
        await accounts.change_kind(transaction, by(admin), staff.account_id, AccountKind.STAFF)
        await accounts.reactivate_account(transaction, by(admin), staff.account_id)
    assert await entries_of(database, actor_id=admin.account_id) == []


async def test_what_is_refused_leaves_no_entry(database: Database) -> None:
    admin = await make_account(database, "admin")
    with pytest.raises(Conflict):
        async with database.transaction() as transaction:
            await accounts.deactivate_account(transaction, by(admin), admin.account_id)
    assert [each.act for each in await entries_of(database)] == ["account_created"]


async def test_what_is_done_from_the_shell_is_recorded_as_that(
    settings: Settings, database: Database
) -> None:
    await account_commands.create_account(
        settings, NewAccount(AccountKind.STAFF, "sam@example.org", "Sam", None)
    )
    await account_commands.change_kind(settings, "sam@example.org", AccountKind.ADMIN)
    found = await entries_of(database)
    assert [each.act for each in found] == ["account_created", "password_link_made", "account_kind_changed"]
    assert {(each.origin, each.actor_id) for each in found} == {(Origin.SHELL, None)}
    assert "sam" not in str(found).lower()


async def test_the_first_admin_is_recorded_and_a_customer_that_registers_is_not(database: Database) -> None:
    async with database.transaction() as transaction:
        link = await one_time_links.mint_first_admin_link(transaction)
        assert link is not None
        person = NewPerson("ada@example.org", "Ada", "hash")
        registered = await registration.register_first_admin(transaction, person, link.token)
        await registration.register_customer(
            transaction, NewPerson("c@example.org", "Cleo", "hash"), "Cleo's"
        )
    [entry] = await entries_of(database)
    assert (entry.act, entry.facts["kind"], entry.subject.subject_id) == (
        "account_created", "admin", registered.account.account_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "is_recorded"), [("compliance", True), ("admin", True), ("staff", False), ("customer", False)]
)
async def test_who_signs_in_with_power_over_others_is_recorded(
    database: Database, kind: str, is_recorded: bool
) -> None:
    account = await make_account(database, kind)
    async with database.transaction() as transaction:
        session = await sessions.start_session(transaction, account.account_id, days=1)
    found = await entries_of(database, act="signed_in")
    assert [(each.actor_id, each.session_id, each.facts) for each in found] == (
        [(account.account_id, session.session_id, {"kind": kind})] if is_recorded else []
    )


async def test_a_damaged_file_is_recorded_once_for_each_block(
    database: Database, owner: asyncpg.Connection
) -> None:
    reader = await make_account(database)
    place = await open_place(database, reader)
    await attach(owner, (await post(database, reader, place.shared)).message_id)
    file_id = await owner.fetchval("select file_id from files")
    for block in (0, 0, 1):
        async with database.transaction() as transaction:
            await files.record_damage(transaction, file_id, block, AccountId(reader.account_id))
    found = await entries_of(database, act="file_damage_found")
    assert [(each.subject.subject_id, each.facts["block"], each.actor_id) for each in found] == [
        (file_id, 0, None), (file_id, 1, None),
    ]  # fmt: skip
    assert await owner.fetchval("select count(*) from file_damages") == 3
