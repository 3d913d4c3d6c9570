"""Numbers, sizes and times as commands of the shell say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from workroom.errors import Conflict, InvalidInput, NotFound
from workroom.shell_words import advise, counted, write_size, write_time


def test_one_is_one_and_many_are_grouped() -> None:
    assert counted(1, "room") == "1 room"
    assert counted(0, "room") == "0 rooms"
    assert counted(1_204_000, "person", "people") == "1,204,000 people"


@pytest.mark.parametrize(
    ("byte_size", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (4_210_000, "4.21 MB"),
     (10**12, "1 TB"), (5 * 10**15, "5,000 TB")],
)  # fmt: skip
def test_a_size_has_three_digits(byte_size: int, said: str) -> None:
    assert write_size(byte_size) == said


def test_a_time_is_said_in_utc_and_what_is_missing_as_it_is_called() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))
    assert write_time(noon, "never") == "2026-03-01 11:00:00 UTC"
    assert write_time(noon.astimezone(UTC), "open") == "2026-03-01 11:00:00 UTC"
    assert write_time(None, "open") == "open"


def test_who_types_is_told_which_option_is_wrong_and_what_to_do() -> None:
    assert "--room or --custodian" in advise(InvalidInput("x", field="rooms", problem="empty_scope"))
    assert "--until has to lie after --from" in advise(
        InvalidInput("x", field="sent_until", problem="out_of_order")
    )
    assert (
        advise(InvalidInput("x", field="reason", problem="missing")) == "Say why: --reason must not be empty."
    )
    assert "Another officer" in advise(Conflict("x", problem="same_officer"))
    assert advise(InvalidInput("A name is needed.", field="name", problem="missing")) == "A name is needed."
    assert advise(NotFound("There is no such hold.")) == "There is no such hold."
