"""`/api/labels`: a retention class of its own for a message or a file. For customers these doors do not exist.

Staff label what they may read; compliance what it has opened, or knows the id of.
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import labels, retention
from workroom.abilities import Ability, has_ability
from workroom.audit import Initiator, by_session
from workroom.errors import NotFound
from workroom.ids import FileId, MessageId, RetentionClassId
from workroom.web.authentication import require_signed_in
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import running_node


class NewLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The class; None takes the label away."""

    class_id: UUID | None


class LabelClass(msgspec.Struct, frozen=True):
    """A class that something can be labelled with."""

    class_id: UUID
    name: str
    counted_from: str
    keep_days: int | None
    destroy_days: int | None


async def show_label(request: Request) -> Response:
    """GET: the label that a message has, and the classes there are."""
    by = await _require_labeller(request)
    message_id = MessageId(request.path_params["message_id"])
    async with running_node(request).transaction() as work:
        class_id = await labels.find_label(work.transaction, by, message_id)
        classes = await retention.list_classes(work.transaction)
    offered = [
        LabelClass(kept.class_id, kept.name, kept.counted_from.value, kept.keep_days, kept.destroy_days)
        for kept, _ in classes
        if kept.removed_at is None or kept.class_id == class_id
    ]
    return JsonResponse({"class_id": class_id, "classes": offered})


async def label_message(request: Request) -> Response:
    """PATCH: a message gets a label, or loses it."""
    by = await _require_labeller(request)
    class_id = _class_of(await read_json(request, NewLabel))
    async with running_node(request).transaction() as work:
        await labels.label_message(
            work.transaction, by, MessageId(request.path_params["message_id"]), class_id
        )
    return Response(status_code=204)


async def label_file(request: Request) -> Response:
    """PATCH: a file that a message has claimed gets a label, or loses it."""
    by = await _require_labeller(request)
    class_id = _class_of(await read_json(request, NewLabel))
    async with running_node(request).transaction() as work:
        await labels.label_file(work.transaction, by, FileId(request.path_params["file_id"]), class_id)
    return Response(status_code=204)


async def _require_labeller(request: Request) -> Initiator:
    signed_in = await require_signed_in(request)
    if not has_ability(signed_in.kind, Ability.LABEL_CONTENT):
        raise NotFound("There is no such thing here.")
    return by_session(signed_in.account_id, signed_in.session_id)


def _class_of(asked: NewLabel) -> RetentionClassId | None:
    return None if asked.class_id is None else RetentionClassId(asked.class_id)
