"""Questions that are asked at the same time share a round, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from workroom.errors import NotFound, Unavailable, WorkroomError
from workroom.storage.gathering import CROWD_REQUESTS, Gathering


class Rounds:
    """Answers each request with its double, in rounds that go on when the test lets them."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.began = asyncio.Condition()
        self.gates: list[asyncio.Event] = []
        self.are_held = False

    async def answer_all(self, requests: Sequence[int]) -> list[int | WorkroomError]:
        """Answer one round."""
        gate = asyncio.Event()
        self.seen.append(list(requests))
        self.gates.append(gate)
        async with self.began:
            self.began.notify_all()
        if self.are_held:
            await gate.wait()
        if any(request < 0 for request in requests):
            raise NotFound("a round with a negative request fails whole")
        return [NotFound("zero alone is not found") if request == 0 else request * 2 for request in requests]

    async def wait_for(self, count: int) -> None:
        """Return when so many rounds have begun."""
        async with self.began:
            await self.began.wait_for(lambda: len(self.seen) >= count)


@pytest.fixture
def rounds() -> Rounds:
    """Rounds that are not held."""
    return Rounds()


@pytest_asyncio.fixture
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """An owner for rounds and callers."""
    async with asyncio.TaskGroup() as group:
        yield group


async def test_a_lone_caller_is_answered_at_once(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    gathering = Gathering(tasks, rounds.answer_all)
    assert await gathering.ask(21) == 42
    assert rounds.seen == [[21]]


async def test_what_is_asked_in_one_turn_goes_together(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    gathering = Gathering(tasks, rounds.answer_all)
    assert await asyncio.gather(*(gathering.ask(n) for n in range(1, 101))) == [n * 2 for n in range(1, 101)]
    assert rounds.seen == [list(range(1, 101))]


async def test_what_comes_during_a_round_goes_together_in_the_next(
    tasks: asyncio.TaskGroup, rounds: Rounds
) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, patience_seconds=30)
    first = tasks.create_task(gathering.ask(1))
    await rounds.wait_for(1)
    later = [tasks.create_task(gathering.ask(n)) for n in (2, 3, 4)]
    await asyncio.sleep(0)
    assert rounds.seen == [[1]]
    rounds.are_held = False
    rounds.gates[0].set()
    assert await asyncio.gather(first, *later) == [2, 4, 6, 8]
    assert rounds.seen == [[1], [2, 3, 4]]


async def test_no_round_takes_more_than_its_most_and_rounds_run_side_by_side_up_to_their_limit(
    tasks: asyncio.TaskGroup, rounds: Rounds
) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, most_per_round=10, rounds_at_once=2, patience_seconds=30)
    callers = [tasks.create_task(gathering.ask(n)) for n in range(1, 36)]
    await rounds.wait_for(2)
    await asyncio.sleep(0)
    assert [len(seen) for seen in rounds.seen] == [10, 10]
    rounds.are_held = False
    for gate in rounds.gates:
        gate.set()
    await asyncio.gather(*callers)
    assert [len(seen) for seen in rounds.seen] == [10, 10, 10, 5]


async def test_less_than_a_whole_round_waits_for_the_round_that_is_under_way(
    tasks: asyncio.TaskGroup, rounds: Rounds
) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, most_per_round=10, rounds_at_once=2, patience_seconds=30)
    callers = [tasks.create_task(gathering.ask(n)) for n in range(1, 13)]
    await rounds.wait_for(1)
    await asyncio.sleep(0)
    assert [len(seen) for seen in rounds.seen] == [10]
    rounds.are_held = False
    rounds.gates[0].set()
    await asyncio.gather(*callers)
    assert [len(seen) for seen in rounds.seen] == [10, 2]


async def test_a_slow_round_holds_up_nobody(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, patience_seconds=0.01)
    slow = tasks.create_task(gathering.ask(1))
    await rounds.wait_for(1)
    rounds.are_held = False
    assert await gathering.ask(2) == 4
    assert not slow.done()
    rounds.gates[0].set()
    assert await slow == 2


async def test_a_failed_round_fails_its_own_callers_and_nobody_else(
    tasks: asyncio.TaskGroup, rounds: Rounds
) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, patience_seconds=30)
    failing = [tasks.create_task(_expect(NotFound, gathering.ask(n))) for n in (-1, 1)]
    await rounds.wait_for(1)
    fine = tasks.create_task(gathering.ask(5))
    await asyncio.sleep(0)
    rounds.are_held = False
    rounds.gates[0].set()
    await asyncio.gather(*failing)
    assert await fine == 10


async def test_an_unforeseen_error_reaches_the_callers_and_spares_the_owner(tasks: asyncio.TaskGroup) -> None:
    async def break_down(requests: Sequence[int]) -> list[int | WorkroomError]:
        raise ZeroDivisionError

    gathering = Gathering(tasks, break_down)
    with pytest.raises(ZeroDivisionError):
        await gathering.ask(1)
    with pytest.raises(ZeroDivisionError):
        await gathering.ask(2)


async def test_a_round_with_too_few_answers_is_an_error_for_those_left_out(tasks: asyncio.TaskGroup) -> None:
    async def forget_the_last(requests: Sequence[int]) -> list[int | WorkroomError]:
        return list(requests[:-1])

    gathering = Gathering(tasks, forget_the_last)
    first, second = await asyncio.gather(gathering.ask(1), gathering.ask(2), return_exceptions=True)
    assert first == 1
    assert isinstance(second, ValueError)


async def test_an_answer_that_is_an_error_reaches_its_caller_alone(
    tasks: asyncio.TaskGroup, rounds: Rounds
) -> None:
    gathering = Gathering(tasks, rounds.answer_all)
    answers = await asyncio.gather(
        gathering.ask(1), gathering.ask(0), gathering.ask(2), return_exceptions=True
    )
    assert [answers[0], answers[2]] == [2, 4]
    assert isinstance(answers[1], NotFound)
    assert len(rounds.seen) == 1


async def test_a_cancelled_caller_is_not_asked_for(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, patience_seconds=30)
    first = tasks.create_task(gathering.ask(1))
    await rounds.wait_for(1)
    leaving, staying = tasks.create_task(gathering.ask(2)), tasks.create_task(gathering.ask(3))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    rounds.are_held = False
    rounds.gates[0].set()
    assert [await first, await staying] == [2, 6]
    assert rounds.seen == [[1], [3]]


async def test_a_caller_cancelled_during_its_round_harms_no_other(
    tasks: asyncio.TaskGroup, rounds: Rounds
) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, patience_seconds=30)
    leaving, staying = tasks.create_task(gathering.ask(2)), tasks.create_task(gathering.ask(3))
    await rounds.wait_for(1)
    leaving.cancel()
    rounds.gates[0].set()
    assert await staying == 6


async def test_a_caller_waits_only_so_long(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, deadline_seconds=0.01, patience_seconds=30)
    with pytest.raises(Unavailable, match=r"within 0\.01 seconds"):
        await gathering.ask(1)
    rounds.are_held = False
    rounds.gates[0].set()
    assert await gathering.ask(2) == 4


async def test_more_than_may_wait_are_refused(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    rounds.are_held = True
    gathering = Gathering(tasks, rounds.answer_all, most_waiting=3, patience_seconds=30)
    first = tasks.create_task(gathering.ask(1))
    await rounds.wait_for(1)
    waiting = [tasks.create_task(gathering.ask(n)) for n in (2, 3, 4)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="3 requests wait already"):
        await gathering.ask(5)
    rounds.are_held = False
    rounds.gates[0].set()
    assert await asyncio.gather(first, *waiting) == [2, 4, 6, 8]


async def test_when_the_owner_ends_whoever_waits_is_told(rounds: Rounds) -> None:
    rounds.are_held = True
    owner = asyncio.Event()
    gatherings: list[Gathering[int, int]] = []

    async def own() -> None:
        async with asyncio.TaskGroup() as group:
            gatherings.append(Gathering(group, rounds.answer_all, patience_seconds=300, deadline_seconds=300))
            owner.set()
            await asyncio.Event().wait()

    owning = asyncio.create_task(own())
    await owner.wait()
    asking = asyncio.gather(*(gatherings[0].ask(n) for n in (1, 2)), return_exceptions=True)
    await rounds.wait_for(1)
    later = asyncio.create_task(_expect(Unavailable, gatherings[0].ask(3)))
    await asyncio.sleep(0)
    owning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owning
    assert [type(answer) for answer in await asking] == [Unavailable, Unavailable]
    await later


async def _expect(error: type[Exception], asking: object) -> None:
    with pytest.raises(error):
        await asking  # type: ignore[misc]


async def test_after_a_crowd_the_next_round_waits_for_those_who_come_behind(
    tasks: asyncio.TaskGroup, rounds: Rounds
) -> None:
    gathering = Gathering(tasks, rounds.answer_all, gather_seconds=30.0, most_per_round=CROWD_REQUESTS * 2)
    await asyncio.gather(*(gathering.ask(n) for n in range(1, CROWD_REQUESTS + 1)))
    behind = []
    for number in range(100, 100 + CROWD_REQUESTS * 2):
        behind.append(tasks.create_task(gathering.ask(number)))
        await asyncio.sleep(0)  # each asks in a turn of its own
    await asyncio.gather(*behind)
    assert [len(seen) for seen in rounds.seen] == [CROWD_REQUESTS, CROWD_REQUESTS * 2]


async def test_a_crowd_that_has_come_is_not_waited_for(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    gathering = Gathering(tasks, rounds.answer_all, gather_seconds=30.0)
    await asyncio.gather(*(gathering.ask(n) for n in range(1, CROWD_REQUESTS + 1)))
    async with asyncio.timeout(10):
        assert await gathering.ask(21) == 42
    assert rounds.seen[-1] == [21]


async def test_without_a_crowd_nobody_waits(tasks: asyncio.TaskGroup, rounds: Rounds) -> None:
    gathering = Gathering(tasks, rounds.answer_all, gather_seconds=30.0)
    for number in range(1, CROWD_REQUESTS):
        assert await gathering.ask(number) == number * 2
    assert len(rounds.seen) == CROWD_REQUESTS - 1
