"""A file's whole way over real nodes: uploaded, posted, heard of, fetched; broken off, killed, taken up elsewhere."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from tusclient.client import TusClient

from tests.deeds import remove
from tests.looking import until
from tests.nodes import RunningNode
from tests.tus import meet
from workroom.settings import Settings
from workroom.storage.database import Database

# For so long a file may still be read by who was removed while it was being sent.
READABLE_FOR_SECONDS = 1.1

Start = Callable[..., Awaitable[RunningNode]]
Move = Callable[[timedelta], Awaitable[None]]


async def test_a_file_goes_from_one_person_to_another(database: Database, running_node: Start) -> None:
    node, other = await running_node(), await running_node()
    async with meet(database, node.url) as meeting:
        stream = meeting.place.shared
        await meeting.staff.client.connect(other.url)
        await meeting.staff.client.subscribe(stream)
        content = os.urandom(3_000_000)
        file_id = await meeting.customer.upload(stream, content, "Übersicht 2026.bin")
        assert (await meeting.customer.fetch(file_id)).status == 404
        posted = await meeting.customer.post(stream, file_id, text="Here it is")
        heard = await meeting.staff.client.wait_for_event(stream, message_id=posted["message_id"])
        assert [(told["file_id"], told["name"]) for told in heard["files"]] == [
            (file_id, "Übersicht 2026.bin")
        ]
        fetched = await meeting.staff.fetch(file_id)
        assert (fetched.status, fetched.body) == (200, content)
        page = await meeting.staff.client.command("read_messages", stream=stream)
        assert page["messages"][-1]["files"] == heard["files"]
        listed = await meeting.staff.client.command("list_files", stream=stream, name="über", kind="other")
        assert [told["file_id"] for told in listed["files"]] == [file_id]
        assert listed["more"] is False
        last = {name: listed["files"][-1][name] for name in ("seq", "position")}
        older = await meeting.staff.client.command("list_files", stream=stream, before=last, limit=1)
        assert older == {"files": [], "people": [], "more": False}
        assert (await meeting.outsider.fetch(file_id)).status == 404


async def test_a_client_that_is_not_ours_uploads(database: Database, running_node: Start) -> None:
    node = await running_node()
    async with meet(database, node.url) as meeting:
        content = os.urandom(2_345_678)
        headers = {"Cookie": meeting.customer.client.cookie, "Origin": node.url}

        def upload() -> str:
            uploader = TusClient(f"{node.url}/api/uploads", headers=headers).uploader(
                file_stream=io.BytesIO(content),
                chunk_size=1_000_000,
                metadata={"filename": "ours.bin", "stream": str(meeting.place.shared)},
                upload_checksum=True,
            )
            uploader.upload(stop_at=1_000_000)
            # Another beginning, as after a crash of the client: it asks where to go on.
            again = TusClient(f"{node.url}/api/uploads", headers=headers).uploader(
                file_stream=io.BytesIO(content), chunk_size=700_000, url=uploader.url
            )
            assert again.offset == 1_000_000
            again.upload()
            return str(again.url).rpartition("/")[2]

        file_id = await asyncio.to_thread(upload)
        await meeting.customer.post(meeting.place.shared, file_id)
        assert (await meeting.staff.fetch(file_id)).body == content


@pytest.mark.deadline(120)
async def test_a_node_that_dies_in_the_middle_is_taken_over_by_another(
    database: Database, owner: asyncpg.Connection, running_node: Start, move_time: Move, settings: Settings
) -> None:
    node, other = await running_node(), await running_node()
    async with meet(database, node.url) as meeting:
        customer, content = meeting.customer, os.urandom(70_000_000)
        begun = await customer.begin(meeting.place.shared, len(content))
        address = begun.header("location") or ""
        writer = await customer.send_some(address, 0, content, 60_000_000)
        await until(lambda: owner.fetchval("select received_bytes > 0 from uploads"))
        await node.kill()
        writer.close()
        customer.client.url = other.url
        asked = await customer.ask(address)
        offset = int(asked.header("upload-offset") or 0)
        assert 0 < offset <= 60_000_000
        assert (await customer.send(address, offset, content[offset:])).status == 423
        await move_time(timedelta(seconds=31))
        done = await customer.send(address, offset, content[offset:])
        assert (done.status, done.header("upload-offset")) == (204, str(len(content)))
        file_id = address.rpartition("/")[2]
        await customer.client.connect()
        await customer.post(meeting.place.shared, file_id)
        assert (await customer.fetch(file_id)).body == content
        folder = settings.data_dir / "files"
        lying = sum(path.stat().st_size for path in folder.glob("??/*/*"))
        assert lying == len(content), "bytes that nobody acknowledged are left"


@pytest.mark.deadline(120)
async def test_a_line_that_breaks_loses_nothing_that_came(
    database: Database, owner: asyncpg.Connection, running_node: Start
) -> None:
    node = await running_node()
    async with meet(database, node.url) as meeting:
        content = os.urandom(5_000_000)
        begun = await meeting.customer.begin(meeting.place.shared, len(content))
        address = begun.header("location") or ""
        writer = await meeting.customer.send_some(address, 0, content, 3_000_000)
        writer.close()
        await until(lambda: owner.fetchval("select leased_until is null and received_bytes > 0 from uploads"))
        offset = int((await meeting.customer.ask(address)).header("upload-offset") or 0)
        assert offset == 3_000_000
        assert (await meeting.customer.send(address, offset, content[offset:])).status == 204


@pytest.mark.deadline(120)
async def test_a_download_ends_within_a_second_of_the_removal(
    database: Database, running_node: Start
) -> None:
    node = await running_node()
    async with meet(database, node.url) as meeting:
        customer, content = meeting.customer, os.urandom(60_000_000)
        file_id = await meeting.staff.upload(meeting.place.shared, content)
        await meeting.staff.post(meeting.place.shared, file_id)
        parts = urlsplit(node.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=65_536)
        writer.write(
            f"GET /api/files/{file_id} HTTP/1.1\r\nhost: {parts.netloc}\r\ncookie: {customer.client.cookie}"
            "\r\n\r\n".encode()
        )
        received = len(await reader.read(65_536))
        await remove(database, meeting.staff.account, meeting.place.room_id, customer.account)
        await asyncio.sleep(READABLE_FOR_SECONDS)  # a second is what this is about
        try:
            while piece := await reader.read(1_000_000):
                received += len(piece)
        except ConnectionError:
            pass
        writer.close()
        assert received < 30_000_000


@pytest.mark.deadline(180)
async def test_memory_does_not_grow_with_the_files(database: Database, running_node: Start) -> None:
    node = await running_node(WORKROOM_FREE_DISK_BYTES="0")
    async with meet(database, node.url) as meeting:
        process = psutil.Process(node.process.pid)
        await meeting.customer.upload(meeting.place.shared, bytes(2_000_000))
        before = process.memory_info().rss
        content = bytes(60_000_000)
        async with asyncio.TaskGroup() as together:
            sent = [
                together.create_task(meeting.customer.upload(meeting.place.shared, content)) for _ in range(6)
            ]
        assert len({task.result() for task in sent}) == 6
        assert process.memory_info().rss - before < 64 * 1024 * 1024
