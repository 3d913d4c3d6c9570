"""A child under watch: started again however it dies, for as long as it takes, and stopped when we say so."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from workroom.children import supervised_child
from workroom.children.child_process import ChildProcess, end_leftovers, list_processes_in, start_child
from workroom.children.supervised_child import SupervisedChild
from workroom.errors import StartupError


class Shell(SupervisedChild):
    """Runs a line of shell; ready when it has made the file `ready`."""

    name = "shell"
    stop_timeout_seconds = 0.3

    def __init__(self, folder: Path, script: str) -> None:
        super().__init__()
        self._folder = folder
        self._script = script
        self.launches: list[float] = []
        self.launched: asyncio.Queue[None] = asyncio.Queue()
        self.failure: Exception | None = None

    async def clear_leftovers(self) -> None:
        (self._folder / "ready").unlink(missing_ok=True)

    async def launch(self) -> ChildProcess:
        self.launches.append(asyncio.get_running_loop().time())
        self.launched.put_nowait(None)
        if self.failure is not None:
            raise self.failure
        return start_child(
            ["/bin/sh", "-c", self._script],
            folder=self._folder,
            environment={"PATH": os.environ["PATH"]},
            output=None,
            signal_when_parent_dies=signal.SIGKILL,
        )

    async def answers(self, child: ChildProcess) -> bool:
        return (self._folder / "ready").exists()

    def stop_signal(self, immediate: bool) -> signal.Signals:
        return signal.SIGKILL if immediate else signal.SIGTERM

    def explain_failure(self) -> str:
        return "The shell would not start."


@pytest_asyncio.fixture
async def shells() -> AsyncIterator[list[Shell]]:
    """Shells that a test starts, stopped at its end."""
    started: list[Shell] = []
    yield started
    for shell in started:
        await shell.stop(immediate=True)


async def test_a_child_that_was_killed_is_started_again(tmp_path: Path, shells: list[Shell]) -> None:
    shell = Shell(tmp_path, "touch ready; exec sleep 60")
    shells.append(shell)
    await shell.start()
    first = shell.pid
    shell.kill()
    await shell.wait_until_ready()
    assert shell.pid != first
    assert shell.restarts == 1


async def test_a_child_that_keeps_dying_is_started_again_with_growing_pauses(
    tmp_path: Path, shells: list[Shell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised_child, "RESTART_PAUSES_SECONDS", (0.0, 0.05, 0.1))
    shell = Shell(tmp_path, "touch ready")
    shells.append(shell)
    await shell.start()
    for _ in range(6):
        await shell.launched.get()
    pauses = [later - earlier for earlier, later in zip(shell.launches, shell.launches[1:], strict=False)]
    assert pauses[1] >= 0.05
    assert all(pause >= 0.1 for pause in pauses[2:])


async def test_a_child_that_does_not_come_back_is_tried_until_it_does(
    tmp_path: Path, shells: list[Shell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised_child, "RESTART_PAUSES_SECONDS", (0.0, 0.01))
    shell = Shell(tmp_path, "[ -e broken ] && exit 1; touch ready; exec sleep 60")
    shells.append(shell)
    await shell.start()
    (tmp_path / "broken").touch()
    shell.kill()
    for _ in range(12):
        await shell.launched.get()
    (tmp_path / "broken").unlink()
    await shell.wait_until_ready()


async def test_a_child_that_meets_a_full_disk_comes_back_when_there_is_space(
    tmp_path: Path, shells: list[Shell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised_child, "RESTART_PAUSES_SECONDS", (0.0, 0.01))
    shell = Shell(tmp_path, "touch ready; exec sleep 60")
    shells.append(shell)
    await shell.start()
    shell.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    shell.kill()
    for _ in range(4):
        await asyncio.wait_for(shell.launched.get(), 5.0)
    shell.failure = None
    await shell.wait_until_ready(5.0)


async def test_a_child_whose_watch_has_failed_is_stopped_all_the_same(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "touch ready; exec sleep 60")
    await shell.start()
    await shell.launched.get()
    shell.failure = RuntimeError("nobody expected this")
    shell.kill()
    await asyncio.wait_for(shell.launched.get(), 5.0)
    await shell.stop()


async def test_a_child_that_ends_while_it_starts_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"The shell would not start\."):
        await Shell(tmp_path, "exit 3").start()


async def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="/no/such/program cannot be started: No such file"):
        start_child(
            ["/no/such/program"],
            folder=tmp_path,
            environment={},
            output=None,
            signal_when_parent_dies=signal.SIGKILL,
        )


async def test_a_child_that_ignores_its_stop_is_killed_after_its_time(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "trap '' TERM; touch ready; while :; do sleep 0.01; done")
    await shell.start()
    await shell.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(shell.pid, 0)


async def test_a_child_between_two_starts_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised_child, "RESTART_PAUSES_SECONDS", (3600.0,))
    shell = Shell(tmp_path, "touch ready; exec sleep 60")
    await shell.start()
    descriptor = os.pidfd_open(shell.pid)
    shell.kill()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    await ended.wait()
    asyncio.get_running_loop().remove_reader(descriptor)
    os.close(descriptor)
    await shell.stop()
    assert len(shell.launches) == 1


@contextmanager
def running(program: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([program, "60"], cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_leftovers_are_told_from_somebodys_program_in_the_same_folder(tmp_path: Path) -> None:
    other = tmp_path / "tail"
    other.symlink_to("/bin/sleep")
    with running("sleep", tmp_path) as leftover, running(str(other), tmp_path) as somebodys:
        (tmp_path / "elsewhere").mkdir()
        with running("sleep", tmp_path / "elsewhere") as elsewhere:
            assert list_processes_in(tmp_path, "sleep") == [leftover.pid]
            assert await end_leftovers(tmp_path, "sleep", [(signal.SIGTERM, 5.0)]) == []
            assert leftover.wait() == -signal.SIGTERM
            assert somebodys.poll() is None
            assert elsewhere.poll() is None
