"""What the load generator itself can take: a program that only writes, against the same lines that count in the bench.

`python -m scripts.measure.blaster FD COUNT` accepts so many connections and writes the same piece of events to each in
turn, for as long as it lives: no WebSocket, no messages, no Postgres.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from functools import partial

from scripts.measure.clients import closing, do_all
from scripts.measure.figures import number
from scripts.measure.line import Line, Tally, connect_line
from scripts.measure.run import Run
from scripts.measure.surroundings import pin, python_program

MESSAGE_WIRE_BYTES = 420
"""What a message of 200 bytes is as an event: with its ids, its number and its time."""
PIECE = b"x" * (MESSAGE_WIRE_BYTES * 150)


async def measure_load(run: Run) -> None:
    """Find out how many deliveries a second the lines could count if no server stood in the way."""
    count = run.scale.hot_members
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        port = listener.getsockname()[1]
        program = await asyncio.create_subprocess_exec(
            *python_program("scripts.measure.blaster", str(listener.fileno()), str(count)),
            pass_fds=[listener.fileno()],
        )
        pin(program.pid, run.surroundings.cores.server)
        try:
            tally = Tally()
            lines = await do_all(partial(_connect, port, tally), range(count))
            async with closing(lines):
                await asyncio.sleep(run.scale.round_seconds / 3)
                rates = []
                for _ in range(run.scale.rounds):
                    before, began = tally.byte_size, time.perf_counter()
                    with run.watch_load():
                        await asyncio.sleep(run.scale.round_seconds / 2)
                    rates.append(
                        (tally.byte_size - before) / MESSAGE_WIRE_BYTES / (time.perf_counter() - began)
                    )
        finally:
            program.kill()
            await program.wait()
    run.page.notes.append(
        f"the load generator takes {number(max(rates))} deliveries/s, or more, from a program that does nothing but "
        f"write (then it is {run.busiest:.0%} busy)"
    )
    run.busiest = 0.0


async def _connect(port: int, tally: Tally, _: int) -> Line:
    line = await connect_line(port)
    line.count_only(tally)
    return line


def blast(listener: socket.socket, count: int) -> None:
    """Write to everybody in turn until killed; whoever has not read yet is passed over."""
    connections = []
    for _ in range(count):
        connection, _ = listener.accept()
        connection.setblocking(False)
        connections.append(connection)
    while True:
        for connection in connections:
            try:
                connection.send(PIECE)
            except BlockingIOError:
                continue
            except OSError:
                return


if __name__ == "__main__":
    blast(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
