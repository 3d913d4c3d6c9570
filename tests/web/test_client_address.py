"""From where a request comes, and whom to believe about it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from workroom.web.client_address import find_client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def address(client: str | None, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"client": (client, 1) if client else None, "headers": headers}
    return find_client_address(scope, PROXIES)


@pytest.mark.parametrize(
    ("client", "forwarded", "expected"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("203.0.113.9",), "192.0.2.1"),
        ("10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1, 203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1", "203.0.113.9"), "203.0.113.9"),
        ("10.0.0.1", ("203.0.113.9, 10.0.0.2",), "203.0.113.9"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, nonsense",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("2001:db8::5",), "2001:db8::5"),
        ("fd00::1", ("::ffff:203.0.113.9",), "203.0.113.9"),
        (None, (), "unknown"),
    ],
)
def test_only_named_proxies_are_believed_and_only_from_the_right(
    client: str | None, forwarded: tuple[str, ...], expected: str
) -> None:
    assert address(client, *forwarded) == expected
