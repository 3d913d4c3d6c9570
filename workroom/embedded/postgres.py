"""The embedded PostgreSQL: made once, started, stopped, started again when it was killed.

A cluster comes to be in a folder beside its final place and is moved there when it is complete: roles,
passwords and database are made by the single-user backend before any server runs on it, so an interrupted
first start leaves nothing half-made behind.

The server's data directory is given as `/proc/self/cwd`: it is started *in* its folder and never walks the
path that leads there. So any path will do: long, with spaces, or below a home that the servers' user may not
enter.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from workroom.children.child_process import ChildProcess, end_leftovers, start_child
from workroom.children.supervised_child import SupervisedChild
from workroom.embedded.binaries import Binaries
from workroom.embedded.data_directory import DataDirectory, last_lines
from workroom.embedded.server_user import credentials_for_initdb
from workroom.errors import StartupError

MAJOR_VERSION = "18"
PORT = 5432  # part of the socket's name only: nothing listens on a TCP port
HERE = "/proc/self/cwd"
DATABASE = "workroom"
SUPERUSER, OWNER, SERVICE, DISPOSITION = (
    "postgres",
    "workroom_owner",
    "workroom_service",
    "workroom_disposition",
)

# One machine that also runs the web and worker processes. Durability stays as PostgreSQL ships it: fsync,
# synchronous_commit and full_page_writes are on and not mentioned, so that they can only be turned off on
# purpose.
SERVER_SETTINGS: dict[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "wal_compression": "pglz",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log is about the server. Errors reach the client, and their details could hold what people wrote.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u ",
    "cluster_name": "workroom",
}


class EmbeddedPostgres(SupervisedChild):
    """A cluster of our own in `directory`, reachable through a socket in `runtime_folder`."""

    name = "PostgreSQL"

    def __init__(
        self,
        directory: DataDirectory,
        binaries: Binaries,
        runtime_folder: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`settings` are added to (and win over) `SERVER_SETTINGS`."""
        super().__init__()
        self.log_file = directory.postgres / "postgres.log"
        self._directory = directory
        self._binaries = binaries
        self._runtime_folder = runtime_folder
        self._settings = {**SERVER_SETTINGS, **(settings or {})}

    def url_for(self, role: str, database: str = DATABASE) -> str:
        """The connection URL of a role, password included."""
        password = quote(self._directory.password_of(role), safe="")
        return (
            f"postgresql://{role}:{password}@/{database}?host={quote(str(self._runtime_folder))}&port={PORT}"
        )

    async def make_cluster(self) -> bool:
        """Make the cluster if there is none yet; returns whether it was made now.

        Raises StartupError if the one that is there belongs to another major version of PostgreSQL.
        """
        version_file = self._directory.cluster / "PG_VERSION"
        if self._directory.cluster.exists():
            version = version_file.read_text().strip() if version_file.exists() else "an unknown version"
            if version != MAJOR_VERSION:
                raise StartupError(
                    f"The database in {self._directory.cluster} was made by PostgreSQL {version}, and this "
                    f"Workroom brings PostgreSQL {MAJOR_VERSION}: start the Workroom that made it, or "
                    "choose another WORKROOM_DATA_DIR."
                )
            return False
        await asyncio.to_thread(self._make_cluster)
        return True

    async def clear_leftovers(self) -> None:
        # A postmaster whose parent was killed is already on its way down; backends whose postmaster was
        # killed end by themselves. Starting while one of them lives would put two servers on the same files.
        left = await end_leftovers(
            self._directory.cluster,
            "postgres",
            [(signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)],
        )
        if left:
            raise StartupError(
                f"PostgreSQL process {left[0]} of an earlier run still uses {self._directory.cluster} and "
                "cannot be stopped: end it, then start again."
            )

    async def launch(self) -> ChildProcess:
        cluster = self._directory.cluster
        self._directory.write_private(cluster / "postgresql.conf", self._configuration(), mode=0o600)
        self._directory.write_private(cluster / "pg_hba.conf", "local all all scram-sha-256\n", mode=0o600)
        with self._directory.open_log(self.log_file) as output:
            return start_child(
                [str(self._binaries.postgres), "-D", HERE],
                folder=cluster,
                environment=_environment(),
                output=output,
                signal_when_parent_dies=signal.SIGINT,
                credentials=self._directory.server_user.credentials,
            )

    async def answers(self, child: ChildProcess) -> bool:
        """True when `postmaster.pid` is the child's and says "ready", which is what `pg_ctl --wait` asks."""
        try:
            lines = (self._directory.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(child.pid) and lines[7].strip() == "ready"

    def stop_signal(self, immediate: bool) -> signal.Signals:
        return signal.SIGQUIT if immediate else signal.SIGINT

    def explain_failure(self) -> str:
        return f"PostgreSQL would not start; {self.log_file} ends with:\n{last_lines(self.log_file)}"

    def _configuration(self) -> str:
        lines = ["# Written by `workroom up` at each start. ALTER SYSTEM keeps settings of your own."]
        socket_folder = str(self._runtime_folder)
        settings = {**self._settings, "unix_socket_directories": socket_folder}
        lines += [f"{name} = '{value}'" for name, value in settings.items()]
        return "\n".join([*lines, ""])

    def _make_cluster(self) -> None:
        user = self._directory.server_user
        unfinished = self._directory.postgres / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        credentials = credentials_for_initdb(user)
        if "user" in credentials:
            os.chown(unfinished, credentials["user"], user.gid)
        self._run(
            [
                str(self._binaries.initdb),
                f"--pgdata={HERE}",
                f"--username={SUPERUSER}",
                "--auth=reject",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                "--no-instructions",
            ],
            unfinished,
            "",
            credentials,
        )
        self._run(
            [
                str(self._binaries.postgres),
                "--single",
                "-j",
                "-D",
                HERE,
                "-c",
                "exit_on_error=on",
                "template1",
            ],
            unfinished,
            self._roles_and_database(),
            credentials,
        )
        if user.switches:
            for folder, folders, files in os.walk(unfinished):
                for name in (*folders, *files):
                    user.own(Path(folder, name))
            user.own(unfinished)
        unfinished.rename(self._directory.cluster)

    def _run(
        self, command: list[str], folder: Path, input_text: str, credentials: Mapping[str, object]
    ) -> None:
        finished = subprocess.run(  # type: ignore[call-overload]
            command,
            cwd=folder,
            env=_environment(),
            input=input_text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **credentials,
        )
        if finished.returncode != 0:
            said = finished.stdout.decode(errors="replace").strip().splitlines()[-5:]
            raise StartupError(
                f"The database in {self._directory.postgres} could not be made; PostgreSQL said:\n"
                + "\n".join(f"  {line}" for line in said)
            )

    def _roles_and_database(self) -> str:
        # Blank lines end statements in the single-user backend. The passwords are of our own making
        # ([A-Za-z0-9_-]) and reach it through a pipe, never through a command line.
        statements = [
            f"alter role {SUPERUSER} password '{self._directory.password_of(SUPERUSER)}'",
            f"create role {OWNER} login password '{self._directory.password_of(OWNER)}'",
            f"create role {SERVICE} login password '{self._directory.password_of(SERVICE)}'",
            f"create role {DISPOSITION} nologin",
            f"create database {DATABASE} owner {OWNER}",
            f"revoke all on database {DATABASE} from public",
            f"grant connect, temporary on database {DATABASE} to {SERVICE}",
        ]
        return "".join(f"{statement};\n\n" for statement in statements)


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}
