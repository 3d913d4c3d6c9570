"""What an owner or a superuser changes is found: in the schema, in the audit log, in what should have left a mark."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import open_place, post
from tests.holding import make_officer, open_matter, place_hold, release_hold, scope_of
from tests.people import by, make_account, make_accounts
from tests.servers import DatabaseUrls
from workroom import accounts, audit, audit_erasure, integrity, worker
from workroom.abilities import AccountKind
from workroom.audit import Act, EntryFilter
from workroom.audit_chain import ChainedEntry, Finding, Problem
from workroom.audit_export import list_chained
from workroom.storage.database import Database
from workroom.storage.transaction import Transaction

MoveTime = Callable[[timedelta], Awaitable[None]]


@pytest_asyncio.fixture
async def superuser(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection of the superuser."""
    connection = await asyncpg.connect(
        database_urls.superuser_url, server_settings={"search_path": "workroom", "timezone": "UTC"}
    )
    yield connection
    await connection.close()


async def findings_after(superuser: asyncpg.Connection, *statements: str) -> list[Finding]:
    """What is found of the schema after it was tampered with; the tampering is undone."""
    attempt = superuser.transaction()
    await attempt.start()
    try:
        for statement in statements:
            await superuser.execute(statement)
        return await integrity.find_changed_parts(Transaction(superuser))
    finally:
        await attempt.rollback()


MISSING, UNEXPECTED, ALTERED = Problem.PART_MISSING, Problem.PART_UNEXPECTED, Problem.PART_ALTERED
EMPTY_FUNCTION = (
    "() returns trigger language plpgsql volatile security definer set search_path = workroom, pg_temp"
)

# What somebody does, and the one thing at least that has to be found.
TAMPERINGS = {
    "alter table messages disable trigger guard_after_delete": (
        ALTERED,
        "trigger messages.guard_after_delete",
    ),
    "alter table {partition} disable trigger guard_after_delete": (
        ALTERED,
        "trigger {partition}.guard_after_delete",
    ),
    "alter table only messages enable trigger guard_after_delete": (
        ALTERED,
        "trigger messages.guard_after_delete",
    ),
    "alter table {partition} enable replica trigger guard_written": (
        ALTERED,
        "trigger {partition}.guard_written",
    ),
    "drop trigger guard_before_delete on message_revisions": (
        MISSING,
        "trigger message_revisions.guard_before_delete",
    ),
    "drop trigger guard_after_delete on {partition}": (MISSING, "trigger {partition}.guard_after_delete"),
    "drop trigger guard_truncate on {partition}": (MISSING, "trigger {partition}.guard_truncate"),
    "drop trigger guard_written on messages": (MISSING, "trigger {partition}.guard_written"),
    "drop trigger guard_delete on audit_entries": (MISSING, "trigger audit_entries.guard_delete"),
    "alter table hold_rooms disable trigger all": (ALTERED, "trigger hold_rooms.guard_delete"),
    "alter table hold_amendments disable trigger all": (
        UNEXPECTED,
        "switched off foreign key hold_amendments.hold_rooms_hold_id_amendment_fkey",
    ),
    f"create or replace function refuse_held_messages{EMPTY_FUNCTION} as 'begin return null; end'": (
        ALTERED,
        "function refuse_held_messages()",
    ),
    f"create or replace function refuse_removal{EMPTY_FUNCTION} as 'begin return null; end'": (
        ALTERED,
        "function refuse_removal()",
    ),
    "create or replace function current_instant() returns timestamptz language sql volatile parallel safe "
    "as 'select ''2100-01-01''::timestamptz'": (ALTERED, "function current_instant()"),
    "alter function refuse_held_parts() stable": (ALTERED, "function refuse_held_parts()"),
    "alter function refuse_held_parts() security invoker": (ALTERED, "function refuse_held_parts()"),
    "alter function begin_deletion() set search_path = pg_temp": (ALTERED, "function begin_deletion()"),
    "alter function lock_holds_shared() owner to workroom_service": (ALTERED, "function lock_holds_shared()"),
    "drop function keep_written() cascade": (MISSING, "trigger holds.guard_written"),
    "create function open_door() returns void language sql as 'delete from messages'": (
        UNEXPECTED,
        "function open_door()",
    ),
    "grant delete on messages to workroom_service": (ALTERED, "grant messages to workroom_service"),
    "grant delete on {partition} to workroom_service": (UNEXPECTED, "grant {partition} to workroom_service"),
    "grant update (text) on message_revisions to workroom_service": (
        UNEXPECTED,
        "grant message_revisions.text to workroom_service",
    ),
    "grant delete on messages to public": (UNEXPECTED, "grant messages to public"),
    "grant execute on function guard_content(text, text) to workroom_service": (
        UNEXPECTED,
        "grant guard_content(relation_name text, rules_of text) to workroom_service",
    ),
    "grant create on schema workroom to workroom_service": (ALTERED, "grant schema to workroom_service"),
    "revoke select on hold_rooms from workroom_service": (ALTERED, "grant hold_rooms to workroom_service"),
    "grant workroom_disposition to workroom_service": (
        UNEXPECTED,
        "membership workroom_service in workroom_disposition",
    ),
    "grant workroom_owner to workroom_service": (UNEXPECTED, "membership workroom_service in workroom_owner"),
    "grant pg_write_all_data to workroom_service": (
        UNEXPECTED,
        "membership workroom_service in pg_write_all_data",
    ),
    "create role intruder; grant delete on messages to intruder": (
        UNEXPECTED,
        "right to delete messages intruder",
    ),
    "alter role workroom_service bypassrls": (ALTERED, "role workroom_service"),
    "alter role workroom_service superuser": (ALTERED, "role workroom_service"),
    "alter role workroom_disposition login": (ALTERED, "role workroom_disposition"),
    "create or replace view standing_holds as select hold_id, matter_id, sent_from, sent_until, covers_messages, "
    "covers_files from holds where false": (ALTERED, "view standing_holds"),
    "drop view held_messages": (MISSING, "view held_messages"),
    "alter view held_spans owner to workroom_service": (ALTERED, "view held_spans"),
    "alter table messages detach partition {partition}": (UNEXPECTED, "table {partition}"),
    "drop table messages_default": (MISSING, "table messages_default"),
    "create table messages_2077_01 partition of messages for values from "
    "('fffffff0-0000-0000-0000-000000000000') to ('fffffff1-0000-0000-0000-000000000000')": (
        MISSING,
        "trigger messages_2077_01.guard_after_delete",
    ),
    "create rule gone as on insert to messages do instead nothing": (UNEXPECTED, "rule messages.gone"),
    "create function quiet() returns trigger language plpgsql as 'begin return null; end'; "
    "create trigger a_first before delete on messages for each row execute function quiet()": (
        UNEXPECTED,
        "trigger messages.a_first",
    ),
    "alter table hold_rooms enable row level security": (ALTERED, "table hold_rooms"),
    "alter table hold_rooms force row level security": (ALTERED, "table hold_rooms"),
    "create policy p on hold_rooms using (false)": (UNEXPECTED, "policy hold_rooms.p"),
    "alter table messages owner to workroom_service": (ALTERED, "table messages"),
    "alter table hold_releases drop constraint release_has_a_grace_period": (
        MISSING,
        "constraint hold_releases.release_has_a_grace_period",
    ),
    "alter table hold_releases drop constraint release_has_a_grace_period, add constraint release_has_a_grace_period "
    "check (kept_until is null or confirmed_at is null or true)": (
        ALTERED,
        "constraint hold_releases.release_has_a_grace_period",
    ),
    "alter table file_segments drop constraint place_is_of_its_file, add constraint place_is_of_its_file "
    "check (store_key is not null and file_id is not null)": (
        ALTERED,
        "constraint file_segments.place_is_of_its_file",
    ),
    "alter table hold_releases disable trigger guard_grace": (ALTERED, "trigger hold_releases.guard_grace"),
    "alter table hold_rooms drop constraint hold_rooms_room_id_fkey": (
        MISSING,
        "constraint hold_rooms.hold_rooms_room_id_fkey",
    ),
    "alter table message_revisions drop column salt": (MISSING, "column message_revisions.salt"),
    "alter table holds alter column covers_messages drop not null": (ALTERED, "column holds.covers_messages"),
}


async def test_a_database_that_nobody_touched_is_as_it_should_be(
    database: Database, superuser: asyncpg.Connection, move_time: MoveTime
) -> None:
    assert await findings_after(superuser) == []
    # The months to come are made by the service, and are like those that were there.
    await superuser.execute("set role workroom_service")
    assert await superuser.fetchval("select ensure_partitions('2031-01-01', '2031-03-01')") > 0
    await superuser.execute("reset role")
    assert await findings_after(superuser) == []
    async with database.transaction() as transaction:
        assert (await integrity.verify_database(transaction)).findings == []


async def test_each_kind_of_tampering_with_the_schema_is_found(superuser: asyncpg.Connection) -> None:
    partition = await superuser.fetchval("select to_char(now(), '\"messages_\"YYYY_MM')")
    for statement, (problem, subject) in TAMPERINGS.items():
        expected = Finding(problem, subject.format(partition=partition))
        found = await findings_after(superuser, statement.format(partition=partition))
        assert expected in found, statement


async def test_without_the_right_to_compare_views_that_is_said(superuser: asyncpg.Connection) -> None:
    name = await superuser.fetchval("select current_database()")
    found = await findings_after(
        superuser,
        f'revoke temporary on database "{name}" from public, workroom_service',
        "set local role workroom_service",
    )
    assert [finding.problem for finding in found] == [Problem.PART_MISSING]
    assert "temporary views" in str(found[0])


# -- the audit log -------------------------------------------------------------------------------------------


async def some_acts(database: Database) -> None:
    """A few entries, with reasons."""
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    await release_hold(database, officer, await place_hold(database, officer, place.room_id))


@pytest.mark.parametrize(
    ("statement", "problem", "subject"),
    [
        (
            "update audit_entries set act = 'matter_closed' where entry_number = 3",
            Problem.ENTRY_ALTERED,
            "entry 3",
        ),
        ("update audit_entries set facts = '{}' where entry_number = 4", Problem.ENTRY_ALTERED, "entry 4"),
        ("update audit_entries set actor_id = null where entry_number = 4", Problem.ENTRY_ALTERED, "entry 4"),
        (
            "update audit_entries set recorded_at = recorded_at - interval '1 day' where entry_number = 4",
            Problem.ENTRY_ALTERED,
            "entry 4",
        ),
        (
            "update audit_entries set canonical = convert_to(replace(convert_from(canonical, 'UTF8'), 'hold', 'cold'), "
            "'UTF8') where entry_number = 4",
            Problem.ENTRY_ALTERED,
            "entry 4",
        ),
        (
            "update audit_entries set canonical = 'x', entry_hash = sha256('x') where entry_number = 4",
            Problem.ENTRY_UNREADABLE,
            "entry 4",
        ),
        (
            "update audit_entries set entry_number = 99 where entry_number = 4",
            Problem.ENTRY_MISSING,
            "entry 4",
        ),
        (
            "update audit_texts set text = 'another' where entry_number = 4",
            Problem.TEXT_ALTERED,
            "the reason of entry 4",
        ),
        (
            "insert into audit_texts values (1, 'reason', sha256('a'), 'never said')",
            Problem.TEXT_ALTERED,
            "the reason of entry 1",
        ),
    ],
)
async def test_what_is_changed_in_the_audit_log_is_found(
    database: Database, superuser: asyncpg.Connection, statement: str, problem: Problem, subject: str
) -> None:
    await some_acts(database)
    for table in ("audit_entries", "audit_texts", "hold_amendments", "matters", "hold_releases"):
        await superuser.execute(f"alter table {table} disable trigger all")
    await superuser.execute(statement)
    async with database.read() as reading:
        check = await integrity.follow_chain(reading)
    assert Finding(problem, subject) in check.findings


async def test_a_text_that_was_erased_on_record_breaks_nothing(database: Database) -> None:
    await some_acts(database)
    officer = await make_officer(database)
    async with database.transaction() as transaction:
        await audit_erasure.erase_texts(transaction, by(officer), 4, "A court has asked for it")
    async with database.read() as reading:
        check = await integrity.follow_chain(reading)
        [entry] = [
            each for each in await audit.list_entries(reading, EntryFilter()) if each.entry_number == 4
        ]
    assert (check.findings, check.erased_texts) == ([], 1)
    assert entry.texts == {"reason": None}


async def test_a_text_that_somebody_removed_without_a_mark_is_found(
    database: Database, superuser: asyncpg.Connection
) -> None:
    await some_acts(database)
    await superuser.execute("delete from audit_texts where entry_number = 4")
    async with database.read() as reading:
        check = await integrity.follow_chain(reading)
    assert check.findings == [
        Finding(Problem.ACT_WITHOUT_ENTRY, "the erasing of the reason of entry 4"),
    ]


async def test_a_log_that_was_cut_short_or_written_anew_differs_from_an_earlier_export(
    database: Database, superuser: asyncpg.Connection
) -> None:
    await some_acts(database)
    async with database.read() as reading:
        exported: list[ChainedEntry] = [entry for entry, _ in await list_chained(reading, 0)]
        assert await integrity.compare_export(reading, exported) == []
    await superuser.execute("set session_replication_role = replica")
    await superuser.execute("alter table audit_entries disable trigger all")
    last = exported[-1].entry_number
    attempt = superuser.transaction()
    await attempt.start()
    await superuser.execute("delete from audit_entries where entry_number = $1", last)
    assert (await integrity.follow_chain(Transaction(superuser))).findings == [], (
        "shorter, and whole in itself"
    )
    assert await integrity.compare_export(Transaction(superuser), exported) == [
        Finding(Problem.EXPORT_DIFFERS, f"entry {last}")
    ]
    await attempt.rollback()
    await superuser.execute(
        "update audit_entries set canonical = 'x', entry_hash = sha256('x') where entry_number = $1", last - 1
    )
    async with database.read() as reading:
        assert await integrity.compare_export(reading, exported) == [
            Finding(Problem.EXPORT_DIFFERS, f"entry {last - 1}")
        ]


# -- acts without a mark -------------------------------------------------------------------------------------


async def test_every_act_of_ours_has_its_entry(database: Database) -> None:
    admin, author, officer, staff = await make_accounts(database, "admin", "staff", "compliance", "staff")
    place = await open_place(database, author)
    await some_acts(database)
    await place_hold(database, officer, scope_of(place.room_id, members=[author], senders=[author, staff]))
    async with database.transaction() as transaction:
        await accounts.change_kind(transaction, by(admin), staff.account_id, AccountKind.COMPLIANCE)
    async with database.transaction() as transaction:
        assert (await integrity.verify_database(transaction)).findings == []


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        (
            "update accounts set kind = 'compliance' where account_id = '{staff}'",
            "the kind of account {staff}",
        ),
        ("update accounts set kind = 'admin' where account_id = '{staff}'", "the kind of account {staff}"),
        (
            "update customers set closed_at = '2001-01-01' where customer_id = '{customer}'",
            "when customer {customer} was closed",
        ),
        (
            "insert into hold_rooms (hold_id, room_id, amendment) values ('{hold}', '{room}', 1)",
            "room {room} in hold {hold}",
        ),
        (
            "insert into hold_custodians (hold_id, account_id, covers, amendment) "
            "values ('{hold}', '{staff}', 'sent', 1)",
            "custodian {staff} in hold {hold}",
        ),
        ("update holds set sent_until = null", "the widened span of hold {hold}"),
        (
            "insert into hold_amendments (hold_id, number, amended_by, entry_number, covers_messages, "
            "covers_files) select hold_id, 2, placed_by, 1, true, true from holds",
            "amendment 2 of hold {hold}",
        ),
        (
            "insert into matters (matter_id, name, opened_by, opening_entry) "
            "select '{staff}', 'A matter', placed_by, 1 from holds",
            "matter {staff}",
        ),
        (
            "insert into hold_releases (release_id, hold_id, requested_by, request_entry) "
            "select '{staff}', hold_id, placed_by, 1 from holds",
            "release {staff}",
        ),
    ],
)
async def test_what_is_typed_as_the_service_leaves_a_mark_or_is_found(
    database: Database, database_urls: DatabaseUrls, owner: asyncpg.Connection, statement: str, subject: str
) -> None:
    author, officer, staff, person = await make_accounts(database, "staff", "compliance", "staff", "customer")
    place, other = await open_place(database, author), await open_place(database, author)
    instant = await owner.fetchval("select clock_timestamp()")
    hold = await place_hold(database, officer, scope_of(place.room_id, sent_until=instant))
    names = {
        "staff": staff.account_id,
        "hold": hold.hold_id,
        "room": other.room_id,
        "customer": person.customer_id,
    }
    service = await asyncpg.connect(database_urls.service_url, server_settings={"search_path": "workroom"})
    try:
        await service.execute(statement.format(**names))
    finally:
        await service.close()
    async with database.transaction() as transaction:
        found = (await integrity.verify_database(transaction)).findings
    assert Finding(Problem.ACT_WITHOUT_ENTRY, subject.format(**names)) in found


# -- the daily look ------------------------------------------------------------------------------------------


async def test_the_worker_looks_once_a_day_and_raises_an_alarm_that_stands_until_it_is_mended(
    database: Database, superuser: asyncpg.Connection, move_time: MoveTime
) -> None:
    await some_acts(database)
    await worker.verify_daily(database)
    async with database.read() as reading:
        assert await integrity.list_alarms(reading) == []
        checked_at = await integrity.find_last_check(reading)
    await superuser.execute("alter table messages disable trigger guard_after_delete")
    await worker.verify_daily(database)
    async with database.read() as reading:
        assert await integrity.find_last_check(reading) == checked_at, "once a day"
    await move_time(timedelta(hours=25))  # which alters the one clock as well
    await worker.verify_daily(database)
    async with database.read() as reading:
        alarms = await integrity.list_alarms(reading)
        entries = await audit.list_entries(reading, EntryFilter(act=Act.ALARM_RAISED))
    assert {(each.problem, each.subject, each.cleared_at) for each in alarms} == {
        (Problem.PART_ALTERED, "function current_instant()", None),
        (Problem.PART_ALTERED, "trigger messages.guard_after_delete", None),
    }
    assert {each.entry_number for each in entries} == {each.entry_number for each in alarms}
    await superuser.execute("alter table only messages enable always trigger guard_after_delete")
    await move_time(timedelta(hours=25))
    await worker.verify_daily(database)
    async with database.read() as reading:
        standing = [each.subject for each in await integrity.list_alarms(reading) if each.cleared_at is None]
    assert standing == ["function current_instant()"]
    assert await superuser.fetchval("select count(*) from audit_entries where act = 'alarm_raised'") == 2


async def test_verification_reads_only_what_it_may_and_leaves_nothing_behind(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    await post(database, author, place.shared)
    await open_matter(database, officer)
    before = await owner.fetchval("select count(*) from audit_entries")
    async with database.transaction() as transaction:
        verified = await integrity.verify_database(transaction)
    assert (verified.findings, verified.entries) == ([], before)
    assert await owner.fetchval("select count(*) from audit_entries") == before
