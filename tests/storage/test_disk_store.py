"""The store on disk: its mark, and what a full or missing disk says."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from workroom.errors import StartupError, StorageFull
from workroom.storage.disk_store import MARK_FILE, open_disk_store
from workroom.storage.file_store import SegmentMissing, StoreUnavailable, segment_key


def test_a_new_installation_marks_its_folder_and_finds_the_mark_again(tmp_path: Path) -> None:
    folder, installation_id = tmp_path / "files", uuid4()
    open_disk_store(folder, installation_id, True)
    assert (folder / MARK_FILE).read_text() == f"{installation_id}\n"
    assert folder.stat().st_mode & 0o077 == 0
    open_disk_store(folder, installation_id, False)
    assert [path.name for path in folder.iterdir()] == [MARK_FILE]


def test_an_installation_with_files_does_not_start_on_an_empty_mount(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is it mounted"):
        open_disk_store(tmp_path, uuid4(), False)


@pytest.mark.parametrize("is_new", [True, False])
def test_the_folder_of_another_installation_is_refused(tmp_path: Path, is_new: bool) -> None:
    open_disk_store(tmp_path / "files", uuid4(), True)
    with pytest.raises(StartupError, match="another installation"):
        open_disk_store(tmp_path / "files", uuid4(), is_new)


def test_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file")
    with pytest.raises(StartupError, match="cannot be used"):
        open_disk_store(tmp_path / "files", uuid4(), True)


async def test_no_folder_stays_behind_an_upload_that_went(tmp_path: Path) -> None:
    store = open_disk_store(tmp_path, uuid4(), True)
    key = segment_key(uuid4(), 0, 1)
    await (await store.open_segment(key, 0)).close()
    await store.delete(key)
    assert os.listdir(tmp_path) == [MARK_FILE]


async def test_a_disk_that_goes_away_is_unavailable_and_not_empty(tmp_path: Path) -> None:
    store = open_disk_store(tmp_path / "files", uuid4(), True)
    (tmp_path / "files").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable):
        await store.open_segment(segment_key(uuid4(), 0, 1), 0)
    with pytest.raises(StoreUnavailable):
        await store.count_free_bytes()


async def test_a_mount_that_goes_away_is_unavailable_and_nothing_is_written_missed_or_removed_in_its_place(
    tmp_path: Path,
) -> None:
    folder, elsewhere, key = tmp_path / "files", tmp_path / "elsewhere", segment_key(uuid4(), 0, 1)
    store = open_disk_store(folder, uuid4(), True)
    segment = await store.open_segment(key, 0)
    await segment.write(b"paper")
    await segment.close()
    folder.rename(elsewhere)
    folder.mkdir()  # where it was mounted
    with pytest.raises(StoreUnavailable):
        await store.open_segment(segment_key(uuid4(), 0, 1), 0)
    with pytest.raises(StoreUnavailable):
        await store.open_segment(key, 5)
    with pytest.raises(StoreUnavailable):
        await store.read(key, 0, 5)
    with pytest.raises(StoreUnavailable):
        await store.delete(key)
    folder.rmdir()  # empty
    elsewhere.rename(folder)
    assert await store.read(key, 0, 5) == b"paper"
    await store.delete(key)
    await store.delete(key)
    with pytest.raises(SegmentMissing):
        await store.read(key, 0, 5)


async def test_the_name_of_a_segment_is_durable_before_it_has_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, file_id = open_disk_store(tmp_path, uuid4(), True), uuid4()
    sync, synced = os.fsync, set()

    def watch(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    for number in (0, 1):
        synced.clear()
        key = segment_key(file_id, number, 1)
        await (await store.open_segment(key, 0)).close()
        changed = [(tmp_path / key).parent] if number else [tmp_path, *(tmp_path / key).parents[:2]]
        assert {folder.stat().st_ino for folder in changed} <= synced


async def test_a_write_stands_where_it_belongs_also_after_one_that_failed_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = open_disk_store(tmp_path, uuid4(), True), segment_key(uuid4(), 0, 1)
    segment = await store.open_segment(key, 0)
    await segment.write(b"one ")
    write = os.pwrite

    def write_half(descriptor: int, piece: memoryview, place: int) -> int:
        if len(piece) == 3:
            raise OSError(28, "no space left")
        return write(descriptor, piece[:2], place)

    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", write_half)
        with pytest.raises(StorageFull):
            await segment.write(b"lost!")
    await segment.write(b"two")
    await segment.make_durable()
    await segment.close()
    assert await store.read(key, 0, 7) == b"one two"
