"""A tus client for tests that does one request at a time, and people with a room to send files into."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.client import Client, Json
from tests.deeds import Place, open_place
from tests.http_client import Answer
from tests.people import make_account
from workroom import sessions
from workroom.accounts import Account
from workroom.storage.database import Database
from workroom.storage.queries import queries

BODY_TYPE = "application/offset+octet-stream"


def metadata(**values: str) -> str:
    """An Upload-Metadata header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


@dataclass
class Sender:
    """Somebody who is signed in and sends files."""

    account: Account
    client: Client

    async def begin(
        self, stream: Any, byte_size: int, name: str = "paper.txt", body: bytes | None = None, **headers: str
    ) -> Answer:
        """Begin an upload."""
        sent = {
            "tus-resumable": "1.0.0",
            "upload-length": str(byte_size),
            "upload-metadata": metadata(filename=name, stream=str(stream)),
            **({"content-type": BODY_TYPE} if body is not None else {}),
            **_dashed(headers),
        }
        return await self.client.send("POST", "/api/uploads", body, **sent)

    async def send(self, address: str, offset: int, body: bytes, **headers: str) -> Answer:
        """Send the next bytes."""
        sent = {
            "tus-resumable": "1.0.0",
            "upload-offset": str(offset),
            "content-type": BODY_TYPE,
            **_dashed(headers),
        }
        return await self.client.send("PATCH", address, body, **sent)

    async def send_some(
        self, address: str, offset: int, body: bytes, some_bytes: int
    ) -> asyncio.StreamWriter:
        """Begin to send the next bytes, send some of them, and leave the line open."""
        parts = urlsplit(self.client.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = (
            f"PATCH {address} HTTP/1.1\r\nhost: {parts.netloc}\r\norigin: {self.client.url}\r\n"
            f"cookie: {self.client.cookie}\r\ntus-resumable: 1.0.0\r\nupload-offset: {offset}\r\n"
            f"content-type: {BODY_TYPE}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body[:some_bytes])
        await writer.drain()
        return writer

    async def ask(self, address: str) -> Answer:
        """Ask how far an upload is."""
        return await self.client.send("HEAD", address, **{"tus-resumable": "1.0.0"})

    async def end(self, address: str) -> Answer:
        """Give an upload up."""
        return await self.client.send("DELETE", address, **{"tus-resumable": "1.0.0"})

    async def upload(self, stream: Any, content: bytes, name: str = "paper.txt") -> str:
        """Upload a whole file and give its id."""
        answer = await self.begin(stream, len(content), name, content)
        assert answer.status == 201, (answer.status, answer.body)
        address = answer.header("location")
        assert address is not None
        assert answer.header("upload-offset") == str(len(content))
        return address.rpartition("/")[2]

    async def post(self, stream: Any, *files: str, text: str = "", **fields: Any) -> Json:
        """Post a message with files."""
        named = [{"file_id": file_id} for file_id in files]
        return await self.client.command("post_message", stream=stream, text=text, files=named, **fields)

    async def fetch(self, file_id: str, ending: str = "", method: str = "GET", **headers: str) -> Answer:
        """Fetch a file."""
        return await self.client.send(method, f"/api/files/{file_id}{ending}", **_dashed(headers))


@dataclass
class Meeting:
    """A shared room: a customer who was there from the beginning of their membership, staff, and somebody outside."""

    place: Place
    staff: Sender
    customer: Sender
    outsider: Sender


async def sign_in(database: Database, url: str, account: Account, *, connected: bool = True) -> Sender:
    """The account at a node."""
    client = Client(url)
    async with database.read() as reading:
        epoch = await reading.fetch_one(queries.events.read_epoch)
    installation_id: UUID = epoch["installation_id"]
    async with database.transaction() as transaction:
        session = await sessions.start_session(transaction, account.account_id, days=1)
    client.cookie = f"workroom_session_{installation_id.hex[:8]}={session.token}"
    if connected:
        await client.connect()
    return Sender(account, client)


@asynccontextmanager
async def meet(database: Database, url: str) -> AsyncIterator[Meeting]:
    """People in a room at a node, connected; disconnected at the end."""
    staff, customer = await make_account(database, "staff"), await make_account(database, "customer")
    outsider = await make_account(database, "customer")
    place = await open_place(database, staff, customer)
    people = [await sign_in(database, url, account) for account in (staff, customer, outsider)]
    try:
        yield Meeting(place, *people)
    finally:
        for person in people:
            await person.client.disconnect()


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
