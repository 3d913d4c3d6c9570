"""`scripts/up` and `scripts/install`: find a Python, install once, get out of the way; failures are sentences.

The installation itself needs a package index and a minute: here a stand-in for Python plays it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# Plays every Python that scripts/up meets, and writes down how it was called. `-m venv` makes a .venv with itself
# in it; NO_ENSUREPIP, OLD and OFFLINE make it fail as real ones do.
STAND_IN = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in
  *version_info*) [ -z "$OLD" ] ;;
  *ensurepip*) [ -z "$NO_ENSUREPIP" ] ;;
  *"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *"-m pip "*) [ -z "$OFFLINE" ] || { echo "No matching distribution found"; exit 1; } ;;
  *"-m workroom "*) echo "started in $PWD" ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone, on a path with spaces, that has never been started."""
    clone = tmp_path / "a clone with 'spaces'"
    (clone / "scripts").mkdir(parents=True)
    for script in ("up", "install"):
        shutil.copy(REPOSITORY / "scripts" / script, clone / "scripts" / script)
    (clone / "pyproject.toml").write_text("[project]\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").write_text(STAND_IN)
    (programs / "python3").chmod(0o755)
    for name in (
        "bash",
        "sh",
        "env",
        "cat",
        "cksum",
        "dirname",
        "basename",
        "mkdir",
        "cp",
        "tail",
        "sed",
        "flock",
    ):
        if (found := shutil.which(name)) is not None:
            (programs / name).symlink_to(found)
    return clone


def start(clone: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(clone.parent / "programs"), "CALLS": str(clone.parent / "calls"), **variables}
    return subprocess.run(
        [str(clone / "scripts" / "up"), *arguments],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def calls_of(clone: Path) -> list[str]:
    calls = (clone.parent / "calls").read_text().splitlines()
    (clone.parent / "calls").unlink()
    return calls


def test_the_first_start_installs_and_the_later_ones_do_not(clone: Path) -> None:
    first = start(clone, "--demo")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[0].startswith(f"Installing Workroom into {clone}/.venv ")
    installing = [call for call in calls_of(clone) if " -m pip install " in call]
    assert len(installing) == 1
    assert installing[0].endswith(f"--editable {clone}")
    later = start(clone, "--demo")
    assert later.stdout == "started in /\n"
    assert calls_of(clone) == ["python -P -m workroom up --demo"]


def test_it_installs_again_when_the_dependencies_or_the_place_have_changed(clone: Path) -> None:
    start(clone)
    (clone / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    assert start(clone).stdout.startswith("Installing")
    assert not start(clone).stdout.startswith("Installing")
    moved = clone.rename(clone.with_name("moved"))
    assert start(moved).stdout.startswith("Installing")


def test_two_first_starts_at_once_install_once(clone: Path) -> None:
    environment = {"PATH": str(clone.parent / "programs"), "CALLS": str(clone.parent / "calls")}
    starting = [subprocess.Popen([str(clone / "scripts" / "up")], env=environment) for _ in range(4)]
    assert [each.wait(30) for each in starting] == [0] * 4
    assert len([call for call in calls_of(clone) if " -m pip install " in call]) == 1


def test_without_a_python_that_is_new_enough_it_says_what_to_install(clone: Path) -> None:
    refused = start(clone, OLD="1")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "scripts/up: Python 3.11 or newer is needed and was not found: install it"
    )


def test_a_python_that_makes_no_environments_is_told_from_none(clone: Path) -> None:
    refused = start(clone, NO_ENSUREPIP="1")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "scripts/up: python3 cannot make a virtual environment: install its venv"
    )
    assert not (clone / ".venv" / "installed").exists()


def test_an_installation_that_fails_says_why_and_is_tried_again(clone: Path) -> None:
    failed = start(clone, OFFLINE="1")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[0] == "  No matching distribution found"
    assert "scripts/up: the installation failed" in failed.stderr
    assert start(clone).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_clone_that_cannot_be_written_is_a_sentence(clone: Path) -> None:
    clone.chmod(0o555)
    assert "cannot be written to: start as the user who owns it" in start(clone).stderr
    clone.chmod(0o755)


def test_the_named_python_is_asked_first(clone: Path) -> None:
    named = clone.parent / "another python"
    named.write_text(STAND_IN)
    named.chmod(0o755)
    assert start(clone, PYTHON=str(named)).returncode == 0
    assert calls_of(clone)[0].startswith("another python -c ")
