"""One server program that is kept running: what PostgreSQL and Valkey have in common.

`start` returns when the server answers. From then on an owned task watches it: when it ends without having
been told to, it is started again, after what it left behind has ended. `stop` ends it in good order; `kill`
is for tests of failure.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from workroom.embedded.child_process import ChildProcess
from workroom.errors import StartupError

RESTART_PAUSES_SECONDS = (0.0, 0.1, 0.5, 2.0, 5.0)
LOG_LINES_SHOWN = 5

log = logging.getLogger("workroom.embedded")


class SupervisedServer(ABC):
    """A server child under watch. Subclasses say how to launch it, when it is ready, and how to stop it."""

    name: str
    log_file: Path
    stop_timeout_seconds: float = 60.0

    def __init__(self) -> None:
        self.restarts = 0
        self._child: ChildProcess | None = None
        self._watch: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stopping = False

    @property
    def pid(self) -> int:
        """Process id of the server (the postmaster, for PostgreSQL)."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._child.pid

    async def start(self) -> None:
        """Start the server and return when it answers; raises StartupError with the end of its log if not."""
        self._stopping = False
        await self._launch()
        self._watch = asyncio.create_task(self._keep_running(), name=f"watch-{self.name}")

    async def stop(self, *, immediate: bool = False) -> None:
        """Stop the server and its watch; `immediate` skips what makes the next start fast (for tests)."""
        self._stopping = True
        self._ready.clear()
        if self._watch is not None and (self._child is None or self._child.has_ended):
            self._watch.cancel()  # it is between two starts
        elif self._child is not None:
            self._child.send_signal(self.stop_signal(immediate))
            try:
                await self._child.wait(self.stop_timeout_seconds)
            except TimeoutError:
                log.warning("embedded_server_stop_timed_out server=%s", self.name)
                self._child.send_signal(signal.SIGKILL)
                await self._child.wait()
        watch, self._watch = self._watch, None
        if watch is not None:
            with suppress(asyncio.CancelledError):
                await watch
        if self._child is not None and not self._child.has_ended:
            self._child.send_signal(signal.SIGKILL)
            await self._child.wait()

    def kill(self, signal_number: signal.Signals = signal.SIGKILL) -> None:
        """Signal the server without telling the watch, as an accident would; it will be started again."""
        self._ready.clear()
        if self._child is not None:
            self._child.send_signal(signal_number)

    async def wait_until_ready(self, timeout_seconds: float = 60.0) -> None:
        """Wait until the server answers (again); raises the watch's StartupError if it gave up."""
        ready = asyncio.ensure_future(self._ready.wait())
        waited_for: set[asyncio.Future[object]] = {ready} if self._watch is None else {ready, self._watch}  # type: ignore[arg-type]
        await asyncio.wait(waited_for, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        is_ready = ready.done()
        ready.cancel()
        if not is_ready:
            if self._watch is not None and self._watch.done():
                self._watch.result()
            raise TimeoutError(f"{self.name} was not ready after {timeout_seconds} s")

    async def watch(self) -> None:
        """Return when the server was stopped; raise StartupError when it could not be kept running."""
        if self._watch is not None:
            await asyncio.shield(self._watch)

    def last_log_lines(self) -> str:
        """The end of the server's log, for the sentence that says why it would not start."""
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-LOG_LINES_SHOWN:])

    @abstractmethod
    async def launch(self) -> ChildProcess:
        """Clear away what an earlier run left, and start the child."""

    @abstractmethod
    async def answers(self, child: ChildProcess) -> bool:
        """Say whether the started child is ready for work."""

    @abstractmethod
    def stop_signal(self, immediate: bool) -> signal.Signals:
        """The signal that stops the server."""

    async def _launch(self) -> None:
        self._child = await self.launch()
        while not await self.answers(self._child):
            if self._child.has_ended:
                raise StartupError(
                    f"{self.name} ended while it was starting; the end of {self.log_file} says why:\n"
                    f"{self.last_log_lines()}"
                )
            await asyncio.sleep(0.005)
        self._ready.set()

    async def _keep_running(self) -> None:
        while True:
            assert self._child is not None
            code = await self._child.wait()
            self._ready.clear()
            if self._stopping:
                return
            log.warning("embedded_server_ended server=%s exit_code=%s", self.name, code)
            await self._start_again()

    async def _start_again(self) -> None:
        for pause_seconds in RESTART_PAUSES_SECONDS:
            await asyncio.sleep(pause_seconds)
            try:
                await self._launch()
            except StartupError as error:
                last_error = error
                continue
            self.restarts += 1
            log.warning("embedded_server_restarted server=%s pid=%s", self.name, self.pid)
            return
        raise last_error
