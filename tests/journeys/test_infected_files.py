"""With a virus scanner: everybody sees at once that a file was sent, and nobody gets it before it was looked at.

A real node, a real worker and a real clamd, each a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.client import CommandRefused
from tests.nodes import RunningNode
from tests.tus import meet
from tests.virus_scanner import EICAR
from workroom.storage.database import Database

pytestmark = pytest.mark.deadline(120)

Start = Callable[..., Awaitable[RunningNode]]


@asynccontextmanager
async def running_worker(environment: dict[str, str], log_file: Path) -> AsyncIterator[None]:
    """A `workroom worker`, killed at the end."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WORKROOM_")}
    with log_file.open("wb") as log:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "workroom", "worker", env={**plain, **environment}, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        worker.kill()
        await worker.wait()


async def test_an_infected_file_is_told_and_sealed_and_a_clean_one_is_let_out(
    database: Database,
    owner: asyncpg.Connection,
    running_node: Start,
    environment: dict[str, str],
    clamd: str,
    tmp_path: Path,
) -> None:
    environment = {**environment, "WORKROOM_CLAMD": clamd}
    node, other = await running_node(WORKROOM_CLAMD=clamd), await running_node(WORKROOM_CLAMD=clamd)
    async with meet(database, node.url) as meeting:
        stream, staff = meeting.place.shared, meeting.staff
        await staff.client.connect(other.url)
        await staff.client.subscribe(stream)
        infected = await meeting.customer.upload(stream, EICAR, "invoice.pdf.com")
        clean = await meeting.customer.upload(stream, b"an honest paper", "paper.txt")
        posted = await meeting.customer.post(stream, infected, clean, text="Both at once")
        heard = await staff.client.wait_for_event(stream, message_id=posted["message_id"])
        assert [told["state"] for told in heard["files"]] == ["checking", "checking"]
        for file_id in (infected, clean):
            answer = await staff.fetch(file_id)
            assert (answer.status, answer.json()["error"]["code"]) == (409, "file_checking")
        async with running_worker(environment, tmp_path / "worker.log"):
            changed = [
                await staff.client.wait_for_event(stream, kind="file_changed", seq=posted["seq"] + number)
                for number in (1, 2)
            ]
        assert {event["file"]["file_id"]: event["file"]["state"] for event in changed} == {
            infected: "infected",
            clean: "ready",
        }
        assert (await staff.fetch(clean)).body == b"an honest paper"
        for person in (staff, meeting.customer):
            for ending in ("", "?inline=1", "/preview"):
                assert (await person.fetch(infected, ending)).status == 404
        listed = await staff.client.command("list_files", stream=stream)
        assert {told["file_id"]: told["state"] for told in listed["files"]} == {
            infected: "infected",
            clean: "ready",
        }
        with pytest.raises(CommandRefused, match="conflict"):
            await meeting.customer.post(stream, infected)
    assert await owner.fetchval("select count(*) from file_contents") == 2, (
        "it stays, for those whose duty it is"
    )
