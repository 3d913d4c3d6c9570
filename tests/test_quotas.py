"""What quotas count is kept by the database, and is always what a count of everything would say."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.deeds import Place, a_command, delete, open_place
from tests.holding import make_officer, place_hold
from tests.people import make_account
from tests.retaining import assign_room, label_file, make_class
from tests.uploading import NO_LIMITS, claim, disk_stores, make_receiver, upload
from workroom import messages
from workroom.accounts import Account
from workroom.command_writer import MessageDelete, perform_all
from workroom.disposition import run_disposition
from workroom.errors import LimitReached, QuotaExceeded, WorkroomError
from workroom.expiry_rounds import tell_what_expired
from workroom.file_sweep import sweep_files
from workroom.files import NewAttachment
from workroom.messages import NewMessage, Posted
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.upload_receiver import UploadReceiver

Move = Callable[[timedelta], Awaitable[None]]

COUNTED = """
    select room_id, sum(byte_size)::bigint as visible_bytes
    from (
        select f.room_id, f.byte_size
        from visible_files as f
        union all
        select u.room_id, u.byte_size
        from uploads as u
        left join files as f on f.file_id = u.file_id
        where u.abandoned_at is null and f.message_id is null
    ) as counting
    group by room_id
"""
WAITING = """
    select exists (
        select from pg_stat_activity as a join pg_locks as l using (pid)
        where a.datname = current_database() and not l.granted
    )
"""
KEPT = "select room_id, visible_bytes from room_file_bytes where visible_bytes > 0"


async def require_true(owner: asyncpg.Connection, byte_size: int) -> None:
    """See that what is kept is what there is, and how much that is in all rooms."""
    counted = sorted(tuple(record) for record in await owner.fetch(COUNTED))
    assert sorted(tuple(record) for record in await owner.fetch(KEPT)) == counted
    assert sum(visible_bytes for _, visible_bytes in counted) == byte_size


async def test_every_step_of_a_file_counts_as_it_should(
    database: Database, owner: asyncpg.Connection, move_time: Move, tmp_path: Path
) -> None:
    author, stores = await make_account(database), disk_stores(tmp_path)
    place, other = await open_place(database, author), await open_place(database, author)
    receiver = make_receiver(database, stores)
    await require_true(owner, 0)
    begun = await receiver.begin(author.account_id, place.shared, "begun", "", 700)
    await require_true(owner, 700)
    await receiver.begin(author.account_id, other.shared, "left", "", 50)
    await receiver.abandon(begun)
    await require_true(owner, 50)
    first, second = [await upload(receiver, author, place, os.urandom(size)) for size in (1000, 200)]
    await require_true(owner, 1250)
    posted = await claim(database, author, place, first, second)
    await require_true(owner, 1250)
    await claim(database, author, place, await upload(receiver, author, place, b"paper"))
    await sweep_files(database, stores)
    assert await owner.fetchval("select count(*) from uploads") == 1
    await require_true(owner, 1255)
    await delete(database, author, place.shared, posted.message_id)
    await require_true(owner, 55)
    await move_time(timedelta(hours=25))
    await sweep_files(database, stores)
    await require_true(owner, 5)


@pytest.mark.parametrize("is_held", [False, True])
async def test_what_expires_counts_until_it_is_told_and_again_once_it_is_shown_again(
    database: Database, owner: asyncpg.Connection, move_time: Move, tmp_path: Path, is_held: bool
) -> None:
    author = await make_account(database)
    place, other = await open_place(database, author), await open_place(database, author)
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    if is_held:
        await place_hold(database, await make_officer(database), place.room_id)
    receiver = make_receiver(database, disk_stores(tmp_path))
    await claim(database, author, place, *[await upload(receiver, author, place, b"a" * n) for n in (70, 20)])
    await claim(database, author, other, await upload(receiver, author, other, b"a" * 5))
    await tell_what_expired(database)
    await require_true(owner, 95)
    await move_time(timedelta(days=11))
    assert await owner.fetchval("select sum(visible_bytes) from room_file_bytes") == 95
    for days, byte_size in ((10, 5), (10, 5), (1000, 95), (10, 5), (1000, 95)):
        await owner.execute("update retention_classes set destroy_days = $1", days)
        await tell_what_expired(database)
        await require_true(owner, byte_size)


async def test_what_expired_is_taken_away_once_also_when_its_message_is_taken_back(
    database: Database, owner: asyncpg.Connection, move_time: Move, tmp_path: Path
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    receiver = make_receiver(database, disk_stores(tmp_path))
    sketch, contract = [await upload(receiver, author, place, b"a" * size) for size in (70, 20)]
    posted = await claim(database, author, place, sketch, contract)
    await claim(database, author, place, await upload(receiver, author, place, b"a" * 5))
    short = await make_class(owner, destroy=5)
    await label_file(owner, sketch, short)
    await tell_what_expired(database)
    await move_time(timedelta(days=6))
    await tell_what_expired(database)
    await require_true(owner, 25)
    await label_file(owner, sketch, None)
    await tell_what_expired(database)
    await require_true(owner, 95)
    await label_file(owner, sketch, short)
    await tell_what_expired(database)
    await delete(database, author, place.shared, posted.message_id)
    await require_true(owner, 5)
    await move_time(timedelta(days=40))
    await tell_what_expired(database)
    await require_true(owner, 5)


async def test_what_is_destroyed_before_it_was_told_counts_no_more(
    database: Database, owner: asyncpg.Connection, move_time: Move, tmp_path: Path
) -> None:
    author, stores = await make_account(database), disk_stores(tmp_path)
    places = [await open_place(database, author) for _ in range(2)]
    receiver = make_receiver(database, stores)
    for place in places:
        await claim(database, author, place, await upload(receiver, author, place, b"a" * 70))
    await assign_room(owner, places[0].room_id, await make_class(owner, destroy=10))
    await move_time(timedelta(days=11))
    await run_disposition(database, stores)
    await require_true(owner, 70)
    await tell_what_expired(database)
    await require_true(owner, 70)


async def test_what_happens_at_the_same_time_is_counted_too(
    database: Database, owner: asyncpg.Connection, move_time: Move, tmp_path: Path
) -> None:
    author, stores = await make_account(database), disk_stores(tmp_path)
    places = [await open_place(database, author) for _ in range(3)]
    receiver = make_receiver(database, stores)
    waiting = [(place, await upload(receiver, author, place, os.urandom(100))) for place in places * 3]
    await move_time(timedelta(hours=25))

    async def change(place: Place, number: int) -> None:
        try:
            posted = await claim(database, author, place, waiting[number][1])
            if number % 2:
                await delete(database, author, place.shared, posted.message_id)
        except WorkroomError:
            return  # swept before it was claimed

    async with asyncio.TaskGroup() as together:
        for number, (place, _) in enumerate(waiting):
            together.create_task(change(place, number))
            together.create_task(begin_and_abandon(receiver, author, place))
            if number % 3 == 0:
                together.create_task(sweep(database, stores))
    await sweep(database, stores)
    standing = await owner.fetchval(
        "select count(*) from files join messages using (message_id) where deleted_at is null"
    )
    await require_true(owner, standing * 100)


async def test_a_sweep_waits_for_the_room_and_never_in_a_circle(
    database: Database, owner: asyncpg.Connection, move_time: Move, tmp_path: Path
) -> None:
    author, stores = await make_account(database), disk_stores(tmp_path)
    place, receiver = await open_place(database, author), make_receiver(database, stores)
    posted = await claim(database, author, place, await upload(receiver, author, place, b"old"))
    expired = await upload(receiver, author, place, b"paper")
    await move_time(timedelta(hours=25))
    account_id = author.account_id
    async with asyncio.TaskGroup() as together, database.transaction() as transaction:
        await messages.lock_rooms_of(transaction, [place.shared])
        taken_back = MessageDelete(place.shared, account_id, a_command(), posted.message_id)
        await perform_all(transaction, [taken_back])
        sweeping = together.create_task(sweep_files(database, stores))
        while not await owner.fetchval(WAITING):
            await owner.execute("select pg_stat_clear_snapshot()")
        new = NewMessage(place.shared, account_id, a_command(), "", files=(NewAttachment(expired),))
        assert isinstance((await perform_all(transaction, [new]))[0], Posted)
    assert sweeping.result() == 0
    await require_true(owner, 5)


async def begin_and_abandon(receiver: UploadReceiver, author: Account, place: Place) -> None:
    await receiver.abandon(await receiver.begin(author.account_id, place.shared, "x", "", 10**9))


async def sweep(database: Database, stores: FileStores) -> None:
    await sweep_files(database, stores)


async def test_a_room_and_an_installation_have_their_own_quotas(database: Database, tmp_path: Path) -> None:
    author, stores = await make_account(database), disk_stores(tmp_path)
    place, other = await open_place(database, author), await open_place(database, author)
    limits = replace(NO_LIMITS, room_bytes=1000, installation_bytes=1500)
    receiver = UploadReceiver(database, stores, limits, is_scanned=False, is_ending=lambda: False)
    await receiver.begin(author.account_id, place.shared, "a", "", 1000)
    for stream, byte_size, quota, free in (
        (place.shared, 1, "room", 0),
        (other.shared, 501, "installation", 500),
    ):
        with pytest.raises(QuotaExceeded) as refused:
            await receiver.begin(author.account_id, stream, "b", "", byte_size)
        assert refused.value.params == {"quota": quota, "free": free}
    await receiver.begin(author.account_id, other.shared, "c", "", 500)


async def test_uploads_at_the_same_moment_do_not_go_over_a_rooms_quota_together(
    database: Database, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    author, stores = await make_account(database), disk_stores(tmp_path)
    place = await open_place(database, author)
    limits = replace(NO_LIMITS, room_bytes=1000)
    receiver = UploadReceiver(database, stores, limits, is_scanned=False, is_ending=lambda: False)
    begun = await asyncio.gather(
        *(receiver.begin(author.account_id, place.shared, "a", "", 300) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, QuotaExceeded) for each in begun) == 5
    await require_true(owner, 900)


async def test_claimed_uploads_do_not_count_against_an_account(database: Database, tmp_path: Path) -> None:
    author, stores = await make_account(database), disk_stores(tmp_path)
    place = await open_place(database, author)
    limits = replace(NO_LIMITS, uploads_per_account=1)
    receiver = UploadReceiver(database, stores, limits, is_scanned=False, is_ending=lambda: False)
    file_id = await upload(receiver, author, place, b"paper")
    with pytest.raises(LimitReached):
        await receiver.begin(author.account_id, place.shared, "b", "", 1)
    await claim(database, author, place, file_id)
    await receiver.begin(author.account_id, place.shared, "b", "", 1)
