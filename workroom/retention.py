"""Retention classes, and what has them: rooms, kinds of rooms. Labels are `labels.py`.

Nothing here destroys, and nothing here decides: `retention_rule.py` is the rule, `simulation.py` the only road by
which an officer changes it. The database keeps what must not happen by any road: a locked class is only lengthened,
and left only for one that keeps as long; a class in use is not removed; and it notes itself since when a rule is as
it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from workroom.errors import Conflict, InvalidInput, NotFound
from workroom.ids import RetentionClassId, RoomId
from workroom.retention_rule import DEFAULT_REMOVED_DAYS, CountedFrom, Period
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

MOST_DAYS = 36_525
MOST_NAME_CHARACTERS = 100
ROOM_KINDS = ("private", "shared")

Days = Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)]


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """A class as it stands. `changed_at`: since when its periods are these; `locked_at`: since when it only grows."""

    class_id: RetentionClassId
    name: str
    counted_from: CountedFrom
    keep_days: int | None
    destroy_days: int | None
    removed_days: int
    version: int
    created_at: datetime
    changed_at: datetime
    locked_at: datetime | None
    removed_at: datetime | None

    @property
    def period(self) -> Period:
        """What the rule needs of it."""
        return Period(self.counted_from, self.keep_days, self.destroy_days, self.removed_days)


@dataclass(frozen=True, slots=True)
class ClassUse:
    """What has a class: so many rooms, these kinds of rooms, so many labelled messages and files."""

    rooms: int
    room_kinds: tuple[str, ...]
    labels: int


class NewClass(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="new_class", forbid_unknown_fields=True
):
    """A class that is to be made. `class_id` is given when it is simulated."""

    name: str
    counted_from: CountedFrom
    keep_days: Days | None = None
    destroy_days: Days | None = None
    removed_days: Days = DEFAULT_REMOVED_DAYS


class ChangeClass(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="change_class",
    forbid_unknown_fields=True,
):
    """A class that is to say something else. All of it is said, also what stays; what it counts from stays."""

    class_id: UUID
    name: str
    keep_days: Days | None = None
    destroy_days: Days | None = None
    removed_days: Days = DEFAULT_REMOVED_DAYS


class RemoveClass(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="remove_class",
    forbid_unknown_fields=True,
):
    """A class that nothing has is to be had by nothing any more."""

    class_id: UUID


class LockClass(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="lock_class", forbid_unknown_fields=True
):
    """A class is to be lengthened only, from now on and for ever."""

    class_id: UUID


class AssignRoom(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="assign_room", forbid_unknown_fields=True
):
    """A room is to have a class of its own; None takes it away, and the default of its kind is left."""

    room_id: UUID
    class_id: UUID | None


class AssignDefault(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="assign_default",
    forbid_unknown_fields=True,
):
    """Rooms of a kind are to have a class; None takes it away."""

    room_kind: str
    class_id: UUID | None


RetentionChange = NewClass | ChangeClass | RemoveClass | LockClass | AssignRoom | AssignDefault


@dataclass(frozen=True, slots=True)
class MadeChange:
    """What a change did, in ids and numbers: for the audit log. `subject_kind` and `subject_id`: to what."""

    subject_kind: str
    subject_id: UUID | None
    before: dict[str, object]
    after: dict[str, object]


async def list_classes(transaction: Transaction) -> list[tuple[RetentionClass, ClassUse]]:
    """All classes by name, with what uses each; removed ones at the end."""
    records = await transaction.fetch(queries.retention.list_classes)
    return [
        (_class(record), ClassUse(record["rooms"], tuple(record["room_kinds"]), record["labels"]))
        for record in records
    ]


async def find_classes(
    transaction: Transaction, class_ids: Iterable[RetentionClassId]
) -> dict[RetentionClassId, RetentionClass]:
    """Classes by id; unknown ids are left out."""
    records = await transaction.fetch(queries.retention.find_classes, class_ids=list(set(class_ids)))
    return {record["class_id"]: _class(record) for record in records}


async def list_defaults(transaction: Transaction) -> dict[str, RetentionClassId]:
    """The class of each kind of room that has one."""
    records = await transaction.fetch(queries.retention.list_defaults)
    return {record["room_kind"]: record["class_id"] for record in records}


async def find_room_classes(
    transaction: Transaction, room_id: RoomId
) -> tuple[RetentionClassId | None, RetentionClassId | None]:
    """The class of a room and the default of its kind; NotFound when there is no such room."""
    record = await transaction.fetch_one_or_none(queries.retention.find_room_classes, room_id=room_id)
    if record is None:
        raise NotFound("There is no such room.")
    return record["room_class_id"], record["default_class_id"]


async def make_change(
    transaction: Transaction, change: RetentionChange, class_id: RetentionClassId | None = None
) -> MadeChange:
    """Write a change of the rules; whoever calls this has simulated it, or will take it back.

    Args:
        class_id: what a new class is to be known by.

    Raises:
        NotFound: there is no such class or room.
        InvalidInput: a name that is none, days that contradict each other, an unknown kind of room.
        Conflict: the class is locked (`locked_class`), or in use (`class_in_use`).
    """
    match change:
        case NewClass():
            assert class_id is not None
            return await _add_class(transaction, change, class_id)
        case ChangeClass():
            return await _change_class(transaction, change)
        case RemoveClass():
            return await _remove_class(transaction, RetentionClassId(change.class_id))
        case LockClass():
            before = await _lock_class(transaction, RetentionClassId(change.class_id))
            await transaction.execute(queries.retention.lock_class_for_ever, class_id=before.class_id)
            return MadeChange(
                "retention_class",
                before.class_id,
                {"locked": before.locked_at is not None},
                {"locked": True},
            )
        case AssignRoom():
            return await _assign_room(transaction, change)
        case AssignDefault():
            return await _assign_default(transaction, change)


async def require_class(transaction: Transaction, class_id: UUID | None) -> RetentionClassId | None:
    """The class of this id, which is not removed; None for None; NotFound."""
    if class_id is None:
        return None
    found = (await find_classes(transaction, [RetentionClassId(class_id)])).get(RetentionClassId(class_id))
    if found is None or found.removed_at is not None:
        raise NotFound("There is no such retention class.")
    return found.class_id


async def _add_class(transaction: Transaction, change: NewClass, class_id: RetentionClassId) -> MadeChange:
    name = _clean_name(change.name)
    _require_order(change.keep_days, change.destroy_days)
    await transaction.execute(
        queries.retention.insert_class,
        class_id=class_id,
        name=name,
        counted_from=change.counted_from.value,
        keep_days=change.keep_days,
        destroy_days=change.destroy_days,
        removed_days=change.removed_days,
    )
    after = _facts(change.keep_days, change.destroy_days, change.removed_days)
    return MadeChange("retention_class", class_id, {}, {"counted_from": change.counted_from.value, **after})


async def _change_class(transaction: Transaction, change: ChangeClass) -> MadeChange:
    name = _clean_name(change.name)
    _require_order(change.keep_days, change.destroy_days)
    before = await _lock_class(transaction, RetentionClassId(change.class_id))
    await transaction.execute(
        queries.retention.update_class,
        class_id=change.class_id,
        name=name,
        keep_days=change.keep_days,
        destroy_days=change.destroy_days,
        removed_days=change.removed_days,
    )
    return MadeChange(
        "retention_class",
        change.class_id,
        _facts(before.keep_days, before.destroy_days, before.removed_days),
        _facts(change.keep_days, change.destroy_days, change.removed_days),
    )


async def _remove_class(transaction: Transaction, class_id: RetentionClassId) -> MadeChange:
    before = await _lock_class(transaction, class_id)
    use = await transaction.fetch_one(queries.retention.find_class_use, class_id=class_id)
    if use["rooms"] or use["room_kinds"] or use["labels"]:
        raise Conflict(
            "The class is in use.",
            problem="class_in_use",
            rooms=use["rooms"],
            room_kinds=use["room_kinds"],
            labels=use["labels"],
        )
    await transaction.execute(queries.retention.remove_class, class_id=class_id)
    facts = _facts(before.keep_days, before.destroy_days, before.removed_days)
    return MadeChange("retention_class", class_id, facts, {"removed": True})


async def _assign_room(transaction: Transaction, change: AssignRoom) -> MadeChange:
    before, _ = await find_room_classes(transaction, RoomId(change.room_id))
    class_id = await require_class(transaction, change.class_id)
    if before != class_id:
        await transaction.execute(queries.retention.assign_room, room_id=change.room_id, class_id=class_id)
    return MadeChange("room", change.room_id, {"class_id": before}, {"class_id": class_id})


async def _assign_default(transaction: Transaction, change: AssignDefault) -> MadeChange:
    if change.room_kind not in ROOM_KINDS:
        raise InvalidInput("A room is private or shared.", field="room_kind", problem="unknown_kind")
    before = (await list_defaults(transaction)).get(change.room_kind)
    class_id = await require_class(transaction, change.class_id)
    if before != class_id:
        await transaction.execute(
            queries.retention.assign_default, room_kind=change.room_kind, class_id=class_id
        )
    kind = {"room_kind": change.room_kind}
    return MadeChange("room_kind_default", None, {**kind, "class_id": before}, {**kind, "class_id": class_id})


async def _lock_class(transaction: Transaction, class_id: RetentionClassId) -> RetentionClass:
    record = await transaction.fetch_one_or_none(queries.retention.lock_class, class_id=class_id)
    if record is None:
        raise NotFound("There is no such retention class.")
    return _class(record)


def _class(record: Record) -> RetentionClass:
    return RetentionClass(
        class_id=record["class_id"],
        name=record["name"],
        counted_from=CountedFrom(record["counted_from"]),
        keep_days=record["keep_days"],
        destroy_days=record["destroy_days"],
        removed_days=record["removed_days"],
        version=record["version"],
        created_at=record["created_at"],
        changed_at=record["changed_at"],
        locked_at=record["locked_at"],
        removed_at=record["removed_at"],
    )


def _clean_name(value: str) -> str:
    name = " ".join(value.split())
    if not name or "\x00" in name:
        raise InvalidInput("The class needs a name.", field="name", problem="missing")
    if len(name) > MOST_NAME_CHARACTERS:
        raise InvalidInput(
            "The name is too long.", field="name", problem="too_long", maximum=MOST_NAME_CHARACTERS
        )
    return name


def _require_order(keep_days: int | None, destroy_days: int | None) -> None:
    for field, days in (("keep_days", keep_days), ("destroy_days", destroy_days)):
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise InvalidInput("A period is at least a day.", field=field, problem="out_of_range")
    if keep_days is not None and destroy_days is not None and destroy_days < keep_days:
        raise InvalidInput("No end comes before the keep.", field="destroy_days", problem="before_keep")


def _facts(keep_days: int | None, destroy_days: int | None, removed_days: int) -> dict[str, object]:
    return {"keep_days": keep_days, "destroy_days": destroy_days, "removed_days": removed_days}
