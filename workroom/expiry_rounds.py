"""Drives the rounds of expiry: within a minute after the time of something has come, browsers forget it.

A room is told in a transaction of its own, so that its lock is held for milliseconds. Nodes learn of what was
recorded by their position check. A round that dies on its way is repeated by the next.
"""

from __future__ import annotations

from collections import defaultdict

from workroom import expiry
from workroom.expiry import ExpiredFile, Stretch
from workroom.ids import RoomId
from workroom.storage.database import Database

ROUND_SECONDS = 20.0


async def tell_what_expired(database: Database) -> int:
    """One round: tell the members of every room what is not shown any more; gives how many events were recorded."""
    async with database.long_transaction() as reading:
        told = await expiry.begin_round(reading)
        changed = {rule.room_id: rule for rule in await expiry.list_rooms_to_look_through(reading, told)}
        newly = await expiry.list_newly_due(reading, told, list(changed))
        files, with_files = await expiry.list_files_to_tell(reading, told)
    stretches: dict[RoomId, list[Stretch]] = defaultdict(list)
    for stretch in [*newly, *with_files]:
        stretches[stretch.room_id].append(stretch)
    of_files: dict[RoomId, list[ExpiredFile]] = defaultdict(list)
    for file in files:
        of_files[file.room_id].append(file)
    recorded = 0
    for rule in changed.values():
        async with database.long_transaction() as reading:
            stretches[rule.room_id] += await expiry.look_through_room(reading, rule, told)
    for room_id in sorted({*stretches, *of_files}, key=lambda each: each.bytes):
        async with database.transaction() as transaction:
            recorded += len(
                await expiry.tell_room(
                    transaction,
                    room_id,
                    told,
                    stretches[room_id],
                    of_files[room_id],
                    looked_through=changed.get(room_id),
                )
            )
    async with database.transaction() as transaction:
        await expiry.end_round(transaction, told)
    return recorded
