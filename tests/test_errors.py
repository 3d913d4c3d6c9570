"""The one tree of errors, and the page that lists it."""

from __future__ import annotations

import inspect
from pathlib import Path

from workroom import errors
from workroom.errors import ERRORS, WorkroomError

PROTOCOL_PAGE = Path(__file__).parents[1] / "docs" / "protocol.md"


def test_the_docs_list_every_error_with_its_status_and_whether_to_try_again() -> None:
    lines = PROTOCOL_PAGE.read_text().splitlines()
    for code, error in ERRORS.items():
        row = f"| `{code}` | {error.http_status} | {'yes' if error.retry else 'no'} | "
        assert sum(line.startswith(row) for line in lines) == 1, code


def test_every_error_has_a_code_of_its_own_and_is_in_the_list() -> None:
    defined = [
        each
        for each in vars(errors).values()
        if inspect.isclass(each) and issubclass(each, WorkroomError) and each is not WorkroomError
    ]
    assert {each.code: each for each in defined} == ERRORS
    assert len(defined) == len(ERRORS)


def test_what_may_be_tried_again_is_said_by_a_status_that_means_later() -> None:
    assert {error.http_status for error in ERRORS.values() if error.retry} == {409, 423, 429, 460, 503, 507}
