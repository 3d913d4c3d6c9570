"""A client without a line: the session of a node in the test's own process, spoken to directly.

For what has to be tried many times. What goes over the line is the same bytes; handshake and transport are tried
elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.client import Client, Json
from workroom import sessions
from workroom.accounts import Account
from workroom.fanout.frames import websocket_text_frame
from workroom.node import Node, run_node
from workroom.sessions import hash_token
from workroom.settings import Settings
from workroom.sockets.close_codes import encode_goodbye
from workroom.sockets.commands import SocketCommands
from workroom.sockets.listening import listen_to_own_stream
from workroom.sockets.session import Session
from workroom.storage.database import Database, open_database

COMMANDS = SocketCommands()


class DirectLine:
    """What a session writes to, and what a Client reads from, in place of a WebSocket."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._incoming: asyncio.Queue[str | None] = asyncio.Queue()
        self.session: Session | None = None
        self.close_code: int | None = None
        self.is_reading_paused = False
        self._closed = asyncio.Event()

    # -- the session's side

    is_behind = False

    def write_frame(self, data: bytes) -> None:
        for payload in split_frames(data):
            self._incoming.put_nowait(payload.decode())

    def send_text(self, payload: bytes) -> None:
        if self.close_code is None and self.session is not None:
            self._node.flusher.send(self.session, websocket_text_frame(payload))

    def send_owed(self, payload: bytes) -> None:
        self.send_text(payload)

    async def owes_nothing(self) -> None:
        pass

    def say_goodbye_and_close(self, code: int, reason: str) -> None:
        if self.close_code is not None or self.session is None:
            return
        self.write_frame(self._node.flusher.take_direct(self.session))
        self.write_frame(websocket_text_frame(encode_goodbye(code)))
        self._end(code)

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    # -- the client's side

    async def send(self, frame: str | bytes) -> None:
        if self.session is not None and self.close_code is None:
            self.session.receive(frame.encode() if isinstance(frame, str) else frame)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        frame = await self._incoming.get()
        if frame is None:
            raise StopAsyncIteration
        return frame

    async def close(self) -> None:
        if self.close_code is None:
            self._end(1000)

    async def wait_closed(self) -> None:
        await self._closed.wait()

    @property
    def transport(self) -> DirectLine:
        return self

    def abort(self) -> None:
        if self.close_code is None:
            self._end(1006)

    def _end(self, code: int) -> None:
        self.close_code = code
        self._closed.set()
        self._incoming.put_nowait(None)
        session, self.session = self.session, None
        if session is not None:
            session.connection_lost(code)


class LocalClient(Client):
    """A Client whose commands go straight to a session. It signs in with a token, as the socket's door does."""

    def __init__(self, node: Node, token: str) -> None:
        super().__init__("local")
        self.node = node
        self.token_hash = hash_token(token)

    async def connect(self, url: str | None = None) -> Json:
        """Open a session; see `workroom/web/socket.py`."""
        self.goodbye = None
        signed_in = await self.node.reads.signed_in.ask(self.token_hash)
        assert signed_in is not None, "not signed in"
        line = DirectLine(self.node)
        session = Session(self.node, line, signed_in, self.token_hash, COMMANDS)
        own = await listen_to_own_stream(session)
        assert own is not None, "not signed in"
        line.session = session
        self.node.session_opened(session)
        self._connection = line  # type: ignore[assignment]
        self.hello = {"epoch": str(self.node.epoch), "stream_seq": own.seq}
        self.positions[str(signed_in.stream_id)] = own.seq
        self._reader = asyncio.create_task(self._read(line))  # type: ignore[arg-type]
        return self.hello

    @property
    def line(self) -> Any:
        """The line, to look at."""
        return self._connection


@asynccontextmanager
async def local_node(settings: Settings) -> AsyncIterator[Node]:
    """A node in this process, without a server."""
    assert settings.database_url is not None
    url = settings.database_url
    async with run_node(settings, lambda: open_database(url, application_name="workroom test node")) as node:
        yield node


async def sign_in(database: Database, account: Account, days: int = 30) -> str:
    """A session's token."""
    async with database.transaction() as transaction:
        return (await sessions.start_session(transaction, account.account_id, days=days)).token


@asynccontextmanager
async def local_client(node: Node, account: Account) -> AsyncIterator[LocalClient]:
    """A client of the account, connected; disconnected at the end."""
    client = LocalClient(node, await sign_in(node.database, account))
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


def split_frames(data: bytes) -> list[bytes]:
    """The payloads of unmasked text frames."""
    payloads = []
    while data:
        assert data[0] == 0x81, data[:10]
        size, head = data[1], 2
        if size == 126:
            size, head = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[2:10], "big"), 10
        payloads.append(data[head : head + size])
        data = data[head + size :]
    return payloads
