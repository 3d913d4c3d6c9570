"""A file's whole way: uploaded, posted, heard of, fetched; over real nodes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from tests.nodes import RunningNode
from tests.tus import meet
from workroom.storage.database import Database

Start = Callable[..., Awaitable[RunningNode]]


async def test_a_file_goes_from_one_person_to_another(database: Database, running_node: Start) -> None:
    node = await running_node()
    async with meet(database, node.url) as meeting:
        stream = meeting.place.shared
        await meeting.staff.client.subscribe(stream)
        content = os.urandom(3_000_000)
        file_id = await meeting.customer.upload(stream, content, "Übersicht 2026.bin")
        assert (await meeting.customer.fetch(file_id)).status == 404
        posted = await meeting.customer.post(stream, file_id)
        heard = await meeting.staff.client.wait_for_event(stream, message_id=posted["message_id"])
        assert [told["file_id"] for told in heard["files"]] == [file_id]
        fetched = await meeting.staff.fetch(file_id)
        assert (fetched.status, fetched.body) == (200, content)
        part = await meeting.staff.fetch(file_id, range="bytes=1048570-1048590")
        assert (part.status, part.body) == (206, content[1048570:1048591])
        assert (await meeting.outsider.fetch(file_id)).status == 404
