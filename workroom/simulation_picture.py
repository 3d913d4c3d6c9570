"""What a change of the rules would destroy, counted and drawn: by month, with what keeps the rest, and a fingerprint.

Files, and what goes of messages that stay, are asked of the functions by which disposition destroys (`due_files` and
the others in `sql/schema.sql`). Messages are too many for that: they are counted by queries that say the same rule
the other way round, and tests hold them to what a run destroys. All of it is read in the transaction in which the
change was made; whoever calls takes that back, or lets it stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from workroom.ids import MessageId, RoomId
from workroom.retention_rule import SETTLING
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

SHOWN_FIRST = 20
LOOKED_AT_FIRST = 1_000
LONGEST_MONTH = timedelta(days=31)


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """So much content. Where `rooms` is of no interest it is 0."""

    messages: int
    files: int
    bytes: int
    rooms: int = 0


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that were sent in a month, by what would become of them. `month` is its first day."""

    month: str
    goes: int
    kept_by_holds: int
    kept_by_labels: int
    kept_by_classes: int
    stays: int


class FirstMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One of the first messages that would go."""

    message_id: MessageId
    room_id: RoomId
    sent_at: datetime
    due_at: datetime


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What would go at the instant, what would go without the change, and what keeps the rest that had ended by then.

    A message goes when its text goes, also where a hold of files keeps its row. `revisions`: superseded ones, whose
    messages stay. `reactions`: those taken back, the same. `room_names`: former ones. `kept_by_classes`: by the keep of
    a room's class or default. `destroys_from`: before that instant a changed rule destroys nothing.
    """

    goes: Amount
    goes_now: Amount
    revisions: int
    reactions: int
    room_names: int
    kept_by_holds: Amount
    kept_by_labels: int
    kept_by_classes: int
    months: list[Month]
    first: list[FirstMessage]
    destroys_from: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: what is due at an instant, of what was recorded by `known_until`."""

    instant: datetime
    known_until: datetime

    @property
    def parameters(self) -> dict[str, datetime]:
        """The same, for queries."""
        return {"instant": self.instant, "known_until": self.known_until}


@dataclass(slots=True)
class _Cell:
    """Counts of one room and month. Sums are of ids, each its own undoing."""

    total: int = 0
    due: int = 0
    due_before: int = 0
    held: int = 0
    kept_by_labels: int = 0
    kept_by_classes: int = 0
    sums: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, record: Record, *names: str) -> None:
        for name in names:
            setattr(self, name, getattr(self, name) + record[name])
        self.sums[0] ^= record["first_sum"]
        self.sums[1] ^= record["second_sum"]

    def merge(self, other: _Cell) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.sums = [one ^ another for one, another in zip(self.sums, other.sums, strict=True)]


COUNTS = ("total", "due", "due_before", "held", "kept_by_labels", "kept_by_classes")
Cells = dict[tuple[RoomId, datetime], _Cell]
Rules = list[Record]
BESIDES = (
    queries.simulations.count_revisions,
    queries.simulations.count_reactions,
    queries.simulations.count_room_names,
)
BOUNDS = ("kept_until", "ended_until", "removed_until")


@dataclass(frozen=True, slots=True)
class Before:
    """What the rules come to before a change of them. `held`: of messages with labels."""

    rules: Rules
    labelled: Cells
    held: Cells
    files: Record


@dataclass(frozen=True, slots=True)
class Counted:
    """What the rules come to after it. `besides`: of messages and rooms that stay, in the order of `BESIDES`."""

    cells: Cells
    files: Record
    besides: list[Record]


async def count_before(transaction: Transaction, question: Question) -> Before:
    """Look before the change is made, for comparison."""
    return Before(
        rules=await describe_rules(transaction, question),
        labelled=await _count_labelled(transaction, question),
        held=await _count_held_labelled(transaction, question),
        files=await _count_files(transaction, question),
    )


async def describe_rules(transaction: Transaction, question: Question) -> Rules:
    """What the rules of all rooms come to, as `count_after` compares them."""
    return await transaction.fetch(queries.simulations.describe_rules, **question.parameters)


def compare_rules(rules: Rules, rules_before: Rules) -> dict[str, list[Any]]:
    """The rules and those of before side by side, as `count_months` takes them. A new room had none before."""
    before = {record["room_id"]: record for record in rules_before}
    pairs = [(record, before.get(record["room_id"])) for record in rules]
    return {
        "room_ids": [record["room_id"] for record, _ in pairs],
        **{name: [record[name] for record, _ in pairs] for name in BOUNDS},
        **{f"{name}_before": [earlier and earlier[name] for _, earlier in pairs] for name in BOUNDS},
    }


async def count_after(transaction: Transaction, question: Question, rules_before: Rules) -> Counted:
    """Look after the change was made. Reads every message once, twice where much is on hold: a second for millions."""
    await transaction.fetch(queries.simulations.prepare_to_count)
    rules = compare_rules(await describe_rules(transaction, question), rules_before)
    cells = await count_unlabelled(transaction, question, rules)
    for place, cell in (await _count_labelled(transaction, question)).items():
        cells[place].merge(cell)
    await _take_held_out(transaction, question, rules, cells)
    for place, cell in (await _count_held_labelled(transaction, question)).items():
        cells[place].merge(cell)
    besides = [await transaction.fetch_one(counts, **question.parameters) for counts in BESIDES]
    return Counted(cells, await _count_files(transaction, question), besides)


async def count_unlabelled(
    transaction: Transaction, question: Question, rules: Mapping[str, Sequence[Any]]
) -> Cells:
    """Messages without labels under rules side by side (`compare_rules`), held or not."""
    cells: Cells = defaultdict(_Cell)
    names = ("total", "due", "due_before", "kept_by_classes")
    undecided: dict[datetime, list[Record]] = defaultdict(list)
    for record in await transaction.fetch(
        queries.simulations.count_months, known_until=question.known_until, **rules
    ):
        if not record["is_of_one_month"]:
            continue
        if None in (record["due"], record["due_before"], record["kept_by_classes"]):
            undecided[record["month"]].append(record)
        else:
            cells[record["room_id"], record["month"]].add(record, *names)
    places = {room_id: place for place, room_id in enumerate(rules["room_ids"])}
    for month, records in undecided.items():
        chosen = [places[record["room_id"]] for record in records]
        for record in await transaction.fetch(
            queries.simulations.count_messages,
            known_until=question.known_until,
            month=month,
            are_deleted=[record["are_deleted"] for record in records],
            **{name: [values[place] for place in chosen] for name, values in rules.items()},
        ):
            cells[record["room_id"], record["month"]].add(record, *names)
    for record in await transaction.fetch(
        queries.simulations.count_messages_without_a_partition, known_until=question.known_until, **rules
    ):
        cells[record["room_id"], record["month"]].add(record, *names)
    return cells


async def _take_held_out(
    transaction: Transaction, question: Question, rules: Mapping[str, Sequence[Any]], cells: Cells
) -> None:
    """What a hold keeps of messages without labels: their text, or, where it is gone, what a hold of files leaves."""
    for held in await transaction.fetch(queries.simulations.list_held):
        whole = held["covers_messages"]
        counts = (
            queries.simulations.count_held_messages if whole else queries.simulations.count_emptied_messages
        )
        for record in await transaction.fetch(
            counts,
            known_until=question.known_until,
            author_ids=held["author_ids"],
            held_room_ids=held["held_room_ids"],
            **rules,
        ):
            cell = cells[record["room_id"], record["month"]]
            cell.add(record, "held")
            cell.due_before -= record["held_before"]


async def _count_labelled(transaction: Transaction, question: Question) -> Cells:
    cells: Cells = defaultdict(_Cell)
    records = await transaction.fetch(queries.simulations.count_labelled_messages, **question.parameters)
    for record in records:
        cells[record["room_id"], record["month"]].add(record, "total", "due", "kept_by_labels")
    return cells


async def _count_held_labelled(transaction: Transaction, question: Question) -> Cells:
    cells: Cells = defaultdict(_Cell)
    records = await transaction.fetch(queries.simulations.count_held_labelled_messages, **question.parameters)
    for record in records:
        cells[record["room_id"], record["month"]].add(record, "held")
    return cells


async def _count_files(transaction: Transaction, question: Question) -> Record:
    return await transaction.fetch_one(queries.simulations.count_files, **question.parameters)


async def list_first(transaction: Transaction, question: Question, cells: Cells) -> list[FirstMessage]:
    """The first that would go, in order: of as many months as have enough of them."""
    by_month: dict[datetime, int] = defaultdict(int)
    for (_, month), cell in cells.items():
        by_month[month] += cell.due - cell.held
    months, found = [], 0
    for month in sorted(month for month, goes in by_month.items() if goes):
        months.append(month)
        found += by_month[month]
        if found >= SHOWN_FIRST:
            break
    if not months:
        return []
    message_count = LOOKED_AT_FIRST
    while True:
        place = await transaction.fetch_one(
            queries.simulations.find_first,
            from_month=months[0].replace(tzinfo=UTC),
            until_month=(months[-1] + LONGEST_MONTH).replace(day=1, tzinfo=UTC),
            message_count=message_count,
        )
        records = await transaction.fetch(
            queries.simulations.list_first,
            after_id=place["after_id"],
            until_id=place["nearer_id"] or place["until_id"],
            **question.parameters,
        )
        if len(records) == SHOWN_FIRST or place["nearer_id"] is None:
            return [FirstMessage(**record) for record in records]
        message_count *= 10


def draw(question: Question, before: Before, counted: Counted, first: list[FirstMessage]) -> Picture:
    """The picture of what was counted."""
    cells, files, files_before = counted.cells, counted.files, before.files
    revisions, reactions, room_names = [record["due"] for record in counted.besides]
    for place, cell in before.labelled.items():
        cells[place].due_before += cell.due
    for place, cell in before.held.items():
        cells[place].due_before -= cell.held
    months: dict[datetime, _Cell] = defaultdict(_Cell)
    for (_, month), cell in cells.items():
        for name in ("total", "due", "held", "kept_by_labels", "kept_by_classes"):
            setattr(months[month], name, getattr(months[month], name) + getattr(cell, name))
    everything = cells.values()
    return Picture(
        goes=Amount(
            messages=sum(cell.due - cell.held for cell in everything),
            files=files["due"] - files["held"],
            bytes=files["bytes"] - files["held_bytes"],
            rooms=len(
                {room_id for (room_id, _), cell in cells.items() if cell.due > cell.held}
                | set(files["free_room_ids"])
            ),
        ),
        goes_now=Amount(
            messages=sum(cell.due_before for cell in everything),
            files=files_before["due"] - files_before["held"],
            bytes=files_before["bytes"] - files_before["held_bytes"],
            rooms=len(
                {room_id for (room_id, _), cell in cells.items() if cell.due_before > 0}
                | set(files_before["free_room_ids"])
            ),
        ),
        revisions=revisions,
        reactions=reactions,
        room_names=room_names,
        kept_by_holds=Amount(
            messages=sum(cell.held for cell in everything),
            files=files["held"],
            bytes=files["held_bytes"],
            rooms=len(
                {room_id for (room_id, _), cell in cells.items() if cell.held} | set(files["held_room_ids"])
            ),
        ),
        kept_by_labels=sum(cell.kept_by_labels for cell in everything),
        kept_by_classes=sum(cell.kept_by_classes for cell in everything),
        months=[_month(month, months[month]) for month in sorted(months)],
        first=first,
        destroys_from=question.known_until + SETTLING,
    )


def _month(month: datetime, cell: _Cell) -> Month:
    goes = cell.due - cell.held
    kept = cell.held + cell.kept_by_labels + cell.kept_by_classes
    return Month(
        month=month.date().isoformat(),
        goes=goes,
        kept_by_holds=cell.held,
        kept_by_labels=cell.kept_by_labels,
        kept_by_classes=cell.kept_by_classes,
        stays=cell.total - goes - kept,
    )


def take_fingerprint(change: object, question: Question, counted: Counted) -> str:
    """SHA-256 over the change, the instants, for each room how many messages go and two sums over their ids, and for
    all else that goes a number and a sum.
    """
    files = counted.files
    rooms: dict[RoomId, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (room_id, _), cell in counted.cells.items():
        of_room = rooms[room_id]
        of_room[0] += cell.due - cell.held
        of_room[1] ^= cell.sums[0]
        of_room[2] ^= cell.sums[1]
    parts = [
        change,
        question.instant,
        question.known_until,
        [(room_id, sums) for room_id, sums in sorted(rooms.items(), key=_by_room) if sums[0]],
        (files["due"] - files["held"], files["first_sum"]),
        [(record["due"], record["first_sum"]) for record in counted.besides],
    ]
    return sha256(b"workroom.simulation.v1\x00" + msgspec.json.encode(parts)).hexdigest()


def _by_room(entry: tuple[RoomId, list[int]]) -> bytes:
    return entry[0].bytes
