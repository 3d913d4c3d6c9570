"""What every client ended up with, against what is stored, and against what the log says it may see.

Differences are sentences; none means: same order, nothing missing, nothing twice, every byte of text the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from scripts.replaying.conversation import Played
from scripts.replaying.participant import Participant, Stay

MOST_TOLD = 20

STORED = """
    select e.seq, e.kind, e.actor_id::text, m.message_id::text, m.reply_to_message_id::text as reply_to, r.text
    from workroom.events as e
    left join workroom.messages as m on m.message_id = e.subject_id and e.kind = 'message_posted'
    left join workroom.message_revisions as r on r.message_id = m.message_id
    where e.stream_id = $1
    order by e.seq
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared, and where it differed."""

    events_compared: int
    differences: list[str]


async def compare(owner: asyncpg.Connection, played: Played) -> Compared:
    """Read back the room and go through everybody's stays. `owner` is a connection of the owner role."""
    records = await owner.fetch(STORED, played.stream)
    stored = {record["seq"]: dict(record) for record in records}
    differences: list[str] = []
    if [record["seq"] for record in records] != list(range(1, played.last_seq + 1)):
        differences.append(f"the stored numbers are not 1 to {played.last_seq}")
    differences += _compare_stored_with_log(played, [r for r in records if r["kind"] == "message_posted"])
    compared = 0
    for person, participant in enumerate(played.participants):
        for number, stay in enumerate(participant.stays):
            compared += len(stay.events)
            who = f"{played.log.names[person]}, stay {number + 1}"
            differences += [f"{who}: {said}" for said in _compare_stay(played, stay, stored)]
            differences += [f"{who}: {said}" for said in _compare_with_log(played, person, number, stay)]
        if len(participant.stays) != len(played.visible[person]):
            differences.append(f"{played.log.names[person]} stayed {len(participant.stays)} times")
    return Compared(compared, [f"{played.log.title}: {said}" for said in differences[:MOST_TOLD]])


def _compare_stored_with_log(played: Played, posted: list[Any]) -> list[str]:
    said = list(played.log.said())
    if len(posted) != len(said):
        return [f"{len(posted)} messages are stored of {len(said)} that were said"]
    differences = []
    for record, act in zip(posted, said, strict=True):
        author = str(played.participants[act.person].role.account_id)
        answered = played.replies.get(act.line)
        expected = (
            str(played.message_ids[act.line]),
            author,
            act.text.encode(),
            str(played.message_ids[answered]) if answered is not None else None,
        )
        found = (record["message_id"], record["actor_id"], record["text"].encode(), record["reply_to"])
        if found != expected:
            differences.append(f"line {act.line} is stored as {found}, not {expected}")
    return differences


def _compare_stay(played: Played, stay: Stay, stored: dict[int, dict[str, Any]]) -> list[str]:
    until = played.last_seq if stay.until_seq is None else stay.until_seq
    heard = [event["seq"] for event in stay.events]
    if heard != list(range(stay.from_seq, until + 1)):
        return [f"heard {_shorten(heard)}, not {stay.from_seq} to {until}"]
    differences = []
    for event in stay.events:
        record = stored[event["seq"]]
        found = {name: event.get(name) for name in ("kind", "actor_id", "message_id", "reply_to", "text")}
        expected = {name: record[name] for name in found}
        if event["kind"] != "message_posted":
            found["message_id"] = None
        if found != expected:
            differences.append(f"number {event['seq']} was heard as {found}, and is stored as {expected}")
    return differences


def _compare_with_log(played: Played, person: int, number: int, stay: Stay) -> list[str]:
    texts = {act.line: act.text for act in played.log.said()}
    expected = [texts[line] for line in played.visible[person][number]]
    heard = [event["text"] for event in stay.events if event["kind"] == "message_posted"]
    if heard == expected:
        return []
    return [f"heard {len(heard)} lines, where the log lets them see {len(expected)}, or not the same ones"]


def count_stays(participants: list[Participant]) -> int:
    """How often somebody was in the room."""
    return sum(len(participant.stays) for participant in participants)


def _shorten(numbers: list[int]) -> str:
    return f"{len(numbers)} numbers from {numbers[0]} to {numbers[-1]}" if numbers else "nothing"
