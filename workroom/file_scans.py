"""Has files looked at by clamd before anybody may fetch them; what it finds stays sealed, and is told.

While clamd does not answer, files wait: nothing is served that was not looked at. One that cannot be looked at is tried
again later, the longer the more often it failed, and does not hold up the others.
"""

from __future__ import annotations

from workroom import file_findings, messages
from workroom.clamd import find_virus
from workroom.clock import monotonic_seconds
from workroom.errors import WorkroomError
from workroom.ids import FileId
from workroom.logs import log_event
from workroom.storage.database import Database
from workroom.storage.file_store import FileStores
from workroom.stored_bytes import StoredBytes

BATCH_SIZE = 50
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 600.0


class FileScans:
    """The scans of one worker. Remembers what failed, and nothing else."""

    def __init__(self, database: Database, stores: FileStores, clamd: str) -> None:
        self._database = database
        self._stores = stores
        self._clamd = clamd
        self._failed: dict[FileId, tuple[float, float]] = {}

    async def scan_waiting(self) -> int:
        """Look at what waits, oldest first, and say how many files were looked at."""
        async with self._database.read() as reading:
            waiting = await file_findings.list_to_scan(reading, BATCH_SIZE)
        now = monotonic_seconds()
        scanned = 0
        for file in waiting:
            not_before, pause = self._failed.get(file.file_id, (0.0, FIRST_PAUSE_SECONDS))
            if now < not_before:
                continue
            try:
                await self._scan(file)
            except WorkroomError as error:
                log_event("scan_failed", file=file.file_id, code=error.code, reason=error.message)
                longer = min(pause * 2, LONGEST_PAUSE_SECONDS)
                self._failed[file.file_id] = (monotonic_seconds() + pause, longer)
                continue
            self._failed.pop(file.file_id, None)
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
