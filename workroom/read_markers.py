"""How far each account has read each stream. A marker only moves up.

Moving one is an event in the account's own stream, so that its other devices follow, and a hint to the room, which may
be lost. Many accounts' markers are moved in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workroom import events, memberships
from workroom.errors import InvalidInput, NotFound, WorkroomError
from workroom.events import NewEvent, RecordedEvent
from workroom.ids import AccountId, StreamId
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


@dataclass(frozen=True, slots=True)
class Mark:
    """Somebody has read a stream up to and with `seq`."""

    account_id: AccountId
    stream_id: StreamId
    seq: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of a mark; `event` is None when the marker stood there, or further, already."""

    mark: Mark
    event: RecordedEvent | None


async def move_markers(transaction: Transaction, marks: Sequence[Mark]) -> list[Moved | WorkroomError]:
    """Move markers; gives for each mark, in order, what came of it or why it was refused."""
    own = await memberships.find_account_streams(transaction, [mark.account_id for mark in marks])
    await events.lock_streams(transaction, own.values())
    readable = await memberships.find_readable(
        transaction, [(mark.account_id, mark.stream_id) for mark in marks]
    )
    outcomes: list[Moved | WorkroomError] = []
    highest: dict[tuple[AccountId, StreamId], int] = {}
    for mark in marks:
        pair = (mark.account_id, mark.stream_id)
        readership = readable.get(pair)
        if readership is None or readership.kind == "account":
            outcomes.append(NotFound("There is no such stream."))
        elif mark.seq > readership.last_seq:
            outcomes.append(
                InvalidInput(
                    "The stream does not go that far.",
                    field="seq",
                    problem="ahead",
                    maximum=readership.last_seq,
                )
            )
        else:
            highest[pair] = max(mark.seq, highest.get(pair, 0))
            outcomes.append(Moved(mark, None))
    moved = await _write(transaction, highest, own) if highest else {}
    return [_with_event(outcome, moved) for outcome in outcomes]


async def list_markers(transaction: Transaction, stream_id: StreamId) -> list[tuple[AccountId, int]]:
    """How far each standing member has read a stream; those who never read are left out."""
    records = await transaction.fetch(queries.read_markers.list_markers, stream_id=stream_id)
    return [(record["account_id"], record["seq"]) for record in records]


async def _write(
    transaction: Transaction,
    highest: dict[tuple[AccountId, StreamId], int],
    own: dict[AccountId, StreamId],
) -> dict[tuple[AccountId, StreamId], RecordedEvent]:
    records = await transaction.fetch(
        queries.read_markers.move_markers,
        account_ids=[account_id for account_id, _ in highest],
        marked_stream_ids=[stream_id for _, stream_id in highest],
        seqs=list(highest.values()),
    )
    if not records:
        return {}
    recorded = await events.record_events(
        transaction,
        [
            NewEvent(
                own[record["account_id"]],
                "read_marker_moved",
                record["account_id"],
                record["stream_id"],
                subject_detail=record["seq"],
            )
            for record in records
        ],
    )
    return {(event.actor_id, StreamId(event.subject_id)): event for event in recorded}


def _with_event(
    outcome: Moved | WorkroomError, moved: dict[tuple[AccountId, StreamId], RecordedEvent]
) -> Moved | WorkroomError:
    """Give a marker's event to the first of its marks; the others changed nothing."""
    if isinstance(outcome, WorkroomError):
        return outcome
    return Moved(outcome.mark, moved.pop((outcome.mark.account_id, outcome.mark.stream_id), None))
