"""One program that is kept running: what PostgreSQL, Valkey, web and worker have in common.

`start` returns when the child answers. From then on an owned task watches it: when it ends without having
been told to, it is started again, after what it left behind has ended, for as long as it takes. `stop` ends
it in good order; `kill` is for tests of failure.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from abc import ABC, abstractmethod

from workroom.children.child_process import ChildProcess
from workroom.clock import monotonic_seconds
from workroom.errors import StartupError
from workroom.logs import log_event

RESTART_PAUSES_SECONDS = (0.0, 0.1, 0.5, 2.0, 5.0)  # the last one again and again
STABLE_AFTER_SECONDS = 10.0


class SupervisedChild(ABC):
    """A child under watch. Subclasses say how to launch it, when it is ready, and how to stop it."""

    name: str
    stop_timeout_seconds: float = 60.0

    def __init__(self) -> None:
        self.restarts = 0
        self._child: ChildProcess | None = None
        self._watch: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._ready_at = 0.0

    @property
    def pid(self) -> int:
        """Process id of the child (the postmaster, for PostgreSQL)."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._child.pid

    async def start(self) -> None:
        """Start the child and return when it answers; StartupError when it ends instead."""
        await self._launch()
        self._watch = asyncio.create_task(self._keep_running(), name=f"watch-{self.name}")

    async def stop(self, *, immediate: bool = False) -> None:
        """Stop the child and its watch; `immediate` skips what would be in good order (for tests)."""
        self._ready.clear()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.wait([watch])
            if not watch.cancelled() and (failure := watch.exception()) is not None:
                log_event("child_watch_failed", logging.ERROR, child=self.name, because=repr(failure))
        if self._child is None:
            return
        log_event("child_stopping", logging.DEBUG, child=self.name)
        self._child.send_signal(self.stop_signal(immediate))
        try:
            code = await self._child.wait(self.stop_timeout_seconds)
        except TimeoutError:
            log_event("child_stop_timed_out", logging.WARNING, child=self.name, pid=self.pid)
            self._child.send_signal(signal.SIGKILL)
            code = await self._child.wait()
            await self.clear_leftovers()
        in_order = code == 0 or immediate
        log_event(
            "child_stopped", logging.DEBUG if in_order else logging.WARNING, child=self.name, exit_code=code
        )

    def kill(self, signal_number: signal.Signals = signal.SIGKILL) -> None:
        """Signal the child without telling the watch, as an accident would; it will be started again."""
        self._ready.clear()
        if self._child is not None:
            self._child.send_signal(signal_number)

    def end_at_once(self) -> None:
        """Kill the child without good order and for good; `stop` still has to be awaited."""
        if self._watch is not None:
            self._watch.cancel()
        self.kill()

    async def wait_until_ready(self, timeout_seconds: float = 60.0) -> None:
        """Wait until the child answers, again after `kill`; TimeoutError when it does not in time."""
        await asyncio.wait_for(self._ready.wait(), timeout_seconds)

    @abstractmethod
    async def clear_leftovers(self) -> None:
        """End what an earlier run left behind; StartupError if that cannot be done."""

    @abstractmethod
    async def launch(self) -> ChildProcess:
        """Start the child."""

    @abstractmethod
    async def answers(self, child: ChildProcess) -> bool:
        """Say whether the started child is ready for work."""

    @abstractmethod
    def stop_signal(self, immediate: bool) -> signal.Signals:
        """The signal that stops the child."""

    @abstractmethod
    def explain_failure(self) -> str:
        """A sentence for people about a child that ended while it was starting."""

    async def _launch(self) -> None:
        await self.clear_leftovers()
        # Nothing awaits between the start and this assignment: a cancelled start never loses a child.
        self._child = await self.launch()
        while not await self.answers(self._child):
            if self._child.has_ended:
                raise StartupError(self.explain_failure())
            await asyncio.sleep(0.005)
        self._ready_at = monotonic_seconds()
        self._ready.set()

    async def _keep_running(self) -> None:
        failures = 0
        while True:
            assert self._child is not None
            code = await self._child.wait()
            self._ready.clear()
            log_event("child_ended", logging.WARNING, child=self.name, exit_code=code)
            if monotonic_seconds() - self._ready_at > STABLE_AFTER_SECONDS:
                failures = 0
            failures = await self._start_again(failures)

    async def _start_again(self, failures: int) -> int:
        while True:
            pause = RESTART_PAUSES_SECONDS[min(failures, len(RESTART_PAUSES_SECONDS) - 1)]
            await asyncio.sleep(pause)
            failures += 1
            try:
                await self._launch()
            except (StartupError, OSError) as error:  # a full disk, for one: its settings cannot be written
                because = error.message if isinstance(error, StartupError) else str(error)
                log_event("child_start_failed", logging.ERROR, child=self.name, because=because)
                continue
            self.restarts += 1
            log_event("child_restarted", logging.WARNING, child=self.name, pid=self.pid)
            return failures
