"""Between the nodes: what happened here is published to Redis, what happened elsewhere is heard from there.

Redis is a hint. Frames carry their numbers, so that whoever hears them knows what is missing, and after every
loss of the listening connection the node is told that there may be a gap. Presence and throttle use the same
Redis link.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import msgspec

from workroom import metrics
from workroom.errors import Unavailable
from workroom.fanout.frames import (
    Hint,
    StreamFrame,
    decode_message,
    encode_frame,
    encode_hint,
    is_from_node,
)
from workroom.fanout.listening_link import LinkOwner
from workroom.fanout.publisher import Publisher
from workroom.fanout.redis_client import REDIS_ERRORS, RedisLink
from workroom.fanout.subscriber import Subscriber
from workroom.ids import StreamId
from workroom.logs import log_event
from workroom.settings import Settings

BEAT = b"B"
BEAT_SECONDS = 1.0
DEAF_SECONDS = 4.0


class Broker:
    """One for each node. `run` must run; until Redis answers, everything published is dropped and counted.

    Args:
        settings: where Redis is, and how long it may take.
        installation_id: what the names of all channels and keys begin with.
        epoch: the installation's; frames of another are not believed.
        node_id: of this process; what it published itself is not heard again.
        on_frame: takes a frame of another node.
        on_hint: takes a hint of another node.
        on_gap: called when something may have been missed: at the beginning, and after every loss.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        installation_id: UUID,
        epoch: UUID,
        node_id: UUID,
        on_frame: Callable[[StreamFrame], None],
        on_hint: Callable[[Hint], None],
        on_gap: Callable[[], None],
        beat_seconds: float = BEAT_SECONDS,
        deaf_seconds: float = DEAF_SECONDS,
    ) -> None:
        assert settings.redis_url is not None
        self.redis = RedisLink(
            settings.redis_url,
            is_cluster=settings.redis_cluster,
            timeout_seconds=settings.redis_seconds,
            max_connections=settings.redis_connections,
        )
        self.prefix = f"workroom:{installation_id.hex}:".encode()
        self._node_id = node_id
        self._epoch = epoch
        self._on_frame = on_frame
        self._on_hint = on_hint
        self._on_gap = on_gap
        self._publisher = Publisher(self.redis)
        beat = BEAT + node_id.bytes
        owner = LinkOwner(
            on_message=self._take,
            on_active=self._note_gap,
            send_beat=lambda channel: self._publisher.put(channel, beat),
            beat_seconds=beat_seconds,
            deaf_seconds=deaf_seconds,
        )
        self._subscriber = Subscriber(self.redis, self.prefix + b"node:" + node_id.hex.encode(), owner)

    async def run(self) -> None:
        """Publish and listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publisher.run(), name="redis publisher")
            group.create_task(self._subscriber.run(), name="redis subscriber")

    async def close(self) -> None:
        """Close every connection to Redis, when nothing runs any more that uses one."""
        await self.redis.close()

    async def ask(self) -> None:
        """Return when Redis answers. Raises Unavailable when it does not, within the settings' time-out."""
        try:
            await self.redis.ask()
        except REDIS_ERRORS:
            raise Unavailable("Redis does not answer.") from None

    @property
    def is_listening(self) -> bool:
        """Whether what others publish is heard just now, as far as is known."""
        return self._subscriber.is_active

    def subscribe(self, stream_id: StreamId) -> None:
        """Hear a stream: the hub's first listener."""
        self._subscriber.want(self._channel(stream_id))

    def unsubscribe(self, stream_id: StreamId) -> None:
        """Hear it no more: the hub's last listener has gone."""
        self._subscriber.unwant(self._channel(stream_id))

    def publish_frame(self, frame: StreamFrame) -> None:
        """Tell the other nodes what was committed. Never waits."""
        message = encode_frame(frame, self._epoch, self._node_id)
        self._publisher.put(self._channel(frame.stream_id), message)

    def publish_hint(self, hint: Hint) -> None:
        """Tell the other nodes something without a number. Never waits."""
        self._publisher.put(self._channel(hint.stream_id), encode_hint(hint, self._node_id))

    def _channel(self, stream_id: StreamId) -> bytes:
        return self.prefix + stream_id.hex.encode()

    def _take(self, message: bytes) -> None:
        if is_from_node(message, self._node_id):
            return
        try:
            heard = decode_message(message, self._epoch)
        except msgspec.DecodeError:
            log_event("redis_message_unreadable", logging.WARNING, bytes=len(message))
            return
        if isinstance(heard, StreamFrame):
            self._on_frame(heard)
        elif isinstance(heard, Hint):
            self._on_hint(heard)

    def _note_gap(self) -> None:
        metrics.redis_gaps.inc()
        self._on_gap()
