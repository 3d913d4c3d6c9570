"""What an invitation's link shows to whoever holds it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.people import actor_of, make_room
from tests.web.conftest import Browser, People
from workroom import invitations
from workroom.node import Node


async def test_it_shows_room_and_inviter_before_anybody_signs_in(
    browser: Browser, people: People, node: Node
) -> None:
    staff = await people.make(name="Otto Brandt")
    room_id = await make_room(node.database, staff)
    async with node.transaction() as work:
        invitation = await invitations.create_invitation(
            work.transaction, actor_of(staff), room_id, grants_history=True, expires_in_hours=5
        )
    answer = await browser.ask("POST", "/api/invitation", {"token": invitation.token})
    assert answer.status == 200
    shown = answer.json()
    expires_at = datetime.fromisoformat(shown.pop("expires_at"))
    assert 4.9 < (expires_at - datetime.now(UTC)).total_seconds() / 3600 < 5.1
    assert shown == {
        "room_name": "The room",
        "kind": "shared",
        "invited_by": "Otto Brandt",
        "grants_history": True,
    }
    async with node.transaction() as work:
        await invitations.revoke_invitation(work.transaction, actor_of(staff), invitation.invitation_id)
    assert (await browser.ask("POST", "/api/invitation", {"token": invitation.token})).status == 410


@pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 4000])
async def test_one_that_does_not_work_looks_always_the_same(token: str, browser: Browser) -> None:
    answer = await browser.ask("POST", "/api/invitation", {"token": token})
    assert (answer.status, answer.json()["error"]) == (
        410,
        {
            "code": "link_expired",
            "message": "This link does not work any more.",
            "retry": False,
            "params": {},
        },
    )
