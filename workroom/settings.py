"""Every setting of Workroom, read once from the environment when a program starts.

A setting has one variable, one default, one meaning; `docs/settings.md` lists the same, and a test holds the
two together. A value that cannot be is refused with a sentence, and so is a variable of ours that does not
exist: a typing error must not silently turn a limit back to its default.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from workroom.errors import StartupError
from workroom.setting_values import (
    IPNetwork,
    a_postgres_url,
    a_redis_url,
    a_web_url,
    file_descriptor,
    folder,
    host_name,
    ip_networks,
    is_ip_address,
    one_of,
    one_word,
    seconds,
    socket_address,
    web_origin,
    whole_number,
    word,
    yes_or_no,
)

OWN_PREFIX = "WORKROOM_"
TEST_PREFIX = "WORKROOM_TEST_"  # tests and benches keep switches of their own there

_Value = TypeVar("_Value")


def _setting(
    variable: str, default: _Value, parse: Callable[[str], _Value], example: str, *, secret: bool = False
) -> _Value:
    # `secret`: the value must not be repeated in an error or a log.
    metadata = {"variable": variable, "parse": parse, "example": example, "secret": secret}
    return field(default=default, metadata=metadata)


_CLONE = Path(__file__).resolve().parents[1]
DEFAULT_DATA_DIR = (_CLONE if (_CLONE / "pyproject.toml").is_file() else Path.cwd()) / "data"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a program of ours was told. Sizes in bytes, times in the unit their names end in."""

    # Where it runs
    data_dir: Path = _setting("WORKROOM_DATA_DIR", DEFAULT_DATA_DIR, folder, "/srv/workroom")  # noqa: RUF009
    host: str = _setting("WORKROOM_HOST", "127.0.0.1", host_name, "0.0.0.0")
    port: int = _setting("PORT", 8000, whole_number(0, 65535), "8000")
    listen_fd: int | None = _setting("WORKROOM_LISTEN_FD", None, file_descriptor, "3")
    public_url: str | None = _setting("WORKROOM_PUBLIC_URL", None, web_origin, "https://rooms.example.org")
    trusted_proxies: tuple[IPNetwork, ...] = _setting(
        "WORKROOM_TRUSTED_PROXIES", (), ip_networks, "10.0.0.0/8,127.0.0.1"
    )
    registration: str = _setting("WORKROOM_REGISTRATION", "open", one_of("open", "closed"), "closed")
    session_days: int = _setting("WORKROOM_SESSION_DAYS", 30, whole_number(1, 365), "30")
    session_idle_days: int = _setting("WORKROOM_SESSION_IDLE_DAYS", 7, whole_number(1, 365), "7")
    log_level: str = _setting(
        "WORKROOM_LOG_LEVEL", "info", one_of("debug", "info", "warning", "error"), "info"
    )

    # Servers of one's own
    database_url: str | None = _setting(
        "WORKROOM_DATABASE_URL",
        None,
        a_postgres_url,
        "postgresql://workroom_service:secret@db:5432/workroom",
        secret=True,
    )
    owner_database_url: str | None = _setting(
        "WORKROOM_OWNER_DATABASE_URL",
        None,
        a_postgres_url,
        "postgresql://workroom_owner:secret@db:5432/workroom",
        secret=True,
    )
    redis_url: str | None = _setting(
        "WORKROOM_REDIS_URL", None, a_redis_url, "redis://cache:6379/0", secret=True
    )
    redis_cluster: bool = _setting("WORKROOM_REDIS_CLUSTER", False, yes_or_no, "yes")

    # Connections to them, and how long anything may take
    writing_connections: int = _setting("WORKROOM_WRITING_CONNECTIONS", 6, whole_number(1, 200), "6")
    reading_connections: int = _setting("WORKROOM_READING_CONNECTIONS", 6, whole_number(1, 200), "6")
    long_connections: int = _setting("WORKROOM_LONG_CONNECTIONS", 2, whole_number(1, 50), "2")
    database_acquire_seconds: float = _setting(
        "WORKROOM_DATABASE_ACQUIRE_SECONDS", 5.0, seconds(0.1, 60), "5"
    )
    database_connect_seconds: float = _setting(
        "WORKROOM_DATABASE_CONNECT_SECONDS", 5.0, seconds(0.1, 60), "5"
    )
    database_statement_seconds: float = _setting(
        "WORKROOM_DATABASE_STATEMENT_SECONDS", 10.0, seconds(0.1, 600), "10"
    )
    database_lock_seconds: float = _setting("WORKROOM_DATABASE_LOCK_SECONDS", 3.0, seconds(0.1, 60), "3")
    redis_connections: int = _setting("WORKROOM_REDIS_CONNECTIONS", 8, whole_number(1, 200), "8")
    redis_seconds: float = _setting("WORKROOM_REDIS_SECONDS", 2.0, seconds(0.1, 60), "2")

    # Holds
    hold_release: str = _setting("WORKROOM_HOLD_RELEASE", "two", one_of("two", "one"), "two")
    hold_grace_days: int = _setting("WORKROOM_HOLD_GRACE_DAYS", 30, whole_number(1, 3650), "30")

    # Retention
    disposition: str = _setting("WORKROOM_DISPOSITION", "daily", one_of("daily", "by_hand"), "by_hand")
    disposition_hour: int = _setting("WORKROOM_DISPOSITION_HOUR", 3, whole_number(0, 23), "3")

    # Limits
    frame_bytes: int = _setting("WORKROOM_FRAME_BYTES", 131_072, whole_number(131_072, 16_777_216), "131072")
    outbound_bytes: int = _setting(
        "WORKROOM_OUTBOUND_BYTES", 262_144, whole_number(65_536, 67_108_864), "262144"
    )
    commands_per_second: int = _setting("WORKROOM_COMMANDS_PER_SECOND", 50, whole_number(1, 1_000_000), "50")
    commands_burst: int = _setting("WORKROOM_COMMANDS_BURST", 200, whole_number(1, 1_000_000), "200")
    connections_per_account: int = _setting(
        "WORKROOM_CONNECTIONS_PER_ACCOUNT", 20, whole_number(1, 1_000_000), "20"
    )
    rooms_per_subscription: int = _setting(
        "WORKROOM_ROOMS_PER_SUBSCRIPTION", 200, whole_number(1, 10_000), "200"
    )
    lane_count: int = _setting("WORKROOM_LANE_COUNT", 4, whole_number(1, 64), "4")
    lane_queue: int = _setting("WORKROOM_LANE_QUEUE", 4_000, whole_number(1, 1_000_000), "4000")
    batch_size: int = _setting("WORKROOM_BATCH_SIZE", 512, whole_number(1, 10_000), "512")

    # Files
    file_store: str = _setting("WORKROOM_FILE_STORE", "disk", one_of("disk", "s3"), "s3")
    files_dir: Path | None = _setting("WORKROOM_FILES_DIR", None, folder, "/mnt/workroom-files")  # noqa: RUF009
    s3_bucket: str | None = _setting("WORKROOM_S3_BUCKET", None, word, "workroom-files")
    s3_endpoint: str | None = _setting("WORKROOM_S3_ENDPOINT", None, a_web_url, "https://s3.example.org")
    s3_region: str = _setting("WORKROOM_S3_REGION", "us-east-1", one_word, "eu-central-1")
    s3_access_key_id: str | None = _setting("WORKROOM_S3_ACCESS_KEY_ID", None, word, "workroom", secret=True)
    s3_secret_access_key: str | None = _setting(
        "WORKROOM_S3_SECRET_ACCESS_KEY", None, word, "secret", secret=True
    )
    clamd: str | None = _setting("WORKROOM_CLAMD", None, socket_address, "unix:/run/clamav/clamd.ctl")
    file_bytes: int = _setting("WORKROOM_FILE_BYTES", 4 * 1024**3, whole_number(1, 1024**4), "4294967296")
    files_per_message: int = _setting("WORKROOM_FILES_PER_MESSAGE", 20, whole_number(1, 100), "20")
    uploads_per_account: int = _setting("WORKROOM_UPLOADS_PER_ACCOUNT", 100, whole_number(1, 10_000), "100")
    downloads_per_account: int = _setting("WORKROOM_DOWNLOADS_PER_ACCOUNT", 32, whole_number(1, 10_000), "32")
    room_file_bytes: int = _setting(
        "WORKROOM_ROOM_FILE_BYTES", 100 * 1024**3, whole_number(1, 1024**6), "107374182400"
    )
    installation_file_bytes: int = _setting(
        "WORKROOM_INSTALLATION_FILE_BYTES", 1024**4, whole_number(1, 1024**6), "1099511627776"
    )
    free_disk_bytes: int = _setting(
        "WORKROOM_FREE_DISK_BYTES", 2 * 1024**3, whole_number(0, 1024**4), "2147483648"
    )

    # Deadlines of a connection and of the program
    heartbeat_seconds: float = _setting("WORKROOM_HEARTBEAT_SECONDS", 25.0, seconds(1, 300), "25")
    header_seconds: float = _setting("WORKROOM_HEADER_SECONDS", 10.0, seconds(0.1, 60), "10")
    drain_seconds: float = _setting("WORKROOM_DRAIN_SECONDS", 10.0, seconds(0, 300), "10")

    @property
    def uses_tls(self) -> bool:
        """Whether browsers reach us under TLS, so that cookies are Secure and named `__Host-`."""
        return self.public_url is not None and self.public_url.startswith("https://")

    @property
    def session_begins_with_days(self) -> int:
        """How long a sign-in lasts that is not used again."""
        return min(self.session_days, self.session_idle_days)

    @property
    def streams_per_connection(self) -> int:
        """To how many streams a connection may listen beside its account's own: a room has two."""
        return 2 * self.rooms_per_subscription

    @property
    def is_loopback(self) -> bool:
        """Whether nobody outside this machine can connect."""
        if is_ip_address(self.host):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"

    @property
    def uses_embedded_servers(self) -> bool:
        """Whether no server is named, so that `workroom up` starts PostgreSQL and Valkey of its own."""
        return self.database_url is None and self.owner_database_url is None and self.redis_url is None

    @property
    def address(self) -> str:
        """Where to open the browser: the public address, or this machine's."""
        if self.public_url is not None:
            return self.public_url
        host = "localhost" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read all settings; an empty value counts as not set.

    Raises StartupError naming the first variable that is wrong or unknown, what is wrong, and an example.
    """
    chosen: dict[str, Any] = {}
    variables: set[str] = set()
    for each in fields(Settings):
        variable = each.metadata["variable"]
        variables.add(variable)
        if value := environ.get(variable, "").strip():
            chosen[each.name] = _parse(variable, value, each.metadata)
    _refuse_unknown(environ, variables)
    settings = Settings(**chosen)
    if settings.commands_burst < settings.commands_per_second:
        raise StartupError(
            f"WORKROOM_COMMANDS_BURST is {settings.commands_burst}, below WORKROOM_COMMANDS_PER_SECOND "
            f"({settings.commands_per_second}): set it at least as high, for example "
            f"WORKROOM_COMMANDS_BURST={settings.commands_per_second * 4}."
        )
    if settings.file_store == "s3" and settings.s3_bucket is None:
        raise StartupError(
            "WORKROOM_FILE_STORE is s3, and WORKROOM_S3_BUCKET is not set: name the bucket, for example "
            "WORKROOM_S3_BUCKET=workroom-files."
        )
    return settings


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make `load_settings` return the same settings: what a child process is given."""
    written: dict[str, str] = {}
    for each in fields(Settings):
        value = getattr(settings, each.name)
        if value is None or value == ():
            continue
        if isinstance(value, bool):
            text = "yes" if value else "no"
        elif isinstance(value, tuple):
            text = ",".join(str(part) for part in value)
        else:
            text = str(value)
        written[each.metadata["variable"]] = text
    return written


def _parse(variable: str, value: str, metadata: Mapping[str, Any]) -> Any:
    try:
        return metadata["parse"](value)
    except ValueError as problem:
        shown = variable if metadata["secret"] else f'{variable} is "{value}" and'
        raise StartupError(f"{shown} {problem}, for example {variable}={metadata['example']}.") from None


def _refuse_unknown(environ: Mapping[str, str], known: set[str]) -> None:
    for variable in sorted(environ):
        if variable.startswith(OWN_PREFIX) and not variable.startswith(TEST_PREFIX) and variable not in known:
            endings = [name.removeprefix(OWN_PREFIX) for name in known if name.startswith(OWN_PREFIX)]
            near = difflib.get_close_matches(variable.removeprefix(OWN_PREFIX), endings, n=1)
            hint = (
                f"did you mean {OWN_PREFIX}{near[0]}?" if near else "docs/settings.md lists those that are."
            )
            raise StartupError(f"{variable} is not a setting of Workroom; {hint}")
