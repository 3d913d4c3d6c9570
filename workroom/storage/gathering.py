"""Many callers who ask the same kind of question share one query.

While a round is under way, whoever asks waits; what has gathered goes together in the next. So an idle server
answers a lone caller at once, and a busy one asks Postgres once for hundreds. Nothing is remembered: an
answer comes from a round that began after its question. No SQL here: a round is a function from requests to
answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from workroom.errors import Unavailable, WorkroomError

CROWD_REQUESTS = 8
"""A round of so many is a sign that many more are coming: after a restart everybody does."""
QUIET_SECONDS = 0.01
"""As long as a crowd is coming, somebody asks more often than that."""

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Gathering(Generic[Request, Answer]):
    """Rounds of gathered requests, run as tasks of a group that somebody else owns and awaits.

    A second round starts beside the first only when a whole round is waiting, or when the first is slow. After a round
    of a crowd the next one gathers for a while, so that a crowd costs few queries however fast each of them is.

    Args:
        tasks: where the rounds run; open for as long as anybody asks.
        answer_all: answers a round in the order of its requests. An answer that is a WorkroomError is raised
            for that caller alone; an error that `answer_all` raises reaches the callers of that round alone.
        most_per_round: how many requests go together.
        rounds_at_once: how many rounds may be under way at the same time.
        most_waiting: how many requests may wait for a round; the next one is refused with Unavailable.
        deadline_seconds: how long a caller waits for its turn and its answer, then Unavailable.
        patience_seconds: after how long a round is slow.
        gather_seconds: how long, at most, the next round waits after one of a crowd began: as long as more and more
            ask, and it is not whole.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        answer_all: Callable[[Sequence[Request]], Awaitable[Sequence[Answer | WorkroomError]]],
        *,
        most_per_round: int = 256,
        rounds_at_once: int = 2,
        most_waiting: int = 20_000,
        deadline_seconds: float = 10.0,
        patience_seconds: float = 0.1,
        gather_seconds: float = 0.0,
    ) -> None:
        self._tasks = tasks
        self._answer_all = answer_all
        self._most_per_round = most_per_round
        self._rounds_at_once = rounds_at_once
        self._most_waiting = most_waiting
        self._deadline_seconds = deadline_seconds
        self._patience_seconds = patience_seconds
        self._gather_seconds = gather_seconds
        self._not_before = 0.0
        self._gathering: asyncio.TimerHandle | None = None
        self._gathered = 0
        self._waiting: dict[asyncio.Future[Answer], Request] = {}
        self._is_starting = False
        self._rounds = 0
        self._slow_rounds = 0

    async def ask(self, request: Request) -> Answer:
        """Give the answer of a round that began after this call.

        Raises:
            Unavailable: too many wait, or the deadline has passed.
            WorkroomError: what the round said about this request, or about all of its requests.
        """
        if len(self._waiting) >= self._most_waiting:
            raise Unavailable(f"{self._most_waiting} requests wait already")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = request
        try:
            self._start_round()
            async with asyncio.timeout(self._deadline_seconds):
                return await answer
        except TimeoutError:
            raise Unavailable(f"no answer within {self._deadline_seconds:g} seconds") from None
        finally:
            self._waiting.pop(answer, None)

    def _start_round(self) -> None:
        # The round takes its requests in the next turn of the loop: what is asked in this one joins it.
        if self._waiting and not self._is_starting and self._may_start() and not self._must_gather():
            self._tasks.create_task(self._run_round())
            self._is_starting = True
            self._rounds += 1

    def _may_start(self) -> bool:
        if self._rounds >= self._rounds_at_once:
            return False
        return self._rounds == self._slow_rounds or len(self._waiting) >= self._most_per_round

    def _must_gather(self) -> bool:
        if not self._is_crowd_coming():
            return False
        if self._gathering is None:
            self._gather_on()
        return True

    def _is_crowd_coming(self) -> bool:
        now = asyncio.get_running_loop().time()
        return len(self._waiting) < self._most_per_round and now < self._not_before

    def _gather_on(self) -> None:
        self._gathered = len(self._waiting)
        self._gathering = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._look_whether_more_came)

    def _look_whether_more_came(self) -> None:
        self._gathering = None
        if len(self._waiting) > self._gathered and self._is_crowd_coming():
            self._gather_on()
            return
        self._not_before = 0.0
        self._start_round()

    async def _run_round(self) -> None:
        answers = list(islice(self._waiting, self._most_per_round))
        requests = [self._waiting.pop(answer) for answer in answers]
        if len(requests) >= CROWD_REQUESTS:
            self._not_before = asyncio.get_running_loop().time() + self._gather_seconds
        self._is_starting = False
        self._start_round()
        is_slow = False

        def let_others_start() -> None:
            nonlocal is_slow
            is_slow = True
            self._slow_rounds += 1
            self._start_round()

        patience = asyncio.get_running_loop().call_later(self._patience_seconds, let_others_start)
        try:
            if requests:
                _deliver(answers, await self._answer_all(requests))
        except asyncio.CancelledError:
            _fail([*answers, *self._waiting], Unavailable("the node is shutting down"))
            self._waiting.clear()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to these callers and to nobody else
            _fail(answers, error)
        finally:
            patience.cancel()
            self._rounds -= 1
            self._slow_rounds -= is_slow
        self._start_round()


def _deliver(waiting: Sequence[asyncio.Future[Answer]], answers: Sequence[Answer | WorkroomError]) -> None:
    for future, answer in zip(waiting, answers, strict=True):
        if future.done():
            continue  # its caller was cancelled or has waited too long
        if isinstance(answer, WorkroomError):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _fail(waiting: Sequence[asyncio.Future[Answer]], error: Exception) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
