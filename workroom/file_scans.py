"""Has files looked at by clamd before anybody may fetch them; what it finds stays sealed, and is told.

While clamd is away, files wait: nothing is served that was not looked at. One that cannot be looked at is tried again
later (`file_failures.py`), and does not hold up the others.
"""

from __future__ import annotations

from workroom import file_findings, messages
from workroom.clamd import ScannerAway, find_virus
from workroom.errors import WorkroomError
from workroom.file_failures import FileFailures
from workroom.logs import log_event
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.stored_bytes import StoredBytes

BATCH_SIZE = 50
FIRST_PAUSE_SECONDS = 2.0


class FileScans:
    """The scans of one worker. Remembers what failed, and nothing else."""

    def __init__(self, database: Database, stores: FileStores, clamd: str) -> None:
        self._database = database
        self._stores = stores
        self._clamd = clamd
        self._failures = FileFailures(FIRST_PAUSE_SECONDS)

    async def scan_waiting(self) -> int:
        """Look at what waits, oldest first, and say how many files were looked at.

        Raises ScannerAway: that says nothing of any file, and all of them wait for it.
        """
        async with self._database.read() as reading:
            waiting = await file_findings.list_to_scan(reading, BATCH_SIZE, self._failures.begin_round())
        scanned = 0
        for file in waiting:
            try:
                await self._scan(file)
            except ScannerAway:
                raise
            except WorkroomError as error:
                self._failures.add(file.file_id, error)
                log_event("scan_failed", file=file.file_id, code=error.code, reason=error.message)
            else:
                scanned += 1
        return scanned

    async def _scan(self, file: file_findings.WaitingFile) -> None:
        content = StoredBytes(self._database, self._stores).read(
            file.file_id, file.byte_size, 0, file.byte_size
        )
        is_infected = await find_virus(self._clamd, content)
        async with self._database.transaction() as transaction:
            stream_id = await file_findings.find_stream(transaction, file.file_id)
            if stream_id is None:
                return
            await messages.lock_rooms_of(transaction, [stream_id])
            await file_findings.record_scan(transaction, file.file_id, is_infected=is_infected)
        if is_infected:
            log_event("file_infected", file=file.file_id)
