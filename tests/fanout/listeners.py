"""Listeners that remember, frames that are short to write down, and a Postgres of a few lines to read gaps from."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from workroom.fanout.frames import StreamFrame
from workroom.ids import AccountId, StreamId

STREAM = StreamId(UUID(int=1))
OTHER_STREAM = StreamId(UUID(int=2))
PIECE_BYTES = 64 * 1024


class RememberingListener:
    """Takes what it is given. `heard` are the payloads of whole frames, `writes` how many writes they took."""

    def __init__(self, account_id: AccountId | None = None) -> None:
        self.account_id = account_id or AccountId(uuid4())
        self.writes: list[bytes] = []
        self.drops: list[tuple[StreamId, str]] = []
        self.heard_until: list[int] = []
        self.was_written = asyncio.Event()

    def write(self, data: bytes) -> None:
        assert data, "an empty write"
        self.writes.append(data)
        self.was_written.set()

    def dropped(self, stream_id: StreamId, reason: str, heard_until_seq: int) -> None:
        self.drops.append((stream_id, reason))
        self.heard_until.append(heard_until_seq)

    @property
    def is_behind(self) -> bool:
        return False

    @property
    def heard(self) -> list[str]:
        return text_payloads(b"".join(self.writes))


class TakingListener(RememberingListener):
    """Takes what it was told when it is asked whether it is behind. `most` is what it had to take at once."""

    def __init__(self, is_stuck: bool = False) -> None:
        super().__init__()
        self.is_stuck = is_stuck
        self.untaken = self.most = self.looks = 0

    def write(self, data: bytes) -> None:
        super().write(data)
        self.untaken += len(data)
        self.most = max(self.most, self.untaken)

    @property
    def is_behind(self) -> bool:
        self.looks += 1
        was_behind, self.untaken = self.untaken > PIECE_BYTES, 0
        return was_behind or self.is_stuck


class StoredEvents:
    """What a gap is read from. `failures` are raised first, one for each read.

    With `joins`, a read answers with one frame for all it found, as Postgres does with consecutive posts.
    """

    def __init__(self) -> None:
        self.frames: dict[tuple[StreamId, int], StreamFrame] = {}
        self.reads: list[tuple[StreamId, int, int]] = []
        self.failures: list[Exception] = []
        self.joins = False
        self.was_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def store(self, *frames: StreamFrame) -> None:
        for frame in frames:
            self.frames[frame.stream_id, frame.from_seq] = frame

    async def read_gap(self, stream_id: StreamId, from_seq: int, to_seq: int) -> list[StreamFrame]:
        self.reads.append((stream_id, from_seq, to_seq))
        self.was_asked.set()
        await self.may_answer.wait()
        if self.failures:
            raise self.failures.pop(0)
        numbers = range(from_seq, to_seq + 1)
        found = [self.frames[stream_id, seq] for seq in numbers if (stream_id, seq) in self.frames]
        if self.joins and found:
            return [event(found[0].from_seq, found[-1].to_seq, stream_id=stream_id)]
        return found


def event(
    seq: int, to_seq: int | None = None, *, stream_id: StreamId = STREAM, **fields: object
) -> StreamFrame:
    """A frame whose payload says its numbers: `7`, or `7-9`."""
    last = seq if to_seq is None else to_seq
    payload = f"{seq}" if last == seq else f"{seq}-{last}"
    return StreamFrame(stream_id, seq, last, payload.encode(), **fields)  # type: ignore[arg-type]


def text_payloads(data: bytes) -> list[str]:
    """The texts in bytes that a server wrote, read by the library's client; every frame must be whole and right."""
    protocol = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
    protocol.receive_data(data)
    assert protocol.parser_exc is None
    assert not protocol.reader.buffer, "a frame is cut off"
    return [bytes(each.data).decode() for each in protocol.events_received() if isinstance(each, Frame)]
