"""Uploads by tus 1.0: every answer that the protocol and our limits name, asked at the door."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from tests.deeds import delete, open_place, remove
from tests.http_client import Answer
from tests.tus import metadata
from tests.web.conftest import People
from tests.web.tus_doors import Meeting, meet
from workroom.node import Node
from workroom.settings import Settings, load_settings
from workroom.storage.database import Database

Move = Callable[[timedelta], Awaitable[None]]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {
        **environment,
        "WORKROOM_FILE_BYTES": "4000000",
        "WORKROOM_ROOM_FILE_BYTES": "9000000",
        "WORKROOM_INSTALLATION_FILE_BYTES": "12000000",
        "WORKROOM_UPLOADS_PER_ACCOUNT": "5",
        "WORKROOM_FREE_DISK_BYTES": "0",
    }


@pytest_asyncio.fixture
async def meeting(database: Database, people: People, app: Starlette) -> Meeting:
    return await meet(database, people, app)


def refused(answer: Answer, status: int, code: str) -> dict[str, object]:
    assert (answer.status, answer.json()["error"]["code"]) == (status, code), answer.body
    assert answer.header("tus-resumable") == "1.0.0"
    params: dict[str, object] = answer.json()["error"]["params"]
    return params


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


async def test_options_tell_what_is_spoken(meeting: Meeting) -> None:
    answer = await meeting.staff.ask("OPTIONS", "/api/uploads")
    assert answer.status == 204
    assert answer.header("tus-version") == "1.0.0"
    assert answer.header("tus-extension") == "creation,creation-with-upload,checksum,expiration,termination"
    assert answer.header("tus-max-size") == "4000000"
    assert answer.header("tus-checksum-algorithm") == "sha256,sha1"


async def test_an_upload_goes_on_where_it_stopped(meeting: Meeting) -> None:
    customer, content = meeting.customer, os.urandom(2_500_000)
    address = await customer.begun(meeting.place.shared, len(content), name="a b.bin")
    first = await customer.send(address, 0, content[:700_001])
    assert (first.status, first.header("upload-offset")) == (204, "700001")
    asked = await customer.ask("HEAD", address)
    assert (asked.status, asked.header("upload-offset"), asked.header("upload-length")) == (
        200,
        "700001",
        "2500000",
    )
    assert asked.header("upload-metadata") == metadata(filename="a b.bin", stream=str(meeting.place.shared))
    assert asked.header("cache-control") == "no-store"
    assert (await customer.send(address, 700_001, content[700_001:])).header("upload-offset") == "2500000"
    file_id = address.rpartition("/")[2]
    await customer.post(meeting.place.shared, file_id)
    assert (await meeting.staff.fetch(file_id)).body == content


async def test_first_bytes_may_come_with_the_creation(meeting: Meeting) -> None:
    answer = await meeting.customer.begin(meeting.place.shared, 10, body=b"1234")
    assert (answer.status, answer.header("upload-offset")) == (201, "4")


async def test_a_named_creation_that_is_sent_again_finds_what_it_began(
    meeting: Meeting, owner: asyncpg.Connection
) -> None:
    customer, stream = meeting.customer, meeting.place.shared
    named = metadata(filename="a", stream=str(stream), client_upload_id="one")
    answers = await asyncio.gather(*(customer.begin(stream, 8, upload_metadata=named) for _ in range(3)))
    assert [answer.status for answer in answers] == [201] * 3
    (address,) = {answer.header("location") or "" for answer in answers}
    assert await owner.fetchval("select visible_bytes from room_file_bytes") == 8
    for _ in range(2):
        again = await customer.begin(stream, 8, body=b"1234", upload_metadata=named)
        assert (again.status, again.header("location"), again.header("upload-offset")) == (201, address, "4")


async def test_only_a_repeat_of_what_still_stands_is_one(meeting: Meeting, move_time: Move) -> None:
    customer, stream = meeting.customer, meeting.place.shared
    said = {"filename": "a", "stream": str(stream)}
    named = metadata(**said, client_upload_id="one")
    address = await customer.begun(stream, 8, upload_metadata=named)
    others = [
        await customer.begun(stream, 9, upload_metadata=named),
        await customer.begun(stream, 8, upload_metadata=metadata(**said, client_upload_id="two")),
        await meeting.staff.begun(stream, 8, upload_metadata=named),
        *[await meeting.staff.begun(stream, 8, upload_metadata=metadata(**said)) for _ in range(2)],
    ]
    assert len({address, *others}) == 6
    assert (await customer.ask("DELETE", address)).status == 204
    second = await customer.begun(stream, 8, upload_metadata=named)
    await move_time(timedelta(hours=24, seconds=1))
    third = await customer.begun(stream, 8, upload_metadata=named)
    assert len({address, second, third}) == 3, "what has ended is not found"


async def test_an_empty_file_is_whole_at_once(meeting: Meeting) -> None:
    file_id = await meeting.customer.upload(meeting.place.shared, b"")
    await meeting.customer.post(meeting.place.shared, file_id)
    fetched = await meeting.staff.fetch(file_id)
    assert (fetched.status, fetched.body, fetched.header("content-length")) == (200, b"", "0")


async def test_bytes_for_another_place_are_refused_and_told_where(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 10, body=b"1234")
    for offset in (0, 3, 5, 10):
        params = refused(await meeting.customer.send(address, offset, b"x"), 409, "offset_mismatch")
        assert params == {"offset": 4}
    assert (await meeting.customer.ask("HEAD", address)).header("upload-offset") == "4"


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
async def test_bytes_that_are_not_those_of_the_checksum_do_not_count(
    meeting: Meeting, algorithm: str
) -> None:
    customer, content = meeting.customer, os.urandom(1_500_000)
    address = await customer.begun(meeting.place.shared, len(content))
    good = {"upload_checksum": checksum(content, algorithm)}
    refused(
        await customer.send(address, 0, content[:-1] + bytes([content[-1] ^ 1]), **good),
        460,
        "checksum_mismatch",
    )
    assert (await customer.ask("HEAD", address)).header("upload-offset") == "0"
    assert (await customer.send(address, 0, content, **good)).status == 204
    file_id = address.rpartition("/")[2]
    await customer.post(meeting.place.shared, file_id)
    assert (await meeting.staff.fetch(file_id)).body == content


async def test_a_broken_off_body_with_a_checksum_does_not_count(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 6, body=b"12")
    refused(
        await meeting.customer.send(address, 2, b"34", upload_checksum=checksum(b"3456")),
        460,
        "checksum_mismatch",
    )
    assert (await meeting.customer.ask("HEAD", address)).header("upload-offset") == "2"


async def test_one_writes_while_the_lease_of_another_stands(
    meeting: Meeting, owner: asyncpg.Connection, move_time: Move
) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 6, body=b"12")
    # A node that holds the lease and died: nobody gives it back.
    await owner.execute("update uploads set lease_number = 7, leased_until = now() + interval '30 seconds'")
    answer = await meeting.customer.send(address, 2, b"3456")
    refused(answer, 423, "upload_locked")
    assert answer.header("retry-after") == "1"
    refused(await meeting.customer.ask("DELETE", address), 423, "upload_locked")
    assert (await meeting.customer.ask("HEAD", address)).header("upload-offset") == "2"
    await move_time(timedelta(seconds=31))
    assert (await meeting.customer.send(address, 2, b"3456")).status == 204


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"tus_resumable": "0.2.2"}, 412, "tus_version"),
        ({"tus_resumable": ""}, 412, "tus_version"),
        ({"upload_length": ""}, 400, "malformed_request"),
        ({"upload_length": "-1"}, 400, "malformed_request"),
        ({"upload_length": "1e3"}, 400, "malformed_request"),
        ({"upload_length": "9" * 30}, 400, "malformed_request"),
        ({"upload_length": "", "upload_defer_length": "1"}, 400, "malformed_request"),
        ({"upload_metadata": ""}, 400, "malformed_request"),
        ({"upload_metadata": "filename !!!"}, 400, "malformed_request"),
        ({"upload_metadata": metadata(filename="a", stream="no id")}, 400, "malformed_request"),
        ({"upload_metadata": "a b," * 3000}, 400, "malformed_request"),
        ({"upload_length": "4000001"}, 413, "too_large"),
        ({"origin": "https://elsewhere.example"}, 403, "origin_refused"),
        ({"cookie": "none=1"}, 401, "sign_in_required"),
    ],
)
async def test_a_creation_that_cannot_be_is_refused_by_its_head(
    meeting: Meeting, changed: dict[str, Any], status: int, code: str, owner: asyncpg.Connection
) -> None:
    answer = await meeting.customer.begin(meeting.place.shared, 10, **changed)
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    if code == "tus_version":
        assert answer.header("tus-version") == "1.0.0"
    assert await owner.fetchval("select count(*) from uploads") == 0


async def test_a_body_of_another_type_is_refused(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 10)
    refused(await meeting.customer.send(address, 0, b"x", content_type="text/plain"), 415, "media_type")
    refused(
        await meeting.customer.begin(meeting.place.shared, 10, body=b"x", content_type="image/png"),
        415,
        "media_type",
    )


async def test_an_unknown_checksum_algorithm_is_refused(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 1)
    for given in ("crc32 AAAA", "sha256 !", "sha256"):
        answer = await meeting.customer.send(address, 0, b"x", upload_checksum=given)
        assert answer.status in (400, 460)
    assert (await meeting.customer.ask("HEAD", address)).header("upload-offset") == "0"


async def test_more_than_was_declared_is_refused_before_it_is_read(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 4)
    refused(await meeting.customer.send(address, 0, b"12345"), 413, "too_large")
    refused(await meeting.customer.begin(meeting.place.shared, 4, body=b"12345"), 413, "too_large")
    assert (await meeting.customer.ask("HEAD", address)).header("upload-offset") == "0"


async def test_the_method_may_be_named_in_a_header(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 4)
    sent = await meeting.customer.browser.ask(
        "POST",
        address,
        b"1234",
        **{
            "tus-resumable": "1.0.0",
            "x-http-method-override": "PATCH",
            "upload-offset": "0",
            "content-type": "application/offset+octet-stream",
        },
    )
    assert sent.status == 204


async def test_the_quota_of_a_room_counts_what_is_on_its_way_and_what_can_be_seen(meeting: Meeting) -> None:
    stream, customer = meeting.place.shared, meeting.customer
    await customer.begun(stream, 4_000_000)
    address = await customer.begun(stream, 4_000_000)
    params = refused(await customer.begin(stream, 1_000_001), 413, "quota_exceeded")
    assert params == {"quota": "room", "free": 1_000_000}
    assert (await customer.begin(stream, 1_000_000)).status == 201
    assert (await customer.ask("DELETE", address)).status == 204
    assert (await customer.begin(stream, 4_000_000)).status == 201


async def test_taking_a_message_back_frees_its_share_of_the_quota(
    meeting: Meeting, database: Database
) -> None:
    stream, customer = meeting.place.shared, meeting.customer
    file_id = await customer.upload(stream, bytes(3_000_000))
    posted = await customer.post(stream, file_id)
    await customer.begun(stream, 3_000_000)
    refused(await customer.begin(stream, 3_500_000), 413, "quota_exceeded")
    await delete(database, customer.account, stream, posted.message_id)
    assert (await customer.begin(stream, 3_500_000)).status == 201


async def test_the_quota_of_the_installation_counts_all_rooms(meeting: Meeting, database: Database) -> None:
    other = await open_place(database, meeting.staff.account)
    for _ in range(2):
        await meeting.customer.begun(meeting.place.shared, 4_000_000)
    await meeting.staff.begun(other.shared, 4_000_000)
    params = refused(await meeting.staff.begin(other.shared, 1), 413, "quota_exceeded")
    assert params == {"quota": "installation", "free": 0}


async def test_an_account_has_so_many_unclaimed_uploads_at_most(meeting: Meeting) -> None:
    for _ in range(5):
        await meeting.customer.begun(meeting.place.shared, 1)
    params = refused(await meeting.customer.begin(meeting.place.shared, 1), 429, "limit_reached")
    assert params == {"limit": "uploads_per_account", "value": 5}
    assert (await meeting.staff.begin(meeting.place.shared, 1)).status == 201


async def test_the_reserve_of_the_disk_stays_free(meeting: Meeting, node: Node) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 8, body=b"1234")
    node.uploads.limits = replace(node.uploads.limits, reserve_bytes=2**62)
    refused(await meeting.customer.begin(meeting.place.shared, 1), 507, "storage_full")
    fresh = await meeting.customer.ask("HEAD", address)
    assert (fresh.status, fresh.header("upload-offset")) == (200, "4")


async def test_an_upload_ends_after_a_day(meeting: Meeting, move_time: Move) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 8, body=b"1234")
    ends = (await meeting.customer.ask("HEAD", address)).header("upload-expires")
    assert ends is not None
    assert ends.endswith(" GMT")
    await move_time(timedelta(hours=24, seconds=1))
    for answer in (
        await meeting.customer.ask("HEAD", address),
        await meeting.customer.send(address, 4, b"5678"),
        await meeting.customer.ask("DELETE", address),
    ):
        assert answer.status == 404


async def test_an_upload_that_was_given_up_is_gone(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 8, body=b"1234")
    assert (await meeting.customer.ask("DELETE", address)).status == 204
    assert (await meeting.customer.ask("HEAD", address)).status == 404
    assert (await meeting.customer.send(address, 4, b"5678")).status == 404


async def test_what_a_message_has_claimed_cannot_be_given_up(meeting: Meeting) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    refused(await meeting.customer.ask("DELETE", f"/api/uploads/{file_id}"), 409, "conflict")
    assert (await meeting.staff.fetch(file_id)).body == b"paper"


async def test_an_upload_is_its_uploaders_alone(meeting: Meeting) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 8, body=b"1234")
    for other in (meeting.staff, meeting.outsider):
        for answer in (
            await other.ask("HEAD", address),
            await other.send(address, 4, b"5678"),
            await other.ask("DELETE", address),
        ):
            assert answer.status == 404
    assert (await meeting.customer.send(address, 4, b"5678")).status == 204


async def test_nobody_uploads_where_they_do_not_read(meeting: Meeting) -> None:
    refused(await meeting.outsider.begin(meeting.place.shared, 1), 404, "not_found")
    refused(await meeting.customer.begin(meeting.place.staff, 1), 404, "not_found")
    assert (await meeting.staff.begin(meeting.place.staff, 1)).status == 201


async def test_a_removed_member_goes_on_with_no_upload(meeting: Meeting, database: Database) -> None:
    address = await meeting.customer.begun(meeting.place.shared, 8, body=b"1234")
    await remove(database, meeting.staff.account, meeting.place.room_id, meeting.customer.account)
    assert (await meeting.customer.send(address, 4, b"5678")).status == 404
    refused(await meeting.customer.begin(meeting.place.shared, 1), 404, "not_found")


async def test_an_archived_room_takes_no_upload(meeting: Meeting, owner: asyncpg.Connection) -> None:
    await owner.execute("update rooms set archived_at = now()")
    refused(await meeting.customer.begin(meeting.place.shared, 1), 409, "room_archived")


async def test_what_was_interrupted_at_its_end_is_finished_by_a_question(
    meeting: Meeting, owner: asyncpg.Connection
) -> None:
    content = os.urandom(1_200_000)
    file_id = await meeting.customer.upload(meeting.place.shared, content)
    # As after a death between the last byte's acknowledgement and the hash of the whole.
    await owner.execute("delete from file_contents")
    await owner.execute("delete from files")
    with pytest.raises(Exception, match="not whole yet"):
        await meeting.customer.post(meeting.place.shared, file_id)
    assert (await meeting.customer.ask("HEAD", f"/api/uploads/{file_id}")).header(
        "upload-offset"
    ) == "1200000"
    await meeting.customer.post(meeting.place.shared, file_id)
    assert (await meeting.staff.fetch(file_id)).body == content


async def test_the_limits_are_settings(environment: dict[str, str], settings: Settings) -> None:
    assert load_settings(environment) == settings
    assert settings.file_bytes == 4_000_000


def list_written(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.data_dir, "files").rglob("*") if path.is_file()]


async def test_bytes_lie_below_the_data_directory_under_no_name_of_anybody(
    meeting: Meeting, settings: Settings
) -> None:
    await meeting.customer.upload(meeting.place.shared, b"paper", "../../etc/secret.txt")
    written = list_written(settings)
    assert len(written) == 2
    assert not any("secret" in path.name for path in written)
