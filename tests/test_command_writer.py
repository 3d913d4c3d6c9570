"""Group commit: what many send is written together, told only after the commit, and one that is bad fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import a_command, open_place, post, read_all, remove
from tests.line import Line, open_line
from tests.looking import ask_anew, take_breath
from tests.people import make_account, make_accounts
from tests.servers import DatabaseUrls
from workroom import posting
from workroom.accounts import Account
from workroom.command_writer import (
    CommandWriter,
    MessageDelete,
    MessageEdit,
    Outcome,
    ReactionChange,
    StreamWrite,
)
from workroom.errors import InternalError, NotFound, TryAgain, WorkroomError
from workroom.event_frames import ToldEvent
from workroom.ids import MessageId, StreamId
from workroom.messages import NewMessage, Posted, Written
from workroom.storage.database import Database, DatabaseLimits, Transaction, open_database

COMMIT = b"commit\0"  # not the "read committed" that every new connection says
LIMITS = DatabaseLimits(acquire_seconds=1.0, connect_seconds=1.0, statement_seconds=2.0, lock_seconds=0.5)


@dataclass
class Running:
    """A writer, and what it told and answered, in the order in which it did."""

    writer: CommandWriter
    said: list[tuple[str, Any]] = field(default_factory=list)

    async def write(self, write: StreamWrite) -> Outcome:
        """Submit and wait for the answer."""
        return await self.submit(write)

    def submit(self, write: StreamWrite) -> asyncio.Future[Outcome]:
        """Submit; the answer comes later. Raises what refuses it at once."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def answer(outcome: Outcome) -> None:
            assert not answered.done(), "answered twice"
            self.said.append(("answered", write.client_command_id))
            answered.set_result(outcome)

        self.writer.submit(write, answer)
        return answered

    def told(self, stream_id: StreamId) -> list[ToldEvent]:
        """The events that were told of a stream, in order."""
        return [
            event for kind, what in self.said if kind == "told" and what[0] == stream_id for event in what[1]
        ]

    def batches(self) -> list[int]:
        """How many events each commit brought."""
        return [len(what[1]) for kind, what in self.said if kind == "told"]


@asynccontextmanager
async def running_writer(database: Database, **settings: Any) -> AsyncIterator[Running]:
    async with asyncio.TaskGroup() as tasks:
        said: list[tuple[str, Any]] = []

        def tell(stream_id: StreamId, events: list[ToldEvent], arrived_at_ms: int) -> None:
            assert arrived_at_ms > 0
            said.append(("told", (stream_id, events)))

        chosen = {"lane_count": 1, "lane_queue": 1000, "batch_size": 512} | settings
        yield Running(CommandWriter(database, tasks, tell, **chosen), said)


def a_post(author: Account, stream_id: StreamId, text: str = "Hello") -> NewMessage:
    return NewMessage(stream_id, author.account_id, a_command(), text)


async def test_what_arrives_meanwhile_is_written_by_one_transaction_in_its_order(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with running_writer(database) as running:
        answers = [running.submit(a_post([staff, customer][n % 2], place.shared, str(n))) for n in range(50)]
        outcomes = await asyncio.gather(*answers)
    seqs = [outcome.seq for outcome in outcomes if isinstance(outcome, Posted)]
    assert seqs == list(range(seqs[0], seqs[0] + 50))
    assert [event.text for event in running.told(place.shared)] == [str(n) for n in range(50)]
    # The first may go alone, everything that came meanwhile goes together.
    assert len(running.batches()) <= 2


async def test_a_batch_has_a_size(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with running_writer(database, batch_size=7) as running:
        await asyncio.gather(*(running.write(a_post(staff, place.shared)) for _ in range(30)))
    assert max(running.batches()) == 7


async def test_a_commit_takes_so_much_text_of_a_stream_and_what_is_left_keeps_its_order(
    database: Database,
) -> None:
    staff = await make_account(database)
    long, other = [await open_place(database, staff) for _ in range(2)]
    quoted = await post(database, staff, long.shared)
    reaction = ReactionChange(long.shared, staff.account_id, a_command(), quoted.message_id, "👍", True)
    async with running_writer(database, text_bytes=50_000) as running:
        # "\x01" is six bytes of JSON: three of these are too much beside the first one.
        answers = [running.submit(a_post(staff, long.shared, f"{n}" + "\x01" * 3_000)) for n in range(10)]
        answers += [running.submit(reaction), running.submit(a_post(staff, other.shared, "Short"))]
        outcomes = await asyncio.gather(*answers)
    told = running.told(long.shared)
    assert [event.text[0] for event in told if event.text] == list("0123456789")
    assert told[-1].kind == "reaction_added"
    assert [event.seq for event in told] == [outcome.seq for outcome in outcomes[:-1]]  # type: ignore[union-attr]
    commits = [(what[0], len(what[1])) for kind, what in running.said if kind == "told"]
    assert [count for stream_id, count in commits if stream_id == long.shared] == [3, 3, 3, 2]
    # Another stream does not wait for it.
    assert [stream_id for stream_id, _ in commits[:2]] == [long.shared, other.shared]


async def test_events_are_told_before_their_authors_are_answered_and_only_after_the_commit(
    database: Database, owner: asyncpg.Connection
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with running_writer(database) as running:
        outcome = await running.write(a_post(staff, place.shared))
        assert isinstance(outcome, Posted)
        assert [kind for kind, _ in running.said] == ["told", "answered"]
        seen_by_others = "select count(*) from events where subject_id = $1"
        assert await owner.fetchval(seen_by_others, outcome.message_id) == 1


async def test_edits_deletes_and_reactions_are_written_with_the_posts_in_order(database: Database) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    first = await post(database, staff, place.shared)
    second = await post(database, staff, place.shared)
    who, what = staff.account_id, first.message_id
    writes: list[StreamWrite] = [
        a_post(customer, place.shared, "a"),
        MessageEdit(place.shared, who, a_command(), what, "Edited", ()),
        a_post(customer, place.shared, "b"),
        ReactionChange(place.shared, who, a_command(), what, "👍", True),
        ReactionChange(place.shared, who, a_command(), what, "👍", False),
        MessageDelete(place.shared, who, a_command(), second.message_id),
        a_post(customer, place.shared, "c"),
    ]
    async with running_writer(database) as running:
        outcomes = await asyncio.gather(*map(running.write, writes))
    kinds = [event.kind for event in running.told(place.shared)]
    assert kinds == [
        "message_posted", "message_edited", "message_posted", "reaction_added", "reaction_removed",
        "message_deleted", "message_posted",
    ]  # fmt: skip
    assert [outcome.seq for outcome in outcomes] == [event.seq for event in running.told(place.shared)]  # type: ignore[union-attr]
    assert [event.kind for event in await read_all(database, place.shared, second.seq)] == kinds


async def test_a_refusal_is_the_answer_of_its_author_alone(database: Database) -> None:
    staff, stranger = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff)
    nowhere = MessageId(uuid4())
    async with running_writer(database) as running:
        outcomes = await asyncio.gather(
            running.write(a_post(staff, place.shared)),
            running.write(a_post(stranger, place.shared)),
            running.write(MessageEdit(place.shared, staff.account_id, a_command(), nowhere, "Edited", ())),
            running.write(MessageDelete(place.shared, stranger.account_id, a_command(), nowhere)),
            running.write(a_post(staff, place.shared)),
        )
    assert [type(outcome) for outcome in outcomes] == [Posted, NotFound, NotFound, NotFound, Posted]
    assert len(running.told(place.shared)) == 2


async def test_a_bad_command_that_postgres_itself_refuses_fails_alone(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    texts = ["one", "nul \0 nul", "two", "", "three"]  # the doors refuse these before; Postgres does too
    async with running_writer(database) as running:
        outcomes = await asyncio.gather(*(running.write(a_post(staff, place.shared, text)) for text in texts))
    assert [isinstance(outcome, Posted) for outcome in outcomes] == [True, False, True, False, True]
    for outcome in (outcomes[1], outcomes[3]):
        assert isinstance(outcome, WorkroomError)
        assert not outcome.retry
    assert [event.text for event in running.told(place.shared)] == ["one", "two", "three"]


async def test_a_defect_that_one_write_finds_fails_that_write_alone_and_is_logged_without_its_words(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    post_messages = posting.post_messages

    async def post_with_a_defect(transaction: Transaction, posts: Sequence[NewMessage]) -> Sequence[Outcome]:
        if any(post.text == "secret" for post in posts):
            raise ZeroDivisionError("secret")
        return await post_messages(transaction, posts)

    monkeypatch.setattr(posting, "post_messages", post_with_a_defect)
    async with running_writer(database) as running:
        outcomes = await asyncio.gather(
            *(running.write(a_post(staff, place.shared, text)) for text in ("one", "secret", "two"))
        )
        assert [type(outcome) for outcome in outcomes] == [Posted, InternalError, Posted]
        assert isinstance(await running.write(a_post(staff, place.shared, "three")), Posted)
    assert isinstance(outcomes[1], InternalError)
    line = next(line for line in caplog.messages if f"reference={outcomes[1].params['reference']}" in line)
    assert "exception=ZeroDivisionError" in line
    assert "secret" not in caplog.text


async def test_a_full_lane_refuses_at_once(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with running_writer(database, lane_queue=3) as running:
        waiting = [running.submit(a_post(staff, place.shared)) for _ in range(3)]
        with pytest.raises(TryAgain):
            running.submit(a_post(staff, place.shared))
        assert all(isinstance(outcome, Posted) for outcome in await asyncio.gather(*waiting))
        await running.write(a_post(staff, place.shared))  # there is room again


async def test_draining_waits_until_everybody_is_answered(database: Database) -> None:
    staff = await make_account(database)
    places = [await open_place(database, staff) for _ in range(3)]
    async with running_writer(database, lane_count=4, batch_size=2) as running:
        answers = [running.submit(a_post(staff, place.shared)) for place in places for _ in range(5)]
        await running.writer.drain()
        assert all(answer.done() for answer in answers)


async def test_two_streams_of_a_room_in_different_lanes_do_not_disturb_each_other(database: Database) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with running_writer(database, lane_count=8) as running:
        await asyncio.gather(
            *(running.write(a_post(staff, [place.shared, place.staff][n % 2])) for n in range(40))
        )
    for stream_id in (place.shared, place.staff):
        seqs = [event.seq for event in running.told(stream_id)]
        assert seqs == list(range(seqs[0], seqs[0] + 20))


# -- when Postgres does not answer -------------------------------------------------------------------------------


@asynccontextmanager
async def lined(database_urls: DatabaseUrls) -> AsyncIterator[tuple[Line, Database]]:
    """The database by way of a line that can be cut."""
    async with open_line(database_urls.service_url) as line:
        opened = await open_database(line.url, application_name="workroom test", limits=LIMITS)
        try:
            yield line, opened
        finally:
            await opened.close(0.5)


async def test_a_commit_whose_answer_was_lost_is_asked_for_by_its_command_id(
    database: Database, database_urls: DatabaseUrls
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    quoted = await post(database, staff, place.shared)
    who, what = staff.account_id, quoted.message_id
    async with lined(database_urls) as (line, through_line), running_writer(through_line) as running:
        for write in (
            a_post(staff, place.shared, "Once"),
            MessageEdit(place.shared, who, a_command(), what, "Edited", ()),
            ReactionChange(place.shared, who, a_command(), what, "👍", True),
            ReactionChange(place.shared, who, a_command(), what, "👍", False),
            MessageDelete(place.shared, who, a_command(), what),
        ):
            before = (await read_all(database, place.shared))[-1].seq
            line.lose_answer_to(COMMIT)
            outcome = await running.write(write)
            assert isinstance(outcome, (Posted, Written)), outcome
            assert (outcome.seq, outcome.told) == (before + 1, None)
            assert len(await read_all(database, place.shared, before)) == 1


async def test_a_commit_that_never_arrived_is_done_by_the_next_try(
    database: Database, database_urls: DatabaseUrls
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with lined(database_urls) as (line, through_line), running_writer(through_line) as running:
        before = (await read_all(database, place.shared))[-1].seq
        line.lose_request(COMMIT)
        outcome = await running.write(a_post(staff, place.shared, "Once"))
        assert isinstance(outcome, Posted)
        assert (outcome.seq, outcome.told is not None) == (before + 1, True)
        assert [event.text for event in await read_all(database, place.shared, before)] == ["Once"]


async def test_when_postgres_stays_away_the_author_is_told_that_it_is_not_known(
    database: Database, database_urls: DatabaseUrls
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with (
        lined(database_urls) as (line, through_line),
        running_writer(through_line, patience_seconds=0.3) as running,
    ):
        await running.write(a_post(staff, place.shared))
        line.break_off()
        outcome = await running.write(a_post(staff, place.shared))
        assert isinstance(outcome, TryAgain)
        line.resume()
        assert isinstance(await running.write(a_post(staff, place.shared)), Posted)


async def test_a_batch_that_waits_too_long_for_a_room_tries_again_and_is_written(
    database: Database, database_urls: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    staff = await make_account(database)
    place = await open_place(database, staff)
    async with lined(database_urls) as (_, through_line), running_writer(through_line) as running:
        async with owner.transaction():
            await owner.execute("select from rooms where room_id = $1 for update", place.room_id)
            waiting = running.submit(a_post(staff, place.shared))
            # Longer than the limit for a lock: the first try ends with an error, and the second begins.
            first = await _until_somebody_waits(owner)
            await _until_somebody_waits(owner, but_not=first)
        assert isinstance(await waiting, Posted)


async def test_a_stuck_room_holds_up_no_other_and_keeps_its_own_order(
    database: Database, database_urls: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    staff = await make_account(database)
    stuck, *others = [await open_place(database, staff) for _ in range(3)]
    async with (
        lined(database_urls) as (_, through_line),
        running_writer(through_line, patience_seconds=60.0, batch_size=2) as running,
    ):
        async with owner.transaction():
            await owner.execute("select from rooms where room_id = $1 for update", stuck.room_id)
            waiting = [running.submit(a_post(staff, stuck.shared, "0"))]
            await _until_somebody_waits(owner)
            # Behind it in the lane, before and after it is known that the room is stuck.
            waiting += [running.submit(a_post(staff, stuck.shared, str(n))) for n in (1, 2, 3)]
            assert isinstance(await running.write(a_post(staff, others[0].shared)), Posted)
            waiting += [running.submit(a_post(staff, stuck.shared, str(n))) for n in (4, 5)]
            assert isinstance(await running.write(a_post(staff, others[1].shared)), Posted)
            assert not any(answer.done() for answer in waiting)
        assert all(isinstance(outcome, Posted) for outcome in await asyncio.gather(*waiting))
        assert [event.text for event in running.told(stuck.shared)] == list("012345")
        # The lane has the stream back.
        both = [running.submit(a_post(staff, place.shared)) for place in (stuck, others[0])]
        await running.writer.drain()
        assert all(answer.done() for answer in both)
        assert [kind for kind, _ in running.said[-4:]] == ["told", "told", "answered", "answered"]


async def test_what_waits_for_a_stuck_room_counts_and_is_waited_for(
    database: Database, database_urls: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    staff = await make_account(database)
    stuck, other = [await open_place(database, staff) for _ in range(2)]
    async with (
        lined(database_urls) as (_, through_line),
        running_writer(through_line, lane_queue=3) as running,
    ):
        async with owner.transaction():
            await owner.execute("select from rooms where room_id = $1 for update", stuck.room_id)
            waiting = [running.submit(a_post(staff, stuck.shared))]
            await _until_somebody_waits(owner)
            waiting += [running.submit(a_post(staff, stuck.shared)) for _ in range(2)]
            await running.write(a_post(staff, other.shared))  # from here on the room is apart
            waiting += [running.submit(a_post(staff, stuck.shared))]
            for place in (stuck, other):
                with pytest.raises(TryAgain):
                    running.submit(a_post(staff, place.shared))
            drained = asyncio.ensure_future(running.writer.drain())
        await drained
        assert all(answer.done() for answer in waiting)


async def test_a_member_removed_while_their_message_is_tried_again_posts_nothing(
    database: Database, database_urls: DatabaseUrls
) -> None:
    staff, customer = await make_accounts(database, "staff", "customer")
    place = await open_place(database, staff, customer)
    async with lined(database_urls) as (line, through_line), running_writer(through_line) as running:
        await running.write(a_post(staff, place.shared))
        line.break_off()
        waiting = running.submit(a_post(customer, place.shared, "Too late"))
        await remove(database, staff, place.room_id, customer)
        line.resume()
        assert isinstance(await waiting, NotFound)
    assert "Too late" not in str(await read_all(database, place.shared))


# The transaction that waits. Row locks are waited for as locks of transactions, which have no
# database of their own.
WHO_WAITS = """
    select max(l.virtualtransaction)
    from pg_locks as l
    join pg_stat_activity as a using (pid)
    where not l.granted and a.datname = current_database()
"""


async def _until_somebody_waits(owner: asyncpg.Connection, but_not: object = None) -> object:
    while (waiting := await ask_anew(owner, WHO_WAITS)) in (None, but_not):
        await take_breath()
    return waiting
