"""`/api/compliance/audit`: who did what, on what, when and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from workroom import audit, audit_export
from workroom.abilities import Ability
from workroom.audit import MAX_PAGE_ENTRIES, Act, AuditEntry, EntryFilter, Subject
from workroom.file_names import content_disposition
from workroom.ids import AccountId
from workroom.records import list_actors, name_all
from workroom.storage.database import Database
from workroom.web.compliance.officer_requests import (
    asked_id,
    asked_instant,
    asked_number,
    asked_text,
    require_officer,
)
from workroom.web.error_responses import JsonResponse
from workroom.web.running import running_node

PAGE_ENTRIES = 100
HIGHEST_NUMBER = 2**62
EXPORT_NAME = "workroom-audit.jsonl"


async def list_entries(request: Request) -> Response:
    """GET: a page of the audit log, newest first; `?before=<entry_number>` gives the next while `more`."""
    await require_officer(request, Ability.READ_AUDIT)
    actor_id = asked_id(request, "actor")
    wanted = EntryFilter(
        act=asked_text(request, "act"),
        actor_id=None if actor_id is None else AccountId(actor_id),
        subject_id=asked_id(request, "subject"),
        recorded_from=asked_instant(request, "from"),
        recorded_until=asked_instant(request, "until"),
    )
    before = asked_number(request, "before", HIGHEST_NUMBER)
    limit = asked_number(request, "limit", MAX_PAGE_ENTRIES) or PAGE_ENTRIES
    async with running_node(request).database.read() as reading:
        found = await audit.list_entries(reading, wanted, before=before, limit=limit + 1)
        names = await name_all(reading, _mentioned(found[:limit]))
    return JsonResponse({"entries": found[:limit], "names": names, "more": len(found) > limit})


async def show_filters(request: Request) -> Response:
    """GET: what the log can be filtered by: every act there is, and everybody who acted."""
    await require_officer(request, Ability.READ_AUDIT)
    async with running_node(request).database.read() as reading:
        actors = await list_actors(reading)
    return JsonResponse({"acts": list(Act), "actors": actors})


async def export_log(request: Request) -> Response:
    """POST: the whole log as a file that can be verified without us. The export is an entry of it."""
    by = await require_officer(request, Ability.READ_AUDIT)
    node = running_node(request)
    async with node.transaction() as work:
        await audit.record_act(work.transaction, by, Act.AUDIT_EXPORTED, Subject("audit_log"))
    return StreamingResponse(
        _lines(node.database),
        media_type="application/jsonl",
        headers={
            "content-disposition": content_disposition(EXPORT_NAME, inline=False),
            "cache-control": "no-store",
        },
    )


async def _lines(database: Database) -> AsyncIterator[bytes]:
    async with database.read() as reading:
        async for line in audit_export.export_log(reading):
            yield line


def _mentioned(entries: Iterable[AuditEntry]) -> Iterator[UUID | None]:
    for entry in entries:
        yield entry.actor_id
        yield entry.subject.subject_id
        yield from _ids_in(entry.facts)


def _ids_in(value: Any) -> Iterator[UUID]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _ids_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _ids_in(each)
    elif isinstance(value, str) and len(value) == 36:
        try:
            yield UUID(value)
        except ValueError:
            return
