"""Who the embedded servers run as.

PostgreSQL refuses to run as root. Started by an ordinary user, the servers run as that user. Started by root,
they run as a user id of their own that owns nothing else on the machine and needs no entry in `/etc/passwd`;
a data directory that belongs to an ordinary user keeps its servers under that user.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from workroom.children.child_process import Credentials
from workroom.errors import StartupError

# Outside every range that systemd's "Users, Groups, UIDs and GIDs" page hands out (60706-61183 is unused
# there), and below 65536, so that it exists in containers whose ids are mapped.
DEDICATED_ID = 60_918


@dataclass(frozen=True)
class ServerUser:
    """User and group id of the embedded servers; `switches` says whether root has to become them."""

    uid: int
    gid: int
    switches: bool

    @property
    def credentials(self) -> Credentials:
        """What `subprocess.Popen` needs to start a child as this user; nothing where we are it already."""
        if not self.switches:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give one file or folder to this user; never follows a symbolic link."""
        if not self.switches:
            return
        try:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        except OSError as error:
            raise StartupError(
                f"Root may not give files to the unprivileged user id {self.uid} here ({error.strerror}), "
                "and PostgreSQL refuses to run as root: start Workroom as an ordinary user instead."
            ) from error


def choose_server_user(data_directory: Path) -> ServerUser:
    """Decide who runs the servers of an existing data directory (see the module's first lines)."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), switches=False)
    owner = data_directory.stat()
    if owner.st_uid != 0:
        return ServerUser(owner.st_uid, owner.st_gid, switches=True)
    return ServerUser(DEDICATED_ID, DEDICATED_ID, switches=True)


def credentials_for_initdb(server_user: ServerUser) -> Credentials:
    """Who runs `initdb`, which insists on a user with a name.

    The dedicated id has none, so `nobody` makes the cluster, inside a folder that only the dedicated group
    can enter, and the finished cluster is handed over before any server starts on it.
    """
    try:
        pwd.getpwuid(server_user.uid)
    except KeyError:
        if not server_user.switches:
            raise StartupError(
                f"PostgreSQL needs a named user, and user id {server_user.uid} has no entry in /etc/passwd: "
                "add one, or start Workroom as another user."
            ) from None
        return {"user": _find_nobody(), "group": server_user.gid, "extra_groups": []}
    return server_user.credentials


def _find_nobody() -> int:
    for name in ("nobody", "daemon", "bin"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise StartupError(
        "PostgreSQL refuses to run as root, and this machine has no unprivileged user (nobody) to set it up "
        "with: add one to /etc/passwd, or start Workroom as an ordinary user."
    )
