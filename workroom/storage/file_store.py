"""Where the bytes of files lie: one small interface, two stores behind it, the disk and an S3 bucket.

A file is a row of segments, each under a key of its own, written front to back by one writer. What counts of a segment
is what the database says; a store may hold more after a process died, and `open_segment` cuts that off. Stores know no
rooms, no names and no rights.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol
from uuid import UUID

from workroom.errors import FileDamaged, Unavailable

PIECE_BYTES = 512 * 1024
"""What goes to a store at a time: a hop to another thread, or a request, is paid for each."""


class SegmentMissing(FileDamaged):
    """A key has no bytes, or fewer than were asked for."""


class StoreUnavailable(Unavailable):
    """The store does not answer, or refuses; the bytes are where they were."""


class SegmentWriter(Protocol):
    """A segment that is being written."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes. After an error nobody knows how many of them are there: write no more."""

    async def make_durable(self) -> None:
        """Return when all that was written survives a loss of power."""

    async def close(self) -> None:
        """Let go of it; what was not made durable may be lost."""


class FileStore(Protocol):
    """A place for bytes by key. Keys are made by `segment_key`."""

    @property
    def name(self) -> str:
        """`disk` or `s3`, as segments' rows have it."""

    @property
    def longest_segment(self) -> int:
        """How many bytes a segment may have here."""

    async def open_segment(self, key: str, keep_bytes: int) -> SegmentWriter:
        """Begin a segment (0), or go on after its first `keep_bytes`; what lies beyond them is dropped."""

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """Write a whole segment, of any length, and return when it is durable."""

    async def read(self, key: str, start: int, byte_size: int) -> bytes:
        """Exactly these bytes; SegmentMissing when they are not all there."""

    async def trim(self, key: str, byte_size: int) -> None:
        """Drop what a segment has beyond these bytes, where the store can; nobody reads it either way."""

    async def delete(self, key: str) -> None:
        """Remove a segment; one that is not there is no error."""

    async def list_keys(self) -> list[str]:
        """Every key that has bytes: for tests and repairs, not for serving."""

    async def count_free_bytes(self) -> int | None:
        """How much more fits; None where nobody can tell."""


class FileStores:
    """The stores of an installation: new files go to one; those of before are read where they lie."""

    def __init__(self, stores: Mapping[str, FileStore], writing: str) -> None:
        self._stores = dict(stores)
        self.writing = self._stores[writing]

    @property
    def names(self) -> list[str]:
        """The stores that this process was told of."""
        return list(self._stores)

    def named(self, name: str) -> FileStore:
        """The store of that name; StoreUnavailable when this process was not told of it."""
        store = self._stores.get(name)
        if store is None:
            raise StoreUnavailable(f"The store {name} is not configured here.")
        return store


def segment_key(file_id: UUID, number: int, lease_number: int) -> str:
    """Where a segment lies. Ids are spread over folders by their random end; a lease has keys of its own."""
    text = file_id.hex
    return f"{text[-2:]}/{text}/{number}-{lease_number}"
