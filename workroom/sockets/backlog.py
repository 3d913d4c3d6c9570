"""What one reader is owed: large answers that it asked for and has not taken yet.

`outbound_bytes` is the limit for what nobody asked for. What is owed comes on top of it, until little waits. So a
prompt reader is never slow because one answer is large, and what waits is bounded by the limit and the answers
of the commands that were under way. A connection that owes nothing has none of this.
"""

from __future__ import annotations

import asyncio

LITTLE_PART = 4
"""Less than this part of the limit counts as nothing: what is left then waits under the usual limit."""


class Backlog:
    """Of one connection, while it owes something. The transport tells its protocol when more than little waits, and
    when it is little again.
    """

    __slots__ = ("_limit_bytes", "_taken", "_transport", "_untaken_bytes", "owed_bytes")

    def __init__(self, transport: asyncio.Transport, outbound_bytes: int) -> None:
        self._transport = transport
        self._limit_bytes = outbound_bytes
        self.owed_bytes = 0
        self._untaken_bytes = transport.get_write_buffer_size()
        self._taken: asyncio.Future[None] | None = None
        little = outbound_bytes // LITTLE_PART
        transport.set_write_buffer_limits(high=little, low=little)

    def owe(self, byte_size: int) -> None:
        """Let so much more wait than the limit."""
        self.owed_bytes += byte_size

    def write(self, data: bytes) -> bool:
        """Write. Returns whether more waits than may."""
        self._untaken_bytes += len(data)
        self._transport.write(data)
        return self._transport.get_write_buffer_size() > self._limit_bytes + self.owed_bytes

    def has_moved(self) -> bool:
        """Whether the reader has taken anything since this was asked last, or since the beginning."""
        was_untaken, self._untaken_bytes = self._untaken_bytes, self._transport.get_write_buffer_size()
        return self._untaken_bytes < was_untaken

    async def taken(self) -> None:
        """Return at the end: all but little was taken, or the connection is gone. One may wait."""
        self._taken = asyncio.get_running_loop().create_future()
        await self._taken

    def end(self) -> None:
        """Wake whoever waits for it."""
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)
