"""The command line of `scripts/bench`: which scenarios, how large, and where the figures go."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from scripts.measure import (
    blaster,
    catching_up,
    delivery,
    disposing,
    fan_out,
    file_transfer,
    guarding,
    history,
    idling,
    placing,
    sending,
    simulating,
)
from scripts.measure.figures import Page
from scripts.measure.run import SCALES, Run
from scripts.measure.surroundings import prepare_surroundings


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done at a stretch, and which figures come of it."""

    name: str
    measure: Callable[[Run], Awaitable[None]]
    figures: tuple[str, ...]


SCENARIOS = (
    Scenario("load", blaster.measure_load, ()),
    Scenario(
        "hot-room",
        fan_out.measure_hot_room,
        ("fanout_hot_per_s", "fanout_hot_ratio", "fanout_hot_cpu_us"),
    ),
    Scenario("many-rooms", fan_out.measure_rooms, ("fanout_rooms_ratio",)),
    Scenario(
        "delivery",
        delivery.measure_delivery,
        ("deliver_p50_ms", "deliver_p99_ms", "deliver_other_node_p99_ms"),
    ),
    Scenario("sending", sending.measure_many_rooms, ("send_acks_per_s", "send_acks_ratio")),
    Scenario("sending-hot", sending.measure_hot_room, ("send_hot_room_ratio",)),
    Scenario(
        "idle",
        idling.measure_idle,
        ("idle_kib_per_connection", "idle_cpu_us_per_connection_s", "handshakes_per_s"),
    ),
    Scenario("catch-up", catching_up.measure_catch_up, ("catch_up_s", "catch_up_queries")),
    Scenario("history", history.measure_history, ("history_page_ms", "history_page_ratio")),
    Scenario(
        "files", file_transfer.measure_transfer, ("upload_ratio", "download_ratio", "upload_memory_mib")
    ),
    Scenario("chat-beside-uploads", file_transfer.measure_chat, ("chat_beside_uploads_ratio",)),
    Scenario("guard", guarding.measure_guard, ("guard_cost_percent",)),
    Scenario("simulation", simulating.measure_simulation, ("simulate_s",)),
    Scenario("holds", placing.measure_placing, ("hold_place_ms", "hold_place_beside_disposition_ms")),
    Scenario(
        "disposition",
        disposing.measure_disposition,
        (
            "disposition_ratio",
            "disposition_held_ratio",
            "disposition_per_s",
            "acks_beside_disposition_ratio",
        ),
    ),
)


def main() -> int:
    """Measure, print the page, write the JSON. Exits with 0 also where a target is missed: the page says so."""
    chosen = _parser().parse_args()
    scenarios = [
        each for each in SCENARIOS if not chosen.only or {each.name, *each.figures} & set(chosen.only)
    ]
    if not scenarios:
        print(f"scripts/bench: nothing is called {' or '.join(chosen.only)}.", file=sys.stderr)
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    page = Page("quick" if chosen.quick else chosen.scale)
    uvloop.run(_measure(page, scenarios))
    print("\n".join(page.lines()))
    if chosen.json is not None:
        page.write_json(chosen.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures every figure of docs/performance.md on this machine."
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="scenarios or figures")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="in under three minutes, with fewer connections and shorter rounds",
    )
    parser.add_argument("--scale", choices=sorted(SCALES), default="full", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser


async def _measure(page: Page, scenarios: Sequence[Scenario]) -> None:
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        surroundings = await stack.enter_async_context(prepare_surroundings())
        run = Run(surroundings, SCALES[page.scale], page, stack)
        for scenario in scenarios:
            print(f"  measuring {scenario.name} ...", file=sys.stderr, flush=True)
            await scenario.measure(run)
        version = await surroundings.owner.fetchval("show server_version")
    page.notes.append(
        f"{os.cpu_count()} cores ({platform.machine()}), server on core {surroundings.cores.server}, load on core "
        f"{surroundings.cores.load}, PostgreSQL {version}, Python {platform.python_version()}, "
        f"load average {os.getloadavg()[0]:.1f}, {time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
