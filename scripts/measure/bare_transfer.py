"""The least that a server of files has to do, as a program of its own: the baseline of uploads and downloads.

`receive FOLDER` takes bytes from a socket, hashes the whole and each block of 1 MiB, writes them to a file and syncs
it; `send FOLDER` reads that file, hashes each block and sends it. One connection after the other, nothing else.
"""

from __future__ import annotations

import os
import socket
import sys
from hashlib import sha256
from pathlib import Path

BLOCK_BYTES = 1024 * 1024


def main() -> None:
    """Print the port, serve one connection after the other until killed."""
    path = Path(sys.argv[2]) / "bare"
    serve = {"receive": receive, "send": send}[sys.argv[1]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                serve(connection, path)


def receive(connection: socket.socket, path: Path) -> None:
    """Bytes from the line to the disk; one byte back when they are durable."""
    whole, digests, block = sha256(), [], bytearray(BLOCK_BYTES)
    with path.open("wb", buffering=0) as file:
        while count := _fill(connection, block):
            piece = memoryview(block)[:count]
            whole.update(piece)
            digests.append(sha256(piece).digest())
            file.write(piece)
        os.fsync(file.fileno())
    connection.sendall(b"!")


def send(connection: socket.socket, path: Path) -> None:
    """Bytes from the disk to the line."""
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            sha256(block).digest()
            connection.sendall(block)


def _fill(connection: socket.socket, block: bytearray) -> int:
    view, count = memoryview(block), 0
    while count < len(block) and (received := connection.recv_into(view[count:])):
        count += received
    return count


if __name__ == "__main__":
    main()
