"""Files: how fast they come in and go out beside a bare loop, what many at once cost in memory, and what chat feels."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from scripts.measure.clients import closing, open_line
from scripts.measure.delivery import Ears, send_calmly, wait_for_deliveries
from scripts.measure.figures import median, percentile
from scripts.measure.people import Person, Room, make_people, make_rooms
from scripts.measure.run import Run
from scripts.measure.surroundings import MeasuredNode, pin, python_program

MIB = 1024 * 1024
PIECE = bytes(256 * 1024)
UPLOADS_BESIDE_CHAT = 4
BYTES_PER_SECOND = 25_000_000
LIMITS = {
    "WORKROOM_FREE_DISK_BYTES": "0",
    "WORKROOM_UPLOADS_PER_ACCOUNT": "10000",
}


async def measure_transfer(run: Run) -> None:
    """One file up and down, in turns with the bare loop; then many at once."""
    people = await make_people(run.surroundings.owner, 1)
    room = (await make_rooms(run.surroundings.owner, [people]))[0]
    byte_size = run.scale.file_mib * MIB
    ups: list[tuple[float, float]] = []
    downs: list[tuple[float, float]] = []
    async with (
        run.surroundings.run_node("files", **LIMITS) as node,
        _bare(run, "receive") as receiving,
        _bare(run, "send") as sending,
    ):
        sender = _Transfer(run, node, people[0], room)
        await sender.upload(MIB)
        for _ in range(run.scale.rounds):
            with run.watch_load():
                bare_up = await _send_bare(receiving, byte_size)
                began = time.perf_counter()
                file_id = await sender.upload(byte_size)
                ups.append((bare_up, byte_size / (time.perf_counter() - began)))
                await sender.post(file_id)
                bare_down = await _fetch_bare(sending, byte_size)
                began = time.perf_counter()
                await sender.download(file_id, byte_size)
                downs.append((bare_down, byte_size / (time.perf_counter() - began)))
        before = node.memory_kib()
        most = before
        async with asyncio.TaskGroup() as together:
            upload_bytes = run.scale.upload_mib * MIB
            tasks = [together.create_task(sender.upload(upload_bytes)) for _ in range(run.scale.uploads)]
            while not all(task.done() for task in tasks):
                most = max(most, node.memory_kib())
                await asyncio.sleep(0.05)
    run.take(
        {
            "upload_ratio": median([ours / bare for bare, ours in ups]),
            "download_ratio": median([ours / bare for bare, ours in downs]),
            "upload_memory_mib": (most - before) / 1024,
        },
        upload_ratio=f"{median([o for _, o in ups]) / 1e6:.0f} MB/s; bare {median([b for b, _ in ups]) / 1e6:.0f}",
        download_ratio=(
            f"{median([o for _, o in downs]) / 1e6:.0f} MB/s; bare {median([b for b, _ in downs]) / 1e6:.0f}"
        ),
        upload_memory_mib=f"{run.scale.uploads} uploads of {run.scale.upload_mib} MiB at once",
    )


async def measure_chat(run: Run) -> None:
    """Chat in one room while nothing else happens, and while four files come into another."""
    people = await make_people(run.surroundings.owner, 2)
    room, other = await make_rooms(run.surroundings.owner, [people, people])
    quiet: list[float] = []
    beside: list[float] = []
    rates: list[float] = []
    async with run.surroundings.run_node("chat-beside", **LIMITS) as node:
        ears = Ears()
        listener = await open_line(node, run.surroundings.cookie_name, people[1], [room], ears.hear)
        speaker = await open_line(node, run.surroundings.cookie_name, people[0], [room])

        async def speak(seconds: float) -> list[float]:
            ears.ages.clear()
            sent = await send_calmly(speaker, room, seconds)
            await wait_for_deliveries(ears, sent)
            return [age / 1e6 for age in ears.ages]

        async with closing([listener, speaker]):
            await speak(1.0)
            for _ in range(run.scale.rounds):
                await run.surroundings.let_postgres_settle()
                quiet += await speak(run.scale.chat_seconds)
                async with _uploads_beside(run, node, people[0], other) as ended:
                    beside += await speak(run.scale.chat_seconds)
                    rates.append(await ended())
    run.take(
        {"chat_beside_uploads_ratio": percentile(beside, 99) / percentile(quiet, 99)},
        chat_beside_uploads_ratio=(
            f"{percentile(beside, 99):.1f} ms beside, {percentile(quiet, 99):.1f} ms quiet; medians "
            f"{percentile(beside, 50):.1f} and {percentile(quiet, 50):.1f}; each upload at {min(rates) / 1e6:.0f} MB/s"
        ),
    )


@asynccontextmanager
async def _uploads_beside(
    run: Run, node: MeasuredNode, person: Person, room: Room
) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Uploads by a program of its own, under way; gives what waits for their end and says how fast they were."""
    cookie = f"{run.surroundings.cookie_name}={person.token}"
    sending = (
        node.port,
        cookie,
        room.stream_id,
        UPLOADS_BESIDE_CHAT,
        BYTES_PER_SECOND,
        run.scale.chat_seconds + 1,
    )
    program = await asyncio.create_subprocess_exec(
        *python_program("scripts.measure.paced_sender", *map(str, sending)), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    stdout = program.stdout

    async def ended() -> float:
        rate = float(await stdout.readline())
        if await program.wait() != 0:
            raise RuntimeError("an upload beside the chat was not received")
        return rate

    try:
        await stdout.readline()
        yield ended
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


class _Transfer:
    """One person's files at a node, over lines of their own."""

    def __init__(self, run: Run, node: MeasuredNode, person: Person, room: Room) -> None:
        self._run = run
        self._node = node
        self._person = person
        self._room = room

    async def upload(self, byte_size: int) -> str:
        """Send zeros as fast as they are taken; give the file's id when it is received."""
        stream = base64.b64encode(str(self._room.stream_id).encode()).decode()
        name = base64.b64encode(b"zeros.bin").decode()
        reader, writer = await self._ask(
            "POST",
            "/api/uploads",
            f"tus-resumable: 1.0.0\r\nupload-length: {byte_size}\r\ncontent-length: {byte_size}\r\n"
            f"upload-metadata: filename {name},stream {stream}\r\n"
            "content-type: application/offset+octet-stream\r\n",
        )
        sent = 0
        while sent < byte_size:
            piece = PIECE[: byte_size - sent]
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        if b" 201 " not in head[:20]:
            raise RuntimeError(head.decode())
        return head.decode().lower().partition("/api/uploads/")[2].partition("\r\n")[0]

    async def post(self, file_id: str) -> None:
        """Have a message claim the file."""
        line = await open_line(self._node, self._run.surroundings.cookie_name, self._person, [self._room])
        async with closing([line]):
            await line.ask(
                "post_message",
                stream=str(self._room.stream_id),
                text="",
                files=[{"file_id": file_id}],
                client_command_id=str(uuid4()),
            )

    async def download(self, file_id: str, byte_size: int) -> None:
        """Fetch the file and count what comes."""
        reader, writer = await self._ask("GET", f"/api/files/{file_id}", "")
        await reader.readuntil(b"\r\n\r\n")
        await _count(reader, byte_size)
        writer.close()

    async def _ask(
        self, method: str, path: str, headers: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._node.port, limit=4 * MIB)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self._node.port}\r\n"
            f"origin: http://127.0.0.1:{self._node.port}\r\n"
            f"cookie: {self._run.surroundings.cookie_name}={self._person.token}\r\n{headers}\r\n".encode()
        )
        return reader, writer


@asynccontextmanager
async def _bare(run: Run, what: str) -> AsyncIterator[int]:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scripts.measure.bare_transfer",
        what,
        str(run.surroundings.folder),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    try:
        port = int(await program.stdout.readline())
        pin(program.pid, run.surroundings.cores.server)
        yield port
    finally:
        program.kill()
        await program.wait()


async def _send_bare(port: int, byte_size: int) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began, sent = time.perf_counter(), 0
    while sent < byte_size:
        writer.write(PIECE[: byte_size - sent])
        sent += len(PIECE)
        await writer.drain()
    writer.write_eof()
    await reader.readexactly(1)
    writer.close()
    return byte_size / (time.perf_counter() - began)


async def _fetch_bare(port: int, byte_size: int) -> float:
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4 * MIB)
    await _count(reader, byte_size)
    writer.close()
    return byte_size / (time.perf_counter() - began)


async def _count(reader: asyncio.StreamReader, byte_size: int) -> None:
    received = 0
    while received < byte_size and (piece := await reader.read(MIB)):
        received += len(piece)
    if received != byte_size:
        raise RuntimeError(f"{received} bytes came of {byte_size}")
