"""What the demo's officers have done: a matter with a hold, and a retention class, for trying out the console."""

from __future__ import annotations

from workroom import holds, matters, simulation
from workroom.audit import Initiator, by_shell
from workroom.demo.stage import Stage
from workroom.hold_scopes import Covers, Custodian, HoldScope
from workroom.ids import RetentionClassId
from workroom.retention import AssignDefault, NewClass, RetentionChange
from workroom.retention_rule import CountedFrom
from workroom.storage.database import Database

HELD_ROOM = "Year-end accounts"
CUSTODIAN = "ada"
OFFICER = "ruth"
TEN_YEARS_DAYS = 3_650
REASON = "Accounting records are kept for ten years."


async def place_case(database: Database, stage: Stage) -> None:
    """Give private rooms ten years; open a matter and place a hold, over a room and over what somebody sent."""
    by = by_shell(stage.account(OFFICER).account_id)
    ten_years = NewClass(
        name="Accounting records, ten years",
        counted_from=CountedFrom.SENT,
        keep_days=TEN_YEARS_DAYS,
        destroy_days=TEN_YEARS_DAYS,
    )
    class_id = await _change(database, by, ten_years)
    await _change(database, by, AssignDefault(room_kind="private", class_id=class_id))
    async with database.transaction() as transaction:
        matter = await matters.open_matter(
            transaction, by, "Lease of an oven, 2026-014", "The leasing company disputes the option to buy."
        )
    scope = HoldScope(
        room_ids=frozenset({stage.room_named(HELD_ROOM).room_id}),
        custodians=frozenset({Custodian(stage.account(CUSTODIAN).account_id, Covers.SENT)}),
    )
    async with database.transaction() as transaction:
        await holds.place_hold(
            transaction, by, matter.matter_id, scope, "Letter of their lawyers; keep until it is settled."
        )


async def _change(database: Database, by: Initiator, change: RetentionChange) -> RetentionClassId | None:
    """Make a change by the road of every change: simulated, then made with the fingerprint."""
    async with database.transaction() as transaction:
        simulation_id = await simulation.begin_simulation(transaction, by, change)
    simulated = await simulation.run_simulation(database, simulation_id)
    assert simulated.fingerprint is not None
    async with database.long_transaction() as transaction:
        return await simulation.apply_change(transaction, by, change, simulated.fingerprint, REASON)
