"""A person's program, for tests: signs in over HTTP, speaks on the socket, and keeps what it hears.

It watches the order itself: an event that is not the next one of its stream fails the test. Nothing is
polled: what a test waits for is looked at whenever a frame has come in, with a deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.http_client import Answer, request
from workroom.sockets.protocol import COMMANDS, NumberedCommand

PATIENCE_SECONDS = 15.0

Json = dict[str, Any]


class CommandRefused(Exception):
    """The error reply to a command."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]
        self.error = error


class Client:
    """One account at one node. Commands by name; events by stream; all other frames in `hints`.

    `receive_buffer_bytes` is what its kernel takes before it reads; None leaves that to the kernel.
    """

    def __init__(self, url: str, receive_buffer_bytes: int | None = None) -> None:
        self.url = url
        self._receive_buffer_bytes = receive_buffer_bytes
        self.cookie = ""
        self.hello: Json = {}
        self.events: dict[str, list[Json]] = defaultdict(list)
        self.hints: list[Json] = []
        self.goodbye: Json | None = None
        self.positions: dict[str, int] = {}
        self._early: dict[str, list[Json]] = {}
        self._ahead: dict[str, int] = {}
        self._faults: list[str] = []
        self._replies: dict[int, asyncio.Future[Json]] = {}
        self._refs = itertools.count(1)
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    # -- over HTTP

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send an HTTP request as the browser would: with the cookie and our own origin."""
        sent = {"origin": self.url, **headers}
        if self.cookie:
            sent["cookie"] = self.cookie
        answer = await request(method, self.url + path, body=body, headers=sent)
        if cookies := answer.cookies():
            self.cookie = "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
        return answer

    async def sign_in(self, email: str, password: str) -> Json:
        """Sign in and give the account."""
        return self._account(await self.send("POST", "/api/session", {"email": email, "password": password}))

    async def register(self, **fields: Any) -> Json:
        """Register (`email`, `password`, `display_name`, `customer_name` or `invitation_token`)."""
        return self._account(await self.send("POST", "/api/registration", fields))

    # -- on the socket

    async def connect(self, url: str | None = None) -> Json:
        """Open the socket (again; at another node when `url` is given) and give the server's hello."""
        self.url = url or self.url
        self.goodbye = None
        self._connection = await connect(
            self.url.replace("http", "ws", 1) + "/socket",
            sock=await self._connect_slowly() if self._receive_buffer_bytes else None,
            origin=self.url,  # type: ignore[arg-type]
            additional_headers={"Cookie": self.cookie} if self.cookie else {},
            compression=None,
            ping_interval=None,
            max_size=None,
            proxy=None,
        )
        first: Json = json.loads(await asyncio.wait_for(self._connection.recv(), PATIENCE_SECONDS))
        assert first["type"] == "hello", first
        self.hello = first
        self._reader = asyncio.create_task(self._read(self._connection))
        return first

    async def command(self, name: str, /, **fields: Any) -> Json:
        """Send a command and give its result; CommandRefused carries an error reply.

        A command that records an event gets a fresh `client_command_id` unless one is given.
        """
        known = COMMANDS.get(name)
        if known is not None and issubclass(known, NumberedCommand):
            fields.setdefault("client_command_id", uuid4())
        ref = next(self._refs)
        reply = self._replies[ref] = asyncio.get_running_loop().create_future()
        await self.send_frame(json.dumps({"ref": ref, "command": name, **fields}, default=str))
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await reply
        if "error" in answer:
            raise CommandRefused(answer["error"])
        result: Json = answer["result"]
        return result

    async def send_frame(self, frame: str | bytes) -> None:
        """Send a frame as it is: text for `str`, binary for `bytes`. Its reply is found among the hints."""
        await self.connection.send(frame)

    async def subscribe(self, *streams: Any) -> Json:
        """Listen from where this client stands, after reading what it missed; give the reply."""
        wanted = [str(stream) for stream in streams]
        for stream in wanted:
            self._early[stream] = []
        fields = [{"stream": s} | ({"seq": self.positions[s]} if s in self.positions else {}) for s in wanted]
        reply = await self.command("subscribe", streams=fields, epoch=self.hello["epoch"])
        for stream in reply["reset"]:
            self.positions.pop(stream)
        for position in reply["streams"]:
            await self._catch_up(position["stream"], position["seq"])
        for stream in wanted:
            self._early.pop(stream, None)
        return reply

    async def wait_for_event(
        self, stream: Any, matches: Callable[[Json], bool] | None = None, **fields: Any
    ) -> Json:
        """Give the first event of the stream that matches and has these fields, past or to come."""
        wanted = {name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()}

        def find() -> Json | None:
            for event in self.events[str(stream)]:
                if wanted.items() <= event.items() and (matches is None or matches(event)):
                    return event
            return None

        event: Json = await self.wait_until(find)
        return event

    async def wait_for_seq(self, stream: Any, seq: int) -> None:
        """Return when the stream has been heard up to `seq`."""
        await self.wait_until(lambda: self.positions.get(str(stream), 0) >= seq)

    async def wait_for_hint(self, **fields: Any) -> Json:
        """Give the first frame among the hints with these fields, past or to come."""
        wanted = {name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()}
        hint: Json = await self.wait_until(
            lambda: next((frame for frame in self.hints if wanted.items() <= frame.items()), None)
        )
        return hint

    async def wait_until(self, find: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """Give what `find` gives as soon as it is true; it is asked after every frame."""
        async with asyncio.timeout(seconds), self._news:
            while not (found := find()):
                self._raise_faults()
                await self._news.wait()
        self._raise_faults()
        return found

    async def wait_closed(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Return when the server has closed the connection, and give the close code."""
        async with asyncio.timeout(seconds):
            await self.connection.wait_closed()
        await self._end_reader()
        return self.connection.close_code or 1006

    async def disconnect(self) -> None:
        """Close in good order."""
        if self._connection is not None:
            await self._connection.close()
            await self._end_reader()
        self._raise_faults()

    async def cut_off(self) -> None:
        """Lose the line: no close frame, as when a lid is closed."""
        self.connection.transport.abort()
        await self.connection.wait_closed()
        await self._end_reader()

    @property
    def connection(self) -> ClientConnection:
        """The open (or just closed) socket."""
        if self._connection is None:
            raise RuntimeError("the client is not connected")
        return self._connection

    def texts(self, stream: Any) -> list[str]:
        """Give the texts of the messages posted in the stream, as they were heard."""
        return [event["text"] for event in self.events[str(stream)] if event["kind"] == "message_posted"]

    # -- what comes in

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async for frame in connection:
                self._take(json.loads(frame))
                await self._tell()
        except ConnectionClosed:
            pass
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ConnectionResetError(f"closed with {connection.close_code}"))
        self._replies.clear()
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _take(self, frame: Json) -> None:
        kind = frame["type"]
        if kind == "reply" and frame["ref"] in self._replies:
            reply = self._replies.pop(frame["ref"])
            if not reply.done():
                reply.set_result(frame)
        elif kind == "events":
            stream = frame["stream"]
            if stream in self._early:
                self._early[stream] += frame["events"]
            else:
                self._take_events(stream, frame["events"])
        else:
            if kind == "goodbye":
                self.goodbye = frame
            self.hints.append(frame)

    def _take_events(self, stream: str, events: list[Json]) -> None:
        for event in events:
            if event["seq"] <= self._ahead.get(stream, 0):
                continue
            expected = self.positions.get(stream, event["seq"] - 1) + 1
            if event["seq"] != expected:
                self._faults.append(f"stream {stream}: event {event['seq']} came where {expected} was due")
            self.positions[stream] = event["seq"]
            self.events[stream].append(event)

    async def _catch_up(self, stream: str, until_seq: int) -> None:
        have = self.positions.setdefault(stream, until_seq)
        while have < until_seq:
            page = await self.command("read_since", stream=stream, seq=have)
            self._take_events(stream, [event for event in page["events"] if event["seq"] <= until_seq])
            have = page["seq"]
            assert page["more"] or have >= until_seq, f"read_since ended at {have}, before {until_seq}"
        if self.positions[stream] > until_seq:
            # What was fetched is ahead of what the node has delivered: what others recorded it learns a little later.
            self._ahead[stream] = self.positions[stream]
        self._take_events(stream, [event for event in self._early.pop(stream) if event["seq"] > until_seq])

    async def _connect_slowly(self) -> socket.socket:
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer_bytes or 0)
        end.setblocking(False)
        parts = urlsplit(self.url)
        await asyncio.get_running_loop().sock_connect(end, (parts.hostname, parts.port))
        return end

    async def _end_reader(self) -> None:
        if self._reader is not None:
            await self._reader
            self._reader = None

    def _raise_faults(self) -> None:
        assert not self._faults, self._faults

    def _account(self, answer: Answer) -> Json:
        assert answer.status in (200, 201), (answer.status, answer.body)
        account: Json = answer.json()["account"]
        return account


@asynccontextmanager
async def connected_client(url: str, cookie: str) -> AsyncIterator[Client]:
    """A client that is signed in with this cookie and connected; disconnected at the end."""
    client = Client(url)
    client.cookie = cookie
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()
