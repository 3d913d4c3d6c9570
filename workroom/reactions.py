"""Reactions: small signs that members put on messages. Written once; taking one back sets a time."""

from __future__ import annotations

from collections.abc import Sequence

from workroom import events
from workroom.errors import NotFound
from workroom.event_frames import ToldEvent, ToldReaction
from workroom.events import NewEvent, RecordedEvent
from workroom.ids import AccountId, ClientCommandId, MessageId, StreamId
from workroom.messages import Written, require_standing_message, require_writer
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


async def add_reaction(
    transaction: Transaction,
    *,
    stream_id: StreamId,
    actor_id: AccountId,
    message_id: MessageId,
    emoji: str,
    client_command_id: ClientCommandId,
) -> Written:
    """Put a sign on a message. The same sign twice is one: the second changes nothing, and is answered the same."""
    done = await _find_done(
        transaction, "reaction_added", stream_id, actor_id, message_id, emoji, client_command_id
    )
    if done is not None:
        return Written(done.seq, None, None)
    writer = await require_writer(transaction, stream_id, actor_id)
    message = await require_standing_message(transaction, writer, stream_id, message_id)
    standing = await transaction.fetch_value(
        queries.reactions.find_standing_reaction, message_id=message_id, account_id=actor_id, emoji=emoji
    )
    if standing is not None:
        return Written(standing, None, None)
    event = await _record(
        transaction, "reaction_added", stream_id, actor_id, message_id, message.seq, client_command_id
    )
    await transaction.execute(
        queries.reactions.insert_reaction,
        message_id=message_id,
        added_seq=event.seq,
        account_id=actor_id,
        emoji=emoji,
        added_at=event.recorded_at,
    )
    return Written(event.seq, None, _tell(event, emoji))


async def remove_reaction(
    transaction: Transaction,
    *,
    stream_id: StreamId,
    actor_id: AccountId,
    message_id: MessageId,
    emoji: str,
    client_command_id: ClientCommandId,
) -> Written:
    """Take one's own sign back; NotFound when there is none."""
    done = await _find_done(
        transaction, "reaction_removed", stream_id, actor_id, message_id, emoji, client_command_id
    )
    if done is not None:
        return Written(done.seq, None, None)
    writer = await require_writer(transaction, stream_id, actor_id)
    message = await require_standing_message(transaction, writer, stream_id, message_id)
    standing = await transaction.fetch_value(
        queries.reactions.find_standing_reaction, message_id=message_id, account_id=actor_id, emoji=emoji
    )
    if standing is None:
        raise NotFound("There is no such reaction.")
    event = await _record(
        transaction, "reaction_removed", stream_id, actor_id, message_id, message.seq, client_command_id
    )
    await transaction.execute(
        queries.reactions.end_reaction,
        message_id=message_id,
        added_seq=standing,
        removed_seq=event.seq,
        removed_at=event.recorded_at,
    )
    return Written(event.seq, None, _tell(event, emoji))


async def list_reactions(
    transaction: Transaction, message_ids: Sequence[MessageId]
) -> dict[MessageId, list[ToldReaction]]:
    """The standing reactions of each message that has any, in the order in which they first came."""
    if not message_ids:
        return {}
    records = await transaction.fetch(
        queries.reactions.list_standing_reactions, message_ids=list(message_ids)
    )
    grouped: dict[MessageId, dict[str, list[AccountId]]] = {}
    for record in records:
        grouped.setdefault(record["message_id"], {}).setdefault(record["emoji"], []).append(
            record["account_id"]
        )
    return {
        message_id: [ToldReaction(emoji, list(accounts)) for emoji, accounts in by_emoji.items()]
        for message_id, by_emoji in grouped.items()
    }


async def _find_done(
    transaction: Transaction,
    kind: str,
    stream_id: StreamId,
    actor_id: AccountId,
    message_id: MessageId,
    emoji: str,
    client_command_id: ClientCommandId,
) -> RecordedEvent | None:
    done = await events.find_command(transaction, stream_id, actor_id, client_command_id)
    if done is None:
        return None
    events.require_same_command(done, kind, message_id)
    before = await transaction.fetch_value(
        queries.reactions.find_reaction_of_event, message_id=message_id, seq=done.seq
    )
    events.require_same_content(before, emoji)
    return done


async def _record(
    transaction: Transaction,
    kind: str,
    stream_id: StreamId,
    actor_id: AccountId,
    message_id: MessageId,
    message_seq: int,
    client_command_id: ClientCommandId,
) -> RecordedEvent:
    new = NewEvent(
        stream_id, kind, actor_id, message_id, subject_seq=message_seq, client_command_id=client_command_id
    )
    return (await events.record_events(transaction, [new]))[0]


def _tell(event: RecordedEvent, emoji: str) -> ToldEvent:
    return ToldEvent(
        seq=event.seq,
        kind=event.kind,
        actor_id=event.actor_id,
        at=event.recorded_at,
        message_id=MessageId(event.subject_id),
        subject_seq=event.subject_seq,
        emoji=emoji,
        account_id=event.actor_id,
    )
