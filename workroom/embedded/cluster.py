"""Makes PostgreSQL's files: once, whole, with our three roles and our database in them.

A cluster comes to be in a folder beside its final place and is moved there when it is complete; roles,
passwords and database are made by the single-user backend before any server runs on it. So an interrupted
first start leaves nothing half-made behind. What is there is never made anew and never removed.

PostgreSQL's data directory is always given as `/proc/self/cwd`: its programs are started *in* their folder
and never walk the path that leads there. So any path will do: long, with spaces, or below a home that the
servers' user may not enter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from workroom.children.child_process import Credentials
from workroom.embedded.binaries import Binaries
from workroom.embedded.data_directory import DataDirectory
from workroom.embedded.server_user import credentials_for_initdb
from workroom.errors import StartupError

MAJOR_VERSION = "18"
HERE = "/proc/self/cwd"
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}
DATABASE = "workroom"
SUPERUSER, OWNER, SERVICE, DISPOSITION = (
    "postgres",
    "workroom_owner",
    "workroom_service",
    "workroom_disposition",
)
LOGIN_ROLES = (SUPERUSER, OWNER, SERVICE)

# That a cluster has every membership of our roles; those of earlier versions are given them when they run
# (`servers.py`). It lies in the cluster, so that it goes where the cluster goes.
ROLES_MARK = "workroom_roles"


def prepare_cluster(directory: DataDirectory, binaries: Binaries) -> None:
    """Make the cluster where there is none; look at the one that is there. No server may run on it.

    Raises StartupError if the cluster belongs to another major version of PostgreSQL, if its passwords were
    lost, or if PostgreSQL's programs fail.
    """
    if not directory.cluster.exists():
        _make_cluster(directory, binaries)
        return
    _require_version(directory.cluster)
    _require_passwords(directory)


def _require_version(cluster: Path) -> None:
    try:
        version = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        version = "of an unknown version"
    if version != MAJOR_VERSION:
        raise StartupError(
            f"The database in {cluster} was made by PostgreSQL {version}, and this Workroom brings "
            f"PostgreSQL {MAJOR_VERSION}: start the Workroom that made it, or choose another folder with "
            "WORKROOM_DATA_DIR."
        )


def _require_passwords(directory: DataDirectory) -> None:
    for role in LOGIN_ROLES:
        if not directory.has_password_of(role):
            raise StartupError(
                f"{directory.passwords / role} is missing, and without it the database in "
                f"{directory.cluster} does not open: bring the folder back from your backup."
            )


def _make_cluster(directory: DataDirectory, binaries: Binaries) -> None:
    user = directory.server_user
    credentials = credentials_for_initdb(user)
    unfinished = directory.postgres / "cluster.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if "user" in credentials:
        user.own(unfinished)  # says so where root may give nothing away
        os.chown(unfinished, credentials["user"], user.gid)
    initdb = [
        str(binaries.initdb),
        f"--pgdata={HERE}",
        f"--username={SUPERUSER}",
        "--auth=reject",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--no-instructions",
    ]
    _run(directory, initdb, unfinished, "", credentials)
    statements = [
        _set_password(directory, SUPERUSER),
        f"create role {OWNER} login",
        _set_password(directory, OWNER),
        f"create role {SERVICE} login",
        _set_password(directory, SERVICE),
        f"create role {DISPOSITION} nologin",
        f"create database {DATABASE} owner {OWNER}",
        f"revoke all on database {DATABASE} from public",
        f"grant connect, temporary on database {DATABASE} to {SERVICE}",
        f"grant {DISPOSITION} to {OWNER}",
    ]
    single_user = [
        str(binaries.postgres),
        "--single",
        "-j",
        "-D",
        HERE,
        "-c",
        "exit_on_error=on",
        "template1",
    ]
    # A blank line ends a statement in the single-user backend.
    _run(directory, single_user, unfinished, "".join(f"{each};\n\n" for each in statements), credentials)
    (unfinished / ROLES_MARK).touch(mode=0o600)
    if user.switches:
        for folder, folders, files in os.walk(unfinished):
            for name in (*folders, *files):
                user.own(Path(folder, name))
        user.own(unfinished)
    unfinished.rename(directory.cluster)


def _set_password(directory: DataDirectory, role: str) -> str:
    # The passwords are of our own making ([A-Za-z0-9_-]) and go through a pipe, never through a command line.
    return f"alter role {role} password '{directory.password_of(role)}'"


def _run(
    directory: DataDirectory, command: list[str], folder: Path, input_text: str, credentials: Credentials
) -> None:
    finished = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        input=input_text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C does not reach it: it ends by itself in a second
        check=False,
        **credentials,
    )
    if finished.returncode != 0:
        said = finished.stdout.decode(errors="replace").strip().splitlines()[-5:]
        raise StartupError(
            f"The database in {directory.postgres} could not be made; PostgreSQL said:\n"
            + "\n".join(f"  {line}" for line in said)
        )
