"""The figures: their names, what they mean, what they should reach, and the page that shows them.

Nothing is measured here. A name is the same on the page, in the JSON and in docs/performance.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `target` is the least (or, where `less_is_better`, the most) it should be; None: for looking at."""

    name: str
    meaning: str
    target: float | None
    less_is_better: bool = False

    def is_reached(self, measured: float) -> bool:
        """Whether the measured value is as good as the target."""
        if self.target is None:
            return True
        return measured <= self.target if self.less_is_better else measured >= self.target


FIGURES: tuple[Figure, ...] = (
    Figure("fanout_hot_per_s", "one room, 1,000 members: deliveries/s, each committed first", 2_000_000),
    Figure("fanout_hot_ratio", "  against the obvious program, which stores nothing", 15),
    Figure("fanout_hot_cpu_us", "  server CPU for a delivery, microseconds", None, True),
    Figure("fanout_rooms_ratio", "100 rooms of 10 members: deliveries, against the obvious program", 2),
    Figure("deliver_p50_ms", "send to received, 1,000 members, 20 messages/s: median", 15, True),
    Figure("deliver_p99_ms", "  the slowest of a hundred", 40, True),
    Figure("deliver_other_node_p99_ms", "  sender and receivers on different nodes", 50, True),
    Figure("send_acks_per_s", "acknowledged sends/s, 500 senders in 100 rooms", 10_000),
    Figure(
        "send_acks_ratio", "  against the same inserts, in batches of the same size, without our server", 0.5
    ),
    Figure("send_hot_room_ratio", "acknowledged sends into one room, against a transaction for each", 8),
    Figure(
        "idle_kib_per_connection", "5,000 connections listening to 5 rooms each: memory of one, KiB", 20, True
    ),
    Figure("idle_cpu_us_per_connection_s", "  CPU of one, microseconds a second", 5, True),
    Figure("handshakes_per_s", "from cookie to listening to 5 rooms, a second", 800),
    Figure(
        "catch_up_s",
        "2,000 connections back at once, 50 messages missed each: seconds until all have them",
        10,
        True,
    ),
    Figure("catch_up_queries", "  Postgres queries for each client", 0.1, True),
    Figure("history_page_ms", "a page of 50 at depth 1,000,000, the slowest of a hundred", 5, True),
    Figure("history_page_ratio", "  against the newest page", 1.3, True),
    Figure(
        "upload_ratio", "one upload to disk, against a bare loop of the same reads, hashing and writes", 0.6
    ),
    Figure("download_ratio", "one download from disk, against a bare loop of the same", 0.5),
    Figure("upload_memory_mib", "20 uploads at once: what they add to the node's memory, MiB", 64, True),
    Figure(
        "chat_beside_uploads_ratio",
        "four uploads at 25 MB/s each: p99 of chat in another room, against its quiet value",
        2,
        True,
    ),
    Figure(
        "guard_cost_percent",
        "acknowledged sends/s: what guard and roles take of them, percent",
        10,
        True,
    ),
    Figure(
        "simulate_s", "a retention rule simulated over 5,000,000 messages in 2,000 rooms, seconds", 5, True
    ),
    Figure("hold_place_ms", "a hold placed on a room with 1,000,000 messages", 50, True),
    Figure("hold_place_beside_disposition_ms", "  while disposition runs", 500, True),
    Figure(
        "disposition_ratio", "1,000,000 messages destroyed in whole months, against a plain batched DELETE", 5
    ),
    Figure("disposition_held_ratio", "  with 1% of them held, spread, against the same", 0.7),
    Figure("disposition_per_s", "  the same, messages/s", 20_000),
    Figure(
        "acks_beside_disposition_ratio",
        "  meanwhile: p99 of acknowledgements in another room, against its quiet value",
        2,
        True,
    ),
)
BY_NAME = {figure.name: figure for figure in FIGURES}


@dataclass(slots=True)
class Page:
    """What one run found: figures, what was measured beside them, and what was raised for the run."""

    scale: str
    measured: dict[str, float] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    load_busy: dict[str, float] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, measured: Mapping[str, float], beside: Mapping[str, str], load_busy: float) -> None:
        """Add the figures of one scenario. `load_busy`: the share of its core that the load generator needed."""
        self.measured.update(measured)
        self.beside.update(beside)
        self.load_busy.update(dict.fromkeys(measured, load_busy))

    def raise_limit(self, sentence: str) -> None:
        """Note a limit that is not the product's own in this run; each once."""
        if sentence not in self.raised:
            self.raised.append(sentence)

    def lines(self) -> list[str]:
        """The page, line by line."""
        width = max(len(figure.name) for figure in FIGURES)
        shown = [f"{'figure':<{width}} {'target':>11} {'measured':>11}      load  beside it"]
        for figure in FIGURES:
            if figure.name not in self.measured:
                continue
            value = self.measured[figure.name]
            sign = "" if figure.target is None else "<= " if figure.less_is_better else ">= "
            target = sign + number(figure.target) if figure.target is not None else "-"
            verdict = "" if figure.target is None else "ok" if figure.is_reached(value) else "NO"
            shown.append(
                f"{figure.name:<{width}} {target:>11} {number(value):>11} {verdict:>2} "
                f"{self.load_busy[figure.name]:>6.0%}  {self.beside.get(figure.name, '')}".rstrip()
            )
        shown.append("")
        shown += [
            f"{figure.name}: {figure.meaning.strip()}" for figure in FIGURES if figure.name in self.measured
        ]
        shown.append("")
        shown.append(
            "load: how much of its core the load generator needed; near 100% it was the limit, not the server"
        )
        shown += [f"raised for this run: {sentence}" for sentence in self.raised]
        return shown + self.notes

    def write_json(self, file: Path) -> None:
        """Write the figures under their names, and beside them what a reader needs to judge them."""
        written = {
            **{figure.name: self.measured[figure.name] for figure in FIGURES if figure.name in self.measured},
            "scale": self.scale,
            "load_busy": self.load_busy,
            "raised": self.raised,
            "notes": self.notes,
        }
        file.write_text(json.dumps(written, indent=2) + "\n", "utf-8")


def number(value: float) -> str:
    """A value for the page: three figures that count, thousands set apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def median(values: Sequence[float]) -> float:
    """The middle value; the lower of both where there are two."""
    return sorted(values)[(len(values) - 1) // 2]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many of a hundred lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
