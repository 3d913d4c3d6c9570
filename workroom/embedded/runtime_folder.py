"""The short private folder in which the embedded servers' sockets lie.

A Unix socket's path has at most 107 bytes (unix(7)), a data directory may be longer than that. The folder's
name comes from the data directory's path, so that it is the same at each start and two installations never
meet in one.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from workroom.embedded.server_user import ServerUser
from workroom.errors import StartupError

FOLDERS_FOR_ALL = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 (what we make there is private, and checked)


def locate_runtime_folder(data_directory: Path, server_user: ServerUser) -> Path:
    """Where the folder of a data directory is, or would be."""
    digest = hashlib.sha256(os.fsencode(data_directory.resolve())).hexdigest()[:12]
    return _choose_base() / f"workroom-{server_user.uid}-{digest}"


def make_runtime_folder(data_directory: Path, server_user: ServerUser) -> Path:
    """Make (or find) the folder, closed to everybody but the servers' user and root, and return its path."""
    folder = locate_runtime_folder(data_directory, server_user)
    try:
        folder.mkdir(mode=0o700)
        server_user.own(folder)
    except FileExistsError:
        pass
    except OSError as error:
        raise StartupError(f"The folder {folder} for sockets cannot be made: {error.strerror}.") from error
    _require_private(folder, server_user)
    return folder


def _choose_base() -> Path:
    # Root's folder lies where nobody else can make one first. An ordinary user's does not lie in
    # XDG_RUNTIME_DIR, which disappears at the end of the session although a server may go on.
    candidates = ("/run", *FOLDERS_FOR_ALL) if os.geteuid() == 0 else FOLDERS_FOR_ALL
    for candidate in candidates:
        if os.path.isdir(candidate) and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate)
    raise StartupError(f"No folder for sockets can be made: make one of {', '.join(candidates)} writable.")


def _require_private(folder: Path, server_user: ServerUser) -> None:
    status = folder.lstat()
    if (
        not stat.S_ISDIR(status.st_mode)
        or status.st_uid not in (server_user.uid, 0)
        or status.st_mode & 0o077
    ):
        raise StartupError(
            f"{folder}, where the sockets should lie, is not a private folder of ours: remove it."
        )
    if status.st_uid != server_user.uid:
        server_user.own(folder)
