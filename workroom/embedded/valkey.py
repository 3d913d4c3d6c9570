"""The embedded Valkey: the hint between nodes, with nothing on disk.

It keeps presence and sign-in throttling, and carries publications; all of that may be lost at any moment
by design, so it neither saves nor recovers, and it answers on a Unix socket only.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from urllib.parse import quote

from workroom.children.child_process import ChildProcess, end_leftovers, start_child
from workroom.children.log_files import last_lines, open_log
from workroom.children.supervised_child import SupervisedChild
from workroom.embedded.binaries import Binaries
from workroom.embedded.data_directory import DataDirectory
from workroom.errors import StartupError

SOCKET_NAME = "valkey.sock"
SERVER_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": '""',
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-ttl",
    # Subscribers are cut off at 32 MB as shipped; a burst to a busy node must not cost it its subscription.
    "client-output-buffer-limit": "pubsub 256mb 128mb 60",
    "loglevel": "warning",
}


def valkey_url(runtime_folder: Path) -> str:
    """Where the Valkey of an installation answers."""
    return f"unix://{quote(str(runtime_folder / SOCKET_NAME))}"


class EmbeddedValkey(SupervisedChild):
    """A Valkey that works in `directory.valkey` and answers on a socket in `runtime_folder`."""

    name = "Valkey"
    stop_timeout_seconds = 10.0

    def __init__(self, directory: DataDirectory, binaries: Binaries, runtime_folder: Path) -> None:
        super().__init__()
        self.socket = runtime_folder / SOCKET_NAME
        self.log_file = directory.logs / "valkey.log"
        self._directory = directory
        self._binaries = binaries

    async def clear_leftovers(self) -> None:
        left = await end_leftovers(
            self._directory.valkey, "valkey-server", [(signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)]
        )
        if left:
            raise StartupError(
                f"Valkey process {left[0]} of an earlier run cannot be stopped: end it, then start again."
            )

    async def launch(self) -> ChildProcess:
        """Start Valkey with settings that it reads from its standard input."""
        self.socket.unlink(missing_ok=True)
        configuration = "".join(f"{name} {value}\n" for name, value in SERVER_SETTINGS.items())
        with open_log(self.log_file) as output:
            return start_child(
                [str(self._binaries.valkey_server), "-"],
                folder=self._directory.valkey,
                environment={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
                output=output,
                signal_when_parent_dies=signal.SIGTERM,
                credentials=self._directory.server_user.credentials,
                input_text=f"{configuration}unixsocket {self.socket}\n",
            )

    async def answers(self, child: ChildProcess) -> bool:
        """True when it says PONG."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await asyncio.wait_for(reader.readline(), 5.0) == b"+PONG\r\n"
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()

    def stop_signal(self, immediate: bool) -> signal.Signals:
        return signal.SIGKILL if immediate else signal.SIGTERM

    def explain_failure(self) -> str:
        return f"Valkey would not start; {self.log_file} ends with:\n{last_lines(self.log_file)}"
