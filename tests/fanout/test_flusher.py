"""When things leave, and in how many writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest_asyncio

from tests.fanout.listeners import OTHER_STREAM, STREAM, RememberingListener, StoredEvents, event
from workroom import metrics
from workroom.event_frames import FRAME_BYTES, ToldEvent, frame_events
from workroom.fanout import hub as hub_module
from workroom.fanout.flusher import Flusher
from workroom.fanout.frames import websocket_text_frame
from workroom.fanout.hub import Hub
from workroom.ids import StreamId


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[Hub]:
    async with asyncio.TaskGroup() as tasks:
        yield Hub(StoredEvents().read_gap, lambda _: None, lambda _: None, tasks, Flusher(0.03, 0.05))


def listen(hub: Hub, listener: RememberingListener, stream_id: StreamId = STREAM) -> None:
    pin = hub.open_channel(stream_id)
    hub.add_listener(pin, listener, 1, 0)
    hub.release(pin)


def a_post(seq: int) -> ToldEvent:
    return ToldEvent(
        seq=seq,
        kind="message_posted",
        actor_id=UUID(int=7),
        at=datetime(2026, 11, 23, tzinfo=UTC),
        text="x" * 400,
    )


async def test_while_nothing_goes_on_a_frame_leaves_in_the_next_turn_of_the_loop(hub: Hub) -> None:
    listener = RememberingListener()
    listen(hub, listener)
    hub.deliver(event(1))
    assert listener.writes == []
    await asyncio.sleep(0)
    assert listener.heard == ["1"]


async def test_what_one_turn_brings_leaves_in_one_write(hub: Hub) -> None:
    listeners = [RememberingListener() for _ in range(3)]
    for listener in listeners:
        listen(hub, listener)
    for seq in range(1, 101):
        hub.deliver(event(seq))
    await asyncio.sleep(0)
    assert all(len(listener.writes) == 1 and len(listener.heard) == 100 for listener in listeners)


async def test_the_frames_of_one_large_commit_leave_in_one_write(hub: Hub) -> None:
    listener = RememberingListener()
    listen(hub, listener)
    for frame in frame_events(STREAM, [a_post(seq) for seq in range(1, 301)]):
        hub.deliver(frame)
    await asyncio.sleep(0)
    assert [len(write) > 2 * FRAME_BYTES for write in listener.writes] == [True]


async def test_after_a_flush_what_comes_is_gathered(hub: Hub) -> None:
    listener = RememberingListener()
    listen(hub, listener)
    hub.deliver(event(1))
    await asyncio.sleep(0)
    for seq in range(2, 7):
        hub.deliver(event(seq))
        await asyncio.sleep(0)
    assert listener.heard == ["1"]
    listener.was_written.clear()
    await listener.was_written.wait()
    assert listener.heard == ["1", "2", "3", "4", "5", "6"]
    assert len(listener.writes) == 2


async def test_several_streams_and_a_reply_leave_in_one_write_the_reply_first(hub: Hub) -> None:
    both, one = RememberingListener(), RememberingListener()
    listen(hub, both)
    listen(hub, both, OTHER_STREAM)
    listen(hub, one)
    hub.deliver(event(1))
    hub.deliver(event(1, stream_id=OTHER_STREAM))
    hub.flusher.send(both, websocket_text_frame(b"reply 1"))
    hub.flusher.send(both, websocket_text_frame(b"reply 2"))
    await asyncio.sleep(0)
    assert both.heard == ["reply 1", "reply 2", "1", "1"]
    assert len(both.writes) == 1
    assert one.heard == ["1"]


async def test_a_reply_and_one_stream_leave_in_one_write(hub: Hub) -> None:
    author, reader, outsider = RememberingListener(), RememberingListener(), RememberingListener()
    listen(hub, author)
    listen(hub, reader)
    hub.deliver(event(1))
    hub.flusher.send(author, websocket_text_frame(b"reply"))
    hub.flusher.send(outsider, websocket_text_frame(b"reply"))
    await asyncio.sleep(0)
    assert author.heard == ["reply", "1"]
    assert len(author.writes) == 1
    assert reader.heard == ["1"]
    assert outsider.heard == ["reply"]


async def test_a_channel_that_holds_much_does_not_wait(hub: Hub) -> None:
    listener = RememberingListener()
    listen(hub, listener)
    hub.deliver(event(1))
    await asyncio.sleep(0)
    seq = 2
    while len(listener.writes) == 1:
        hub.deliver(event(seq))
        seq += 1
    waited = len(listener.writes[-1])
    assert hub_module.MAX_PENDING_BYTES <= waited < hub_module.MAX_PENDING_BYTES + 100


async def test_what_waits_for_one_that_is_closed_can_be_taken_back(hub: Hub) -> None:
    closed = RememberingListener()
    hub.flusher.send(closed, b"reply")
    assert hub.flusher.take_direct(closed) == b"reply"
    await asyncio.sleep(0)
    assert closed.writes == []


async def test_deliveries_are_counted_in_events_and_listeners(hub: Hub) -> None:
    before = metrics.deliveries._value.get()
    for listener in [RememberingListener() for _ in range(4)]:
        listen(hub, listener)
    hub.deliver(event(1, 3))
    hub.deliver(event(4))
    await asyncio.sleep(0)
    assert metrics.deliveries._value.get() - before == 16


async def test_a_listener_that_goes_during_a_flush_disturbs_nobody(hub: Hub) -> None:
    class Leaver(RememberingListener):
        def write(self, data: bytes) -> None:
            super().write(data)
            hub.remove_listener(STREAM, self)

    listeners = [RememberingListener(), Leaver(), RememberingListener(), Leaver(), RememberingListener()]
    for listener in listeners:
        listen(hub, listener)
    hub.deliver(event(1))
    await asyncio.sleep(0)
    assert [listener.heard for listener in listeners] == [["1"]] * 5
