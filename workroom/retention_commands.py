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
from workroom.errors import InvalidInput
from workroom.ids import MessageId
from workroom.officers import require_officer
from workroom.retention import RetentionChange, RetentionClass
from workroom.settings import Settings
from workroom.shell_access import act_as, open_installation
from workroom.simulation import Simulation
from workroom.simulation_picture import Amount
from workroom.storage.database import Database
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


def read_change(chosen: Mapping[str, object]) -> RetentionChange:
    """The change that a command line names; InvalidInput where it makes no sense."""
    named = {name: chosen[name] for name in _FIELDS if name in chosen}
    named["kind"] = str(chosen["change"]).replace("-", "_")
    try:
        change: RetentionChange = msgspec.convert(named, RetentionChange, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The change makes no sense: {error}.") from None
    return change


async def list_classes(settings: Settings) -> str:
    """The classes, one a line, with what uses them."""
    async with (
        open_installation(settings, "workroom retention") as installation,
        installation.database.read() as reading,
    ):
        listed = await retention.list_classes(reading)
    lines = [
        f"{found.class_id}  {found.name}: {_describe_class(found)}; {use.rooms} rooms, "
        f"{use.labels} labels, default of {', '.join(use.room_kinds) or 'none'}"
        for found, use in listed
    ]
    return "\n".join(lines) or "There are no retention classes."


async def simulate(
    settings: Settings, officer: str, change: RetentionChange, instant: datetime | None
) -> str:
    """Simulate a change, and say what it would destroy."""
    async with open_installation(settings, "workroom retention") as installation:
        database = installation.database
        async with database.transaction() as transaction:
            by = await act_as(transaction, officer)
            simulation_id = await simulation.begin_simulation(transaction, by, change, instant)
        return _describe_simulation(await simulation.run_simulation(database, simulation_id))


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
    lines = [f"Its time comes {_write_time(found.due_at)} ({found.reason}); now it is {found.state}."]
    for one in found.classes:
        decides = f", decides the {' and the '.join(one.decides)}" if one.decides else ""
        keeps = "" if one.keeps_until is msgspec.UNSET else f", keeps until {_write_time(one.keeps_until)}"
        lines.append(f"  {one.source}: {one.name} ({one.class_id}){keeps}{decides}")
    lines += [f"  file {file.file_id}: its time comes {_write_time(file.due_at)}" for file in found.files]
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


def _describe_class(found: RetentionClass) -> str:
    keeps = f"keeps {found.keep_days} days" if found.keep_days else "keeps nothing"
    ends = f"destroys after {found.destroy_days} days" if found.destroy_days else "has no end"
    state = ", removed" if found.removed_at else ", locked" if found.locked_at else ""
    since = found.counted_from.value.replace("_", " ")
    return f"counted from {since}, {keeps}, {ends}, deleted content after {found.removed_days}{state}"


def _describe_simulation(simulated: Simulation) -> str:
    picture = simulated.picture
    assert picture is not None
    lines = [
        f"At {_write_time(simulated.instant)} would go: {_describe_amount(picture.goes)} in "
        f"{picture.goes.rooms} rooms,",
        f"  and {picture.revisions} superseded revisions; without the change: {_describe_amount(picture.goes_now)}.",
        f"Holds keep {_describe_amount(picture.kept_by_holds)}; labels {picture.kept_by_labels} messages, "
        f"the keep of a class {picture.kept_by_classes}.",
        *(
            f"  {month.month[:7]}: {month.goes} go, {month.stays} stay"
            for month in picture.months
            if month.goes
        ),
        f"It destroys nothing before {_write_time(picture.destroys_from)}.",
        f"Fingerprint: {simulated.fingerprint}",
    ]
    return "\n".join(lines)


def _describe_amount(amount: Amount) -> str:
    return f"{amount.messages} messages and {amount.files} files ({amount.bytes} bytes)"


def _describe_run(run: disposition.DispositionRun) -> str:
    state = f"ended {_write_time(run.ended_at)}" if run.ended_at else f"is on its way ({run.phase})"
    return (
        f"{run.run_id} began {_write_time(run.began_at)}, {state}: {run.messages} messages, {run.revisions} revisions, "
        f"{run.reactions} reactions, {run.files} files ({run.bytes} bytes), {run.room_names} names of rooms"
    )


def _write_time(instant: datetime | None) -> str:
    return "never" if instant is None else instant.strftime("%Y-%m-%d %H:%M UTC")
