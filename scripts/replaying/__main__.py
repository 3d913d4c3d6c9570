"""The command line of `scripts/replay`: servers of its own, two nodes, every log of a folder, figures, differences."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from scripts.replaying.comparison import Compared, count_stays
from scripts.replaying.conversation import Played
from scripts.replaying.log import Renamed, find_logs, read_log
from scripts.replaying.stage import NODES, replay_log, set_stage

HEADS = (
    "log",
    "people",
    "lines",
    "replies",
    "stays",
    "renames",
    "cut off",
    "lines/s",
    "p99 ms",
    "compared",
    "differ",
)


def main() -> int:
    """Replay a folder; 0 when nothing differs, 1 when something does, 2 when there is nothing to replay."""
    chosen = _parser().parse_args()
    files = find_logs(chosen.folder)
    if not files:
        print(f"scripts/replay: {chosen.folder} has no *.raw.txt.", file=sys.stderr)
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    began = time.perf_counter()
    results = uvloop.run(_replay_all(files, chosen))
    print("\n".join(_describe(results, time.perf_counter() - began)))
    return 1 if any(compared.differences for _, compared in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/replay", description="Plays logs of conversations through two nodes and compares."
    )
    parser.add_argument("folder", type=Path, help="has *.raw.txt and *.annotation.txt")
    parser.add_argument(
        "--speed", type=float, metavar="FACTOR", help="times faster than life; else as fast as it goes"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="NUMBER", help="decides which lines are lost, and when"
    )
    parser.add_argument(
        "--at-once", type=int, default=3, metavar="ROOMS", help="logs that are played side by side"
    )
    return parser


async def _replay_all(files: Sequence[Path], chosen: argparse.Namespace) -> list[tuple[Played, Compared]]:
    gate = asyncio.Semaphore(chosen.at_once)
    async with set_stage() as stage:

        async def replay(file: Path) -> tuple[Played, Compared]:
            async with gate:
                print(f"  replaying {file.name} ...", file=sys.stderr, flush=True)
                return await replay_log(read_log(file), stage, seed=chosen.seed, speed=chosen.speed)

        async with asyncio.TaskGroup() as replays:
            tasks = [replays.create_task(replay(file)) for file in files]
        return [task.result() for task in tasks]


def _describe(results: Sequence[tuple[Played, Compared]], seconds: float) -> list[str]:
    rows = [_row(played, compared) for played, compared in results]
    totals = [
        sum(cell for row in rows if isinstance(cell := row[column], int)) for column in range(len(HEADS))
    ]
    total = ("all", *totals[1:7], "", "", *totals[9:])
    table = [HEADS, *rows, total]
    widths = [max(len(str(row[column])) for row in table) for column in range(len(HEADS))]
    lines = [
        "  ".join(f"{cell!s:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in table
    ]
    empty = sum(played.log.empty_lines for played, _ in results)
    lines += [
        "",
        f"{len(results)} logs on {NODES} nodes, {os.cpu_count()} cores, {seconds:.0f} s; "
        f"{empty} lines had no text and were left out",
    ]
    differences = [said for _, compared in results for said in compared.differences]
    return [
        *lines,
        *(differences or ["Everybody has exactly what is stored and what the log lets them see."]),
    ]


def _row(played: Played, compared: Compared) -> tuple[str | int, ...]:
    said = len(played.message_ids)
    return (
        played.log.title,
        len(played.participants),
        said,
        len(played.replies),
        count_stays(played.participants),
        sum(isinstance(act, Renamed) for act in played.log.acts),
        sum(participant.lines_lost for participant in played.participants),
        f"{said / max(played.seconds, 1e-9):.0f}",
        f"{sorted(played.post_ms)[int(len(played.post_ms) * 0.99)]:.1f}" if played.post_ms else "",
        compared.events_compared,
        len(compared.differences),
    )


if __name__ == "__main__":
    sys.exit(main())
