"""What the values of settings may look like: each function reads one kind of value from its text.

They raise ValueError with the rest of a sentence ("must be ..."), which `settings.py` completes with the
variable's name and an example.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return value

    return parse


def whole_number(smallest: int, largest: int) -> Callable[[str], int]:
    """A reader of whole numbers from `smallest` to `largest`, both included."""

    def parse(value: str) -> int:
        problem = f"must be a whole number from {smallest} to {largest}"
        try:
            number = int(value)
        except ValueError:
            raise ValueError(problem) from None
        if not smallest <= number <= largest:
            raise ValueError(problem)
        return number

    return parse


def seconds(smallest: float, largest: float) -> Callable[[str], float]:
    """A reader of a time in seconds, with or without a fraction, from `smallest` to `largest`."""

    def parse(value: str) -> float:
        problem = f"must be a number of seconds from {smallest:g} to {largest:g}"
        try:
            number = float(value)
        except ValueError:
            raise ValueError(problem) from None
        if not smallest <= number <= largest:
            raise ValueError(problem)
        return number

    return parse


def yes_or_no(value: str) -> bool:
    if value not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return value == "yes"


def folder(value: str) -> Path:
    if "\0" in value:
        raise ValueError("must be the path of a folder")
    return Path(value).expanduser().absolute()


def host_name(value: str) -> str:
    if not is_ip_address(value) and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value):
        raise ValueError("must be a host name or an IP address, without a port")
    return value


def url_of(*schemes: str) -> Callable[[str], str | None]:
    def parse(value: str) -> str | None:
        if urlsplit(value).scheme not in schemes:
            raise ValueError(f"must be an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return value

    return parse


def web_origin(value: str) -> str | None:
    """An origin as browsers write it (RFC 6454, section 6.2): scheme, host, and a port that is not the default."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("must be http:// or https:// and a host, without a path")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must be http:// or https:// and a host, and nothing more")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(DEFAULT_PORTS[parts.scheme])}"


def file_descriptor(value: str) -> int | None:
    return whole_number(3, 1_000_000)(value)


def ip_networks(value: str) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be IP addresses or networks, separated by commas") from None


def is_ip_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def socket_address(value: str) -> str | None:
    """A socket on this machine or another: `unix:/path` or `host:port`."""
    host, colon, port = value.rpartition(":")
    is_path = value.startswith("unix:/")
    if not is_path and not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("must be host:port, or unix: and the path of a socket")
    return value


def one_word(value: str) -> str:
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be one word of printable characters")
    return value


def word(value: str) -> str | None:
    return one_word(value)


a_web_url = url_of("http", "https")
a_postgres_url = url_of("postgresql", "postgres")
a_redis_url = url_of("redis", "rediss", "unix")
