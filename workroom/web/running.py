"""What a door finds of the process it runs in."""

from __future__ import annotations

from typing import cast

from starlette.requests import HTTPConnection

from workroom.fanout.throttle import widen_address
from workroom.node import Node
from workroom.passwords import PasswordHasher
from workroom.web.client_address import find_client_address


def running_node(connection: HTTPConnection) -> Node:
    """The node that this door belongs to."""
    return cast(Node, connection.app.state.node)


def client_address(connection: HTTPConnection) -> str:
    """From where the request comes, as one bucket for throttling."""
    trusted = running_node(connection).settings.trusted_proxies
    return widen_address(find_client_address(connection.scope, trusted))


def running_hasher(connection: HTTPConnection) -> PasswordHasher:
    """The threads in which this process hashes passwords."""
    return cast(PasswordHasher, connection.app.state.password_hasher)
