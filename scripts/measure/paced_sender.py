"""Uploads of somebody else, at a steady pace: by a program of its own, so that it does not disturb who listens.

`python -m scripts.measure.paced_sender PORT COOKIE STREAM COUNT BYTES_PER_SECOND SECONDS` begins so many uploads, says
`sending`, sends zeros for so long, and says at how many bytes a second each of them was taken in the end.
"""

from __future__ import annotations

import base64
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass

PIECE = bytes(64 * 1024)
NICENESS = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one upload is sent, and for how long."""

    bytes_per_second: int
    seconds: float

    @property
    def byte_size(self) -> int:
        """How many bytes that is."""
        return int(self.bytes_per_second * self.seconds)


def main() -> int:
    """Send all of them side by side; 1 where one was not received."""
    port, cookie, stream, count, bytes_per_second, seconds = sys.argv[1:]
    os.nice(NICENESS)  # on the load's core whoever listens to the chat comes first
    pace = Pace(int(bytes_per_second), float(seconds))
    lines = [begin_upload(int(port), cookie, stream, pace.byte_size) for _ in range(int(count))]
    print("sending", flush=True)
    began = time.perf_counter()
    received: list[bool] = []
    threads = [threading.Thread(target=lambda line=line: received.append(send(line, pace))) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(pace.byte_size / (time.perf_counter() - began), flush=True)
    return 0 if received == [True] * len(lines) else 1


def begin_upload(port: int, cookie: str, stream: str, byte_size: int) -> socket.socket:
    """A line with the head of a creation that brings all its bytes; they are still to come."""
    line = socket.create_connection(("127.0.0.1", port))
    encoded = [base64.b64encode(each.encode()).decode() for each in ("zeros.bin", stream)]
    line.sendall(
        f"POST /api/uploads HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n"
        f"cookie: {cookie}\r\ntus-resumable: 1.0.0\r\nupload-length: {byte_size}\r\n"
        f"upload-metadata: filename {encoded[0]},stream {encoded[1]}\r\n"
        f"content-type: application/offset+octet-stream\r\ncontent-length: {byte_size}\r\n\r\n".encode()
    )
    return line


def send(line: socket.socket, pace: Pace) -> bool:
    """Send the bytes at their pace, and say whether the answer is that the file was received."""
    began, sent = time.perf_counter(), 0
    while sent < pace.byte_size:
        piece = PIECE[: pace.byte_size - sent]
        line.sendall(piece)
        sent += len(piece)
        time.sleep(max(0.0, began + sent / pace.bytes_per_second - time.perf_counter()))
    answer = line.recv(4096)
    line.close()
    return b" 201 " in answer[:20]


if __name__ == "__main__":
    sys.exit(main())
