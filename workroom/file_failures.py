"""What could not be done with a file is tried again later, the longer the more often it failed.

A round takes what never failed and one file that did: however many keep failing, the others do not wait for them.
Known to one process only, and forgotten with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from workroom.clock import monotonic_seconds
from workroom.ids import FileId

LONGEST_PAUSE_SECONDS = 600.0
MOST_FAILURES = 10_000
"""When so many are known, the one whose turn is next is forgotten for each that comes, and is tried like a new one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a file failed last, and when it is tried again."""

    kind: type[Exception]
    pause_seconds: float
    again_at: float


class FileFailures:
    """The files that failed at one thing."""

    def __init__(self, first_pause_seconds: float) -> None:
        self._first_pause_seconds = first_pause_seconds
        self._waiting: dict[FileId, Failure] = {}
        self._tried_again: dict[FileId, Failure] = {}

    def begin_round(self) -> list[FileId]:
        """Those to leave out of a round: all but one whose pause is over, which is forgotten unless it fails again."""
        self._tried_again.clear()
        following = self._find_next()
        if following is not None and self._waiting[following].again_at <= monotonic_seconds():
            self._tried_again[following] = self._waiting.pop(following)
        return list(self._waiting)

    def find_last(self, file_id: FileId) -> Failure | None:
        """How the file that this round tries again failed last; None for every other one."""
        return self._tried_again.get(file_id)

    def add(self, file_id: FileId, error: Exception) -> None:
        """A file has failed: it pauses twice as long as the last time."""
        last = self.find_last(file_id)
        pause = self._first_pause_seconds if last is None else last.pause_seconds * 2
        pause = min(pause, LONGEST_PAUSE_SECONDS)
        following = self._find_next()
        if following is not None and len(self._waiting) >= MOST_FAILURES:
            del self._waiting[following]
        self._waiting[file_id] = Failure(type(error), pause, monotonic_seconds() + pause)

    def _find_next(self) -> FileId | None:
        return min(self._waiting, key=lambda file_id: self._waiting[file_id].again_at, default=None)
