"""Many lines at once: connected, signed in, listening; and senders that keep so many messages in flight."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import uuid4

from scripts.measure.line import REPLY, Line, connect_line, text_frame, upgrade_request
from scripts.measure.people import Person, Room
from scripts.measure.surroundings import MeasuredNode

CONNECTING_AT_ONCE = 128
STOP_SECONDS = 60.0
MESSAGE_BYTES = 200
WORDS = "In this workroom we talk about the closing of the year, and about who sends which papers to whom. "

Argument = TypeVar("Argument")
Result = TypeVar("Result")


async def do_all(
    act: Callable[[Argument], Awaitable[Result]],
    arguments: Sequence[Argument],
    at_once: int = CONNECTING_AT_ONCE,
) -> list[Result]:
    """Do the same with everything, so many at the same time; results in order."""
    results: list[Result | None] = [None] * len(arguments)
    numbered = iter(enumerate(arguments))

    async def work() -> None:
        for number, argument in numbered:
            results[number] = await act(argument)

    async with asyncio.TaskGroup() as workers:
        for _ in range(min(at_once, len(arguments))):
            workers.create_task(work())
    return results  # type: ignore[return-value]


async def open_line(
    node: MeasuredNode,
    cookie_name: str,
    person: Person,
    rooms: Sequence[Room],
    on_text: Callable[[bytes], None] | None = None,
) -> Line:
    """A line that is signed in and listens to the rooms."""
    line = await connect_line(node.port)
    hello = asyncio.get_running_loop().create_future()
    line.on_text = hello.set_result
    await line.shake_hands(upgrade_request(node.port, "/socket", f"Cookie: {cookie_name}={person.token}"))
    async with asyncio.timeout(60):
        greeting = json.loads(await hello)
    if greeting["type"] != "hello":
        raise ConnectionError(f"the server said {greeting}")
    line.on_text = on_text or _ignore
    if rooms:
        reply = await line.ask("subscribe", streams=[{"stream": str(room.stream_id)} for room in rooms])
        if reply["refused"]:
            raise RuntimeError(f"the server refused {reply['refused']}")
    return line


@asynccontextmanager
async def closing(lines: Sequence[Line]) -> AsyncIterator[None]:
    """Cut all lines when the block ends."""
    try:
        yield
    finally:
        for line in lines:
            line.cut()


class Sender:
    """Keeps `in_flight` messages of one line on their way: the next leaves when one was acknowledged.

    A commit's acknowledgements leave with its events, so an acknowledgement that came in says that the events of before
    came in too: nobody is sent more than is taken.
    """

    def __init__(self, line: Line, room: Room, in_flight: int) -> None:
        self._line = line
        self._in_flight = in_flight
        self._is_sending = False
        self._on_its_way = 0
        self._has_all = asyncio.Event()
        self._number = 0
        text = (WORDS * 3)[:MESSAGE_BYTES]
        prefix = str(uuid4())[:24]
        # Only ref and the end of the command's id change, and keep their length: the head is made once.
        self._make = (
            f'{{"ref":%d,"command":"post_message","client_command_id":"{prefix}%012x",'
            f'"stream":"{room.stream_id}","text":"{text}"}}'
        )
        self.acknowledged = 0
        self.failure: str | None = None
        line.on_text = self.take

    def start(self) -> None:
        """Begin to send."""
        self._is_sending = True
        self._has_all.clear()
        for _ in range(self._in_flight):
            self._send()

    async def stop(self) -> None:
        """Send nothing more and wait for what is on its way."""
        self._is_sending = False
        try:
            async with asyncio.timeout(STOP_SECONDS):
                if self._on_its_way:
                    await self._has_all.wait()
        except TimeoutError:
            self.failure = f"no acknowledgement; the line's close code is {self._line.close_code}"
        if self.failure is not None:
            raise RuntimeError(f"a sender failed: {self.failure}")

    def take(self, payload: bytes) -> None:
        """Take what comes in: an acknowledgement lets the next message go."""
        if not payload.startswith(REPLY):
            return
        if b'"error"' in payload:
            self.failure = payload.decode()
            self._is_sending = False
        self._on_its_way -= 1
        self.acknowledged += 1
        if self._is_sending:
            self._send()
        elif not self._on_its_way:
            self._has_all.set()

    def _send(self) -> None:
        self._number += 1
        self._on_its_way += 1
        self._line.transport.write(
            text_frame((self._make % (1_000_000 + self._number, self._number)).encode())
        )


class BaselineSender:
    """The same at the baseline, which acknowledges nothing: the next leaves when one's own came back."""

    def __init__(self, line: Line, number: int, in_flight: int) -> None:
        self._line = line
        self._in_flight = in_flight
        self._is_sending = False
        self._on_its_way = 0
        self._has_all = asyncio.Event()
        self._own = f"{number:06d} ".encode()
        self._frame = text_frame((self._own + (WORDS * 3).encode())[:MESSAGE_BYTES])
        line.on_text = self.take

    def start(self) -> None:
        """Begin to send."""
        self._is_sending = True
        self._has_all.clear()
        for _ in range(self._in_flight):
            self._send()

    async def stop(self) -> None:
        """Send nothing more and wait for what is on its way."""
        self._is_sending = False
        async with asyncio.timeout(STOP_SECONDS):
            if self._on_its_way:
                await self._has_all.wait()

    def take(self, payload: bytes) -> None:
        """Take what comes in."""
        if payload.startswith(self._own):
            self._on_its_way -= 1
            if self._is_sending:
                self._send()
            elif not self._on_its_way:
                self._has_all.set()

    def _send(self) -> None:
        self._on_its_way += 1
        self._line.transport.write(self._frame)


def _ignore(payload: bytes) -> None:
    pass
