"""From where a request comes, as far as it can be known: for throttling, never for logs or tables.

Behind a proxy the line comes from the proxy, and `X-Forwarded-For` says for whom. It is believed only from
proxies that the settings name, read from the right, because everything left of the first stranger is that
stranger's own claim.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import Scope

from workroom.setting_values import IPNetwork
from workroom.web.headers import list_header

UNKNOWN = "unknown"


def find_client_address(scope: Scope, trusted_proxies: Sequence[IPNetwork]) -> str:
    """The client's address; `unknown` on a Unix socket without a proxy that says more."""
    client = scope.get("client")
    hops = [client[0]] if client else []
    for value in reversed(list_header(scope["headers"], b"x-forwarded-for")):
        hops += [hop.strip() for hop in reversed(value.split(","))]
    address = UNKNOWN
    for hop in hops:
        parsed = _parse(hop)
        if parsed is None:
            break
        address = str(parsed)
        if not any(parsed in network for network in trusted_proxies):
            break
    return address


def _parse(hop: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(hop)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
