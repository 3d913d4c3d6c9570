"""The rule of retention: as it is written in Python, sentence by sentence, and that Postgres says the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.deeds import open_place, post
from tests.holding import attach
from tests.people import make_account
from tests.retaining import (
    assign_default,
    assign_room,
    find_due,
    find_file_due,
    label_file,
    label_message,
    make_class,
)
from workroom.ids import RetentionClassId
from workroom.retention_rule import (
    AppliedClass,
    CountedFrom,
    Period,
    Source,
    Times,
    is_over,
    judge,
    judge_message,
    keeps_as_long,
    latest,
)
from workroom.simulation_picture import Question, compare_rules, count_unlabelled, describe_rules
from workroom.storage.database import Database, Transaction

SENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENT_ONLY = Times(SENT)
NEAREST_FIRST = (Source.LABEL, Source.ROOM, Source.DEFAULT)


def days(count: float) -> datetime:
    """So many days after the sending."""
    return SENT + timedelta(days=count)


def applied(source: Source, keep: int | None, destroy: int | None, **more: object) -> AppliedClass:
    """A class that keeps and destroys, applying from somewhere."""
    counted_from = CountedFrom(str(more.get("counted_from", "sent")))
    removed = more.get("removed", 30)
    assert isinstance(removed, int)
    return AppliedClass(source, RetentionClassId(uuid4()), Period(counted_from, keep, destroy, removed))


def test_without_a_class_nothing_ends() -> None:
    assert judge(SENT_ONLY, []).due_at is None


def test_a_day_is_twenty_four_hours() -> None:
    assert judge(SENT_ONLY, [applied(Source.ROOM, None, 1)]).due_at == SENT + timedelta(hours=24)


def test_of_several_keeps_the_longest_wins_wherever_it_comes_from() -> None:
    label, room = applied(Source.LABEL, 10, 20), applied(Source.ROOM, 30, None)
    default = applied(Source.DEFAULT, 90, None)
    verdict = judge(SENT_ONLY, [label, room, default])
    assert verdict.due_at == days(90)
    assert verdict.keep is not None
    assert verdict.keep.applied is default
    assert verdict.is_kept_longer


def test_for_the_end_a_label_beats_the_room_and_the_room_its_default() -> None:
    label, room, default = (
        applied(source, None, count) for source, count in zip(NEAREST_FIRST, (30, 20, 10), strict=True)
    )
    assert judge(SENT_ONLY, [label, room, default]).due_at == days(30)
    assert judge(SENT_ONLY, [room, default]).due_at == days(20)
    assert judge(SENT_ONLY, [default]).due_at == days(10)


def test_a_class_with_an_open_end_leaves_the_end_to_the_next() -> None:
    verdict = judge(SENT_ONLY, [applied(Source.LABEL, 5, None), applied(Source.ROOM, None, 20)])
    assert verdict.due_at == days(20)


def test_no_end_comes_before_the_keep() -> None:
    assert judge(
        SENT_ONLY, [applied(Source.ROOM, 100, None), applied(Source.DEFAULT, None, 10)]
    ).due_at == days(100)


def test_a_period_from_a_closing_that_has_not_come_keeps_without_end() -> None:
    room = applied(Source.ROOM, 10, None, counted_from="room_closed")
    default = applied(Source.DEFAULT, None, 5)
    assert judge(SENT_ONLY, [room, default]).due_at is None
    assert judge(Times(SENT, room_closed_at=days(50)), [room, default]).due_at == days(60)


def test_an_end_from_a_closing_that_has_not_come_is_none_and_beats_the_default_all_the_same() -> None:
    room = applied(Source.ROOM, None, 10, counted_from="customer_closed")
    default = applied(Source.DEFAULT, None, 5)
    assert judge(SENT_ONLY, [room, default]).due_at is None
    both = Times(SENT, room_closed_at=days(3), customer_closed_at=days(7))
    assert judge(both, [room, default]).due_at == days(17)


def test_a_period_from_the_closing_of_a_customer_begins_when_the_room_is_archived_too() -> None:
    room = applied(Source.ROOM, 10, 10, counted_from="customer_closed")
    assert judge(Times(SENT, customer_closed_at=days(-90)), [room]).due_at is None
    assert judge(Times(SENT, room_closed_at=days(3), customer_closed_at=days(-90)), [room]).due_at == days(13)
    assert judge(Times(SENT, room_closed_at=days(3), customer_closed_at=days(7)), [room]).due_at == days(17)


def test_what_was_deleted_ends_after_thirty_days_where_no_class_says_otherwise() -> None:
    verdict = judge(Times(SENT, removed_at=days(3)), [])
    assert (verdict.due_at, verdict.is_removal) == (days(33), True)


def test_the_first_class_there_is_says_when_deleted_content_ends() -> None:
    times = Times(SENT, removed_at=days(3))
    classes = [applied(Source.LABEL, None, None, removed=7), applied(Source.ROOM, None, None, removed=60)]
    assert judge(times, classes).due_at == days(10)
    assert judge(times, classes[1:]).due_at == days(63)


def test_deleted_content_is_kept_as_long_as_any_class_keeps_it() -> None:
    times = Times(SENT, removed_at=days(3))
    assert judge(times, [applied(Source.ROOM, 100, None, removed=1)]).due_at == days(100)


def test_a_deletion_does_not_put_an_end_off() -> None:
    verdict = judge(Times(SENT, removed_at=days(9)), [applied(Source.ROOM, None, 10)])
    assert (verdict.due_at, verdict.is_removal) == (days(10), False)


def test_a_message_stays_as_long_as_the_longest_of_its_labelled_files() -> None:
    room = applied(Source.ROOM, None, 10)
    contract = applied(Source.FILE_LABEL, 100, None)
    sketch = applied(Source.FILE_LABEL, None, 2)
    verdict, of_files = judge_message(SENT_ONLY, [room], [[contract, room], [sketch, room]])
    assert verdict.due_at == days(10)
    assert [one.due_at for one in of_files] == [days(100), days(2)]
    assert latest(verdict.due_at, *(one.due_at for one in of_files)) == days(100)


def test_never_is_later_than_any_instant() -> None:
    assert latest(days(1), None, days(2)) is None
    assert not is_over(None, days(10**5))
    assert is_over(days(1), days(1))


def test_a_locked_class_is_left_only_for_one_that_keeps_as_long() -> None:
    sent = CountedFrom.SENT
    locked = Period(sent, 100, 200)
    assert keeps_as_long(Period(sent, 100, 200), locked)
    assert keeps_as_long(Period(sent, 250, None), locked)
    assert not keeps_as_long(Period(sent, 99, 200), locked)
    assert not keeps_as_long(Period(sent, 100, 150), locked)
    assert not keeps_as_long(Period(sent, 100, 200, 29), locked)
    assert not keeps_as_long(Period(CountedFrom.ROOM_CLOSED, 100, 200), locked)


# -- and Postgres says the same ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A message in a room: classes by source, what has been closed or deleted, and a label for its file."""

    periods: dict[Source, Period]
    deleted_after: int | None
    archived_after: int | None
    closed_after: int | None


def a_period() -> st.SearchStrategy[Period]:
    lengths = st.none() | st.integers(1, 60)
    return st.builds(Period, st.sampled_from(CountedFrom), lengths, lengths, st.integers(1, 60)).filter(
        lambda period: (period.destroy_days or 61) >= (period.keep_days or 0)
    )


def cases() -> st.SearchStrategy[Case]:
    moments = st.none() | st.integers(0, 40)
    closed = st.none() | st.integers(-100, 40)
    return st.builds(Case, st.dictionaries(st.sampled_from(Source), a_period()), moments, moments, closed)


async def test_postgres_says_the_same_as_the_rule(database: Database, owner: asyncpg.Connection) -> None:
    author, customer = await make_account(database, "staff"), await make_account(database, "customer")
    place = await open_place(database, author, customer, kind="private")
    posted = await post(database, author, place.shared)
    await attach(owner, posted.message_id)
    message = await owner.fetchrow("select * from messages where message_id = $1", posted.message_id)
    file_id = await owner.fetchval("select file_id from files")
    loop = asyncio.get_running_loop()

    async def compare_counts(expected: datetime | None) -> None:
        """What a simulation counts as due, at the instant itself and just before it."""
        due_at = expected or days(10_000)
        for instant in (due_at - timedelta(microseconds=1), due_at):
            question = Question(instant, days(20_000))
            rules = await describe_rules(Transaction(owner), question)
            asked = compare_rules(rules, rules)
            (counted,) = (await count_unlabelled(Transaction(owner), question, asked)).values()
            is_due = expected is not None and expected <= instant
            assert (counted.due, counted.due_before) == (is_due, is_due)

    async def compare(case: Case) -> None:
        transaction = owner.transaction()
        await transaction.start()
        try:
            sent_at: datetime = message["sent_at"]

            def after(count: int | None) -> datetime | None:
                return None if count is None else sent_at + timedelta(days=count)

            classes = {
                source: AppliedClass(
                    source,
                    await make_class(
                        owner,
                        counted_from=period.counted_from,
                        keep=period.keep_days,
                        destroy=period.destroy_days,
                        removed=period.removed_days,
                    ),
                    period,
                )
                for source, period in case.periods.items()
            }
            ids: dict[Source, UUID] = {source: one.class_id for source, one in classes.items()}
            await assign_room(owner, place.room_id, ids.get(Source.ROOM))
            await assign_default(owner, "private", ids.get(Source.DEFAULT))
            if Source.LABEL in ids:
                await label_message(owner, posted.message_id, ids[Source.LABEL])
            if Source.FILE_LABEL in ids:
                await label_file(owner, file_id, ids[Source.FILE_LABEL])
            await owner.execute("update messages set deleted_at = $1", after(case.deleted_after))
            await owner.execute("update rooms set archived_at = $1", after(case.archived_after))
            await owner.execute("update customers set closed_at = $1", after(case.closed_after))
            times = Times(
                sent_at, after(case.deleted_after), after(case.archived_after), after(case.closed_after)
            )
            of_message = [classes[source] for source in NEAREST_FIRST if source in classes]
            of_file = [classes[source] for source in Source if source in classes]
            labelled = [of_file] if Source.FILE_LABEL in classes else []
            verdict, of_files = judge_message(times, of_message, labelled)
            expected = latest(verdict.due_at, *(one.due_at for one in of_files))
            assert await find_due(owner, posted.message_id) == expected
            if labelled:
                assert await find_file_due(owner, file_id) == of_files[0].due_at
            if Source.LABEL not in ids and not labelled:
                await compare_counts(expected)
            by_class = await owner.fetchrow(
                "select class_id, reason from due_messages($1, $2, null, 'infinity', 'infinity')",
                UUID(int=0),
                posted.message_id,
            )
            if expected is not None and not labelled:
                decided = (of_message[0] if of_message else None) if verdict.is_removal else verdict.end
                assert by_class["class_id"] == (decided.class_id if decided else None)
                assert (by_class["reason"] == "removed") == verdict.is_removal
        finally:
            await transaction.rollback()

    @hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases())
    @example(Case({Source.ROOM: Period(CountedFrom.ROOM_CLOSED, 5, 5)}, None, 3, None))
    @example(Case({Source.ROOM: Period(CountedFrom.ROOM_CLOSED, None, 5)}, None, 3, None))
    @example(Case({Source.ROOM: Period(CountedFrom.CUSTOMER_CLOSED, 5, 5)}, None, None, -9))
    @example(Case({Source.LABEL: Period(CountedFrom.CUSTOMER_CLOSED, 5, 5)}, None, 3, -9))
    @example(Case({Source.FILE_LABEL: Period(CountedFrom.CUSTOMER_CLOSED, None, 5)}, None, 3, 4))
    @example(Case({Source.DEFAULT: Period(CountedFrom.SENT, 5, 9)}, 1, None, None))
    def run_all(case: Case) -> None:
        asyncio.run_coroutine_threadsafe(compare(case), loop).result(timeout=30)

    await asyncio.to_thread(run_all)
