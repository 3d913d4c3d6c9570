"""`workroom retention ...` and `workroom disposition ...`: what an officer does in the console, from the shell.

A change is simulated first, which prints its picture and its fingerprint; it is made with that fingerprint alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from workroom import disposition, explanation, retention, simulation
from workroom.abilities import Ability
from workroom.errors import Conflict, InvalidInput, NotFound
from workroom.field_problems import find_problem
from workroom.ids import MessageId, RetentionClassId
from workroom.officers import require_officer
from workroom.retention import MOST_DAYS, ClassUse, RetentionChange, RetentionClass
from workroom.retention_rule import CountedFrom
from workroom.settings import Settings
from workroom.shell_access import act_as, find_room, open_installation
from workroom.shell_words import counted, write_size, write_time
from workroom.simulation import Simulation
from workroom.simulation_picture import Amount, Month
from workroom.storage.database import Database, Transaction
from workroom.storage.file_store import FileStores
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries

_FIELDS = (
    "class_id",
    "name",
    "counted_from",
    "keep_days",
    "destroy_days",
    "removed_days",
    "room_id",
    "room_kind",
)

_DAYS = ("keep_days", "destroy_days", "removed_days")
_COUNTED_FROM = {
    CountedFrom.SENT: "counted from sending",
    CountedFrom.ROOM_CLOSED: "counted from when the room is archived",
    CountedFrom.CUSTOMER_CLOSED: "counted from when the customer is closed and the room is archived",
}
_REASONS = {
    "no_end": "nothing ends it",
    "ended": "the period of its class is over then",
    "removed": "it was deleted, and deleted content goes earlier",
    "kept": "it has to be kept longer than to its end",
    "files": "a file of it has to be kept longer",
}
_STATES = {
    "shown": "members see it",
    "due": "due, and the next run destroys it",
    "settling": "due, but a rule changed within the last 24 hours, and nothing goes before",
    "held": "due, so members do not see it, and a hold keeps it",
    "files_held": "due, and the next run destroys its text; a hold keeps only its files",
    "emptied": "its text was destroyed; a hold or a longer keep of its files keeps the rest, which members do not see",
    "gone": "not due now, but it was when a run came by and a hold kept it: members never see it again",
}


def read_change(chosen: Mapping[str, object]) -> RetentionChange:
    """The change that a command line names; InvalidInput where it makes no sense."""
    named = {name: chosen[name] for name in _FIELDS if name in chosen}
    named["kind"] = str(chosen["change"]).replace("-", "_")
    try:
        change: RetentionChange = msgspec.convert(named, RetentionChange, strict=False)
    except msgspec.ValidationError as error:
        raise _explain_mistake(error) from None
    return change


def _explain_mistake(error: msgspec.ValidationError) -> InvalidInput:
    found = find_problem(str(error))
    field = str(found.params["field"]).rpartition(".")[2] if found else ""
    if field in _DAYS:
        option = f"--{field.replace('_', '-')}"
        return InvalidInput(f"{option} is a number of days from 1 to {MOST_DAYS:,}; leave it out for none.")
    return InvalidInput(f"The change makes no sense: {error}.")


async def list_classes(settings: Settings) -> str:
    """The classes, one a line, with what uses them."""
    async with (
        open_installation(settings, "workroom retention") as installation,
        installation.database.read() as reading,
    ):
        listed = await retention.list_classes(reading)
    lines = [
        f"{found.class_id}  {found.name}: {_describe_class(found)}; {_describe_use(use)}"
        for found, use in listed
    ]
    return "\n".join(lines) or "There are no retention classes."


async def simulate(
    settings: Settings, officer: str, change: RetentionChange, instant: datetime | None
) -> str:
    """Simulate a change, and say what it would destroy."""
    async with open_installation(settings, "workroom retention") as installation:
        database = installation.database
        async with database.read() as reading:
            by = await act_as(reading, officer)
        # What could not be made is refused before there is a mark of it.
        await simulation.require_possible(database, change)
        async with database.transaction() as transaction:
            simulation_id = await simulation.begin_simulation(transaction, by, change, instant)
        return _describe_simulation(await simulation.run_simulation(database, simulation_id))


async def simulate_typed(
    settings: Settings, officer: str, chosen: Mapping[str, object], instant: datetime | None
) -> str:
    """The same for a change as it was typed: its class and its room by id, or by whole name."""
    return await simulate(settings, officer, read_change(await _find_named(settings, chosen)), instant)


async def apply(settings: Settings, officer: str, fingerprint: str, reason: str) -> str:
    """Make the change whose simulation came to this fingerprint."""
    async with open_installation(settings, "workroom retention") as installation:
        async with installation.database.read() as reading:
            by = await act_as(reading, officer)
            simulated = await simulation.require_simulated(reading, fingerprint)
        async with installation.database.long_transaction() as transaction:
            made = await simulation.apply_change(transaction, by, simulated.change, fingerprint, reason)
    new = f"Class {made} is made." if made is not None else "The change is made."
    return f"{new} A changed rule destroys nothing for 24 hours."


async def explain(settings: Settings, message_id: UUID) -> str:
    """Which classes and holds decide about a message, and when its time comes."""
    async with (
        open_installation(settings, "workroom retention") as installation,
        installation.database.read() as reading,
    ):
        found = await explanation.require_explanation(reading, MessageId(message_id))
    lines = [
        f"Its time comes {write_time(found.due_at)}: {_REASONS[found.reason]}. Now: {_STATES[found.state]}."
    ]
    for one in found.classes:
        decides = "".join(f", decides the {what}" for what in one.decides)
        keeps = "" if one.keeps_until is msgspec.UNSET else f", keeps it {_until(one.keeps_until)}"
        lines.append(f"  {one.source} class  {one.name} ({one.class_id}){keeps}{decides}")
    lines += [
        f"  file {file.file_id} has the label {file.name}: its time comes {write_time(file.due_at)}"
        for file in found.files
    ]
    lines += [f"  hold {hold.hold_id}" for hold in found.holds]
    return "\n".join(lines)


async def dispose(settings: Settings, officer: str) -> str:
    """Destroy what is due and free, now."""
    async with open_installation(settings, "workroom disposition") as installation:
        database = installation.database
        async with database.transaction() as transaction:
            by = await act_as(transaction, officer)
            await require_officer(transaction, by, Ability.MANAGE_RETENTION)
        run = await disposition.run_disposition(database, await _open_stores(settings, database), by)
    return _describe_run(run)


async def list_runs(settings: Settings) -> str:
    """The latest runs, one a line."""
    async with (
        open_installation(settings, "workroom disposition") as installation,
        installation.database.read() as reading,
    ):
        runs = await disposition.list_runs(reading)
    return "\n".join(map(_describe_run, runs)) or "There was no run yet."


async def _open_stores(settings: Settings, database: Database) -> FileStores:
    async with database.read() as reading:
        epoch = await reading.fetch_one(queries.events.read_epoch)
        has_files = await reading.fetch_value(queries.files.has_any)
    return await open_file_stores(settings, epoch["installation_id"], has_files=has_files)


async def _find_named(settings: Settings, chosen: Mapping[str, object]) -> Mapping[str, object]:
    """What was typed, with ids in place of the names of a class and a room."""
    named = {name: str(chosen[name]) for name in ("class_id", "room_id") if chosen.get(name) is not None}
    if all(map(_is_id, named.values())):
        return chosen
    async with (
        open_installation(settings, "workroom retention") as installation,
        installation.database.read() as reading,
    ):
        if "room_id" in named:
            named["room_id"] = str(await find_room(reading, named["room_id"]))
        if not _is_id(named.get("class_id", "")):
            named["class_id"] = str(await _find_class(reading, named["class_id"]))
    return {**chosen, **named}


async def _find_class(transaction: Transaction, named: str) -> RetentionClassId:
    kept = [each for each, _ in await retention.list_classes(transaction) if each.removed_at is None]
    found = [each.class_id for each in kept if each.name == " ".join(named.split())]
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        raise Conflict(f"{len(found)} classes are called {named!r}: give the id of one of them ({ids}).")
    if not found:
        raise NotFound(f"No class is called {named!r}: `workroom retention classes` lists those there are.")
    return found[0]


def _is_id(typed: str) -> bool:
    try:
        UUID(typed)
    except ValueError:
        return False
    return True


def _until(instant: datetime | None) -> str:
    return "without end" if instant is None else f"until {write_time(instant)}"


def _describe_class(found: RetentionClass) -> str:
    keeps = f"keeps at least {counted(found.keep_days, 'day')}" if found.keep_days else "has no shortest time"
    ends = f"destroys after {counted(found.destroy_days, 'day')}" if found.destroy_days else "has no end"
    state = ", removed" if found.removed_at else ", locked" if found.locked_at else ""
    removed = f"deleted content after {counted(found.removed_days, 'day')}"
    return f"{_COUNTED_FROM[found.counted_from]}, {keeps}, {ends}, {removed}{state}"


def _describe_use(use: ClassUse) -> str:
    kinds = f", the default of {' and '.join(use.room_kinds)} rooms" if use.room_kinds else ""
    return f"{counted(use.rooms, 'room')}, {counted(use.labels, 'label')}{kinds}"


def _describe_simulation(simulated: Simulation) -> str:
    picture = simulated.picture
    assert picture is not None
    months = [month for month in picture.months if month.goes]
    lines = [
        f"A run at {write_time(simulated.instant)} would destroy {_describe_amount(picture.goes)} "
        f"in {counted(picture.goes.rooms, 'room')},",
        f"  besides {counted(picture.revisions, 'replaced version')} and {counted(picture.reactions, 'reaction')} "
        f"taken back of messages that stay, and {counted(picture.room_names, 'former name')} of rooms.",
        f"Without the change: {_describe_amount(picture.goes_now)}.",
        f"Due, but staying: {_describe_amount(picture.kept_by_holds)} held, "
        f"{counted(picture.kept_by_labels, 'message')} kept by labels, "
        f"{counted(picture.kept_by_classes, 'message')} by the shortest time of a class.",
        *(["By month of sending:"] if months else []),
        *(
            f"  {month.month[:7]}: {month.goes:,} of {month.goes + _staying(month):,} messages go"
            for month in months
        ),
        f"Applied now, it destroys nothing before {write_time(picture.destroys_from)}.",
        f"Fingerprint: {simulated.fingerprint}",
        "To make this change: workroom retention apply --as EMAIL --reason WHY --fingerprint FINGERPRINT",
    ]
    return "\n".join(lines)


def _staying(month: Month) -> int:
    return month.stays + month.kept_by_holds + month.kept_by_labels + month.kept_by_classes


def _describe_amount(amount: Amount) -> str:
    return f"{counted(amount.messages, 'message')} and {counted(amount.files, 'file')} ({write_size(amount.bytes)})"


def _describe_run(run: disposition.DispositionRun) -> str:
    state = f"ended {write_time(run.ended_at)}" if run.ended_at else f"is on its way ({run.phase})"
    return (
        f"{run.run_id} began {write_time(run.began_at)}, {state}: {counted(run.messages, 'message')}, "
        f"{counted(run.revisions, 'version')}, {counted(run.reactions, 'reaction')}, "
        f"{counted(run.files, 'file')} ({write_size(run.bytes)}) and "
        f"{counted(run.room_names, 'former name')} of rooms destroyed"
    )
