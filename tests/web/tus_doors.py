"""Uploads and files asked of the web application without a server: who is in a room, and their requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.applications import Starlette

from tests.deeds import Place, a_command, open_place, write
from tests.http_client import Answer
from tests.tus import BODY_TYPE, metadata
from tests.web.conftest import Browser, People
from workroom.accounts import Account
from workroom.errors import WorkroomError
from workroom.files import NewAttachment
from workroom.ids import FileId, StreamId
from workroom.messages import NewMessage, Posted
from workroom.storage.database import Database

TUS = {"tus-resumable": "1.0.0"}


@dataclass
class Person:
    """Somebody at a browser."""

    account: Account
    browser: Browser
    database: Database

    async def begin(
        self,
        stream: StreamId,
        byte_size: Any,
        name: str = "paper.txt",
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """Begin an upload; what is given here goes over what would be sent."""
        sent = {
            **TUS,
            "upload-length": str(byte_size),
            "upload-metadata": metadata(filename=name, stream=str(stream)),
            "content-type": BODY_TYPE if body is not None else "",
        }
        return await self._ask("POST", "/api/uploads", body, sent, headers)

    async def send(self, address: str, offset: Any, body: bytes, **headers: str) -> Answer:
        """Send bytes of an upload."""
        sent = {**TUS, "upload-offset": str(offset), "content-type": BODY_TYPE}
        return await self._ask("PATCH", address, body, sent, headers)

    async def ask(self, method: str, address: str, **headers: str) -> Answer:
        """HEAD, DELETE or OPTIONS of an upload."""
        return await self._ask(method, address, None, TUS, headers)

    async def upload(self, stream: StreamId, content: bytes, name: str = "paper.txt") -> FileId:
        """Upload a whole file."""
        answer = await self.begin(stream, len(content), name, content)
        assert answer.status == 201, answer.body
        return FileId(_id_of(answer))

    async def begun(self, stream: StreamId, byte_size: int, **fields: Any) -> str:
        """Begin an upload that is to be accepted, and give its address."""
        answer = await self.begin(stream, byte_size, **fields)
        assert answer.status == 201, answer.body
        return answer.header("location") or ""

    async def post(
        self, stream: StreamId, *file_ids: FileId | str, text: str = "", alt_text: str = ""
    ) -> Posted:
        """Post a message with files; raises what refused it."""
        files = tuple(NewAttachment(FileId(UUID(str(file_id))), alt_text) for file_id in file_ids)
        new = NewMessage(stream, self.account.account_id, a_command(), text, files=files)
        outcome = (await write(self.database, new))[0]
        if isinstance(outcome, WorkroomError):
            raise outcome
        assert isinstance(outcome, Posted)
        return outcome

    async def share(self, stream: StreamId, content: bytes, name: str = "paper.txt") -> FileId:
        """Upload a file and post it."""
        file_id = await self.upload(stream, content, name)
        await self.post(stream, file_id)
        return file_id

    async def fetch(self, file_id: Any, ending: str = "", method: str = "GET", **headers: str) -> Answer:
        """Fetch a file."""
        return await self._ask(method, f"/api/files/{file_id}{ending}", None, {}, headers)

    async def _ask(
        self, method: str, path: str, body: bytes | None, sent: dict[str, str], over: dict[str, str]
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in over.items()}
        return await self.browser.ask(method, path, body, **{**sent, **given})


@dataclass
class Meeting:
    """A shared room at which staff and a customer are, and somebody who is not."""

    place: Place
    staff: Person
    customer: Person
    outsider: Person


def _id_of(answer: Answer) -> Any:
    return UUID((answer.header("location") or "").rpartition("/")[2])


async def meet(database: Database, people: People, app: Starlette) -> Meeting:
    """People signed in at browsers of their own, and the room that two of them share."""
    staff, customer = await people.make("staff"), await people.make("customer")
    outsider = await people.make("customer")
    place = await open_place(database, staff, customer)
    seated = [await seat(database, app, account) for account in (staff, customer, outsider)]
    return Meeting(place, *seated)


async def seat(database: Database, app: Starlette, account: Account) -> Person:
    """The account at a browser of its own."""
    browser = Browser(app)
    assert (await browser.sign_in(account.email)).status == 200
    return Person(account, browser, database)
