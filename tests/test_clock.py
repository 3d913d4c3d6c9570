"""The process's own time: aware where it is a date, never backwards where it is a distance."""

from __future__ import annotations

from datetime import UTC, timedelta

from workroom.clock import monotonic_seconds, now


def test_now_knows_its_zone() -> None:
    assert now().tzinfo is UTC
    assert now() - now() <= timedelta()


def test_a_distance_in_time_is_never_negative() -> None:
    readings = [monotonic_seconds() for _ in range(1_000)]
    assert readings == sorted(readings)
