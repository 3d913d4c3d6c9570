"""The socket on which the web program accepts: opened by itself, or by `workroom up` and handed down.

`workroom up` keeps it open while a web process that died is started again: who connects meanwhile waits a
moment and is not refused.
"""

from __future__ import annotations

import errno
import os
import socket

from workroom.errors import StartupError
from workroom.settings import Settings

BACKLOG = 4096  # the kernel's own limit (net.core.somaxconn); thousands reconnect in the same second


def open_listening_socket(settings: Settings) -> socket.socket:
    """Return a listening socket for `WORKROOM_HOST` and `PORT`, or the one of `WORKROOM_LISTEN_FD`.

    Raises StartupError if the port is in use, is not ours to take, or the host is not of this machine.
    """
    if settings.listen_fd is not None:
        return _adopt(settings.listen_fd)
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror:
        raise StartupError(
            f"WORKROOM_HOST is {settings.host}, which is no address of any machine: use 127.0.0.1 for this "
            "machine alone, or 0.0.0.0 for all of its networks."
        ) from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartupError(_explain(settings, error)) from None
    listening.setblocking(False)
    return listening


def port_of(listening: socket.socket) -> int:
    """The port in use, also where 0 asked for any that is free."""
    return int(listening.getsockname()[1])


def _adopt(descriptor: int) -> socket.socket:
    try:
        listening = socket.socket(fileno=descriptor)
        listening.setblocking(False)
    except OSError as error:
        raise StartupError(
            f"WORKROOM_LISTEN_FD is {descriptor}, which is no open socket ({os.strerror(error.errno or 0)}): "
            "leave it unset unless a supervisor passes one."
        ) from None
    return listening


def _explain(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} on {settings.host} is in use: stop the program that has it, or choose "
            f"another, for example PORT={settings.port + 1 if settings.port < 65535 else 8000}."
        )
    if error.errno == errno.EACCES:
        return (
            f"This user may not listen on port {settings.port}: choose one above 1023, for example "
            "PORT=8000, and let a proxy listen on the low one."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"WORKROOM_HOST is {settings.host}, which is not an address of this machine: use 127.0.0.1 for "
            "this machine alone, or 0.0.0.0 for all of its networks."
        )
    return f"Listening on {settings.host}, port {settings.port}, is not possible ({error.strerror})."
