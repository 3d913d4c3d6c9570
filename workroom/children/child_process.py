"""One child process: started so that it never outlives us unnoticed, awaited without a task.

Children get `PR_SET_PDEATHSIG` (prctl(2)): when this process is killed, the kernel signals each of them. They
stand in sessions of their own, so that Ctrl-C reaches only us and we choose the order in which things end.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypedDict

from workroom.errors import StartupError

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Credentials(TypedDict, total=False):
    """Keyword arguments of `subprocess.Popen` that give a child its user; none of them: ours."""

    user: int
    group: int
    extra_groups: list[int]


class ChildProcess:
    """A running child; `exit_code` is a future that has the result when it has ended and was reaped."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.pid = popen.pid
        self.exit_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A thread that waits is the one way of being told that works under every event loop and kernel.
        threading.Thread(
            target=_await_exit, args=(popen, self.exit_code), name=f"wait-{popen.pid}", daemon=True
        ).start()

    @property
    def has_ended(self) -> bool:
        return self.exit_code.done()

    def send_signal(self, signal_number: int) -> None:
        """Signal the child, unless it has ended."""
        if not self.exit_code.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal_number)

    async def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait until the child has ended and return its exit code; TimeoutError after the time given."""
        return await asyncio.wait_for(asyncio.shield(self.exit_code), timeout_seconds)


def start_child(
    command: Sequence[str],
    *,
    folder: Path | None,
    environment: Mapping[str, str],
    output: IO[bytes] | None,
    signal_when_parent_dies: signal.Signals,
    credentials: Credentials | None = None,
    input_text: str | None = None,
    inherited_descriptors: Sequence[int] = (),
) -> ChildProcess:
    """Start `command` in `folder`, with no variables but `environment`.

    Call it from a thread that lives as long as the program (the main thread): the kernel sends
    `signal_when_parent_dies` when the *thread* that started the child ends.

    Args:
        output: where standard output and error go; None means ours.
        input_text: what the child reads from its standard input; None gives it /dev/null.
        inherited_descriptors: open files that keep their numbers in the child.
    """
    try:
        popen = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE if input_text is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=tuple(inherited_descriptors),
            preexec_fn=_signal_on_parent_death(signal_when_parent_dies, os.getpid()),
            **(credentials or {}),
        )
    except OSError as error:
        raise StartupError(f"{command[0]} cannot be started: {error.strerror}.") from error
    if popen.stdin is not None:
        # A child that ends before it has read all is reported by its exit code.
        with suppress(BrokenPipeError), popen.stdin as pipe:
            pipe.write((input_text or "").encode())
    return ChildProcess(popen)


def list_processes_in(folder: Path, program: str) -> list[int]:
    """Ids of the processes whose working directory is `folder` and whose command is `program`.

    Somebody's shell that stands in the folder is not one of them, nor is what we may not look at.
    """
    wanted = folder.stat()
    found: list[int] = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        try:
            command = Path("/proc", entry.name, "comm").read_text().rstrip("\n")
            working = os.stat(f"/proc/{entry.name}/cwd")
        except OSError:
            continue
        if command == program and (working.st_dev, working.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return found


async def end_leftovers(
    folder: Path, program: str, signals: Sequence[tuple[signal.Signals, float]]
) -> list[int]:
    """End what an earlier, killed run left working in `folder`.

    `signals` are sent in turn to all that is left, each with the seconds granted for it to work. Returns the
    ids of what would not go (empty: the folder is free).
    """
    remaining = list_processes_in(folder, program)
    for signal_number, grace_seconds in signals:
        for pid in remaining:
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                continue
            except PermissionError:
                return remaining
        deadline = asyncio.get_running_loop().time() + grace_seconds
        while remaining and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
            remaining = list_processes_in(folder, program)
        if not remaining:
            return []
    return remaining


def _await_exit(popen: subprocess.Popen[bytes], exit_code: asyncio.Future[int]) -> None:
    code = popen.wait()
    with suppress(RuntimeError):  # the loop has closed: nobody is left to be told
        exit_code.get_loop().call_soon_threadsafe(_resolve, exit_code, code)


def _resolve(exit_code: asyncio.Future[int], code: int) -> None:
    if not exit_code.done():
        exit_code.set_result(code)


def _signal_on_parent_death(signal_number: signal.Signals, parent: int) -> Callable[[], None]:
    def ask_kernel() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent:  # we died between fork and prctl
            os._exit(1)

    return ask_kernel
