"""Opens the stores of files that the settings name."""

from __future__ import annotations

import asyncio
from uuid import UUID

from workroom.errors import StartupError, WorkroomError
from workroom.settings import Settings
from workroom.storage.disk_store import open_disk_store
from workroom.storage.file_store import FileStore, FileStores
from workroom.storage.object_store import open_object_store

DISK, S3 = "disk", "s3"


async def open_file_stores(settings: Settings, installation_id: UUID, *, has_files: bool) -> FileStores:
    """The stores, each asked once.

    The disk is there always, also where new files go to a bucket: an installation that moved still reads what it has
    not moved yet. Only where it has no folder and no use for one is it left out.

    Args:
        has_files: whether the installation has had files: then the folder's mark must be there already.

    Raises StartupError: a store that is needed cannot be used.
    """
    stores: dict[str, FileStore] = {}
    folder = settings.files_dir or settings.data_dir / "files"
    if settings.file_store == DISK or await asyncio.to_thread(folder.exists):
        is_new = settings.file_store == DISK and not has_files
        stores[DISK] = await asyncio.to_thread(open_disk_store, folder, installation_id, is_new=is_new)
    if settings.s3_bucket is not None:
        try:
            stores[S3] = await open_object_store(settings)
        except WorkroomError as error:
            raise StartupError(
                f"The bucket {settings.s3_bucket} cannot be used: {error.message} See that it is there, and that "
                "WORKROOM_S3_ENDPOINT and the key are right."
            ) from None
    return FileStores(stores, settings.file_store)
