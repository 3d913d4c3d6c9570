"""Uploads for tests of the domain and of the worker: with stores of their own, without a node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from tests.deeds import Place, a_command, write
from workroom.accounts import Account
from workroom.errors import WorkroomError
from workroom.files import NewAttachment
from workroom.ids import FileId
from workroom.messages import NewMessage, Posted
from workroom.quotas import FileLimits
from workroom.storage.database import Database
from workroom.storage.disk_store import open_disk_store
from workroom.storage.file_store import FileStores
from workroom.upload_receiver import UploadReceiver

NO_LIMITS = FileLimits(2**40, 2**40, 2**40, 0, 1000)


def disk_stores(folder: Path) -> FileStores:
    """A store on disk alone."""
    return FileStores({"disk": open_disk_store(folder, uuid4(), True)}, "disk")


def disk_and_bucket(folder: Path) -> FileStores:
    """The disk, and a folder in the place of a bucket, to which new files go."""
    bucket = open_disk_store(folder / "bucket", uuid4(), True)
    bucket.name = "s3"
    return FileStores({"disk": open_disk_store(folder / "disk", uuid4(), True), "s3": bucket}, "s3")


def without_bucket(stores: FileStores) -> FileStores:
    """The same stores as a process has them that is told of the disk alone."""
    return FileStores({"disk": stores.named("disk")}, "disk")


def make_receiver(database: Database, stores: FileStores, *, is_scanned: bool = False) -> UploadReceiver:
    """A receiver without limits."""
    return UploadReceiver(database, stores, NO_LIMITS, is_scanned=is_scanned, is_ending=lambda: False)


async def chunks(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """Content as it comes over a line."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def upload(
    receiver: UploadReceiver, account: Account, place: Place, content: bytes, name: str = "paper.bin"
) -> FileId:
    """Upload a whole file."""
    begun = await receiver.begin(account.account_id, place.shared, name, "", len(content))
    assert (await receiver.receive(begun, 0, chunks(content), None)).is_received
    return begun.file_id


async def claim(database: Database, account: Account, place: Place, *file_ids: FileId) -> Posted:
    """Post a message with files."""
    files = tuple(NewAttachment(file_id) for file_id in file_ids)
    outcome = (
        await write(database, NewMessage(place.shared, account.account_id, a_command(), "", files=files))
    )[0]
    if isinstance(outcome, WorkroomError):
        raise outcome
    assert isinstance(outcome, Posted)
    return outcome
