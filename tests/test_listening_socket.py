"""The listening socket: opened here or handed down, and a sentence where it cannot be."""

from __future__ import annotations

import os
import socket

import pytest

from workroom.errors import StartupError
from workroom.listening_socket import open_listening_socket, port_of
from workroom.settings import load_settings


def open_with(**variables: str) -> socket.socket:
    return open_listening_socket(load_settings(variables))


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_it_listens_where_the_settings_say(host: str, family: socket.AddressFamily) -> None:
    with open_with(WORKROOM_HOST=host, PORT="0") as listening:
        assert listening.family == family
        socket.create_connection((host, port_of(listening)), timeout=5).close()


def test_a_port_can_be_taken_again_right_after_it_was_left() -> None:
    with open_with(PORT="0") as listening:
        port = port_of(listening)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            listening.setblocking(True)
            listening.accept()[0].close()  # our side closes first and leaves TIME_WAIT behind
    open_with(PORT=str(port)).close()


def test_a_port_in_use_is_refused_with_another_to_try() -> None:
    with open_with(PORT="0") as listening:
        port = port_of(listening)
        with pytest.raises(StartupError, match=f"Port {port} on 127.0.0.1 is in use.* PORT="):
            open_with(PORT=str(port))


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("192.0.2.1", "is not an address of this machine"),
        ("no-such-host.invalid", "is no address of any machine"),
    ],
)
def test_a_host_of_elsewhere_is_refused(host: str, sentence: str) -> None:
    with pytest.raises(StartupError, match=f"WORKROOM_HOST is {host}, which {sentence}"):
        open_with(WORKROOM_HOST=host, PORT="0")


def test_a_socket_that_was_handed_down_is_used_as_it_is() -> None:
    with (
        open_with(PORT="0") as listening,
        open_with(WORKROOM_LISTEN_FD=str(os.dup(listening.fileno()))) as adopted,
    ):
        assert port_of(adopted) == port_of(listening)


def test_a_number_that_is_no_socket_is_refused() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(StartupError, match=f"WORKROOM_LISTEN_FD is {reading}, which is no open socket"):
            open_with(WORKROOM_LISTEN_FD=str(reading))
    finally:
        os.close(reading)
        os.close(writing)
