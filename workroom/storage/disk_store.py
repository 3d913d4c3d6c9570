"""Files on a disk, or on a mount that all nodes share: one file for each segment.

Nothing is renamed and nothing is written in place: a segment's file only grows, and the database says how much of it
counts. Bytes and the names of folders are synced before anything is acknowledged. The folder carries the mark of its
installation, so that a mount that is missing, or is another's, is not taken for an empty one: neither at the start,
nor when it goes away while the program runs.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiofiles
from aiofiles.os import wrap

from workroom.errors import StartupError, StorageFull
from workroom.storage.file_store import SegmentMissing, StoreUnavailable

MARK_FILE = "installation"
FOLDER_MODE = 0o700
FILE_MODE = 0o600
NO_SPACE = {28, 122}  # ENOSPC, EDQUOT


class DiskStore:
    """The store on disk. Open it with `open_disk_store`, which looks for the mark."""

    name = "disk"
    longest_segment = 2**62

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def open_segment(self, key: str, keep_bytes: int) -> DiskSegment:
        """See FileStore."""
        try:
            await _prepare(self._folder, key, keep_bytes)
            opened = await aiofiles.open(self._folder / key, "r+b", buffering=0)
        except OSError as error:
            raise _translate(error) from None
        return DiskSegment(opened, keep_bytes)

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """See FileStore."""
        writer = await self.open_segment(key, 0)
        try:
            async for piece in pieces:
                await writer.write(piece)
            await writer.make_durable()
        finally:
            await writer.close()

    async def read(self, key: str, start: int, byte_size: int) -> bytes:
        """See FileStore."""
        try:
            read: bytes = await _read_at(self._folder, key, start, byte_size)
        except FileNotFoundError:
            raise SegmentMissing("A segment is not there.", reference=key) from None
        except OSError as error:
            raise _translate(error) from None
        if len(read) != byte_size:
            raise SegmentMissing("A segment is too short.", reference=key)
        return read

    async def trim(self, key: str, byte_size: int) -> None:
        """See FileStore."""
        try:
            await _prepare(self._folder, key, byte_size)
        except OSError as error:
            raise _translate(error) from None

    async def delete(self, key: str) -> None:
        """See FileStore."""
        try:
            await _remove(self._folder, key)
        except OSError as error:
            raise _translate(error) from None

    async def list_keys(self) -> list[str]:
        """See FileStore."""
        keys: list[str] = await _list_keys(self._folder)
        return keys

    async def count_free_bytes(self) -> int | None:
        """See FileStore."""
        try:
            statistics = await aiofiles.os.statvfs(self._folder)
        except OSError as error:
            raise _translate(error) from None
        free: int = statistics.f_bavail * statistics.f_frsize
        return free


class DiskSegment:
    """A segment's file, open for writing at its end."""

    def __init__(self, opened: Any, byte_size: int) -> None:
        self._opened = opened
        self._byte_size = byte_size
        self._is_lost = False

    async def write(self, piece: bytes | memoryview) -> None:
        """See SegmentWriter."""
        try:
            await _write_at(self._opened.fileno(), piece, self._byte_size)
        except OSError as error:
            raise _translate(error) from None
        self._byte_size += len(piece)

    async def make_durable(self) -> None:
        """See SegmentWriter."""
        if self._is_lost:
            raise StoreUnavailable("An earlier sync of this segment failed.")
        try:
            await _sync(self._opened.fileno())
        except OSError as error:
            # The system forgets what it could not write, and the next sync would say that all is well.
            self._is_lost = True
            raise _translate(error) from None

    async def close(self) -> None:
        """See SegmentWriter."""
        await self._opened.close()


def open_disk_store(folder: Path, installation_id: UUID, is_new: bool) -> DiskStore:
    """Look for the installation's mark; an installation that has no files yet may set it.

    Raises StartupError: the folder is not there or not ours, or belongs to another installation.
    """
    mark = folder / MARK_FILE
    try:
        if is_new and not mark.exists():
            folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            _set_mark(mark, installation_id)
        found = mark.read_text("ascii").strip()
    except FileNotFoundError:
        raise StartupError(
            f"The folder of files, {folder}, has not the mark of this installation: is it mounted, and is "
            "WORKROOM_FILES_DIR right?"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"The folder of files, {folder}, cannot be used ({type(error).__name__})."
        ) from None
    if found != str(installation_id):
        raise StartupError(
            f"The folder of files, {folder}, belongs to another installation: give each its own WORKROOM_FILES_DIR."
        )
    return DiskStore(folder)


def _set_mark(mark: Path, installation_id: UUID) -> None:
    # Written whole before it has its name: another process may be starting too, and reads it.
    written = mark.with_name(f"{MARK_FILE}.{os.getpid()}")
    written.write_text(f"{installation_id}\n", "ascii")
    try:
        os.link(written, mark)
    except FileExistsError:
        pass
    finally:
        written.unlink()
    _sync_folder(mark.parent)


def _prepare_now(folder: Path, key: str, keep_bytes: int) -> None:
    """Have the segment's file there with exactly so many bytes, and its name durable."""
    path = folder / key
    if keep_bytes == 0 and not path.exists():
        if not path.parent.exists():
            _require_mark(folder)
            path.parent.parent.mkdir(FOLDER_MODE, exist_ok=True)
            path.parent.mkdir(FOLDER_MODE, exist_ok=True)
            _sync_folder(folder)
            _sync_folder(path.parent.parent)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, FILE_MODE))
        _sync_folder(path.parent)
        return
    if path.stat().st_size < keep_bytes:
        raise SegmentMissing("A segment is shorter than what was acknowledged.", reference=key)
    os.truncate(path, keep_bytes)


def _write_at_now(descriptor: int, piece: bytes | memoryview, start: int) -> None:
    view, place = memoryview(piece), start
    while view:
        written = os.pwrite(descriptor, view, place)
        view, place = view[written:], place + written
    if hasattr(os, "posix_fadvise"):
        # Has the disk begin with it. Left to the next sync, megabytes went at once, and the commits of everybody who
        # was writing a message waited behind them.
        os.posix_fadvise(descriptor, start, len(piece), os.POSIX_FADV_DONTNEED)


def _read_at_now(folder: Path, key: str, start: int, byte_size: int) -> bytes:
    try:
        descriptor = os.open(folder / key, os.O_RDONLY)
    except FileNotFoundError:
        _require_mark(folder)
        raise
    try:
        return os.pread(descriptor, byte_size, start)
    finally:
        os.close(descriptor)


def _remove_now(folder: Path, key: str) -> None:
    path = folder / key
    try:
        path.unlink()
    except FileNotFoundError:
        _require_mark(folder)
    for parent in (path.parent, path.parent.parent):
        try:
            parent.rmdir()
        except OSError:
            return  # other segments, or other files, lie there


def _require_mark(folder: Path) -> None:
    # A mount that went away leaves an empty folder of another disk: nothing is missing there, and nothing goes there.
    if not (folder / MARK_FILE).exists():
        raise StoreUnavailable("The folder of files has not its mark any more: is it mounted?")


def _list_keys_now(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob("??/*/*"))


def _sync_now(descriptor: int) -> None:
    # The size goes along (POSIX: what is needed to read the data back); times of access do not matter to us.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translate(error: OSError) -> StorageFull | StoreUnavailable | SegmentMissing:
    if error.errno in NO_SPACE:
        return StorageFull("The disk is full.")
    return StoreUnavailable(f"The disk does not take this ({type(error).__name__}, {error.errno}).")


# The same in a thread: a disk may take its time, and everybody else would wait.
_prepare = wrap(_prepare_now)
_write_at = wrap(_write_at_now)
_read_at = wrap(_read_at_now)
_remove = wrap(_remove_now)
_list_keys = wrap(_list_keys_now)
_sync = wrap(_sync_now)
