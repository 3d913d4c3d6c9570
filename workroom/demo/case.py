"""What the demo's officers have done: a matter with a hold, for trying out the compliance console."""

from __future__ import annotations

from workroom import holds, matters
from workroom.audit import by_shell
from workroom.demo.stage import Stage
from workroom.hold_scopes import Covers, Custodian, HoldScope
from workroom.storage.database import Database

HELD_ROOM = "Year-end accounts"
CUSTODIAN = "ada"
OFFICER = "ruth"


async def place_case(database: Database, stage: Stage) -> None:
    """Open a matter and place a hold in it, over a room and over what somebody sent."""
    by = by_shell(stage.account(OFFICER).account_id)
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
