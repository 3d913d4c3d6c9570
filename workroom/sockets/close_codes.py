"""Why a connection is closed, each with a number, and whether the client should come back. The one list.

Codes from 4000 on are ours (RFC 6455, section 7.4.2); docs/protocol.md has the same table, by test.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import IntEnum

import msgspec

ABNORMAL = 1006
"""What is told where the line ended without a close frame; never sent (RFC 6455, section 7.4.1)."""


class CloseCode(IntEnum):
    """The codes that the server closes with."""

    PROTOCOL_ERROR = 1002
    INVALID_DATA = 1007
    TOO_BIG = 1009
    SERVICE_RESTART = 1012
    SIGNED_OUT = 4001
    ACCOUNT_DEACTIVATED = 4002
    SESSION_CHANGED = 4003
    TOO_MANY_CONNECTIONS = 4004
    MALFORMED_FRAME = 4005
    RATE_EXCEEDED = 4006
    SLOW_CONSUMER = 4008
    HEARTBEAT_LOST = 4009
    SIGN_IN_REQUIRED = 4010


@dataclass(frozen=True, slots=True)
class Return:
    """Whether to come back, and after how many milliseconds at the earliest (picked up to `spread_ms` later)."""

    reconnect: bool
    not_before_ms: int = 0
    spread_ms: int = 0


RETURNS: dict[CloseCode, Return] = {
    CloseCode.PROTOCOL_ERROR: Return(False),
    CloseCode.INVALID_DATA: Return(False),
    CloseCode.TOO_BIG: Return(False),
    CloseCode.SERVICE_RESTART: Return(True, 200, 3_000),
    CloseCode.SIGNED_OUT: Return(False),
    CloseCode.ACCOUNT_DEACTIVATED: Return(False),
    CloseCode.SESSION_CHANGED: Return(True),
    CloseCode.TOO_MANY_CONNECTIONS: Return(False),
    CloseCode.MALFORMED_FRAME: Return(False),
    CloseCode.RATE_EXCEEDED: Return(True, 5_000, 5_000),
    CloseCode.SLOW_CONSUMER: Return(True, 0, 1_000),
    CloseCode.HEARTBEAT_LOST: Return(True, 0, 1_000),
    CloseCode.SIGN_IN_REQUIRED: Return(False),
}


def reason_of(code: int) -> str:
    """The code's name as it stands in the close frame."""
    return CloseCode(code).name.lower()


def encode_goodbye(code: int) -> bytes:
    """What is said before a close, because a browser may see 1006 and lose the code."""
    chosen = RETURNS[CloseCode(code)]
    not_before_ms = chosen.not_before_ms + random.randint(0, chosen.spread_ms)
    return msgspec.json.encode(
        {
            "type": "goodbye",
            "code": code,
            "reason": reason_of(code),
            "reconnect": chosen.reconnect,
            "not_before_ms": not_before_ms,
        }
    )
