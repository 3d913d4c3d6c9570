"""A real clamd for tests, with signatures of our own and no others: the public ones are too large to be fetched here.

It is told to say so where it could not look at everything in an archive, as docs/settings.md asks for.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

VIRUS = b"WORKROOM-TEST-VIRUS-7d0f3c"
# The industry's own test file (https://www.eicar.org/download-anti-malware-testfile/), harmless; in two parts, so
# that no scanner takes this file for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"
LONGEST_BYTES = 1_000_000
LONGEST_UNPACKED_BYTES = 20_000_000
START_SECONDS = 60.0


def find_clamd() -> str | None:
    """Where the system's clamd is."""
    return shutil.which("clamd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@asynccontextmanager
async def run_scanner(folder: Path) -> AsyncIterator[str]:
    """A running clamd that knows `VIRUS`, by the address that WORKROOM_CLAMD would have."""
    clamd = find_clamd()
    assert clamd is not None
    signatures = folder / "signatures"
    signatures.mkdir(parents=True)
    (signatures / "own.ndb").write_text(f"Workroom.Test:0:*:{VIRUS.hex()}\nEicar.Test:0:0:{EICAR.hex()}\n")
    socket, configuration = folder / "clamd.sock", folder / "clamd.conf"
    configuration.write_text(
        f"DatabaseDirectory {signatures}\nLocalSocket {socket}\nForeground yes\n"
        f"StreamMaxLength {LONGEST_BYTES}\nMaxThreads 2\nTemporaryDirectory {folder}\n"
        f"MaxScanSize {LONGEST_UNPACKED_BYTES}\nMaxFileSize {LONGEST_UNPACKED_BYTES}\nAlertExceedsMax yes\n"
    )
    with (folder / "clamd.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            clamd, "-c", str(configuration), stdout=log, stderr=log
        )
        try:
            await _wait_for(socket, process, folder)
            yield f"unix:{socket}"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _wait_for(socket: Path, process: asyncio.subprocess.Process, folder: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(str(socket))
            except OSError:
                assert process.returncode is None, (folder / "clamd.log").read_text()
                try:
                    await asyncio.wait_for(process.wait(), 0.1)
                except TimeoutError:
                    continue
            else:
                writer.close()
                return
