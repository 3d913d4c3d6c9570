"""How much may be kept: each limit is asked before a byte is wasted.

What counts is what members can see, and what is on its way to them: taking a message back frees its share at once, and
what expires frees its own when that is told, whether its bytes go or stay for those whose duty it is to keep them. The
database keeps the sum of each room by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from workroom.errors import LimitReached, QuotaExceeded, StorageFull, TooLarge
from workroom.ids import AccountId, RoomId
from workroom.settings import Settings
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


@dataclass(frozen=True, slots=True)
class FileLimits:
    """The limits of an installation, in bytes unless said."""

    file_bytes: int
    room_bytes: int
    installation_bytes: int
    reserve_bytes: int
    uploads_per_account: int


def file_limits(settings: Settings) -> FileLimits:
    """The limits as the settings say them."""
    return FileLimits(
        settings.file_bytes,
        settings.room_file_bytes,
        settings.installation_file_bytes,
        settings.free_disk_bytes,
        settings.uploads_per_account,
    )


def require_size(limits: FileLimits, byte_size: int) -> None:
    """Raise TooLarge for a file over the largest."""
    if byte_size > limits.file_bytes:
        raise TooLarge("The file is over its limit.", limit=limits.file_bytes)


def require_reserve(limits: FileLimits, free_bytes: int | None, byte_size: int) -> None:
    """Raise StorageFull where these bytes would take from the disk's reserve. None: a store that cannot tell."""
    if free_bytes is not None and free_bytes - byte_size < limits.reserve_bytes:
        raise StorageFull("There is no room on the disk.")


async def require_quota(
    transaction: Transaction, limits: FileLimits, room_id: RoomId, uploader_id: AccountId, byte_size: int
) -> None:
    """Raise QuotaExceeded or LimitReached where one more upload of this size has no place.

    The room is locked, so that its quota is exact. That of the installation is not worth a lock for all: uploads that
    begin in several rooms at the same moment may go over it together.
    """
    used = await transaction.fetch_one(
        queries.uploads.count_visible_bytes, room_id=room_id, uploader_id=uploader_id
    )
    if used["uploads_of_account"] >= limits.uploads_per_account:
        raise LimitReached(
            "Too many uploads are under way.", limit="uploads_per_account", value=limits.uploads_per_account
        )
    _require_free("room", limits.room_bytes - used["room_bytes"], byte_size)
    _require_free("installation", limits.installation_bytes - used["all_bytes"], byte_size)


def _require_free(quota: str, free_bytes: int, byte_size: int) -> None:
    if byte_size > free_bytes:
        raise QuotaExceeded("There is no room left for this file.", quota=quota, free=max(0, free_bytes))
