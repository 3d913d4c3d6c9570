"""Labels: a message or a file may have a retention class of its own. Staff set them in their rooms, compliance
everywhere.

A label needs no simulation: it concerns one thing, which whoever labels has before them, and destroys nothing for a
day. The database keeps that a locked class is left only for one that keeps as long (`sql/schema.sql`).
"""

from __future__ import annotations

from uuid import UUID

from workroom import audit
from workroom.abilities import Ability
from workroom.audit import Act, Initiator, Subject
from workroom.errors import NotFound
from workroom.ids import AccountId, FileId, MessageId, RetentionClassId
from workroom.memberships import find_readable
from workroom.officers import require_officer
from workroom.retention import require_class
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries


async def label_message(
    transaction: Transaction, by: Initiator, message_id: MessageId, class_id: RetentionClassId | None
) -> None:
    """Give a message a class of its own; None takes the label away.

    Raises:
        NotFound: there is no such message or class, or whoever labels may not know of it.
        Forbidden: this kind of account labels nothing.
        Conflict: the label it has is of a locked class that would not be kept (`locked_class`).
    """
    reader = await _begin(transaction, by)
    record = await transaction.fetch_one_or_none(queries.retention.lock_label, message_id=message_id)
    record = await _require_right(transaction, reader, record)
    wanted = await require_class(transaction, class_id)
    if record["label_class_id"] == wanted:
        return
    await transaction.execute(queries.retention.label_message, message_id=message_id, class_id=wanted)
    await _record(transaction, by, Subject("message", message_id), record["label_class_id"], wanted)


async def label_file(
    transaction: Transaction, by: Initiator, file_id: FileId, class_id: RetentionClassId | None
) -> None:
    """The same for a file that a message has claimed. Its keep is its message's, too."""
    reader = await _begin(transaction, by)
    record = await transaction.fetch_one_or_none(queries.retention.lock_file_label, file_id=file_id)
    record = await _require_right(transaction, reader, record)
    wanted = await require_class(transaction, class_id)
    if record["label_class_id"] == wanted:
        return
    await transaction.execute(queries.retention.label_file, file_id=file_id, class_id=wanted)
    await _record(transaction, by, Subject("file", file_id), record["label_class_id"], wanted)


async def find_label(
    transaction: Transaction, by: Initiator, message_id: MessageId
) -> RetentionClassId | None:
    """The label of a message that whoever asks could label; raises like labelling."""
    account_id = await require_officer(transaction, by, Ability.LABEL_CONTENT)
    is_compliance = await transaction.fetch_value(queries.retention.is_compliance, account_id=account_id)
    record = await transaction.fetch_one_or_none(queries.retention.lock_label, message_id=message_id)
    record = await _require_right(transaction, None if is_compliance else account_id, record)
    class_id: RetentionClassId | None = record["label_class_id"]
    return class_id


async def _begin(transaction: Transaction, by: Initiator) -> AccountId | None:
    """Who labels; None: compliance, which may label what is not shown any more, and so may be about to be destroyed.

    What members are shown is not due, and no run chooses it. For the rest, a label comes before a batch or after it.
    """
    account_id = await require_officer(transaction, by, Ability.LABEL_CONTENT)
    if not await transaction.fetch_value(queries.retention.is_compliance, account_id=account_id):
        return account_id
    await transaction.fetch(queries.holds.lock_exclusively)
    return None


async def _require_right(transaction: Transaction, reader: AccountId | None, record: Record | None) -> Record:
    if record is None:
        raise NotFound("There is no such thing.")
    if reader is None:
        return record
    asked = (reader, record["stream_id"])
    readership = (await find_readable(transaction, [asked])).get(asked)
    is_shown = record["is_visible"] and record["deleted_at"] is None
    if readership is None or record["seq"] < readership.reads_from_seq or not is_shown:
        raise NotFound("There is no such thing.")
    return record


async def _record(
    transaction: Transaction, by: Initiator, subject: Subject, before: UUID | None, after: UUID | None
) -> None:
    facts = {"before": before, "after": after}
    await audit.record_act(transaction, by, Act.CONTENT_LABELLED, subject, facts)
