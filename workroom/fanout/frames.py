"""Events of one stream that follow on each other, encoded once, and its forms on the wire.

A `StreamFrame` travels from the writer to the hub of its own node and, through Redis, to the hubs of the
others. Its payload is JSON that nobody on the way looks into. Nothing here does I/O.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

from workroom.ids import AccountId, StreamId

FRAME_KIND = b"F"
HINT_KIND = b"H"
PREFIX_BYTES = 17


class StreamFrame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Consecutive events of one stream.

    Attributes:
        stream_id: whose events.
        from_seq: number of the first event.
        to_seq: number of the last event.
        full: JSON of the `events` frame, not yet framed for a WebSocket.
        oldest_subject_seq: the lowest number of an event that this frame says something about, where that is
            an event older than the frame itself (an edit, a reaction); None where it speaks of nothing older.
        redacted: the same events without the content of what is older; for listeners who read from a number
            higher than `oldest_subject_seq`. None only together with `oldest_subject_seq`.
        ends_account_id: the account whose reading ends with `to_seq`. Such an event is the last of its frame.
        sent_at_ms: wall clock in milliseconds when the oldest command of the frame arrived; 0 when not known.
    """

    stream_id: StreamId
    from_seq: int
    to_seq: int
    full: bytes
    oldest_subject_seq: int | None = None
    redacted: bytes | None = None
    ends_account_id: AccountId | None = None
    sent_at_ms: int = 0


class Hint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something without a number that is worth nothing later: typing, presence, a moved read marker.

    Attributes:
        stream_id: whose listeners are told.
        payload: JSON, not yet framed.
        except_account_id: the account that is not told, because it is the one that did it; None tells
            everybody.
    """

    stream_id: StreamId
    payload: bytes
    except_account_id: AccountId | None = None


class _FrameOfEpoch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A frame and the epoch of its numbers: a node that missed a restore must not be believed."""

    epoch: UUID
    frame: StreamFrame


_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_frame_decoder = msgspec.msgpack.Decoder(_FrameOfEpoch)
_hint_decoder = msgspec.msgpack.Decoder(Hint)


def encode_frame(frame: StreamFrame, epoch: UUID, node_id: UUID) -> bytes:
    """The frame as it goes through Redis: one byte of kind, 16 of the node it is from, then MessagePack."""
    return FRAME_KIND + node_id.bytes + _encoder.encode(_FrameOfEpoch(epoch, frame))


def encode_hint(hint: Hint, node_id: UUID) -> bytes:
    """The hint as it goes through Redis, in the same envelope."""
    return HINT_KIND + node_id.bytes + _encoder.encode(hint)


def is_from_node(message: bytes, node_id: UUID) -> bool:
    """Whether a message that came through Redis was published by that node. Cheaper than decoding it."""
    return message[1:PREFIX_BYTES] == node_id.bytes


def decode_message(message: bytes, epoch: UUID) -> StreamFrame | Hint | None:
    """Read what came through Redis; None for a frame of another epoch.

    Raises msgspec.DecodeError (also for a kind that this version does not know) when it was not written by
    us.
    """
    kind, body = message[:1], message[PREFIX_BYTES:]
    if kind == HINT_KIND:
        return _hint_decoder.decode(body)
    if kind != FRAME_KIND:
        raise msgspec.DecodeError("unknown kind of message")
    decoded = _frame_decoder.decode(body)
    return decoded.frame if decoded.epoch == epoch else None


def websocket_text_frame(payload: bytes) -> bytes:
    """One unfragmented, unmasked text frame, as a server sends it (RFC 6455, sections 5.1 and 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
