"""`scripts/test-on-system`: of the PostgreSQLs that are there, the oldest that Workroom supports, and it says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/test-on-system"


def make_program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run_script(folder: Path, *versions: str) -> subprocess.CompletedProcess[str]:
    """What it does where these are installed; none of them makes a cluster, so that it ends at its first use."""
    for version in versions:
        programs = folder / "postgresql" / version.split(".")[0] / "bin"
        make_program(programs / "postgres", f'echo "postgres (PostgreSQL) {version} (Debian {version}-1)"')
        make_program(programs / "initdb", "exit 3")
    (folder / "postgresql/17/bin").mkdir(parents=True, exist_ok=True)  # clients alone
    for name in ("redis-server", "redis-cli"):
        make_program(folder / "path" / name, "exit 0")
    return subprocess.run(
        [SCRIPT],
        env={
            "PATH": f"{folder / 'path'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "POSTGRES_FOLDERS": str(folder / "postgresql"),
        },
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("installed", "taken", "is_oldest"),
    [
        (("18.1", "15.10", "16.4"), "15.10", True),
        (("9.6.24", "14.2", "15.9"), "15.9", True),
        (("18.1", "16.4"), "16.4", False),
    ],
)
def test_the_oldest_that_is_supported_is_taken(
    tmp_path: Path, installed: tuple[str, ...], taken: str, is_oldest: bool
) -> None:
    said = run_script(tmp_path, *installed).stdout
    programs = tmp_path / "postgresql" / taken.split(".")[0] / "bin"
    assert f"PostgreSQL {taken} in {programs}\n" in said
    assert ("is not tested" not in said) == is_oldest


def test_one_that_is_too_old_is_none(tmp_path: Path) -> None:
    ended = run_script(tmp_path, "14.2")
    assert ended.returncode == 1
    assert "PostgreSQL 15 or newer and Redis are needed" in ended.stderr
