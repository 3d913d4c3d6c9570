"""The hub: order, once, gaps, removals, and who may see what."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.fanout.listeners import (
    OTHER_STREAM,
    PIECE_BYTES,
    STREAM,
    RememberingListener,
    StoredEvents,
    TakingListener,
    event,
)
from workroom.errors import Unavailable
from workroom.fanout import channel as channel_module
from workroom.fanout import hub as hub_module
from workroom.fanout.flusher import Flusher
from workroom.fanout.frames import StreamFrame, websocket_text_frame
from workroom.fanout.hub import MEMBERSHIP_ENDED, Hub
from workroom.ids import AccountId, StreamId


class RunningHub(Hub):
    """A hub that remembers who was told of first and last listeners, and writes at once when asked."""

    def __init__(self, stored: StoredEvents, tasks: asyncio.TaskGroup) -> None:
        self.opened: list[StreamId] = []
        self.closed: list[StreamId] = []
        self.gap_reads: set[asyncio.Task[None]] = set()
        self._group = tasks
        super().__init__(stored.read_gap, self.opened.append, self.closed.append, self, Flusher())

    def create_task(self, coro: Coroutine[Any, Any, None], *, name: str | None = None) -> asyncio.Task[None]:
        task = self._group.create_task(coro, name=name)
        self.gap_reads.add(task)
        task.add_done_callback(self.gap_reads.discard)
        return task

    async def settle(self) -> None:
        """Return when every gap that is known was read, or given up, and everything is written."""
        while self.gap_reads:
            await asyncio.wait(self.gap_reads)
        self.flusher.flush()

    def listen(
        self,
        listener: RememberingListener,
        position_seq: int,
        *,
        reads_from_seq: int = 1,
        stream_id: StreamId = STREAM,
    ) -> int | None:
        pin = self.open_channel(stream_id)
        try:
            return self.add_listener(pin, listener, reads_from_seq, position_seq)
        finally:
            self.release(pin)

    def deliver_all(self, *frames: StreamFrame) -> None:
        for frame in frames:
            self.deliver(frame)
        self.flusher.flush()


@pytest.fixture
def stored() -> StoredEvents:
    return StoredEvents()


@pytest_asyncio.fixture
async def hub(stored: StoredEvents) -> AsyncIterator[RunningHub]:
    async with asyncio.TaskGroup() as tasks:
        yield RunningHub(stored, tasks)


# -- order -------------------------------------------------------------------------------------------------


async def test_what_is_delivered_in_order_is_heard_in_order(hub: RunningHub) -> None:
    listener = RememberingListener()
    assert hub.listen(listener, 4) == 4
    hub.deliver_all(event(5), event(6), event(7, 9))
    assert listener.heard == ["5", "6", "7-9"]
    assert hub.positions() == {STREAM: 9}


async def test_frames_out_of_order_are_heard_in_order_without_reading(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    hub.deliver_all(event(3), event(2), event(5), event(1), event(4))
    assert listener.heard == ["1", "2", "3", "4", "5"]
    assert stored.reads == []


async def test_what_comes_twice_is_heard_once(hub: RunningHub) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    hub.deliver_all(event(1), event(1), event(3), event(3), event(2), event(2), event(1, 3))
    assert listener.heard == ["1", "2", "3"]


async def test_a_lost_publication_is_read_once_for_all_listeners(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listeners = [RememberingListener() for _ in range(50)]
    for listener in listeners:
        hub.listen(listener, 0)
    stored.store(event(1), event(2), event(3))
    hub.deliver_all(event(4), event(5), event(6))
    await hub.settle()
    assert listeners[-1].heard == ["1", "2", "3", "4", "5", "6"]
    assert all(listener.heard == listeners[-1].heard for listener in listeners)
    assert stored.reads == [(STREAM, 1, 3)]


async def test_a_frame_that_overlaps_what_was_delivered_is_read_anew(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 3)
    stored.store(event(4), event(5))
    hub.deliver_all(event(2, 5))
    await hub.settle()
    assert listener.heard == ["4", "5"]
    assert stored.reads == [(STREAM, 4, 5)]


async def test_while_a_gap_is_being_read_it_is_not_read_again(hub: RunningHub, stored: StoredEvents) -> None:
    hub.listen(RememberingListener(), 0)
    stored.may_answer.clear()
    stored.store(event(1), event(3))
    hub.deliver_all(event(2))
    await stored.was_asked.wait()
    hub.deliver_all(event(4))
    hub.catch_up(STREAM, 4)
    assert len(hub.gap_reads) == 1
    stored.may_answer.set()
    await hub.settle()
    assert stored.reads == [(STREAM, 1, 1), (STREAM, 3, 3)]


async def test_an_early_frame_that_was_read_meanwhile_does_not_hide_the_next_gap(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    stored.store(*(event(seq) for seq in range(1, 9)))
    hub.deliver_all(event(3, 5), event(2, 6), event(1))
    await hub.settle()
    hub.deliver_all(event(8))
    await hub.settle()
    assert listener.heard == ["1", "2-6", "7", "8"]


async def test_a_gap_read_that_fails_is_tried_again(hub: RunningHub, stored: StoredEvents) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    stored.failures = [Unavailable("Postgres is away."), TimeoutError(), OSError()]
    stored.store(event(1))
    hub.deliver_all(event(2))
    await hub.settle()
    assert listener.heard == ["1", "2"]
    assert len(stored.reads) == 4


async def test_more_early_frames_than_are_kept_are_read_and_nothing_is_missing(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    frames = [event(seq) for seq in range(1, 1002)]
    stored.store(*frames)
    hub.deliver_all(*frames[1:])
    await hub.settle()
    assert listener.heard == [str(seq) for seq in range(1, 1002)]
    most_kept = channel_module.MAX_EARLY_FRAMES
    assert stored.reads[1][1] == most_kept + 2, "what was kept was used"
    assert all(to_seq - from_seq < 500 for _, from_seq, to_seq in stored.reads), "read in steps"


def large(seq: int) -> StreamFrame:
    return StreamFrame(STREAM, seq, seq, b"%05d" % seq + b"x" * (PIECE_BYTES // 3))


async def test_a_large_gap_is_told_in_pieces_that_a_reader_takes(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = TakingListener()
    hub.listen(listener, 0)
    stored.store(*map(large, range(1, 101)))
    # The last ones come early, more of them than may leave at once.
    hub.deliver_all(*map(large, range(60, 101)))
    await hub.settle()
    assert [int(payload[:5]) for payload in listener.heard] == list(range(1, 101))
    assert listener.most < 4 * PIECE_BYTES


async def test_who_never_reads_does_not_hold_a_gap_up_for_long(
    hub: RunningHub, stored: StoredEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "GAP_LOOK_SECONDS", 0)
    stuck, prompt = TakingListener(is_stuck=True), RememberingListener()
    for listener in (stuck, prompt):
        hub.listen(listener, 0)
    stored.store(*map(large, range(1, 11)))
    hub.catch_up(STREAM, 10)
    await hub.settle()
    assert [int(payload[:5]) for payload in prompt.heard] == list(range(1, 11))
    assert stuck.looks <= 10 / 2 * hub_module.GAP_LOOKS


async def test_a_gap_is_not_read_while_what_is_missing_is_on_its_way(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    hub.deliver_all(event(2))
    await asyncio.sleep(0)
    hub.deliver_all(event(1))
    await hub.settle()
    assert listener.heard == ["1", "2"]
    assert stored.reads == []


async def test_the_position_check_delivers_what_was_never_published(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 7)
    stored.store(event(8), event(9))
    hub.catch_up(STREAM, 9)
    await hub.settle()
    assert listener.heard == ["8", "9"]
    hub.catch_up(STREAM, 9)
    hub.catch_up(OTHER_STREAM, 3)
    assert stored.reads == [(STREAM, 8, 9)]


async def test_a_number_that_postgres_does_not_have_is_given_up(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    hub.deliver_all(event(1), event(9))
    await hub.settle()
    assert len(stored.reads) > 1, "tried more than once"
    reads = len(stored.reads)
    hub.deliver_all(event(2))
    await hub.settle()
    assert listener.heard == ["1", "2"]
    assert hub.positions() == {STREAM: 2}
    assert len(stored.reads) == reads


async def test_who_was_told_a_number_that_is_given_up_hears_what_comes_next(hub: RunningHub) -> None:
    first, newcomer = RememberingListener(), RememberingListener()
    hub.listen(first, 3)
    assert hub.listen(newcomer, 9) == 9
    await hub.settle()
    hub.deliver_all(event(4))
    assert newcomer.heard == ["4"]


async def test_any_order_any_repetition_any_loss_ends_in_the_same_order(
    hub: RunningHub, stored: StoredEvents
) -> None:
    chance = random.Random(7)
    for round_number in range(30):
        stream_id = StreamId(uuid4())
        frames, seq = [], 1
        while seq < 60:
            last = seq + chance.choice([0, 0, 0, 1, 4])
            frames.append(event(seq, last, stream_id=stream_id))
            seq = last + 1
        stored.store(*frames)
        arriving = [frame for frame in frames * 2 if chance.random() < 0.7]
        chance.shuffle(arriving)
        listeners = {0: RememberingListener()}
        hub.listen(listeners[0], 0, stream_id=stream_id)
        for frame in arriving:
            hub.deliver(frame)
            if chance.random() < 0.1:
                late = RememberingListener()
                heard_after = hub.listen(late, hub.positions()[stream_id], stream_id=stream_id)
                assert heard_after is not None
                listeners.setdefault(heard_after, late)
            if chance.random() < 0.2:
                await asyncio.sleep(0)
        hub.catch_up(stream_id, seq - 1)
        await hub.settle()
        assert hub.positions()[stream_id] == seq - 1
        for after_seq, listener in listeners.items():
            expected = [frame.full.decode() for frame in frames if frame.from_seq > after_seq]
            assert listener.heard == expected, f"round {round_number}, after {after_seq}"


# -- beginning to listen -----------------------------------------------------------------------------------


async def test_the_broker_is_told_before_rights_are_read_and_when_the_last_one_goes(hub: RunningHub) -> None:
    first, second = RememberingListener(), RememberingListener()
    pin = hub.open_channel(STREAM)
    assert hub.opened == [STREAM]
    hub.add_listener(pin, first, 1, 0)
    hub.release(pin)
    hub.listen(second, 0)
    assert hub.opened == [STREAM]
    hub.remove_listener(STREAM, first)
    assert hub.closed == []
    hub.remove_listener(STREAM, second)
    assert hub.closed == [STREAM]
    assert not hub.has_listeners(STREAM)


async def test_a_channel_without_rights_closes_when_it_is_released(hub: RunningHub) -> None:
    pin = hub.open_channel(STREAM)
    hub.release(pin)
    hub.release(pin)
    assert hub.closed == [STREAM]


async def test_what_comes_while_rights_are_read_is_not_lost(hub: RunningHub) -> None:
    listener = RememberingListener()
    pin = hub.open_channel(STREAM)
    hub.deliver_all(event(5), event(4), event(6, 7))
    assert hub.add_listener(pin, listener, 1, 4) == 4
    hub.release(pin)
    hub.flusher.flush()
    assert listener.heard == ["5", "6-7"]


async def test_what_was_missed_while_rights_are_read_is_read_at_once(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    pin = hub.open_channel(STREAM)
    hub.deliver_all(event(7))
    stored.store(event(5), event(6))
    hub.add_listener(pin, listener, 1, 4)
    hub.release(pin)
    await hub.settle()
    assert listener.heard == ["5", "6", "7"]


async def test_a_newcomer_hears_nothing_of_what_waits_from_before(hub: RunningHub) -> None:
    first, newcomer = RememberingListener(), RememberingListener()
    hub.listen(first, 0)
    hub.deliver(event(1))
    assert hub.listen(newcomer, 1) == 1
    hub.deliver(event(2))
    hub.flusher.flush()
    hub.deliver_all(event(3))
    assert first.heard == ["1", "2", "3"]
    assert newcomer.heard == ["2", "3"]


async def test_rights_older_than_what_was_delivered_begin_after_it(hub: RunningHub) -> None:
    first, newcomer = RememberingListener(), RememberingListener()
    hub.listen(first, 0)
    hub.deliver_all(event(1), event(2), event(3))
    assert hub.listen(newcomer, 1) == 3
    hub.deliver_all(event(4))
    assert newcomer.heard == ["4"]


async def test_rights_newer_than_what_was_delivered_hear_nothing_from_before_them(
    hub: RunningHub, stored: StoredEvents
) -> None:
    first, newcomer = RememberingListener(), RememberingListener()
    hub.listen(first, 2)
    assert hub.listen(newcomer, 5, reads_from_seq=5) == 5
    stored.store(event(3), event(4), event(5))
    hub.deliver_all(event(6))
    await hub.settle()
    assert first.heard == ["3", "4", "5", "6"]
    assert newcomer.heard == ["6"]


async def test_a_gap_is_read_in_two_where_a_newcomer_knows_the_first_part(
    hub: RunningHub, stored: StoredEvents
) -> None:
    first, newcomer = RememberingListener(), RememberingListener()
    hub.listen(first, 2)
    assert hub.listen(newcomer, 5, reads_from_seq=5) == 5
    stored.joins = True
    stored.store(*(event(seq) for seq in range(3, 9)))
    hub.catch_up(STREAM, 8)
    await hub.settle()
    assert first.heard == ["3-5", "6-8"]
    assert newcomer.heard == ["6-8"]


async def test_an_early_frame_across_a_newcomers_position_is_cut_too(
    hub: RunningHub, stored: StoredEvents
) -> None:
    first, newcomer = RememberingListener(), RememberingListener()
    hub.listen(first, 2)
    hub.deliver_all(event(4, 6))
    assert hub.listen(newcomer, 5, reads_from_seq=5) == 5
    stored.store(event(4), event(5), event(6))
    hub.deliver_all(event(3))
    await hub.settle()
    assert first.heard == ["3", "4", "5", "6"]
    assert newcomer.heard == ["6"]


async def test_a_frame_across_a_newcomers_position_is_cut_in_two(
    hub: RunningHub, stored: StoredEvents
) -> None:
    first, newcomer = RememberingListener(), RememberingListener()
    hub.listen(first, 2)
    assert hub.listen(newcomer, 4, reads_from_seq=4) == 4
    stored.store(event(3), event(4), event(5), event(6))
    hub.deliver_all(event(3, 6))
    await hub.settle()
    assert newcomer.heard == ["5", "6"]
    assert first.heard == ["3", "4", "5", "6"]


async def test_listening_twice_is_listening_once(hub: RunningHub) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    hub.deliver(event(1))
    hub.listen(listener, 0)
    hub.deliver_all(event(2))
    assert listener.heard == ["1", "2"]
    hub.remove_listener(STREAM, listener)
    assert hub.closed == [STREAM]


async def test_a_channel_that_closes_while_a_gap_is_read_stays_closed(
    hub: RunningHub, stored: StoredEvents
) -> None:
    listener = RememberingListener()
    hub.listen(listener, 0)
    stored.may_answer.clear()
    stored.store(event(1))
    hub.deliver_all(event(2))
    await stored.was_asked.wait()
    hub.remove_listener(STREAM, listener)
    stored.may_answer.set()
    await hub.settle()
    assert hub.positions() == {}
    assert listener.heard == []
    assert len(stored.reads) == 1


# -- ends of membership ------------------------------------------------------------------------------------


async def test_a_removed_account_hears_its_removal_and_nothing_after_it(hub: RunningHub) -> None:
    removed = RememberingListener()
    second_tab = RememberingListener(removed.account_id)
    stays = RememberingListener()
    for listener in (removed, second_tab, stays):
        hub.listen(listener, 0)
    hub.deliver_all(event(1), event(2, ends_account_id=removed.account_id), event(3))
    assert stays.heard == ["1", "2", "3"]
    assert removed.heard == second_tab.heard == ["1", "2"]
    assert removed.drops == second_tab.drops == [(STREAM, MEMBERSHIP_ENDED)]
    assert removed.heard_until == second_tab.heard_until == [2]


async def test_what_a_removed_account_was_told_before_comes_before_its_last_events(hub: RunningHub) -> None:
    removed = RememberingListener()
    hub.listen(removed, 0)
    hub.flusher.send(removed, websocket_text_frame(b"reply"))
    hub.deliver_all(event(1), event(2, ends_account_id=removed.account_id))
    assert removed.heard == ["reply", "1", "2"]


async def test_a_removal_that_was_lost_takes_effect_when_the_gap_is_read(
    hub: RunningHub, stored: StoredEvents
) -> None:
    removed, stays = RememberingListener(), RememberingListener()
    hub.listen(removed, 0)
    hub.listen(stays, 0)
    stored.store(event(1), event(2, ends_account_id=removed.account_id))
    hub.deliver_all(event(3), event(4))
    await hub.settle()
    assert stays.heard == ["1", "2", "3", "4"]
    assert removed.heard == ["1", "2"]


async def test_rights_read_before_a_removal_never_make_a_listener(hub: RunningHub) -> None:
    stays = RememberingListener()
    hub.listen(stays, 0)
    removed = RememberingListener()
    pin = hub.open_channel(STREAM)
    hub.deliver_all(event(1), event(2, ends_account_id=removed.account_id))
    assert hub.add_listener(pin, removed, 1, 1) is None
    hub.deliver_all(event(3))
    assert removed.heard == []
    assert hub.add_listener(pin, removed, 1, 1) is None, "asked again, and still too early"
    assert hub.add_listener(pin, removed, 4, 4) == 4, "a member again, as Postgres says later"
    hub.release(pin)


async def test_a_removal_that_waited_early_ends_a_listener_that_was_added_too_late(hub: RunningHub) -> None:
    removed = RememberingListener()
    pin = hub.open_channel(STREAM)
    hub.deliver_all(event(8, ends_account_id=removed.account_id), event(9))
    assert hub.add_listener(pin, removed, 1, 7) == 7
    hub.release(pin)
    hub.flusher.flush()
    assert removed.heard == ["8"]
    assert removed.drops == [(STREAM, MEMBERSHIP_ENDED)]


async def test_an_account_that_came_back_is_not_ended_by_its_earlier_removal(
    hub: RunningHub, stored: StoredEvents
) -> None:
    account_id = AccountId(uuid4())
    before, again = RememberingListener(account_id), RememberingListener(account_id)
    hub.listen(before, 0)
    assert hub.listen(again, 3, reads_from_seq=3) == 3
    hub.deliver_all(event(1), event(2, ends_account_id=account_id), event(3), event(4))
    assert before.heard == ["1", "2"]
    assert again.heard == ["4"]
    assert again.drops == []


# -- content that not everybody may see --------------------------------------------------------------------


async def test_an_event_about_an_older_message_reaches_who_may_not_read_that_one_redacted(
    hub: RunningHub,
) -> None:
    staff, customer, same_number = RememberingListener(), RememberingListener(), RememberingListener()
    hub.listen(staff, 20, reads_from_seq=1)
    hub.listen(customer, 20, reads_from_seq=11)
    hub.listen(same_number, 20, reads_from_seq=10)
    hub.deliver_all(event(21), event(22, oldest_subject_seq=10, redacted=b"22 redacted"), event(23))
    assert staff.heard == same_number.heard == ["21", "22", "23"]
    assert customer.heard == ["21", "22 redacted", "23"]
    assert len(customer.writes) == 1


async def test_a_gap_read_gives_the_redacted_variant_too(hub: RunningHub, stored: StoredEvents) -> None:
    staff, customer = RememberingListener(), RememberingListener()
    hub.listen(staff, 20, reads_from_seq=1)
    hub.listen(customer, 20, reads_from_seq=15)
    stored.store(event(21, oldest_subject_seq=3, redacted=b"21 redacted"))
    hub.deliver_all(event(22))
    await hub.settle()
    assert staff.heard == ["21", "22"]
    assert customer.heard == ["21 redacted", "22"]


async def test_a_variant_that_is_missing_is_nothing_rather_than_everything(hub: RunningHub) -> None:
    customer = RememberingListener()
    hub.listen(customer, 20, reads_from_seq=15)
    hub.deliver_all(event(21, oldest_subject_seq=3, redacted=None), event(22))
    assert customer.heard == ["22"]


async def test_a_removed_newcomer_gets_its_last_bytes_redacted(hub: RunningHub) -> None:
    removed = RememberingListener()
    hub.listen(removed, 20, reads_from_seq=15)
    hub.deliver(event(21, oldest_subject_seq=3, redacted=b"21 redacted"))
    hub.deliver_all(event(22, ends_account_id=removed.account_id), event(23))
    assert removed.heard == ["21 redacted", "22"]


# -- hints -------------------------------------------------------------------------------------------------


async def test_a_hint_reaches_everybody_but_the_one_who_caused_it(hub: RunningHub) -> None:
    author, reader = RememberingListener(), RememberingListener()
    hub.listen(author, 0)
    hub.listen(reader, 0)
    hub.deliver(event(1))
    hub.deliver_hint(STREAM, b"typing", except_account=author.account_id)
    hub.deliver_hint(STREAM, b"presence")
    hub.deliver_hint(OTHER_STREAM, b"nobody listens")
    hub.flusher.flush()
    assert author.heard == ["1", "presence"]
    assert reader.heard == ["1", "typing", "presence"]


async def test_a_hint_alone_is_no_write_to_the_one_who_caused_it(hub: RunningHub) -> None:
    author = RememberingListener()
    hub.listen(author, 0)
    hub.deliver_hint(STREAM, b"typing", except_account=author.account_id)
    hub.flusher.flush()
    assert author.writes == []
