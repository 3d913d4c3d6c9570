"""The embedded PostgreSQL while it runs: started, stopped, started again when it was killed.

It listens on a Unix socket only, in the private runtime folder; every role signs in with its password
(scram). `cluster.py` says how its files come to be, and why its data directory is called `/proc/self/cwd`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from workroom.children.child_process import ChildProcess, end_leftovers, start_child
from workroom.children.log_files import last_lines, open_log
from workroom.children.supervised_child import SupervisedChild
from workroom.embedded.binaries import Binaries
from workroom.embedded.cluster import DATABASE, ENVIRONMENT, HERE, prepare_cluster
from workroom.embedded.data_directory import DataDirectory
from workroom.errors import StartupError

PORT = 5432  # part of the socket's name only: nothing listens on a TCP port

# One machine that also runs the web and worker processes. Durability stays as PostgreSQL ships it: fsync,
# synchronous_commit and full_page_writes are on and not mentioned, so that they can only be turned off on
# purpose.
SERVER_SETTINGS: dict[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "max_logical_replication_workers": "0",
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


def postgres_url(directory: DataDirectory, runtime_folder: Path, role: str) -> str:
    """Where a role of the cluster in `directory` signs in, password included."""
    password = quote(directory.password_of(role), safe="")
    return f"postgresql://{role}:{password}@/{DATABASE}?host={quote(str(runtime_folder))}&port={PORT}"


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
        self.log_file = directory.logs / "postgres.log"
        self._directory = directory
        self._binaries = binaries
        self._runtime_folder = runtime_folder
        self._settings = {**SERVER_SETTINGS, **(settings or {})}

    def url_for(self, role: str) -> str:
        """The connection URL of a role, password included."""
        return postgres_url(self._directory, self._runtime_folder, role)

    async def prepare(self) -> None:
        """Make the cluster where it is missing, with nothing of an earlier run left on it."""
        if self._directory.cluster.exists():
            await self.clear_leftovers()
        loop = asyncio.get_running_loop()
        preparing = loop.run_in_executor(None, prepare_cluster, self._directory, self._binaries)
        try:
            await asyncio.shield(preparing)
        except asyncio.CancelledError:
            await preparing  # the data directory is given back only when nobody works in it any more
            raise

    async def clear_leftovers(self) -> None:
        """End what a killed run left on the cluster; StartupError when it will not go."""
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
        self._remove_lock_files()

    async def launch(self) -> ChildProcess:
        """Write the settings of this version into the cluster, and start the postmaster in it."""
        cluster = self._directory.cluster
        self._directory.write_private(cluster / "postgresql.conf", self._configuration(), mode=0o600)
        self._directory.write_private(cluster / "pg_hba.conf", "local all all scram-sha-256\n", mode=0o600)
        with open_log(self.log_file) as output:
            return start_child(
                [str(self._binaries.postgres), "-D", HERE],
                folder=cluster,
                environment=ENVIRONMENT,
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

    def _remove_lock_files(self) -> None:
        # We hold the data directory, and no PostgreSQL works in the cluster: these are of a run that lost its
        # power. PostgreSQL would take whoever has that process id by now for itself, and refuse an empty file.
        socket = self._runtime_folder / f".s.PGSQL.{PORT}"
        for file in (
            self._directory.cluster / "postmaster.pid",
            socket,
            socket.with_name(f"{socket.name}.lock"),
        ):
            file.unlink(missing_ok=True)

    def _configuration(self) -> str:
        lines = ["# Written by `workroom up` at each start. ALTER SYSTEM keeps settings of your own."]
        socket_folder = str(self._runtime_folder)
        settings = {**self._settings, "unix_socket_directories": socket_folder}
        lines += [f"{name} = '{value}'" for name, value in settings.items()]
        return "\n".join([*lines, ""])
