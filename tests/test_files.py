"""The list of a stream's files: newest first, page by page, by kind and by name, and only what its reader may have."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from tests.deeds import Place, add, delete, open_place, readership_of
from tests.people import make_account
from tests.uploading import claim, disk_stores, make_receiver, upload
from workroom import files
from workroom.accounts import Account
from workroom.files import FileRequest, ListedFile
from workroom.ids import MessageId
from workroom.storage.database import Database
from workroom.upload_receiver import UploadReceiver

CONTENTS = {
    "picture": b"\x89PNG\r\n\x1a\n",
    "document": b"%PDF-1.7",
    "text": b"words",
    "archive": b"PK\x03\x04",
    "other": b"\0\1\2",
}


async def listed(
    database: Database, reader: Account, place: Place, request: FileRequest | None = None
) -> tuple[list[ListedFile], bool]:
    readership = await readership_of(database, reader, place.shared)
    async with database.read() as reading:
        return await files.list_files(reading, readership, request or FileRequest())


async def names(database: Database, reader: Account, place: Place, request: FileRequest) -> list[str]:
    return [file.name for file in (await listed(database, reader, place, request))[0]]


async def share(
    database: Database, receiver: UploadReceiver, author: Account, place: Place, *given_names: str
) -> MessageId:
    """Post a message with files of these names; what kind each is, its ending says."""
    file_ids = [
        await upload(receiver, author, place, CONTENTS.get(name.rpartition(".")[2], b"words"), name)
        for name in given_names
    ]
    return (await claim(database, author, place, *file_ids)).message_id


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 50])
async def test_pages_of_any_size_give_every_file_once_newest_first(
    database: Database, tmp_path: Path, limit: int
) -> None:
    author = await make_account(database)
    place, receiver = await open_place(database, author), make_receiver(database, disk_stores(tmp_path))
    for message in (("a", "b", "c"), ("d",), ("e", "f"), ("g",)):
        await share(database, receiver, author, place, *message)
    pages: list[list[str]] = []
    before, more = None, True
    while more:
        page, more = await listed(database, author, place, FileRequest(before=before, limit=limit))
        pages.append([file.name for file in page])
        assert len(page) == limit or not more
        before = (page[-1].seq, page[-1].position)
    assert [name for page in pages for name in page] == ["g", "f", "e", "d", "c", "b", "a"]


async def test_the_last_page_that_is_just_full_says_that_there_is_no_more(
    database: Database, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, receiver = await open_place(database, author), make_receiver(database, disk_stores(tmp_path))
    assert await listed(database, author, place) == ([], False)
    await share(database, receiver, author, place, "a", "b")
    assert (await listed(database, author, place, FileRequest(limit=2)))[1] is False
    assert (await listed(database, author, place, FileRequest(limit=1)))[1] is True


async def test_a_kind_is_that_of_the_content(database: Database, tmp_path: Path) -> None:
    author = await make_account(database)
    place, receiver = await open_place(database, author), make_receiver(database, disk_stores(tmp_path))
    await share(database, receiver, author, place, *(f"x.{kind}" for kind in CONTENTS))
    for kind in CONTENTS:
        assert await names(database, author, place, FileRequest(kind=kind)) == [f"x.{kind}"]
    assert await names(database, author, place, FileRequest(kind="video")) == []


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("statement", ["Statement.pdf", "old statement"]),
        ("STATE", ["Statement.pdf", "old statement"]),
        ("ÜBER", ["Übersicht 100%"]),
        ("%", ["Übersicht 100%"]),
        ("_", ["under_score"]),
        ("\\", []),
        ("'; drop table files", []),
        ("", ["Statement.pdf", "old statement", "under_score", "Übersicht 100%"]),
    ],
)
async def test_a_name_is_found_by_any_part_of_it_taken_as_it_is(
    database: Database, tmp_path: Path, part: str, found: list[str]
) -> None:
    author = await make_account(database)
    place, receiver = await open_place(database, author), make_receiver(database, disk_stores(tmp_path))
    await share(
        database, receiver, author, place, "Statement.pdf", "old statement", "under_score", "Übersicht 100%"
    )
    assert sorted(await names(database, author, place, FileRequest(name=part))) == found


async def test_filters_and_pages_go_together(database: Database, tmp_path: Path) -> None:
    author = await make_account(database)
    place, receiver = await open_place(database, author), make_receiver(database, disk_stores(tmp_path))
    for number in range(6):
        await share(database, receiver, author, place, f"{number}.{'picture' if number % 2 else 'text'}")
    first, more = await listed(database, author, place, FileRequest(kind="picture", limit=2))
    assert ([file.name for file in first], more) == (["5.picture", "3.picture"], True)
    place_of_last = (first[-1].seq, first[-1].position)
    rest, more = await listed(
        database, author, place, FileRequest(kind="picture", name="pic", before=place_of_last, limit=2)
    )
    assert ([file.name for file in rest], more) == (["1.picture"], False)


async def test_a_file_is_listed_with_the_message_that_has_it(database: Database, tmp_path: Path) -> None:
    author = await make_account(database)
    place, receiver = await open_place(database, author), make_receiver(database, disk_stores(tmp_path))
    message_id = await share(database, receiver, author, place, "a", "b")
    page, _ = await listed(database, author, place)
    assert [(file.message_id, file.position, file.author_id) for file in page] == [
        (message_id, 1, author.account_id),
        (message_id, 0, author.account_id),
    ]


async def test_what_was_taken_back_and_what_was_never_posted_is_not_listed(
    database: Database, tmp_path: Path
) -> None:
    author = await make_account(database)
    place, receiver = await open_place(database, author), make_receiver(database, disk_stores(tmp_path))
    taken_back = await share(database, receiver, author, place, "taken back")
    await share(database, receiver, author, place, "stands")
    await upload(receiver, author, place, b"x", "never posted")
    await delete(database, author, place.shared, taken_back)
    assert await names(database, author, place, FileRequest()) == ["stands"]


async def test_a_newcomer_finds_the_files_that_their_history_reaches(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    staff, newcomer, trusted = (
        await make_account(database, "staff"),
        await make_account(database, "customer"),
        await make_account(database, "customer"),
    )
    place, receiver = await open_place(database, staff), make_receiver(database, disk_stores(tmp_path))
    await share(database, receiver, staff, place, "before")
    await add(database, staff, place.room_id, newcomer)
    await add(database, staff, place.room_id, trusted, grants_history=True)
    await share(database, receiver, staff, place, "after")
    assert await names(database, newcomer, place, FileRequest()) == ["after"]
    assert await names(database, newcomer, place, FileRequest(name="before")) == []
    assert await names(database, trusted, place, FileRequest()) == ["after", "before"]
