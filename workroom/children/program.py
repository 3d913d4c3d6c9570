"""One of our own programs, `workroom serve` or `workroom worker`, as a child of `workroom up`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from workroom.children.child_process import ChildProcess, start_child
from workroom.children.log_files import last_lines, open_log
from workroom.children.supervised_child import SupervisedChild
from workroom.settings import OWN_PREFIX


class Program(SupervisedChild):
    """A child that runs `workroom <name>` with exactly the settings it is given."""

    def __init__(
        self,
        name: str,
        settings_environment: Mapping[str, str],
        *,
        stop_timeout_seconds: float,
        is_ready: Callable[[], Awaitable[bool]],
        log_file: Path | None = None,
        inherited_descriptors: Sequence[int] = (),
    ) -> None:
        """Prepare the child.

        Args:
            settings_environment: the settings' variables; none of ours reaches it from our own environment.
            is_ready: asked again and again after the start, until it says yes.
            log_file: where its lines go; None means to our own standard error.
            inherited_descriptors: open files that keep their numbers in the child.
        """
        super().__init__()
        self.name = name
        self.stop_timeout_seconds = stop_timeout_seconds
        others = {name: value for name, value in os.environ.items() if not name.startswith(OWN_PREFIX)}
        self._environment = {**others, **settings_environment}
        self._is_ready = is_ready
        self._log_file = log_file
        self._inherited_descriptors = inherited_descriptors

    async def clear_leftovers(self) -> None:
        """Nothing to do: the kernel killed what an earlier run had started (see `launch`)."""

    async def launch(self) -> ChildProcess:
        """Start the program with this Python."""
        # SIGKILL, not a good-bye: whoever starts `workroom up` again after it was killed finds the port free.
        # What was acknowledged is committed, and clients reconnect.
        with nullcontext() if self._log_file is None else open_log(self._log_file) as output:
            return start_child(
                [sys.executable, "-P", "-m", "workroom", self.name],
                folder=None,
                environment=self._environment,
                output=output,
                signal_when_parent_dies=signal.SIGKILL,
                inherited_descriptors=self._inherited_descriptors,
            )

    async def answers(self, child: ChildProcess) -> bool:
        return not child.has_ended and await self._is_ready()

    def stop_signal(self, immediate: bool) -> signal.Signals:
        return signal.SIGKILL if immediate else signal.SIGTERM

    def explain_failure(self) -> str:
        if self._log_file is None:
            return f"`workroom {self.name}` would not start; what it said stands above."
        return f"`workroom {self.name}` would not start; {self._log_file} ends:\n{last_lines(self._log_file)}"
