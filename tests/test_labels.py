"""Labels: staff set them on what they are shown, compliance on whatever is there, customers on nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.deeds import delete, leave, open_place, page, post
from tests.holding import attach, make_officer
from tests.people import by, make_account
from tests.retaining import assign_room, make_class
from workroom import audit, labels
from workroom.accounts import Account
from workroom.audit import Act, EntryFilter
from workroom.errors import Conflict, Forbidden, NotFound
from workroom.ids import FileId, MessageId, RetentionClassId
from workroom.storage.database import Database

MoveTime = Callable[[timedelta], Awaitable[None]]


async def label(
    database: Database, account: Account, message_id: MessageId, class_id: RetentionClassId | None
) -> None:
    async with database.transaction() as transaction:
        await labels.label_message(transaction, by(account), message_id, class_id)


async def label_a_file(
    database: Database, account: Account, file_id: FileId, class_id: RetentionClassId | None
) -> None:
    async with database.transaction() as transaction:
        await labels.label_file(transaction, by(account), file_id, class_id)


async def test_staff_label_what_they_are_shown_and_the_act_is_recorded(
    database: Database, owner: asyncpg.Connection
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    posted = await post(database, author, place.shared)
    class_id = await make_class(owner, keep=100)
    await label(database, author, posted.message_id, class_id)
    await label(database, author, posted.message_id, class_id)
    assert await owner.fetchval("select label_class_id from messages") == class_id
    async with database.read() as reading:
        entries = await audit.list_entries(reading, EntryFilter(act=Act.CONTENT_LABELLED))
    assert [(entry.subject.subject_id, entry.facts) for entry in entries] == [
        (posted.message_id, {"before": None, "after": str(class_id)})
    ]
    await label(database, author, posted.message_id, None)
    record = await owner.fetchrow("select label_class_id, labelled_at is not null from messages")
    assert tuple(record) == (None, True)


async def test_a_file_that_is_labelled_sets_its_message_apart(
    database: Database, owner: asyncpg.Connection
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    posted = await post(database, author, place.shared)
    await attach(owner, posted.message_id)
    file_id = await owner.fetchval("select file_id from files")
    await label_a_file(database, author, file_id, await make_class(owner, keep=100))
    assert await owner.fetchval("select labelled_at is not null from messages")


async def test_customers_and_admins_outside_and_those_who_left_label_nothing(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, other = await make_account(database), await make_account(database)
    customer, outsider = await make_account(database, "customer"), await make_account(database, "admin")
    place = await open_place(database, author, other, customer)
    posted = await post(database, author, place.shared)
    await leave(database, other, place.room_id)
    class_id = await make_class(owner, keep=100)
    for account, error in ((customer, Forbidden), (outsider, NotFound), (other, NotFound)):
        with pytest.raises(error):
            await label(database, account, posted.message_id, class_id)
    assert await owner.fetchval("select labelled_at from messages") is None
    await label(database, author, posted.message_id, class_id)


async def test_compliance_labels_what_members_are_not_shown_any_more(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    posted = [await post(database, author, place.shared) for _ in range(2)]
    await assign_room(owner, place.room_id, await make_class(owner, destroy=10))
    await delete(database, author, place.shared, posted[1].message_id)
    class_id = await make_class(owner, keep=100)
    with pytest.raises(NotFound):
        await label(database, author, posted[1].message_id, class_id)
    await move_time(timedelta(days=11))
    with pytest.raises(NotFound):
        await label(database, author, posted[0].message_id, class_id)
    for one in posted:
        await label(database, officer, one.message_id, class_id)
    assert len((await page(database, author, place.shared)).messages) == 2


async def test_a_label_of_compliance_waits_for_a_batch_that_is_under_way(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    """It is the lock of holds that it takes alone: a batch has it shared until it has committed."""
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    posted = await post(database, author, place.shared)
    async with database.transaction() as transaction:
        await labels.label_message(
            transaction, by(officer), posted.message_id, await make_class(owner, keep=1)
        )
        assert not await owner.fetchval("select pg_try_advisory_lock_shared(hashtext('workroom.holds'))")
    async with database.transaction() as transaction:
        await labels.label_message(
            transaction, by(author), posted.message_id, await make_class(owner, keep=2)
        )
        assert await owner.fetchval("select pg_try_advisory_lock_shared(hashtext('workroom.holds'))")


async def test_unknown_things_and_classes_are_not_found_and_a_locked_label_stays(
    database: Database, owner: asyncpg.Connection
) -> None:
    author = await make_account(database)
    place = await open_place(database, author)
    posted = await post(database, author, place.shared)
    class_id = await make_class(owner, keep=100)
    for message_id, wanted in ((posted.message_id, uuid4()), (uuid4(), class_id)):
        with pytest.raises(NotFound):
            await label(database, author, MessageId(message_id), RetentionClassId(wanted))
    with pytest.raises(NotFound):
        await label_a_file(database, author, FileId(uuid4()), class_id)
    await label(database, author, posted.message_id, class_id)
    await owner.execute("update retention_classes set locked_at = current_instant()")
    with pytest.raises(Conflict):
        await label(database, author, posted.message_id, None)
