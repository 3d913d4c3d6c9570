"""A file that failed pauses, the longer the more often it failed, and however many fail, the others come first."""

from __future__ import annotations

from uuid import uuid4

import pytest

from workroom import file_failures
from workroom.errors import Unavailable
from workroom.file_failures import LONGEST_PAUSE_SECONDS, FileFailures
from workroom.ids import FileId


class Clock:
    """Seconds as the test wants them."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(file_failures, "monotonic_seconds", clock)
    return clock


def a_file() -> FileId:
    return FileId(uuid4())


def test_a_file_that_failed_is_left_out_until_its_pause_is_over(clock: Clock) -> None:
    failures, file_id = FileFailures(2.0), a_file()
    assert failures.begin_round() == []
    failures.add(file_id, Unavailable("away"))
    assert failures.begin_round() == [file_id]
    clock.seconds += 2.0
    assert failures.begin_round() == []
    last = failures.find_last(file_id)
    assert last is not None
    assert last.kind is Unavailable


def test_each_failure_doubles_the_pause_up_to_the_longest(clock: Clock) -> None:
    failures, file_id, pauses = FileFailures(2.0), a_file(), []
    for _ in range(12):
        failures.add(file_id, Unavailable("away"))
        began = clock.seconds
        while failures.begin_round():
            clock.seconds += 1.0
        pauses.append(clock.seconds - began)
    assert pauses[:4] == [2.0, 4.0, 8.0, 16.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_what_does_not_fail_again_is_forgotten(clock: Clock) -> None:
    failures, file_id = FileFailures(2.0), a_file()
    failures.add(file_id, Unavailable("away"))
    clock.seconds += 2.0
    failures.begin_round()
    assert failures.begin_round() == []
    assert failures.find_last(file_id) is None


def test_a_round_tries_one_of_many_again_and_the_one_that_waited_longest(clock: Clock) -> None:
    failures, file_ids = FileFailures(2.0), [a_file() for _ in range(20)]
    for file_id in file_ids:
        failures.add(file_id, Unavailable("away"))
        clock.seconds += 0.01
    clock.seconds += 2.0
    for tried in file_ids:
        assert tried not in failures.begin_round()
        failures.add(tried, Unavailable("away"))


def test_no_more_are_known_than_the_bound(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_failures, "MOST_FAILURES", 3)
    failures, file_ids = FileFailures(2.0), [a_file() for _ in range(5)]
    for file_id in file_ids:
        failures.add(file_id, Unavailable("away"))
        clock.seconds += 0.01
    assert failures.begin_round() == file_ids[2:]
