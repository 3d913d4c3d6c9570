"""Sessions: a token that only the browser knows, and that stops working at the right moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from tests.people import by, make_account
from workroom import accounts, credentials, sessions
from workroom.accounts import Account
from workroom.errors import SignInRefused
from workroom.sessions import NewSession, SignedIn
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]


async def start(database: Database, account: Account, days: int = 30) -> NewSession:
    async with database.transaction() as transaction:
        return await sessions.start_session(transaction, account.account_id, days=days)


async def find(database: Database, session: NewSession) -> SignedIn | None:
    async with database.read() as reading:
        return await sessions.find_session(reading, session.token)


async def require(database: Database, session: NewSession) -> SignedIn:
    signed_in = await find(database, session)
    assert signed_in is not None
    return signed_in


async def test_a_session_says_who_is_signed_in(database: Database) -> None:
    account = await make_account(database, "customer", name="Mara Lindt")
    session = await start(database, account)
    assert await find(database, session) == SignedIn(
        session_id=session.session_id,
        account_id=account.account_id,
        kind=account.kind,
        customer_id=account.customer_id,
        display_name="Mara Lindt",
        stream_id=account.stream_id,
        stream_seq=0,
        expires_at=session.expires_at,
    )


async def test_the_token_is_not_in_the_database(database: Database, owner: asyncpg.Connection) -> None:
    session = await start(database, await make_account(database))
    row = await owner.fetchrow("select * from sessions")
    assert session.token not in str(row)
    assert row["token_hash"] == sessions.hash_token(session.token)
    assert len(session.token) >= 43, "256 bits"


async def test_many_tokens_are_looked_up_at_once_and_strangers_are_left_out(database: Database) -> None:
    first, second = await make_account(database), await make_account(database)
    tokens = [(await start(database, first)).token, (await start(database, second)).token, "unknown"]
    hashes = [sessions.hash_token(token) for token in tokens]
    async with database.read() as reading:
        found = await sessions.find_sessions(reading, hashes)
    assert {hash_: signed_in.account_id for hash_, signed_in in found.items()} == {
        hashes[0]: first.account_id,
        hashes[1]: second.account_id,
    }


async def test_a_session_expires_at_its_time(database: Database, move_time: MoveTime) -> None:
    session = await start(database, await make_account(database), days=2)
    await move_time(timedelta(days=2, seconds=-30))
    assert await find(database, session) is not None
    await move_time(timedelta(seconds=31))
    assert await find(database, session) is None


async def prolong(database: Database, *used: NewSession) -> int:
    async with database.transaction() as transaction:
        return await sessions.prolong_sessions(
            transaction, [session.session_id for session in used], days=30, idle_days=7
        )


async def test_a_session_that_is_used_holds_on_and_one_that_is_not_ends(
    database: Database, move_time: MoveTime
) -> None:
    account = await make_account(database)
    used, unused = await start(database, account, days=7), await start(database, account, days=7)
    for _ in range(2):
        await move_time(timedelta(days=5))
        assert await prolong(database, used) == 1
    assert await find(database, used) is not None
    assert await find(database, unused) is None
    await move_time(timedelta(days=7, seconds=1))
    assert await find(database, used) is None


async def test_no_use_prolongs_a_session_beyond_its_longest_life(
    database: Database, move_time: MoveTime
) -> None:
    session = await start(database, await make_account(database), days=7)
    for _ in range(6):
        await move_time(timedelta(days=4, hours=23))
        await prolong(database, session)
    assert await find(database, session) is not None
    await move_time(timedelta(hours=6, seconds=1))
    assert await find(database, session) is None


async def test_what_has_ended_or_expired_is_not_prolonged(database: Database, move_time: MoveTime) -> None:
    account = await make_account(database)
    ended, expired = await start(database, account, days=7), await start(database, account, days=1)
    signed_in = await require(database, ended)
    async with database.transaction() as transaction:
        await sessions.end_session(transaction, signed_in)
    await move_time(timedelta(days=1, seconds=1))
    assert await prolong(database, ended, expired) == 0
    assert await find(database, ended) is None
    assert await find(database, expired) is None


async def test_using_a_session_all_the_time_is_not_writing_all_the_time(
    database: Database, move_time: MoveTime
) -> None:
    session = await start(database, await make_account(database), days=7)
    await move_time(timedelta(minutes=59))
    assert await prolong(database, session) == 0
    await move_time(timedelta(minutes=1))
    assert [await prolong(database, session) for _ in range(2)] == [1, 0]


async def test_signing_out_ends_one_session_and_is_told_on_the_accounts_own_stream(
    database: Database,
) -> None:
    account = await make_account(database)
    here, there = await start(database, account), await start(database, account)
    signed_in = await require(database, here)
    async with database.transaction() as transaction:
        recorded = await sessions.end_session(transaction, signed_in)
    assert await find(database, here) is None
    assert await find(database, there) is not None
    assert [(event.kind, event.stream_id) for event in recorded] == [("sessions_ended", account.stream_id)]


async def test_signing_out_twice_is_recorded_once(database: Database) -> None:
    signed_in = await require(database, await start(database, await make_account(database)))
    async with database.transaction() as transaction:
        assert await sessions.end_session(transaction, signed_in)
        assert await sessions.end_session(transaction, signed_in) == []


async def test_signing_out_everywhere_ends_every_session_of_this_account_alone(database: Database) -> None:
    account, other = await make_account(database), await make_account(database)
    own = [await start(database, account), await start(database, account)]
    others = await start(database, other)
    async with database.transaction() as transaction:
        recorded = await sessions.end_every_session(transaction, account.account_id, account.stream_id)
        again = await sessions.end_every_session(transaction, account.account_id, account.stream_id)
    assert [await find(database, session) for session in own] == [None, None]
    assert await find(database, others) is not None
    assert [event.kind for event in recorded] == ["sessions_ended"]
    assert again == []


async def test_a_deactivated_account_has_no_session_and_gets_none(database: Database) -> None:
    admin, account = await make_account(database, "admin"), await make_account(database)
    session = await start(database, account)
    async with database.transaction() as transaction:
        await accounts.deactivate_account(transaction, by(admin), account.account_id)
    assert await find(database, session) is None
    with pytest.raises(SignInRefused):
        await start(database, account)
    async with database.transaction() as transaction:
        await accounts.reactivate_account(transaction, by(admin), account.account_id)
    assert await find(database, session) is None, "what ended does not come back"
    assert await find(database, await start(database, account)) is not None


async def test_a_session_of_a_deactivated_account_counts_for_nothing_even_while_it_has_not_ended(
    database: Database, owner: asyncpg.Connection
) -> None:
    account = await make_account(database)
    session = await start(database, account)
    await owner.execute("update accounts set deactivated_at = now()")
    assert await find(database, session) is None


async def test_a_password_changed_between_check_and_session_starts_none(database: Database) -> None:
    account = await make_account(database, password_hash="before")
    async with database.transaction() as transaction:
        await credentials.store_password(transaction, account.account_id, "after")
    async with database.transaction() as transaction:
        with pytest.raises(SignInRefused):
            await sessions.start_session(
                transaction, account.account_id, days=1, checked_password_hash="before"
            )
        assert await sessions.start_session(
            transaction, account.account_id, days=1, checked_password_hash="after"
        )


async def test_dead_sessions_are_forgotten_a_day_later(
    database: Database, move_time: MoveTime, owner: asyncpg.Connection
) -> None:
    account = await make_account(database)
    ended, standing = await start(database, account), await start(database, account)
    await start(database, account, days=1)
    signed_in = await require(database, ended)
    async with database.transaction() as transaction:
        await sessions.end_session(transaction, signed_in)
        assert await sessions.delete_dead_sessions(transaction) == 0
    await move_time(timedelta(days=2, hours=1))
    async with database.transaction() as transaction:
        assert await sessions.delete_dead_sessions(transaction) == 2
    assert [row["session_id"] for row in await owner.fetch("select session_id from sessions")] == [
        standing.session_id
    ]
