"""Somebody of a log at the real server: one account, one socket at one of the nodes, and everything it ever got.

A line may be lost at any time and comes back at the other node. A stay is the time between coming into the room and
leaving it; what was heard in one is kept apart, because leaving ends all reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from scripts.replaying.cast import Role
from tests.client import Client, Json


@dataclass(slots=True)
class Stay:
    """One stay in the room: `events` from number `from_seq` up to `until_seq` (None: the end) were heard."""

    from_seq: int
    until_seq: int | None = None
    events: list[Json] = field(default_factory=list)


class Participant:
    """A role and its socket. `stays` are in order; the last one goes on while `is_inside`."""

    def __init__(self, role: Role, urls: Sequence[str], home: int, cookie_name: str) -> None:
        self.role = role
        self.stays: list[Stay] = []
        self.is_inside = False
        self.lines_lost = 0
        self._urls = urls
        self._home = home % len(urls)
        self._stream = ""
        self._was_connected = False
        self.client = Client(urls[self._home])
        self.client.cookie = f"{cookie_name}={role.token}"

    @property
    def is_connected(self) -> bool:
        """Whether the line stands, as far as is known here."""
        return self._was_connected and self.client.connection.close_code is None

    async def require_line(self) -> None:
        """Come back if the line is lost: to the other node, and to the room if one is in it."""
        if self.is_connected:
            return
        if self._was_connected:
            self._home = (self._home + 1) % len(self._urls)
        await self.client.connect(self._urls[self._home])
        self._was_connected = True
        if self.is_inside:
            await self.client.subscribe(self._stream)

    async def lose_line(self) -> None:
        """Be cut off, without a word."""
        if self.is_connected:
            self.lines_lost += 1
            await self.client.cut_off()

    async def enter(self, stream: str, from_seq: int) -> None:
        """Begin a stay: hear the stream from that number on."""
        await self.require_line()
        self._stream = stream
        self.client.events.pop(stream, None)
        self.client.positions[stream] = from_seq - 1
        self.stays.append(Stay(from_seq))
        await self.client.subscribe(stream)
        self.is_inside = True

    async def leave(self, room_id: str) -> None:
        """Leave the room and end the stay, when everything up to the leaving has come."""
        await self.require_line()
        reply = await self.client.command("leave_room", room_id=room_id)
        await self.client.wait_for_seq(self._stream, reply["seq"])
        self.is_inside = False
        self.stays[-1].until_seq = reply["seq"]
        self._keep_events()

    async def say(self, text: str, reply_to: UUID | None, *, loses_answer: bool) -> UUID:
        """Post a message and give its id. `loses_answer`: the line is cut right after the first try."""
        await self.require_line()
        fields: Json = {"stream": self._stream, "text": text, "client_command_id": str(uuid4())}
        if reply_to is not None:
            fields["reply_to"] = str(reply_to)
        if loses_answer:
            await self.client.send_frame(json.dumps({"ref": 0, "command": "post_message", **fields}))
            await self.lose_line()
        while True:
            try:
                await self.require_line()
                return UUID((await self.client.command("post_message", **fields))["message_id"])
            except ConnectionResetError:
                continue  # the server closed the line: the same command is sent again on the next one

    async def rename(self, name: str) -> None:
        """Have another display name from now on."""
        answer = await self.client.send("PATCH", "/api/profile", {"display_name": name})
        if answer.status != 200:
            raise RuntimeError(f"a new name was refused: {answer.body!r}")

    async def hear_until(self, seq: int) -> None:
        """Return when everything up to that number was heard; the line is made again if it is lost."""
        while self.is_inside:
            await self.require_line()
            with contextlib.suppress(ConnectionResetError):
                await self._wait_for_seq(seq)
                self._keep_events()
                return

    async def end(self) -> None:
        """Close the line; a fault in the order of what came ends the replay."""
        if self.is_connected:
            await self.client.disconnect()

    async def _wait_for_seq(self, seq: int) -> None:
        def is_there() -> bool:
            return self.client.positions.get(self._stream, 0) >= seq or not self.is_connected

        async with asyncio.timeout(60):
            await self.client.wait_until(is_there, 60)
        if not self.is_connected:
            raise ConnectionResetError

    def _keep_events(self) -> None:
        self.stays[-1].events = self.client.events.pop(self._stream, [])
        if not self.is_inside:
            self.client.positions.pop(self._stream, None)
