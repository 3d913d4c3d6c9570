"""Speaks with clamd (https://docs.clamav.net/manual/Usage/Scanning.html#clamd): is there a virus in these bytes?

INSTREAM: the bytes go over the socket in pieces, each behind its length, and clamd needs no right to any file of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from workroom.errors import Unavailable

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 300.0
LONGEST_ANSWER_BYTES = 4096


class ScannerAway(Unavailable):
    """Nobody takes the connection, whatever was to be sent over it."""


async def find_virus(address: str, content: AsyncIterator[bytes]) -> bool:
    """Whether clamd knows a signature in the content.

    Args:
        address: `unix:/path` or `host:port`.

    Raises ScannerAway, and Unavailable: clamd does not answer, or could not look at all of it (see StreamMaxLength of
    clamd.conf).
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await _connect(address)
            try:
                writer.write(b"zINSTREAM\0")
                answer = await _send(reader, writer, content)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise Unavailable(f"clamd does not answer ({type(error).__name__}).") from None
    if answer.endswith(b" FOUND"):
        return True
    if answer.endswith(b": OK"):
        return False
    raise Unavailable("clamd could not look at the whole file.")


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if address.startswith("unix:"):
                return await asyncio.open_unix_connection(address.removeprefix("unix:"))
            host, _, port = address.rpartition(":")
            return await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError) as error:
        raise ScannerAway(f"clamd is not there ({type(error).__name__}).") from None


async def _send(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: AsyncIterator[bytes]
) -> bytes:
    try:
        async for piece in content:
            writer.write(len(piece).to_bytes(4, "big") + piece)
            await writer.drain()
        writer.write(bytes(4))
        await writer.drain()
    except ConnectionError:
        pass  # it has had enough, and says so before it closes
    answer = await reader.read(LONGEST_ANSWER_BYTES)
    return answer.rstrip(b"\0\n")
