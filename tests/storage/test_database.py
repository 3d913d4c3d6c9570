"""Transactions and reads: what is committed, what is not, and who waits for whom how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.line import Line, open_line
from tests.servers import DatabaseUrls, SharedServers, run_sql
from workroom.errors import Conflict, InternalError, StartupError, TryAgain, Unavailable
from workroom.storage.database import CommitUnknown, Database, DatabaseLimits, open_database
from workroom.storage.queries import Query, queries

LIMITS = DatabaseLimits(
    writing_connections=2, reading_connections=2, long_connections=1, acquire_seconds=10.0, lock_seconds=1.0
)


def statement(sql: str, *parameters: str) -> Query:
    """A query of this test alone."""
    return Query("test.statement", sql, parameters, "", True)


INSERT = statement("insert into notes (note) values ($1)", "note")
COUNT = statement("select count(*) from notes")
FAIL = statement("select 1 / 0")
SLEEP = statement("select pg_sleep(60)")
LOCK = statement("select * from notes for update")
WHO = statement("select pg_backend_pid()")


@pytest_asyncio.fixture(autouse=True)
async def notes(owner: asyncpg.Connection) -> asyncpg.Connection:
    """A table to write into, which nothing of the program knows."""
    await owner.execute(
        """
        create table notes (note text constraint notes_are_short check (char_length(note) < 10));
        grant select, insert, update on notes to workroom_service;
        """
    )
    return owner


@pytest_asyncio.fixture
async def line(database_urls: DatabaseUrls) -> AsyncIterator[Line]:
    """A line to Postgres that can be cut."""
    async with open_line(database_urls.service_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def lined_database(line: Line) -> AsyncIterator[Database]:
    """The database by way of the line."""
    opened = await open_database(line.url, application_name="workroom test", limits=LIMITS)
    yield opened
    await opened.close(0)


async def count_notes(owner: asyncpg.Connection) -> int:
    """How many notes are committed."""
    return int(await owner.fetchval("select count(*) from notes"))


async def test_a_transaction_commits_when_its_block_ends(
    database: Database, owner: asyncpg.Connection
) -> None:
    async with database.transaction() as transaction:
        assert await transaction.execute(INSERT, note="one") == 1
        assert await count_notes(owner) == 0
    assert await count_notes(owner) == 1


async def test_a_transaction_left_by_an_error_changes_nothing(
    database: Database, owner: asyncpg.Connection
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, note="one")
            raise ZeroDivisionError
    assert await count_notes(owner) == 0


async def test_a_commit_after_a_swallowed_failure_is_an_error_and_not_an_acknowledgement(
    database: Database, owner: asyncpg.Connection
) -> None:
    with pytest.raises(InternalError, match="rolled back"):
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, note="one")
            with pytest.raises(InternalError):
                await transaction.fetch_value(FAIL)
    assert await count_notes(owner) == 0


async def test_a_statement_after_the_end_fails_instead_of_using_the_next_ones_connection(
    database: Database,
) -> None:
    async with database.transaction() as transaction:
        pass
    with pytest.raises(RuntimeError, match="has ended"):
        await transaction.execute(INSERT, note="late")
    async with database.read() as reading:
        pass
    with pytest.raises(RuntimeError, match="has ended"):
        await reading.fetch(COUNT)


async def test_a_read_cannot_write(database: Database) -> None:
    async with database.read() as reading:
        assert await reading.fetch_value(COUNT) == 0
        with pytest.raises(Unavailable, match="25006"):
            await reading.execute(INSERT, note="one")


async def test_a_row_that_must_be_there_and_is_not_is_an_error(database: Database) -> None:
    async with database.read() as reading:
        empty = statement("select note from notes")
        assert await reading.fetch(empty) == []
        assert await reading.fetch_one_or_none(empty) is None
        assert await reading.fetch_value(empty) is None
        with pytest.raises(InternalError, match=r"test\.statement gave no row"):
            await reading.fetch_one(empty)


async def test_an_error_tells_neither_text_nor_values(database: Database) -> None:
    secret = "a sentence that nobody else may read"
    with pytest.raises(InternalError, match="notes_are_short") as caught:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, note=secret)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_named_constraint_gives_its_own_error(database: Database) -> None:
    refuse = statement(
        """
        do $$ begin
            raise unique_violation using constraint = 'one_account_per_email', message = 'a@b.example is
            taken';
        end $$
        """
    )
    with pytest.raises(Conflict) as caught:
        async with database.transaction() as transaction:
            await transaction.execute(refuse)
    assert caught.value.params == {"field": "email"}


async def test_a_lock_is_waited_for_only_so_long(database: Database, owner: asyncpg.Connection) -> None:
    await owner.execute("insert into notes values ('one')")
    async with database.transaction() as holder:
        await holder.fetch(LOCK)
        with pytest.raises(TryAgain, match="55P03"):
            async with database.transaction(lock_seconds=0.05) as waiter:
                await waiter.fetch(LOCK)
    async with database.transaction() as later:
        assert len(await later.fetch(LOCK)) == 1


async def test_without_a_word_a_lock_is_waited_for_as_long_as_the_limit_of_all(
    database_urls: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    await owner.execute("insert into notes values ('one')")
    limits = replace(LIMITS, lock_seconds=0.05)
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=limits)
    async with database.transaction() as holder:
        await holder.fetch(LOCK)
        with pytest.raises(TryAgain, match="55P03"):
            async with database.transaction() as waiter:
                await waiter.fetch(LOCK)
    await database.close()


async def test_a_slow_statement_is_ended_by_the_server_and_the_connection_goes_on(
    database_urls: DatabaseUrls,
) -> None:
    limits = replace(LIMITS, statement_seconds=0.4, long_statement_seconds=60)
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=limits)
    async with database.read() as reading:
        backend = await reading.fetch_value(WHO)
        with pytest.raises(TryAgain, match="57014"):
            await reading.fetch_value(SLEEP)
        assert await reading.fetch_value(WHO) == backend
    async with database.long_transaction() as transaction:
        await transaction.fetch_value(statement("select pg_sleep(0.6)"))
    await database.close()


async def test_a_connection_is_waited_for_only_so_long(database_urls: DatabaseUrls) -> None:
    limits = replace(LIMITS, writing_connections=1, acquire_seconds=1.0)
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=limits)
    async with database.transaction():
        with pytest.raises(Unavailable, match="within 1 seconds"):
            async with database.transaction():
                pytest.fail("two transactions on one connection")
    async with database.transaction():
        pass  # the place is free again
    await database.close()


async def test_writing_reading_and_long_work_do_not_wait_for_each_other(database_urls: DatabaseUrls) -> None:
    limits = DatabaseLimits(writing_connections=1, reading_connections=1, long_connections=1)
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=limits)
    async with database.long_transaction(), database.transaction(), database.read() as reading:
        assert await reading.fetch_value(COUNT) == 0
    await database.close()


async def test_who_asked_first_gets_the_connection_first(database_urls: DatabaseUrls) -> None:
    limits = replace(LIMITS, writing_connections=1)
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=limits)
    order: list[int] = []

    async def write(number: int) -> None:
        async with database.transaction():
            order.append(number)

    async with asyncio.TaskGroup() as writers:
        for number in range(20):
            writers.create_task(write(number))
    assert order == list(range(20))
    await database.close()


async def test_a_cancelled_transaction_changes_nothing_and_leaves_no_connection_behind(
    database_urls: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    limits = replace(LIMITS, writing_connections=1)
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=limits)
    under_way = asyncio.Event()

    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, note="one")
            under_way.set()
            await transaction.fetch_value(SLEEP)

    for _ in range(5):
        writing = asyncio.create_task(write())
        await under_way.wait()
        under_way.clear()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    async with database.transaction() as transaction:
        assert await transaction.fetch_value(COUNT) == 0
    assert await count_notes(owner) == 0
    await database.close()


async def test_a_cancelled_caller_does_not_take_a_connection_along(database_urls: DatabaseUrls) -> None:
    limits = replace(LIMITS, writing_connections=1)
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=limits)
    async with database.transaction():
        waiting = asyncio.create_task(_begin_and_end(database))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await _begin_and_end(database)
    await database.close()


async def test_closing_waits_for_what_is_under_way(
    database_urls: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=LIMITS)
    begun = asyncio.Event()
    go_on = asyncio.Event()

    async def write() -> None:
        async with database.transaction() as transaction:
            begun.set()
            await go_on.wait()
            await transaction.execute(INSERT, note="one")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        await begun.wait()
        tasks.create_task(database.close(10))
        await asyncio.sleep(0)
        go_on.set()
    assert await count_notes(owner) == 1
    with pytest.raises(Unavailable):
        await _begin_and_end(database)


async def test_closing_cuts_off_what_does_not_end(database_urls: DatabaseUrls) -> None:
    database = await open_database(database_urls.service_url, application_name="workroom test", limits=LIMITS)
    async with asyncio.TaskGroup() as tasks:
        stuck = tasks.create_task(_expect_lost_connection(database))
        await asyncio.sleep(0)
        await database.close(0.05)
        await stuck


async def test_a_commit_whose_answer_was_lost_is_unknown_and_was_done(
    lined_database: Database, line: Line, owner: asyncpg.Connection
) -> None:
    line.lose_answer_to(b"commit\0")
    with pytest.raises(CommitUnknown) as caught:
        async with lined_database.transaction() as transaction:
            await transaction.execute(INSERT, note="one")
    assert caught.value.retry
    assert await count_notes(owner) == 1


async def test_a_commit_that_never_arrived_is_unknown_and_was_not_done(
    lined_database: Database, line: Line, owner: asyncpg.Connection
) -> None:
    line.lose_request(b"commit\0")
    with pytest.raises(CommitUnknown):
        async with lined_database.transaction() as transaction:
            await transaction.execute(INSERT, note="one")
    assert await count_notes(owner) == 0


async def test_a_line_that_breaks_before_the_commit_is_known_to_have_done_nothing(
    lined_database: Database, line: Line, owner: asyncpg.Connection
) -> None:
    with pytest.raises(TryAgain) as caught:
        async with lined_database.transaction() as transaction:
            await transaction.execute(INSERT, note="one")
            line.cut()
            await transaction.execute(INSERT, note="two")
    assert not isinstance(caught.value, CommitUnknown)
    assert await count_notes(owner) == 0


@pytest.mark.parametrize("answers", [1, 2])
async def test_a_connection_that_ends_between_two_steps_of_the_driver_is_a_lost_one(
    database: Database, answers: int
) -> None:
    async with database.read() as reading:
        asked = asyncio.ensure_future(reading.fetch(statement("select $1::text as note", "note"), note="One"))
        await _end_after(answers, asked, reading._connection)
        assert [record["note"] for record in await asked] == ["One"]
    with pytest.raises(TryAgain):
        async with database.transaction() as transaction:
            asked = asyncio.ensure_future(transaction.fetch(statement("select $1::int + 1", "n"), n=1))
            await _end_after(answers, asked, transaction._connection)
            await asked


async def _end_after(answers: int, asked: Any, connection: asyncpg.Connection) -> None:
    """End the connection when so many answers have come, before whoever waits for the last one takes it."""
    come: list[Any] = []
    while not asked.done():
        waited_for = asked._fut_waiter
        if waited_for is not None and waited_for.done() and waited_for not in come:
            come.append(waited_for)
            if len(come) == answers:
                connection.terminate()
        await asyncio.sleep(0)
    assert len(come) >= answers


async def test_a_read_whose_connection_was_dead_is_asked_again(
    lined_database: Database, database_urls: DatabaseUrls
) -> None:
    async with lined_database.read() as reading:
        backend = await reading.fetch_value(WHO)
        await run_sql(database_urls.superuser_url, f"select pg_terminate_backend({backend}, 5000)")
        assert await reading.fetch_value(WHO) != backend


async def test_a_transaction_begins_on_a_live_connection_after_the_idle_ones_died(
    lined_database: Database, line: Line, owner: asyncpg.Connection
) -> None:
    async with lined_database.transaction(), lined_database.transaction():
        pass  # two idle connections
    line.lose_request(b"begin\0")
    async with lined_database.transaction() as transaction:
        await transaction.execute(INSERT, note="one")
    assert await count_notes(owner) == 1


@pytest.mark.parametrize("number", range(5))
async def test_idle_connections_that_were_cut_are_replaced(
    lined_database: Database, line: Line, owner: asyncpg.Connection, number: int
) -> None:
    async with lined_database.transaction(), lined_database.transaction():
        pass
    line.cut()
    for _ in range(number):
        await asyncio.sleep(0)  # the loss is noticed sooner or later
    async with lined_database.transaction() as transaction:
        await transaction.execute(INSERT, note="one")
    async with lined_database.read() as reading:
        assert await reading.fetch_value(COUNT) == 1


async def test_a_silent_line_is_given_up_and_not_used_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workroom.storage.database.SILENCE_SECONDS", 0.5)
    limits = replace(LIMITS, statement_seconds=0.5)
    database = await open_database(line.url, application_name="workroom test", limits=limits)
    async with database.read() as reading:
        backend = await reading.fetch_value(WHO)
        line.silence()
        with pytest.raises(TryAgain, match="TimeoutError"):
            await reading.fetch_value(WHO)
    line.resume()
    async with database.read() as reading:
        assert await reading.fetch_value(WHO) != backend
    await database.close()


async def test_ping_says_in_time_that_nobody_answers(lined_database: Database, line: Line) -> None:
    await lined_database.ping(10)
    line.silence()
    with pytest.raises(Unavailable, match="did not answer within"):
        await lined_database.ping(0.1)
    line.resume()
    await lined_database.ping(10)


async def test_the_settings_of_every_connection(database: Database) -> None:
    names = (
        "search_path",
        "TimeZone",
        "jit",
        "default_transaction_isolation",
        "synchronous_commit",
        "idle_in_transaction_session_timeout",
    )
    async with database.transaction() as transaction:
        found = {name: await transaction.fetch_value(statement(f"show {name}")) for name in names}
        application = await transaction.fetch_value(statement("show application_name"))
    assert found == {
        "search_path": "workroom",
        "TimeZone": "UTC",
        "jit": "off",
        "default_transaction_isolation": "read committed",
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "15s",
    }
    assert application == "workroom test"


async def test_a_database_that_cannot_be_reached_is_one_sentence(database_urls: DatabaseUrls) -> None:
    hurried = replace(LIMITS, acquire_seconds=0.1)
    with pytest.raises(StartupError, match=r"^Postgres cannot be used .* see that it runs"):
        await open_database("postgresql://nobody@127.0.0.1:1/none", application_name="t", limits=hurried)
    mistaken = {
        "refuses the password": database_urls.service_url.replace(
            "workroom_service:", "workroom_service:x", 1
        ),
        "no database of this name": database_urls.service_url.replace(database_urls.name, "nowhere", 1),
    }
    for problem, url in mistaken.items():
        with pytest.raises(StartupError, match=problem):
            await open_database(url, application_name="t", limits=LIMITS)


async def test_a_database_that_acknowledges_what_is_not_durable_is_refused(
    database_urls: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    await owner.execute(f"alter database {database_urls.name} set synchronous_commit = off")
    with pytest.raises(StartupError, match="synchronous_commit = off"):
        await open_database(database_urls.service_url, application_name="t", limits=LIMITS)


async def test_a_database_in_another_encoding_is_refused(servers: SharedServers) -> None:
    name = "workroom_test_latin1"
    async with servers.make_database(name, "template0 encoding 'LATIN1' locale 'C'") as urls:
        with pytest.raises(StartupError, match="encoding LATIN1"):
            await open_database(urls.service_url, application_name="t", limits=LIMITS)


async def test_the_server_is_described(database: Database) -> None:
    async with database.read() as reading:
        server = await reading.fetch_one(queries.server.find_server)
    assert (server["encoding"], server["role"], server["is_superuser"]) == ("UTF8", "workroom_service", False)
    assert dict(server)["version_number"] >= 150_000


async def _begin_and_end(database: Database) -> None:
    async with database.transaction():
        pass


async def _expect_lost_connection(database: Database) -> None:
    with pytest.raises(TryAgain):
        async with database.transaction() as transaction:
            await transaction.fetch_value(SLEEP)
