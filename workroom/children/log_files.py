"""Files that take what a child program says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

LOG_KEEP_BYTES = 8 * 1024 * 1024


def open_log(file: Path) -> IO[bytes]:
    """Open a log for appending; one that has grown over 8 MiB becomes `<name>.1` first.

    In root's hands the file belongs to whom its folder belongs, so that this user can open it later.
    """
    if file.exists() and file.stat().st_size > LOG_KEEP_BYTES:
        os.replace(file, file.with_name(f"{file.name}.1"))
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    if os.geteuid() == 0:
        owner = file.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return open(descriptor, "ab")


def last_lines(file: Path, count: int = 5) -> str:
    """The end of a log, indented, for the sentence that says why something would not start."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"  {line}" for line in lines[-count:])
