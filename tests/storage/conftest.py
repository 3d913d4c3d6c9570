"""The two stores of files, empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from workroom.settings import load_settings
from workroom.storage.disk_store import open_disk_store
from workroom.storage.file_store import FileStore
from workroom.storage.object_store import open_object_store


@pytest.fixture(params=["disk", "s3"])
def bucket_settings(request: pytest.FixtureRequest) -> dict[str, str] | None:
    """The settings of a bucket, or None for the disk: each in turn."""
    found: dict[str, str] | None = None
    if request.param == "s3":
        found = request.getfixturevalue("object_server")
    return found


@pytest_asyncio.fixture
async def store(bucket_settings: dict[str, str] | None, tmp_path: Path) -> AsyncIterator[FileStore]:
    """Each of the two stores in turn."""
    if bucket_settings is None:
        yield open_disk_store(tmp_path / "files", uuid4(), True)
        return
    opened = await open_object_store(load_settings(bucket_settings))
    yield opened
    for key in await opened.list_keys():
        await opened.delete(key)
