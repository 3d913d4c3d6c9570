"""A line between a program of ours and its Postgres or Redis that can go silent, be cut, or lose one answer.

The program is given `line.url` instead of the server's own address. What passes is not changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

CHUNK_BYTES = 65_536


class Line:
    """A listening end on loopback; each connection to it gets one to the server."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_refusing = False
        self.has_refused = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._lost_answer: bytes | None = None
        self._lost_request: bytes | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The server's address by way of this line."""
        parts = urlsplit(self._server_url)
        if parts.scheme == "unix":
            database = parse_qs(parts.query).get("db", ["0"])[0]
            return f"redis://127.0.0.1:{self.port}/{database}"
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}", query=""))

    def silence(self) -> None:
        """From now on nothing passes in either direction, and nobody is told."""
        self._is_open.clear()

    def resume(self) -> None:
        """What was held back passes, and everything after it."""
        self._is_open.set()

    def break_off(self) -> None:
        """End every connection at once; a new one is taken and finds nobody until `resume`."""
        self.silence()
        self.cut()

    def refuse(self) -> None:
        """From now on a new connection is ended at once, as by a server that is starting."""
        self._is_refusing = True

    def accept(self) -> None:
        """Let new connections through again."""
        self._is_refusing = False

    def cut(self) -> None:
        """End every connection at once, without a word."""
        for writer in list(self._writers):
            writer.transport.abort()

    def lose_answer_to(self, request: bytes) -> None:
        """Cut the line once, when the server has answered a request with these bytes; the answer is lost."""
        self._lost_answer = request

    def lose_request(self, request: bytes) -> None:
        """Cut the line once, before a request with these bytes reaches the server."""
        self._lost_request = request

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either end is gone."""
        if self._is_refusing:
            self.has_refused.set()
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, server_writer}
        self._writers |= both
        loses_answer = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pass_requests(reader, server_writer, loses_answer))
                directions.create_task(self._pass_answers(server_reader, writer, loses_answer))
        except* OSError:
            pass
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pass_requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, loses_answer: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._is_open.wait()
            if self._lost_request is not None and self._lost_request in data:
                self._lost_request = None
                break
            if self._lost_answer is not None and self._lost_answer in data:
                self._lost_answer = None
                loses_answer.set()
            server.write(data)
            await server.drain()
        raise ConnectionResetError

    async def _pass_answers(
        self, server: asyncio.StreamReader, writer: asyncio.StreamWriter, loses_answer: asyncio.Event
    ) -> None:
        while data := await server.read(CHUNK_BYTES):
            await self._is_open.wait()
            if loses_answer.is_set():
                break
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self._server_url)
        options = parse_qs(parts.query)
        if parts.scheme == "unix":
            return await asyncio.open_unix_connection(unquote(parts.path))
        if "host" in options:
            port = options.get("port", ["5432"])[0]
            return await asyncio.open_unix_connection(f"{options['host'][0]}/.s.PGSQL.{port}")
        standard_port = 6379 if parts.scheme.startswith("redis") else 5432
        return await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or standard_port)


@asynccontextmanager
async def open_line(server_url: str) -> AsyncIterator[Line]:
    """A line to the server with this address; cut at the end."""
    line = Line(server_url)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.resume()
        line.cut()
