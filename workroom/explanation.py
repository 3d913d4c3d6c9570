"""Why something is still there, and until when: which classes and holds apply to a message, which of them won, and
why.

The answer is the rule itself (`retention_rule.py`), asked with what applies; compliance sees it on every message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from workroom.errors import NotFound
from workroom.ids import FileId, HoldId, MessageId, RetentionClassId, RoomId
from workroom.retention import RetentionClass, find_classes, find_room_classes
from workroom.retention_rule import AppliedClass, Source, Times, Verdict, is_over, judge_message, latest
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries


class ExplainedClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class that applies. `keeps_until`: absent where it keeps nothing, None without end.

    `decides`: `end`, `keep`, or neither.
    """

    source: Source
    class_id: RetentionClassId
    name: str
    keeps_until: datetime | msgspec.UnsetType | None = msgspec.UNSET
    decides: list[str] = []


class ExplainedHold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold that keeps the message, or only its files."""

    hold_id: HoldId
    covers_messages: bool
    covers_files: bool


class ExplainedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with a label of its own, `name` that label's class, and when the file's time comes; None: never."""

    file_id: FileId
    class_id: RetentionClassId
    name: str
    due_at: datetime | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about a message.

    `reason`: `no_end` (nothing ends it), `ended` (its class's end), `removed` (the period after its deletion), `kept`
    (a keep beyond its end) or `files` (a file of it is kept longer).
    `due_at`: from then on nobody is shown it; None: never.
    `state`: `shown`, `due` (the next run destroys it), `settling` (a rule changed within a day), `held`, `files_held`
    (the next run destroys its text, a hold keeps only its files), `emptied` (its text was destroyed, and is never
    shown again; a hold of files, or a longer keep of one, keeps the rest), or `gone` (its time has not come, but had
    when a run came by, and a hold kept it: it is never shown again).
    """

    message_id: MessageId
    room_id: RoomId
    due_at: datetime | None
    reason: str
    state: str
    classes: list[ExplainedClass]
    files: list[ExplainedFile]
    holds: list[ExplainedHold]


class DueMonth(msgspec.Struct, frozen=True, kw_only=True):
    """Content of a room that is due in a month; `month` None: what never is.

    `held`: messages of which a run destroys no text.
    """

    month: str | None
    messages: int
    held: int
    files: int
    bytes: int


async def explain(transaction: Transaction, message_ids: Sequence[MessageId]) -> list[Explanation]:
    """Why each of these messages is there, in the order asked; those that are gone are left out."""
    records = await transaction.fetch(queries.explanations.list_messages, message_ids=list(message_ids))
    labelled = await transaction.fetch(
        queries.explanations.list_labelled_files, message_ids=list(message_ids)
    )
    holds = await transaction.fetch(queries.explanations.list_holds, message_ids=list(message_ids))
    names = ("label_class_id", "room_class_id", "default_class_id")
    wanted = {record[name] for record in records for name in names}
    wanted |= {record["label_class_id"] for record in labelled}
    known = await find_classes(transaction, wanted - {None})
    explained = {
        record["message_id"]: _explain(
            record,
            [file for file in labelled if file["message_id"] == record["message_id"]],
            [hold for hold in holds if hold["message_id"] == record["message_id"]],
            known,
        )
        for record in records
    }
    return [explained[message_id] for message_id in message_ids if message_id in explained]


async def require_explanation(transaction: Transaction, message_id: MessageId) -> Explanation:
    """The same for one; NotFound when it is gone, or never was."""
    found = await explain(transaction, [message_id])
    if not found:
        raise NotFound("There is no such message.")
    return found[0]


async def list_due_months(transaction: Transaction, room_id: RoomId) -> list[DueMonth]:
    """When the content of a room is due, by month; what never is comes last. NotFound."""
    await find_room_classes(transaction, room_id)
    records = await transaction.fetch(queries.explanations.sum_due_of_room, room_id=room_id)
    return [DueMonth(**record) for record in records]


def _explain(
    record: Record,
    labelled: Sequence[Record],
    holds: Sequence[Record],
    known: dict[RetentionClassId, RetentionClass],
) -> Explanation:
    def apply(source: Source, class_id: RetentionClassId | None) -> list[AppliedClass]:
        return [AppliedClass(source, class_id, known[class_id].period)] if class_id is not None else []

    classes = [
        *apply(Source.LABEL, record["label_class_id"]),
        *apply(Source.ROOM, record["room_class_id"]),
        *apply(Source.DEFAULT, record["default_class_id"]),
    ]
    times = Times(
        record["sent_at"], record["deleted_at"], record["archived_at"], record["customer_closed_at"]
    )
    of_files = [[*apply(Source.FILE_LABEL, file["label_class_id"]), *classes] for file in labelled]
    verdict, of_each = judge_message(times, classes, of_files)
    due_at = latest(verdict.due_at, *(one.due_at for one in of_each))
    return Explanation(
        message_id=record["message_id"],
        room_id=record["room_id"],
        due_at=due_at,
        reason="files" if due_at != verdict.due_at else _reason(verdict),
        state=_state(record, due_at, holds),
        classes=[_class(applied, verdict, known) for applied in classes],
        files=[
            ExplainedFile(
                file_id=file["file_id"],
                class_id=file["label_class_id"],
                name=known[file["label_class_id"]].name,
                due_at=one.due_at,
            )
            for file, one in zip(labelled, of_each, strict=True)
        ],
        holds=[
            ExplainedHold(**{name: hold[name] for name in ExplainedHold.__struct_fields__}) for hold in holds
        ],
    )


def _class(
    applied: AppliedClass, verdict: Verdict, known: dict[RetentionClassId, RetentionClass]
) -> ExplainedClass:
    keep = next((one for one in verdict.keeps if one.applied is applied), None)
    decides = []
    if verdict.end is applied and not verdict.is_removal:
        decides.append("end")
    if verdict.keep is not None and verdict.keep.applied is applied and verdict.is_kept_longer:
        decides.append("keep")
    more: dict[str, Any] = {} if keep is None else {"keeps_until": keep.until}
    return ExplainedClass(
        source=applied.source,
        class_id=applied.class_id,
        name=known[applied.class_id].name,
        decides=decides,
        **more,
    )


def _reason(verdict: Verdict) -> str:
    if verdict.is_kept_longer:
        return "kept"
    if verdict.is_removal:
        return "removed"
    return "no_end" if verdict.due_at is None else "ended"


def _state(record: Record, due_at: datetime | None, holds: Sequence[Record]) -> str:
    if not record["has_text"]:
        return "emptied"
    if not is_over(due_at, record["instant"]):
        return "gone" if record["is_gone"] else "shown"
    if any(hold["covers_messages"] for hold in holds):
        return "held"
    if not is_over(record["settled_at"], record["instant"]):
        return "settling"
    return "files_held" if holds else "due"
