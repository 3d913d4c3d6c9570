"""`workroom up`: everything on one machine, started in order and stopped in the opposite one.

The listening socket first (a port in use must not cost a start), then PostgreSQL and Valkey where no servers
are named, migrations, worker, web; then the address and, while there is no admin, the link that makes the
first one. Whatever dies is started again. Ctrl-C and SIGTERM stop web (which says good-bye to its clients),
worker, Valkey, PostgreSQL, in this order; a second one does not wait for clients.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from workroom.children.program import Program
from workroom.clock import monotonic_seconds
from workroom.embedded import EmbeddedServers
from workroom.listening_socket import open_listening_socket, port_of
from workroom.settings import Settings, environment_of

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_ORDER_SECONDS = 0.5  # some senders signal a process and then its whole group: one order, heard twice
GRACE_SECONDS = 5.0  # what a program gets beyond its own deadline before it is killed
WORKER_STOP_SECONDS = 10.0
HEALTH_SECONDS = 2.0


async def run_up(settings: Settings, *, demo: bool = False) -> None:
    """Run everything until a signal comes; return when all of it has stopped in order.

    Args:
        settings: without any server's address, or with all three.
        demo: fill the installation with a made-up provider first; only an empty one can be.

    Raises StartupError when something cannot start; nothing is left running then.
    """
    programs: list[Program] = []
    ordered_at: list[float] = []
    running = asyncio.current_task()
    assert running is not None
    for number in STOP_SIGNALS:
        # nohup wants to go on without its terminal. That a shell ignores SIGINT for what it runs in the
        # background is no such wish.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(
                number, partial(_stop, running, programs, ordered_at)
            )
    try:
        await _run(settings, demo, programs)
    except asyncio.CancelledError:
        if not ordered_at:
            raise
        running.uncancel()
    _say("Stopped.")


async def _run(settings: Settings, demo: bool, programs: list[Program]) -> None:
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(open_listening_socket(settings))
        settings = replace(settings, port=port_of(listening))
        if settings.uses_embedded_servers:
            settings = await _start_servers(settings, stack)
        demo_lines = await _prepare_database(settings, demo)
        for program in (_worker(settings), _web(settings, listening.fileno())):
            programs.append(program)
            stack.push_async_callback(program.stop)
            await program.start()
        await _announce(settings, demo_lines)
        stack.callback(_say, "Stopping.")
        await asyncio.get_running_loop().create_future()


def _stop(running: asyncio.Task[Any], programs: list[Program], ordered_at: list[float]) -> None:
    now = monotonic_seconds()
    if not ordered_at:
        ordered_at.append(now)
        running.cancel()
    elif now - ordered_at[0] > SAME_ORDER_SECONDS:
        for program in programs:
            program.end_at_once()


async def _start_servers(settings: Settings, stack: AsyncExitStack) -> Settings:
    servers = await EmbeddedServers.start(settings.data_dir)
    stack.push_async_callback(servers.stop)
    servers.directory.record_address(settings.address)
    return replace(
        settings,
        database_url=servers.service_url,
        owner_database_url=servers.owner_url,
        redis_url=servers.redis_url,
    )


async def _prepare_database(settings: Settings, demo: bool) -> list[str]:
    # Imported here: the driver and the domain cost a quarter of a second, in which the servers start already.
    from workroom.storage.migrate import migrate

    assert settings.owner_database_url is not None
    await migrate(settings.owner_database_url)
    if not demo:
        return []
    from workroom.demo import fill_demo

    return await fill_demo(settings)


def _worker(settings: Settings) -> Program:
    async def is_ready() -> bool:
        return True  # nobody waits for it: it sweeps when it has started

    return Program(
        "worker",
        environment_of(replace(settings, owner_database_url=None, listen_fd=None)),
        stop_timeout_seconds=WORKER_STOP_SECONDS,
        is_ready=is_ready,
        log_file=_log_file(settings, "worker"),
    )


def _web(settings: Settings, listening_descriptor: int) -> Program:
    return Program(
        "serve",
        environment_of(replace(settings, owner_database_url=None, listen_fd=listening_descriptor)),
        stop_timeout_seconds=settings.drain_seconds + GRACE_SECONDS,
        is_ready=partial(_is_healthy, settings),
        log_file=_log_file(settings, "web"),
        inherited_descriptors=[listening_descriptor],
    )


def _log_file(settings: Settings, name: str) -> Path | None:
    # A terminal is for the person who sits there. A supervisor, a container or a file gets every line.
    logs = settings.data_dir / "logs"
    return logs / f"{name}.log" if sys.stderr.isatty() and logs.is_dir() else None


async def _is_healthy(settings: Settings) -> bool:
    """Ask the web program for `/health/ready`; our socket keeps the question until it accepts."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            reader, writer = await asyncio.open_connection(host, settings.port)
            try:
                writer.write(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def _announce(settings: Settings, demo_lines: list[str]) -> None:
    from workroom.first_admin import first_admin_link

    first_admin = await first_admin_link(settings)
    lines = [
        f"Workroom {metadata.version('workroom')} is running.",
        "",
        f"  Open          {settings.address}",
    ]
    if first_admin is not None:
        lines.append(f"  First admin   {first_admin}")
        lines.append("                (this link makes the first admin: once, within 24 hours)")
    lines += [f"  Data          {settings.data_dir}", "  Stop          Ctrl-C", ""]
    _say("\n".join([*lines, *demo_lines]))


def _say(text: str) -> None:
    print(text, flush=True)
