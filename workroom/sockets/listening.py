"""Listening to streams: subscribing, catching up, marking as read, typing.

A channel is opened (and buffers) before rights and position are read from Postgres, so that nothing falls between;
rights that may be older than a removal are asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from workroom.errors import LimitReached, NotFound, TryAgain
from workroom.event_frames import ToldEvent
from workroom.fanout.hub import Pin
from workroom.gathered_reads import CatchUpRequest, ListenRequest
from workroom.ids import StreamId
from workroom.memberships import Readership
from workroom.read_markers import Mark
from workroom.sessions import SignedIn
from workroom.sockets import protocol as p
from workroom.sockets.session import Session

MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class OwnStream:
    """That a session stands, and the number after which its account's stream is heard."""

    signed_in: SignedIn
    seq: int


async def subscribe(session: Session, command: p.Subscribe) -> object:
    """Listen to streams. Each is answered with the number after which it is heard, or among the refused."""
    wanted = {StreamId(subscription.stream): subscription.seq for subscription in command.streams}
    with _room_for(session, frozenset(wanted)):
        heard, readable = await _listen(session, wanted)
    is_foreign = command.epoch is not None and command.epoch != session.node.epoch
    reset = [
        stream_id
        for stream_id, seq in wanted.items()
        if stream_id in heard and seq is not None and (is_foreign or seq > readable[stream_id].last_seq)
    ]
    return {
        "streams": [{"stream": stream_id, "seq": seq} for stream_id, seq in heard.items()],
        "refused": [stream_id for stream_id in wanted if stream_id not in heard],
        "reset": reset,
    }


async def unsubscribe(session: Session, command: p.Unsubscribe) -> object:
    """Stop listening. An account's own stream cannot be left."""
    left = {StreamId(stream_id) for stream_id in command.streams} & set(session.streams)
    for stream_id in left - {session.signed_in.stream_id}:
        session.streams.remove(stream_id)
        session.node.hub.remove_listener(stream_id, session)
        session.node.presence.stop_listening(session.account_id, [stream_id])
    return {}


async def read_since(session: Session, command: p.ReadSince) -> object:
    """The events after a number, gathered with what other clients missed."""
    page = await session.node.reads.catch_up.ask(
        CatchUpRequest(session.account_id, StreamId(command.stream), command.seq)
    )
    return {"events": msgspec.Raw(page.events), "seq": page.seq, "more": page.more}


async def mark_read(session: Session, command: p.MarkRead) -> object:
    """Move the account's read marker up; its other devices hear of it by number, the room by a hint."""
    mark = Mark(session.account_id, StreamId(command.stream), command.seq)
    moved = await session.node.reads.marks.ask(mark)
    event = moved.event
    if event is not None:
        told = ToldEvent(
            seq=event.seq,
            kind=event.kind,
            actor_id=event.actor_id,
            at=event.recorded_at,
            stream=event.subject_id,
            read_seq=event.subject_detail,
        )
        session.node.tell(event.stream_id, [told])
        hint = {
            "type": "read_marker",
            "stream": mark.stream_id,
            "account_id": mark.account_id,
            "seq": event.subject_detail,
        }
        session.node.tell_hint(mark.stream_id, msgspec.json.encode(hint), session.account_id)
    return {"seq": command.seq}


async def typing(session: Session, command: p.Typing) -> object:
    """Tell a stream's other listeners that the account is writing. Only who listens to it may."""
    stream_id = StreamId(command.stream)
    if stream_id not in session.streams or stream_id == session.signed_in.stream_id:
        raise NotFound("There is no such stream, or the connection does not listen to it.")
    hint = {"type": "typing", "stream": stream_id, "account_id": session.account_id}
    session.node.tell_hint(stream_id, msgspec.json.encode(hint), session.account_id)
    return {}


async def listen_to_own_stream(session: Session, pin: Pin | None = None) -> OwnStream | None:
    """Listen to the account's own stream, with the session asked for again; None when it does not stand any more.

    Args:
        pin: of the stream, where it is open already; given back here.
    """
    node, stream_id = session.node, session.signed_in.stream_id
    pin = pin or node.hub.open_channel(stream_id)
    try:
        for _ in range(MOST_ATTEMPTS):
            signed_in = await node.reads.signed_in.ask(session.token_hash)
            if signed_in is None or session.is_lost:
                return None
            heard = node.hub.add_listener(pin, session, 1, signed_in.stream_seq)
            if heard is not None:
                session.streams.append(pin.channel.stream_id)
                return OwnStream(signed_in, heard)
        raise TryAgain("The account is changing.")
    finally:
        node.hub.release(pin)


async def _listen(
    session: Session, wanted: Iterable[StreamId]
) -> tuple[dict[StreamId, int], dict[StreamId, Readership]]:
    """Add the session to the streams it may read. Gives the number each is heard from, and what may be read of it."""
    hub = session.node.hub
    pins = {stream_id: hub.open_channel(stream_id) for stream_id in wanted}
    readable: dict[StreamId, Readership] = {}
    heard: dict[StreamId, int] = {}
    try:
        missing = tuple(pins)
        for _ in range(MOST_ATTEMPTS):
            found = await session.node.reads.listening.ask(ListenRequest(session.account_id, missing))
            readable |= found
            missing = tuple(_add(session, pins, found, heard))
            if not missing:
                return heard, readable
        raise TryAgain("The membership is changing.")
    finally:
        for pin in pins.values():
            hub.release(pin)


def _add(
    session: Session, pins: dict[StreamId, Pin], found: dict[StreamId, Readership], heard: dict[StreamId, int]
) -> list[StreamId]:
    """Add the session where it may listen; gives the streams whose rights must be asked for again."""
    again: list[StreamId] = []
    for stream_id, readership in found.items():
        if session.is_lost:
            return []
        pin = pins[stream_id]
        after_seq = session.node.hub.add_listener(
            pin, session, readership.reads_from_seq, readership.last_seq
        )
        if after_seq is None:
            again.append(stream_id)
            continue
        heard[stream_id] = after_seq
        if stream_id not in session.streams:
            session.streams.append(pin.channel.stream_id)
            if readership.kind == "shared":
                session.node.presence.listen(session.account_id, [stream_id])
    return again


@contextmanager
def _room_for(session: Session, wanted: frozenset[StreamId]) -> Iterator[None]:
    """Keep places for streams among those of the connection, until they are listened to. Its account's own needs none.

    Raises LimitReached when they are too many together with what other commands of the connection wait for.
    """
    limit = session.node.settings.streams_per_connection
    if len(wanted.union(session.streams, *session.awaited_streams) - {session.signed_in.stream_id}) > limit:
        raise LimitReached(
            "A connection listens to no more streams than that.", limit="subscriptions", value=limit
        )
    session.awaited_streams.append(wanted)
    try:
        yield
    finally:
        session.awaited_streams.remove(wanted)
