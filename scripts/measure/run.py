"""One run: its surroundings, its sizes, its page; and how busy the load generator was while something was measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.measure.figures import Page
from scripts.measure.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done. The figures mean what they say at the full scale; a smaller one shows that things work."""

    name: str
    rounds: int
    round_seconds: float
    hot_members: int
    rooms: int
    members_of_room: int
    deliver_seconds: float
    senders: int
    idle_connections: int
    idle_seconds: float
    catch_up_connections: int
    missed_messages: int
    history_messages: int
    history_pages: int
    file_mib: int
    uploads: int
    upload_mib: int
    chat_seconds: float


SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            "full", 3, 3.0, 1000, 100, 10, 4.0, 500, 5000, 30.0, 2000, 50, 1_000_000, 400, 512, 20, 1024, 10.0
        ),
        Scale("quick", 2, 1.5, 1000, 100, 10, 2.0, 500, 1500, 6.0, 1000, 50, 50_000, 150, 256, 20, 64, 4.0),
        Scale("tiny", 1, 0.3, 20, 4, 3, 0.5, 8, 20, 0.5, 20, 5, 1_000, 10, 4, 3, 1, 0.5),
    )
}


@dataclass(slots=True)
class Busy:
    """The share of a measured time that the load generator computed; known when the block has ended."""

    share: float = 0.0


@dataclass(slots=True)
class Run:
    """What every scenario gets."""

    surroundings: Surroundings
    scale: Scale
    page: Page
    busiest: float = field(default=0.0)

    @contextmanager
    def watch_load(self) -> Iterator[None]:
        """Take note of how busy this process is in the block; the highest of a scenario counts."""
        began, used = time.perf_counter(), time.process_time()
        yield
        share = (time.process_time() - used) / max(time.perf_counter() - began, 1e-9)
        self.busiest = max(self.busiest, share)

    def take(self, measured: dict[str, float], **beside: str) -> None:
        """Put the figures of a scenario on the page, with what was measured beside them."""
        self.page.take(measured, beside, self.busiest)
        self.busiest = 0.0


def waiting_seconds(pid: int | str = "self") -> float:
    """How long a program was ready to run and had to wait for its core so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
