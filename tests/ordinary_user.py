"""Runs a few lines of Python as a user without any rights, also when the tests are root's."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

from workroom.children.child_process import Credentials

REPOSITORY = Path(__file__).parents[1]
SITE_PACKAGES = Path(pytest.__file__).parents[1]

_FRAME = """\
import asyncio, os, sys
from pathlib import Path
from workroom.embedded import EmbeddedServers
from workroom.errors import StartupError

async def main(folder):
{body}

asyncio.run(main(Path(sys.argv[1])))
"""


@contextmanager
def folder_of_an_ordinary_user() -> Iterator[Path]:
    """A folder that belongs to the user, on a path that the user can walk."""
    folder = Path(tempfile.mkdtemp(prefix="workroom-ordinary-"))
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder)


def run_as_ordinary_user(folder: Path, body: str) -> str:
    """Run the body of a coroutine that knows `folder`; give back what it printed."""
    script = _FRAME.format(body=textwrap.indent(textwrap.dedent(body).strip(), "    "))
    finished = _run([_python(), "-P", "-c", script, str(folder)], folder)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    nobody = pwd.getpwnam("nobody")
    identity = Credentials(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    return subprocess.run(
        command,
        env={"PYTHONPATH": f"{REPOSITORY}:{SITE_PACKAGES}", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **(identity if os.geteuid() == 0 else {}),
    )


@cache
def _python() -> str:
    """A Python with our packages that the user may run: ours often lies in a closed home."""
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        with folder_of_an_ordinary_user() as folder, suppress(OSError):
            if _run([candidate, "-P", "-c", "import workroom.embedded"], folder).returncode == 0:
                return candidate
    pytest.skip("an ordinary user can run no Python here that has our packages")
