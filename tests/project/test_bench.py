"""`scripts/bench` measures every figure that it promises, and writes each under its name."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from scripts.measure.figures import FIGURES
from tests.project.tree import ROOT, read

NAMES = [figure.name for figure in FIGURES]


@pytest.mark.deadline(300)
async def test_a_run_writes_every_figure_under_its_name(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    program = await asyncio.create_subprocess_exec(
        str(ROOT / "scripts" / "bench"),
        *("--scale", "tiny", "--json", str(written)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(250):
        page, said = await program.communicate()
    assert program.returncode == 0, said.decode()
    figures = json.loads(written.read_text("utf-8"))
    assert [name for name in NAMES if not isinstance(figures.get(name), int | float)] == []
    # The clock of the CPU ticks a hundred times a second: twenty idle connections may have used none; nor more memory
    # than was free. What costs next to nothing may come out as less than that.
    maybe_nothing = {"idle_cpu_us_per_connection_s", "idle_kib_per_connection", "guard_cost_percent"}
    assert {name for name in NAMES if not figures[name] > 0} <= maybe_nothing
    assert [name for name in NAMES if name not in page.decode()] == []


def test_every_figure_is_explained() -> None:
    document = read(Path("docs/performance.md"))
    named = set(re.findall(r"`(\w+)`", document))
    assert [name for name in NAMES if name not in named] == []
