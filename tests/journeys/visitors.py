"""People who are signed in already, and an outbox as a browser keeps it: for whole routes through running nodes."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.client import Client, CommandRefused, Json
from tests.looking import take_breath
from workroom import sessions
from workroom.accounts import Account
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.storage.queries import queries
from workroom.web.authentication import cookie_name

BACK_OFF_SECONDS = 0.05
LOST = (OSError, EOFError, TimeoutError, ConnectionClosed, InvalidHandshake)
"""What a client sees of a line that is gone."""


async def visit(url: str, database: Database, settings: Settings, account: Account) -> Client:
    """A client with a session of the account, connected to the node at `url`."""
    async with database.read() as reading:
        installation_id = (await reading.fetch_one(queries.events.read_epoch))["installation_id"]
    async with database.transaction() as transaction:
        session = await sessions.start_session(transaction, account.account_id, days=1)
    client = Client(url)
    client.cookie = f"{cookie_name(settings, installation_id)}={session.token}"
    await client.connect()
    return client


class Outbox:
    """Posts texts one after the other, each until it is acknowledged, as a browser does: same id, many tries."""

    def __init__(self, client: Client, stream: object, urls: list[str]) -> None:
        self._client = client
        self._stream = stream
        self._urls = urls
        self.acknowledged: dict[str, Json] = {}
        self._progress = asyncio.Condition()

    async def post(self, text: str) -> Json:
        """Post one text, through cut lines and dead nodes, until it is acknowledged; give the acknowledgement."""
        command_id = uuid4()
        while True:
            try:
                reply = await self._client.command(
                    "post_message", stream=self._stream, text=text, client_command_id=command_id
                )
            except CommandRefused as refused:
                if not refused.error["retry"]:
                    raise
                await take_breath()
            except LOST:
                await self._come_back()
            else:
                async with self._progress:
                    self.acknowledged[text] = reply
                    self._progress.notify_all()
                return reply

    async def wait_for_more(self, more: int) -> None:
        """Return when so many more texts were acknowledged."""
        enough = len(self.acknowledged) + more
        async with self._progress:
            await self._progress.wait_for(lambda: len(self.acknowledged) >= enough)

    async def _come_back(self) -> None:
        """Connect again, to whichever node answers."""
        while True:
            for url in self._urls:
                try:
                    await self._client.connect(url)
                    return
                except LOST:
                    await asyncio.sleep(BACK_OFF_SECONDS)
