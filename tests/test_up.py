"""`workroom up`: everything on one machine, started in order, kept running, and stopped in order."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.servers import DatabaseUrls, SharedServers
from workroom.children.child_process import list_processes_in
from workroom.settings import Settings
from workroom.up import SAME_ORDER_SECONDS, STOP_SIGNALS

FIRST_START_SECONDS = 10.0
LATER_START_SECONDS = 3.0
PATIENCE_SECONDS = 30.0
SMALL_FILE_LIMIT = 512


class RunningUp:
    """A `workroom up` that was started and may still be starting."""

    def __init__(self, data_dir: Path, variables: Mapping[str, str], errors: int) -> None:
        self.data_dir = data_dir
        self.started_at = time.monotonic()
        others = {name: value for name, value in os.environ.items() if not name.startswith("WORKROOM_")}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workroom", "up"],
            env={**others, "PORT": "0", "WORKROOM_DATA_DIR": str(data_dir), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said = ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read what it says until the pattern is there."""
        assert self.process.stdout is not None
        output = self.process.stdout.fileno()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(pattern, self.said)):
            readable, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            read = os.read(output, 65536) if readable else b""
            assert read, f"{pattern} was not said, only:\n{self.said}"
            self.said += read.decode()
        return found

    def wait_until_running(self) -> float:
        """Wait until it says where to open the browser; the seconds that took."""
        self.address = self.wait_for(r"Open +(http://\S+)\n").group(1)
        self.wait_for(r"Stop +Ctrl-C\n")
        return time.monotonic() - self.started_at

    def wait_until_ended(self) -> int:
        """Wait for its end; its exit code."""
        assert self.process.stdout is not None
        code = self.process.wait(PATIENCE_SECONDS)
        os.set_blocking(self.process.stdout.fileno(), True)
        self.said += self.process.stdout.read().decode()
        return code

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does; its exit code."""
        self.process.send_signal(number)
        return self.wait_until_ended()

    def child(self, name: str) -> psutil.Process:
        """Its child that runs `workroom <name>`."""
        (found,) = [
            child
            for child in psutil.Process(self.process.pid).children()
            if child.cmdline()[-3:] == ["-m", "workroom", name]
        ]
        return found

    def get(self, path: str) -> int:
        with urllib.request.urlopen(f"{self.address}{path}", timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status)


@contextmanager
def up(data_dir: Path, errors: int = subprocess.STDOUT, /, **variables: str) -> Iterator[RunningUp]:
    running = RunningUp(data_dir, variables, errors)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            try:
                running.process.wait(PATIENCE_SECONDS)
            finally:
                running.process.kill()
        assert running.process.stdout is not None
        running.process.stdout.close()


def run_workroom(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end, with no settings but these."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("WORKROOM_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "workroom", *arguments],
        env={**others, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def waiting_for_a_core() -> float:
    """How many programs share each core of this machine; 1 on a quiet one, for which the promises are made."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def servers_running_on(data_dir: Path) -> list[int]:
    folders = {data_dir / "postgres" / "cluster": "postgres", data_dir / "valkey": "valkey-server"}
    return [
        pid
        for folder, program in folders.items()
        if folder.exists()
        for pid in list_processes_in(folder, program)
    ]


@pytest.fixture(scope="module")
def stopped_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after its first start and stop, both of which are tested here."""
    data_dir = tmp_path_factory.mktemp("up") / "data"
    with up(data_dir) as running:
        seconds = running.wait_until_running()
        assert running.stop() == 0, running.said
    assert seconds < FIRST_START_SECONDS * waiting_for_a_core()
    return data_dir


@pytest.fixture
def data_dir(stopped_installation: Path, tmp_path: Path) -> Path:
    """An installation of this test alone that was started and stopped once."""
    subprocess.run(["cp", "-a", str(stopped_installation), str(tmp_path / "data")], check=True)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def running(stopped_installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """An installation that runs, for the tests that look, or kill what is started again."""
    data_dir = tmp_path_factory.mktemp("running") / "data"
    subprocess.run(["cp", "-a", str(stopped_installation), str(data_dir)], check=True)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SMALL_FILE_LIMIT, before[1]))  # children inherit it
    try:
        with up(data_dir) as running:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            running.wait_until_running()
            yield running
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# Started and stopped


def test_a_later_start_takes_less_than_three_seconds(data_dir: Path) -> None:
    seconds = []
    for _ in range(3):  # a busy machine may need another try
        with up(data_dir) as running:
            seconds.append(running.wait_until_running())
        if seconds[-1] < LATER_START_SECONDS * waiting_for_a_core():
            return
    raise AssertionError(f"it took {seconds} seconds")


def test_it_says_where_to_open_the_browser(running: RunningUp) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", running.address)
    assert f"First admin   {running.address}/first-admin#token=" in running.said
    assert f"Data          {running.data_dir}\n" in running.said
    assert running.get("/health/ready") == 200


def test_at_a_terminal_web_and_worker_write_into_files(data_dir: Path) -> None:
    ours, terminal = os.openpty()
    try:
        with up(data_dir, terminal, WORKROOM_LOG_LEVEL="debug") as running:
            running.wait_until_running()
            assert running.stop() == 0
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(terminal)
    assert "child_stopped child=serve" in shown
    assert {"web.log", "worker.log"} <= set(os.listdir(data_dir / "logs"))


def test_the_first_admins_link_is_not_made_once_there_is_an_admin(data_dir: Path) -> None:
    created = run_workroom(
        *("account", "create", "--kind", "admin", "--email", "mara@example.org", "--name", "Mara"),
        WORKROOM_DATA_DIR=str(data_dir),
    )
    assert created.returncode == 0, created.stderr
    with up(data_dir) as running:
        running.wait_until_running()
        assert "First admin" not in running.said


def test_accounts_are_made_on_the_running_installation(running: RunningUp) -> None:
    created = run_workroom(
        *("account", "create", "--kind", "staff", "--email", "sam@example.org", "--name", "Sam"),
        WORKROOM_DATA_DIR=str(running.data_dir),
    )
    assert f"  {running.address}/set-password#token=" in created.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order_with_exit_code_0(data_dir: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here, as nohup wants it, and stays so")
    with up(data_dir, WORKROOM_LOG_LEVEL="debug") as running:
        running.wait_until_running()
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert running.stop(number) == 0
        assert running.said.endswith("Stopped.\n")
        steps = re.findall(r"child_(stopping|stopped) child=(\w+)", running.said)
        assert steps == [
            (step, child)
            for child in ("serve", "worker", "Valkey", "PostgreSQL")
            for step in ("stopping", "stopped")
        ]
        assert [child.pid for child in children if child.is_running()] == []
        assert (data_dir / "logs" / "postgres.log").read_text().endswith("database system is shut down\n")


@pytest.mark.parametrize(
    ("ignored", "ends"),
    [(signal.SIGINT, True), (signal.SIGHUP, False)],
    ids=["in the background", "under nohup"],
)
def test_only_nohup_keeps_it_running(data_dir: Path, ignored: signal.Signals, ends: bool) -> None:
    before = signal.signal(ignored, signal.SIG_IGN)  # children inherit it, as from a shell
    try:
        with up(data_dir) as running:
            signal.signal(ignored, before)
            running.wait_until_running()
            running.process.send_signal(ignored)
            if ends:
                assert running.wait_until_ended() == 0
            else:
                assert running.get("/health/live") == 200
    finally:
        signal.signal(ignored, before)


def test_a_signal_in_the_middle_of_a_first_start_stops_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir) as running:
        while not (data_dir / "postgres" / "cluster.unfinished").exists():
            assert running.process.poll() is None
        assert running.stop() == 0, running.said
    assert servers_running_on(data_dir) == []


def test_a_second_signal_does_not_wait_for_a_web_process_that_hangs(data_dir: Path) -> None:
    with up(data_dir) as running:
        running.wait_until_running()
        running.child("serve").suspend()
        running.process.send_signal(signal.SIGINT)
        running.wait_for("Stopping")
        stopped_at = time.monotonic()
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(SAME_ORDER_SECONDS)
        assert running.stop() == 0
        assert time.monotonic() - stopped_at < Settings().drain_seconds
    assert "child_restarted" not in running.said
    assert "child_stopped child=serve exit_code=-9" in running.said


def test_a_signal_that_arrives_twice_at_once_is_one_order(data_dir: Path) -> None:
    with up(data_dir) as running:
        running.wait_until_running()
        for number in STOP_SIGNALS:
            running.process.send_signal(number)
        assert running.wait_until_ended() == 0
    assert "exit_code" not in running.said


# Kept running


def test_nobody_is_refused_while_a_killed_web_process_is_started_again(running: RunningUp) -> None:
    killed = running.child("serve")
    killed.kill()
    assert running.get("/health/live") == 200
    assert running.child("serve").pid != killed.pid


def test_a_killed_worker_is_started_again(running: RunningUp) -> None:
    running.child("worker").kill()
    running.wait_for("child_restarted child=worker")


def test_after_it_was_killed_itself_the_next_start_works_at_the_same_port(data_dir: Path) -> None:
    with up(data_dir) as killed:
        killed.wait_until_running()
        port = killed.address.rpartition(":")[2]
        killed.process.kill()
        killed.process.wait()
        with up(data_dir, PORT=port) as running:
            running.wait_until_running()
            assert running.get("/health/ready") == 200


# What web and worker are given


def test_web_and_worker_know_neither_the_superusers_password_nor_the_owners(running: RunningUp) -> None:
    passwords = {
        role: (running.data_dir / "passwords" / role).read_text().strip()
        for role in ("postgres", "workroom_owner", "workroom_service")
    }
    for name in ("serve", "worker"):
        process = running.child(name)
        told = " ".join([*process.environ().values(), *process.cmdline()])
        assert [role for role, password in passwords.items() if password in told] == ["workroom_service"]


def test_the_web_process_may_open_as_many_files_as_the_machine_allows(running: RunningUp) -> None:
    soft, hard = running.child("worker").rlimit(psutil.RLIMIT_NOFILE)
    assert soft == SMALL_FILE_LIMIT < hard  # as it was started
    assert running.child("serve").rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)


async def test_with_servers_of_ones_own_it_starts_none(environment: dict[str, str]) -> None:
    await asyncio.to_thread(_run_without_servers, environment)


def _run_without_servers(environment: dict[str, str]) -> None:
    with up(Path(environment["WORKROOM_DATA_DIR"]), **environment) as running:
        running.wait_until_running()
        assert running.get("/health/ready") == 200
        assert len(psutil.Process(running.process.pid).children()) == 2
        assert running.stop() == 0


# What is refused, with a sentence that says what to do


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_workroom("up", PORT=str(port), WORKROOM_DATA_DIR=str(tmp_path / "data"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        f"workroom: Port {port} on 127.0.0.1 is in use: stop the program that has it"
    )
    assert not (tmp_path / "data").exists()


def test_a_host_of_another_machine_is_refused(tmp_path: Path) -> None:
    refused = run_workroom(
        "up", WORKROOM_HOST="192.0.2.1", PORT="0", WORKROOM_DATA_DIR=str(tmp_path / "data")
    )
    assert refused.returncode == 1
    assert "192.0.2.1, which is not an address of this machine" in refused.stderr


def test_a_second_one_on_the_same_directory_is_refused_and_told_where_the_first_is(
    running: RunningUp,
) -> None:
    refused = run_workroom("up", PORT="0", WORKROOM_DATA_DIR=str(running.data_dir))
    assert refused.returncode == 1
    assert f"already runs on the data directory {running.data_dir} (process " in refused.stderr
    assert f"{running.process.pid}, {running.address})" in refused.stderr


@pytest.mark.parametrize(
    ("command", "variables", "sentence"),
    [
        ("up", {"WORKROOM_DATABASE_URL": "postgresql://db/rooms"},
         "WORKROOM_OWNER_DATABASE_URL and WORKROOM_REDIS_URL are not set: `workroom up` needs"),
        ("up", {"WORKROOM_REDIS_URL": "redis://cache"},
         "WORKROOM_DATABASE_URL and WORKROOM_OWNER_DATABASE_URL are not set: `workroom up` needs"),
        ("serve", {"WORKROOM_REDIS_URL": "redis://cache"}, "WORKROOM_DATABASE_URL is not set: `workroom serve` needs"),
        ("worker", {}, "WORKROOM_DATABASE_URL and WORKROOM_REDIS_URL are not set: `workroom worker` needs"),
        ("migrate", {}, "WORKROOM_OWNER_DATABASE_URL is not set: `workroom migrate` needs"),
    ],
)  # fmt: skip
def test_a_program_without_the_servers_it_needs_says_which(
    command: str, variables: dict[str, str], sentence: str
) -> None:
    refused = run_workroom(command, **variables)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"workroom: {sentence}")
    assert refused.stderr.count("\n") == 1


def test_a_wrong_setting_is_one_sentence() -> None:
    refused = run_workroom("up", PORT="eighty")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith('workroom: PORT is "eighty" and must be a whole number')


def test_a_command_line_that_makes_no_sense_exits_with_2() -> None:
    assert run_workroom("upwards").returncode == 2


@pytest.mark.parametrize("program", ["serve", "worker"])
async def test_no_program_runs_under_a_role_that_may_delete_what_people_wrote(
    environment: dict[str, str], database_urls: DatabaseUrls, program: str
) -> None:
    for url in (database_urls.owner_url, database_urls.superuser_url):
        told = {**environment, "WORKROOM_DATABASE_URL": url, "PORT": "0"}
        refused = await asyncio.to_thread(run_workroom, program, **told)
        assert refused.returncode == 1
        assert "may delete what people wrote" in refused.stderr


@pytest.mark.parametrize("program", ["serve", "worker"])
async def test_no_program_runs_on_a_database_that_was_not_migrated(
    environment: dict[str, str], servers: SharedServers, program: str
) -> None:
    async with servers.make_database(f"workroom_bare_{os.getpid()}") as bare:
        told = {**environment, "WORKROOM_DATABASE_URL": bare.service_url, "PORT": "0"}
        refused = await asyncio.to_thread(run_workroom, program, **told)
        assert refused.returncode == 1
        assert "run `workroom migrate` first" in refused.stderr


async def test_migrations_are_applied_once(environment: dict[str, str]) -> None:
    again = await asyncio.to_thread(run_workroom, "migrate", **environment)
    assert (again.returncode, again.stdout) == (0, "The database is up to date.\n")
