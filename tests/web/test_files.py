"""Fetching files: who may, what comes, and under which headers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from tests.deeds import add, delete, open_place, post, remove
from tests.http_client import Answer
from tests.web.asgi import Line, ask
from tests.web.conftest import People
from tests.web.tus_doors import Meeting, Person, meet, seat
from workroom.downloads import Downloads
from workroom.errors import Conflict, NotFound, NotReceived
from workroom.node import Node
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.storage.database_errors import WRITTEN_ONCE
from workroom.storage.file_store import segment_key

Move = Callable[[timedelta], Awaitable[None]]
DOORS = [("", "GET"), ("", "HEAD"), ("?inline=1", "GET"), ("/preview", "GET"), ("/preview", "HEAD")]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f000501"
    "01ff9a3c6d0b0000000049454e44ae426082"
)


@pytest_asyncio.fixture
async def meeting(database: Database, people: People, app: Starlette) -> Meeting:
    return await meet(database, people, app)


async def with_preview(owner: asyncpg.Connection, node: Node, file_id: UUID) -> None:
    """Give a file a preview, as the worker would."""
    key = segment_key(file_id, -1, 0)
    await owner.execute(
        "insert into file_segments (file_id, number, byte_offset, byte_size, store, store_key) "
        "values ($1, -1, 0, 5, 'disk', $2)",
        file_id,
        key,
    )
    await owner.execute(
        "insert into file_previews (file_id, media_type, byte_size, sha256, width, height) "
        "values ($1, 'image/webp', 5, $2, 10, 10)",
        file_id,
        sha256(b"small").digest(),
    )
    path = (node.settings.files_dir or node.settings.data_dir / "files") / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"small")


async def at_every_door(person: Person, file_id: object) -> set[int]:
    return {(await person.fetch(file_id, ending, method)).status for ending, method in DOORS}


# -- who -----------------------------------------------------------------------------------------------------


async def test_members_reach_a_file_by_every_door_and_nobody_else_does(
    meeting: Meeting,
    owner: asyncpg.Connection,
    node: Node,
    people: People,
    app: Starlette,
    database: Database,
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    await with_preview(owner, node, file_id)
    assert await at_every_door(meeting.staff, file_id) == {200}
    assert await at_every_door(meeting.customer, file_id) == {200}
    compliance = await seat(database, app, await people.make("compliance"))
    admin = await seat(database, app, await people.make("admin"))
    for outside in (meeting.outsider, compliance, admin):
        assert await at_every_door(outside, file_id) == {404}


async def test_without_a_session_there_is_no_door(meeting: Meeting) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    for ending, method in DOORS:
        assert (await meeting.staff.fetch(file_id, ending, method, cookie="none=1")).status == 401


async def test_a_foreign_file_and_none_look_the_same(meeting: Meeting) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    foreign, absent = await meeting.outsider.fetch(file_id), await meeting.outsider.fetch(uuid4())
    assert (foreign.status, foreign.body) == (absent.status, absent.body)
    assert {name for name, _ in foreign.headers} == {name for name, _ in absent.headers}


async def test_a_removed_member_loses_files_at_once(
    meeting: Meeting, owner: asyncpg.Connection, node: Node, database: Database
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    await with_preview(owner, node, file_id)
    assert await at_every_door(meeting.customer, file_id) == {200}
    await remove(database, meeting.staff.account, meeting.place.room_id, meeting.customer.account)
    assert await at_every_door(meeting.customer, file_id) == {404}
    assert await at_every_door(meeting.staff, file_id) == {200}


@pytest.mark.parametrize("grants_history", [True, False])
async def test_a_newcomer_reaches_what_their_history_reaches(
    meeting: Meeting, database: Database, grants_history: bool
) -> None:
    before = await meeting.staff.share(meeting.place.shared, b"before")
    await add(
        database,
        meeting.staff.account,
        meeting.place.room_id,
        meeting.outsider.account,
        grants_history=grants_history,
    )
    after = await meeting.staff.share(meeting.place.shared, b"after")
    assert (await meeting.outsider.fetch(before)).status == (200 if grants_history else 404)
    assert (await meeting.outsider.fetch(after)).status == 200


async def test_files_of_internal_notes_stay_with_staff(
    meeting: Meeting, owner: asyncpg.Connection, node: Node
) -> None:
    file_id = await meeting.staff.share(meeting.place.staff, b"internal")
    await with_preview(owner, node, file_id)
    assert await at_every_door(meeting.staff, file_id) == {200}
    assert await at_every_door(meeting.customer, file_id) == {404}


async def test_a_deleted_message_hides_its_files_at_once_from_everybody(
    meeting: Meeting, owner: asyncpg.Connection, node: Node, database: Database
) -> None:
    file_id = await meeting.customer.upload(meeting.place.shared, b"paper")
    posted = await meeting.customer.post(meeting.place.shared, file_id)
    await with_preview(owner, node, file_id)
    await delete(database, meeting.customer.account, meeting.place.shared, posted.message_id)
    for person in (meeting.customer, meeting.staff):
        assert await at_every_door(person, file_id) == {404}
    assert await owner.fetchval("select count(*) from file_contents") == 1


async def test_what_no_message_has_claimed_is_nobodys_to_fetch(meeting: Meeting) -> None:
    file_id = await meeting.customer.upload(meeting.place.shared, b"paper")
    for person in (meeting.customer, meeting.staff):
        assert await at_every_door(person, file_id) == {404}


async def test_a_file_that_is_being_checked_waits_and_an_infected_one_is_sealed(
    meeting: Meeting, owner: asyncpg.Connection
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    await owner.execute("update files set scan_state = 'unchecked'")
    answer = await meeting.staff.fetch(file_id)
    assert (answer.status, answer.json()["error"]["code"]) == (409, "file_checking")
    assert (await meeting.outsider.fetch(file_id)).status == 404
    await owner.execute("update files set scan_state = 'infected'")
    assert await at_every_door(meeting.staff, file_id) == {404}
    await owner.execute("update files set scan_state = 'clean'")
    assert (await meeting.staff.fetch(file_id)).status == 200


# -- claiming ------------------------------------------------------------------------------------------------


async def test_a_file_is_claimed_once(meeting: Meeting) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    with pytest.raises(Conflict):
        await meeting.customer.post(meeting.place.shared, file_id)


async def test_the_database_itself_takes_no_claim_back(meeting: Meeting, database: Database) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    connection = await asyncpg.connect(database._url, server_settings={"search_path": "workroom"})
    try:
        for statement in (
            "update files set message_id = null, message_seq = null, position = null",
            "update files set message_id = gen_random_uuid()",
            "update files set position = 3",
        ):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await connection.execute(statement)
            assert caught.value.sqlstate == WRITTEN_ONCE
        for table in ("files", "file_contents", "message_files", "file_segments", "file_previews", "uploads"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"delete from {table}")
        for change in (
            "update file_contents set name = 'x'",
            "update file_contents set sha256 = sha256",
            "update message_files set alt_text = 'x'",
            "update files set byte_size = 0",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    finally:
        await connection.close()
    assert (await meeting.staff.fetch(file_id)).status == 200


async def test_a_message_takes_only_files_of_its_author_and_its_stream(
    meeting: Meeting, database: Database
) -> None:
    other = await open_place(database, meeting.staff.account)
    of_another = await meeting.customer.upload(meeting.place.shared, b"paper")
    elsewhere = await meeting.staff.upload(other.shared, b"paper")
    in_staff = await meeting.staff.upload(meeting.place.staff, b"paper")
    for file_id in (of_another, elsewhere, in_staff, str(uuid4())):
        with pytest.raises(NotFound):
            await meeting.staff.post(meeting.place.shared, file_id)


async def test_a_file_that_is_not_whole_cannot_be_posted_and_nothing_of_the_message_is(
    meeting: Meeting, owner: asyncpg.Connection
) -> None:
    whole = await meeting.customer.upload(meeting.place.shared, b"paper")
    half = (await meeting.customer.begun(meeting.place.shared, 8, body=b"half")).rpartition("/")[2]
    with pytest.raises(NotReceived):
        await meeting.customer.post(meeting.place.shared, whole, half)
    assert await owner.fetchval("select count(*) from messages") == 0
    await meeting.customer.post(meeting.place.shared, whole)


# -- what comes ----------------------------------------------------------------------------------------------


async def test_the_headers_let_nothing_run(meeting: Meeting) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"<script>alert(1)</script>", "page.html")
    answer = await meeting.staff.fetch(file_id, "?inline=1")
    assert answer.header("content-type") == "application/octet-stream"
    assert (answer.header("content-disposition") or "").startswith("attachment;")
    assert answer.header("x-content-type-options") == "nosniff"
    policies = [value for name, value in answer.headers if name == "content-security-policy"]
    assert policies == ["default-src 'none'; sandbox"]
    assert answer.header("cache-control") == "private, no-cache"
    assert answer.header("cross-origin-resource-policy") == "same-origin"


@pytest.mark.parametrize(
    ("content", "content_type", "is_inline"),
    [
        (PNG, "image/png", True),
        (b"%PDF-1.7\n", "application/pdf", True),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
            "application/octet-stream",
            False,
        ),
        (b"<!DOCTYPE html><p>", "application/octet-stream", False),
        (b"<?xml version='1.0'?><a/>", "application/octet-stream", False),
        (b"plain words", "text/plain; charset=utf-8", False),
        (b"GIF89a<script>alert(1)</script>", "image/gif", True),
        (b"PK\x03\x04rest", "application/zip", False),
        (b"MZ" + bytes(62) + b"PE\0\0", "application/vnd.microsoft.portable-executable", False),
        (b"\0\1\2", "application/octet-stream", False),
    ],
)
async def test_only_a_short_list_of_kinds_by_content_is_ever_shown_in_place(
    meeting: Meeting, content: bytes, content_type: str, is_inline: bool
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, content, "picture.png")
    shown = await meeting.staff.fetch(file_id, "?inline=1")
    assert shown.header("content-type") == content_type
    assert (shown.header("content-disposition") or "").startswith("inline" if is_inline else "attachment")
    saved = await meeting.staff.fetch(file_id)
    assert (saved.header("content-disposition") or "").startswith("attachment")


async def test_any_name_arrives_whole(meeting: Meeting) -> None:
    name = 'Übersicht "2026" — 收据; a%20b.pdf'
    file_id = await meeting.customer.share(meeting.place.shared, b"x", name)
    disposition = (await meeting.staff.fetch(file_id)).header("content-disposition")
    assert disposition == (
        'attachment; filename="Ubersicht _2026_  _ a_20b.pdf"; '
        "filename*=UTF-8''%C3%9Cbersicht%20_2026_%20%E2%80%94%20%E6%94%B6%E6%8D%AE%3B%20a%2520b.pdf"
    )


async def test_head_says_what_get_would(meeting: Meeting) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, os.urandom(1000))
    head, got = await meeting.staff.fetch(file_id, method="HEAD"), await meeting.staff.fetch(file_id)
    assert (head.status, head.headers) == (got.status, got.headers)
    assert (head.body, head.header("content-length")) == (b"", "1000")


async def test_what_is_known_already_is_not_sent_again_but_asked_for(
    meeting: Meeting, database: Database
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    etag = (await meeting.customer.fetch(file_id)).header("etag") or ""
    again = await meeting.customer.fetch(file_id, if_none_match=f'"other", {etag}')
    assert (again.status, again.body) == (304, b"")
    await remove(database, meeting.staff.account, meeting.place.room_id, meeting.customer.account)
    assert (await meeting.customer.fetch(file_id, if_none_match=etag)).status == 404


async def ranged(meeting: Meeting, content: bytes, header: str, **headers: str) -> Answer:
    file_id = await meeting.customer.share(meeting.place.shared, content)
    return await meeting.staff.fetch(file_id, range=header, **headers)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 2_100_000)),
        ("bytes=-7", (2_099_993, 2_100_000)),
        ("bytes=1048570-1048580", (1_048_570, 1_048_581)),
        ("bytes=0-99999999999", (0, 2_100_000)),
        ("bytes=-99999999999", (0, 2_100_000)),
        ("bytes=10-20,15-30", (10, 31)),
    ],
)
async def test_one_range_is_those_bytes(meeting: Meeting, header: str, span: tuple[int, int]) -> None:
    content = os.urandom(2_100_000)
    answer = await ranged(meeting, content, header)
    assert (answer.status, answer.body) == (206, content[span[0] : span[1]])
    assert answer.header("content-range") == f"bytes {span[0]}-{span[1] - 1}/2100000"
    assert answer.header("content-length") == str(span[1] - span[0])


async def test_several_ranges_come_in_parts(meeting: Meeting) -> None:
    content = os.urandom(2_100_000)
    answer = await ranged(meeting, content, "bytes=0-9, 1048570-1048589, -5")
    boundary = (answer.header("content-type") or "").partition("boundary=")[2]
    parts = answer.body.split(f"\r\n--{boundary}".encode())
    assert answer.status == 206
    assert answer.header("content-length") == str(len(answer.body))
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [
        content[:10],
        content[1_048_570:1_048_590],
        content[-5:],
    ]
    assert b"content-range: bytes 1048570-1048589/2100000" in parts[2]
    assert parts[-1] == b"--\r\n"


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "0-0," * 17])
async def test_ranges_without_a_byte_and_too_many_are_refused(meeting: Meeting, header: str) -> None:
    answer = await ranged(meeting, bytes(100), header)
    assert (answer.status, answer.header("content-range")) == (416, "bytes */100")


@pytest.mark.parametrize("header", ["bytes=5-2", "lines=1-2", "bytes=a-b", "bytes", "bytes=-", "bytes=1-2-3"])
async def test_a_range_that_makes_no_sense_counts_for_nothing(meeting: Meeting, header: str) -> None:
    assert (await ranged(meeting, bytes(100), header)).status == 200


async def test_a_range_of_something_else_gets_the_whole(meeting: Meeting) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    etag = (await meeting.staff.fetch(file_id)).header("etag") or ""
    assert (await meeting.staff.fetch(file_id, range="bytes=0-1", if_range=etag)).status == 206
    for other in ('"other"', f"W/{etag}", "Sun, 22 Nov 2026 10:00:00 GMT"):
        assert (await meeting.staff.fetch(file_id, range="bytes=0-1", if_range=other)).status == 200


# -- how many at once ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "/preview"])
async def test_what_an_account_fetches_counts_until_the_line_has_taken_it(
    meeting: Meeting, app: Starlette, owner: asyncpg.Connection, node: Node, ending: str
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, b"paper")
    await with_preview(owner, node, file_id)
    node.downloads, line = Downloads(1, wait_seconds=0.0), Line()
    cookies = "; ".join(f"{name}={value}" for name, value in meeting.staff.browser.cookies.items())
    slow = asyncio.create_task(
        ask(app, "GET", f"/api/files/{file_id}{ending}", headers={"cookie": cookies}, line=line)
    )
    await line.is_full.wait()
    for other, method in DOORS:
        refused = await meeting.staff.fetch(file_id, other, method)
        assert (refused.status, refused.header("retry-after")) == (429, "1")
    assert await at_every_door(meeting.customer, file_id) == {200}
    line.has_taken.set()
    assert (await slow).status == 200
    assert await at_every_door(meeting.staff, file_id) == {200}


# -- damage --------------------------------------------------------------------------------------------------


def damage(settings: Settings, at: int) -> None:
    """Change one byte of the one file that lies on the disk."""
    (path,) = [path for path in (settings.data_dir / "files").glob("??/*/*") if path.stat().st_size > 100]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    Path(path).write_bytes(content)


async def damages_in_audit(owner: asyncpg.Connection) -> list[tuple[UUID, int, UUID]]:
    """File, block and reader of each damage that the audit log knows of, in order."""
    entries = await owner.fetch(
        "select subject_id, (facts ->> 'block')::integer as block, (facts ->> 'reader_id')::uuid as reader_id "
        "from audit_entries where act = 'file_damage_found' order by entry_number"
    )
    return [(each["subject_id"], each["block"], each["reader_id"]) for each in entries]


async def test_a_damaged_first_block_is_an_error_and_leaves_a_mark(
    meeting: Meeting, settings: Settings, owner: asyncpg.Connection
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, os.urandom(3000))
    damage(settings, 17)
    answer = await meeting.staff.fetch(file_id)
    assert (answer.status, answer.json()["error"]["code"]) == (502, "file_damaged")
    found = await owner.fetchrow("select file_id, block, reader_id from file_damages")
    assert tuple(found) == (file_id, 0, meeting.staff.account.account_id)
    assert await damages_in_audit(owner) == [(file_id, 0, meeting.staff.account.account_id)]


async def test_a_damaged_later_block_ends_the_answer_before_it(
    meeting: Meeting, settings: Settings, owner: asyncpg.Connection
) -> None:
    content = os.urandom(3_000_000)
    file_id = await meeting.customer.share(meeting.place.shared, content)
    damage(settings, 2_500_000)
    answer = await meeting.staff.fetch(file_id)
    assert answer.status == 200
    assert answer.header("content-length") == "3000000"
    assert answer.body == content[: 2 * 1024 * 1024]
    assert (await meeting.staff.fetch(file_id, range="bytes=0-2000000")).status == 206
    assert (await meeting.staff.fetch(file_id, range="bytes=2400000-2400001")).status == 502
    assert await owner.fetchval("select count(*) from file_damages where block = 2") == 2
    # In the audit log once for each block, however often it is asked for.
    assert await damages_in_audit(owner) == [(file_id, 2, meeting.staff.account.account_id)]


async def test_a_missing_file_is_damage_and_never_an_empty_one(
    meeting: Meeting, settings: Settings, owner: asyncpg.Connection, node: Node
) -> None:
    file_id = await meeting.customer.share(meeting.place.shared, os.urandom(3000))
    await with_preview(owner, node, file_id)
    for path in (settings.data_dir / "files").glob("??/*/*"):
        path.unlink()
    assert (await meeting.staff.fetch(file_id)).status == 502
    assert (await meeting.customer.fetch(file_id, "/preview")).status == 502
    assert await damages_in_audit(owner) == [
        (file_id, 0, meeting.staff.account.account_id),
        (file_id, -1, meeting.customer.account.account_id),
    ]


async def test_posting_words_alone_is_as_it_was(meeting: Meeting, database: Database) -> None:
    posted = await post(database, meeting.customer.account, meeting.place.shared, "words")
    assert posted.told is not None
    assert posted.told.files == []
