"""One run: its surroundings, its sizes, its page; and how busy the load generator was while something was measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.measure.archive import Archive, fill_archive
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
    archive_messages: int
    archive_rooms: int
    quiet_seconds: float


SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            name="full",
            rounds=3,
            round_seconds=3.0,
            hot_members=1000,
            rooms=100,
            members_of_room=10,
            deliver_seconds=4.0,
            senders=500,
            idle_connections=5000,
            idle_seconds=30.0,
            catch_up_connections=2000,
            missed_messages=50,
            history_messages=1_000_000,
            history_pages=2_000,
            file_mib=512,
            uploads=20,
            upload_mib=1024,
            chat_seconds=10.0,
            archive_messages=5_000_000,
            archive_rooms=2_000,
            quiet_seconds=5.0,
        ),
        Scale(
            name="quick",
            rounds=2,
            round_seconds=1.5,
            hot_members=1000,
            rooms=100,
            members_of_room=10,
            deliver_seconds=2.0,
            senders=500,
            idle_connections=1500,
            idle_seconds=6.0,
            catch_up_connections=1000,
            missed_messages=50,
            history_messages=50_000,
            history_pages=150,
            file_mib=256,
            uploads=20,
            upload_mib=64,
            chat_seconds=4.0,
            archive_messages=300_000,
            archive_rooms=200,
            quiet_seconds=2.0,
        ),
        Scale(
            name="tiny",
            rounds=1,
            round_seconds=1.0,  # longer than a disk stands still now and then
            hot_members=20,
            rooms=4,
            members_of_room=3,
            deliver_seconds=0.5,
            senders=8,
            idle_connections=20,
            idle_seconds=0.5,
            catch_up_connections=20,
            missed_messages=5,
            history_messages=1_000,
            history_pages=10,
            file_mib=4,
            uploads=3,
            upload_mib=1,
            chat_seconds=0.5,
            archive_messages=15_000,
            archive_rooms=10,
            quiet_seconds=0.3,
        ),
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
    stack: AsyncExitStack
    busiest: float = field(default=0.0)
    archive: Archive | None = field(default=None)

    async def open_archive(self) -> Archive:
        """The archive; filled when the first scenario needs it, and gone when the run ends."""
        if self.archive is None:
            self.archive = await fill_archive(
                self.stack, self.scale.archive_messages, self.scale.archive_rooms
            )
        return self.archive

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
