"""Invitations: links by which one person joins a room. They expire, can be revoked, and work once.

Only the hash of a link's token is stored. A link outlives its maker's membership, but works only while its maker may
invite at all. One that is unknown, used, revoked, past its time or of such a maker looks always the same.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from workroom import events, room_members, rooms
from workroom.abilities import Ability, AccountKind, has_ability, require_ability
from workroom.errors import CommandIdReused, LinkExpired, NotFound
from workroom.events import RecordedEvent
from workroom.ids import AccountId, ClientCommandId, InvitationId, RoomId, mint_invitation_id
from workroom.rooms import Actor
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

_INVITING_KINDS = [kind.value for kind in AccountKind if has_ability(kind, Ability.INVITE)]


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation just made. The token is told once, and stored nowhere."""

    invitation_id: InvitationId
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that still works."""

    invitation_id: InvitationId
    room_id: RoomId
    room_kind: str
    room_name: str
    grants_history: bool
    created_by: AccountId
    invited_by: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ListedInvitation:
    """An invitation as those who manage the room see it."""

    invitation_id: InvitationId
    created_by: AccountId
    grants_history: bool
    expires_at: datetime


async def create_invitation(
    transaction: Transaction,
    actor: Actor,
    room_id: RoomId,
    *,
    grants_history: bool,
    expires_in_hours: int,
) -> NewInvitation:
    """Make a link to a room that the actor is a member of."""
    require_ability(actor.kind, Ability.INVITE)
    await rooms.require_room(transaction, actor, room_id)
    token = secrets.token_urlsafe(32)
    invitation_id = mint_invitation_id()
    expires_at = await transaction.fetch_value(
        queries.invitations.insert_invitation,
        invitation_id=invitation_id,
        token_hash=_hash(token),
        room_id=room_id,
        grants_history=grants_history,
        created_by=actor.account_id,
        expires_in_hours=expires_in_hours,
    )
    return NewInvitation(invitation_id, token, expires_at)


async def find_invitation(transaction: Transaction, token: str) -> Invitation:
    """The invitation that a token opens; LinkExpired when there is none that still works."""
    record = await transaction.fetch_one_or_none(
        queries.invitations.find_invitation, token_hash=_hash(token), inviting_kinds=_INVITING_KINDS
    )
    if record is None:
        raise LinkExpired("This link does not work any more.")
    return Invitation(**record)


async def list_invitations(transaction: Transaction, actor: Actor, room_id: RoomId) -> list[ListedInvitation]:
    """The invitations of a room that still work, oldest first; and those that would, were their maker active again."""
    require_ability(actor.kind, Ability.INVITE)
    await rooms.require_room(transaction, actor, room_id)
    records = await transaction.fetch(queries.invitations.list_invitations, room_id=room_id)
    return [ListedInvitation(**record) for record in records]


async def revoke_invitation(transaction: Transaction, actor: Actor, invitation_id: InvitationId) -> None:
    """Make a link worthless; NotFound when it is not one of a room that the actor is a member of, or works no more."""
    require_ability(actor.kind, Ability.INVITE)
    record = await transaction.fetch_one_or_none(
        queries.invitations.find_invitation_by_id, invitation_id=invitation_id
    )
    if record is None:
        raise NotFound("There is no such invitation.")
    room = await rooms.find_room(transaction, record["room_id"])
    if not await room_members.is_member(transaction, room, actor):
        raise NotFound("There is no such invitation.")
    revoked = await transaction.execute(
        queries.invitations.revoke_invitation, invitation_id=invitation_id, revoked_by=actor.account_id
    )
    if revoked == 0:  # somebody was faster, and is in
        raise NotFound("There is no such invitation.")


async def accept_invitation(
    transaction: Transaction, actor: Actor, token: str, client_command_id: ClientCommandId
) -> tuple[RoomId, list[RecordedEvent]]:
    """Join the room. Who is a member already keeps their membership as it is, and the link stays unused."""
    used = await transaction.fetch_value(
        queries.invitations.find_used_invitation, token_hash=_hash(token), account_id=actor.account_id
    )
    if used is not None:
        return RoomId(used), []
    invitation = await find_invitation(transaction, token)
    await rooms.lock_rooms(transaction, [invitation.room_id])
    room = await rooms.find_room(transaction, invitation.room_id)
    if await room_members.is_member(transaction, room, actor):
        return room.room_id, []
    if await events.find_command(transaction, room.shared_stream_id, actor.account_id, client_command_id):
        # Had it been for this invitation, that one would be used.
        raise CommandIdReused("This client_command_id was used for another command.")
    taken = await transaction.execute(
        queries.invitations.use_invitation,
        invitation_id=invitation.invitation_id,
        used_by=actor.account_id,
        inviting_kinds=_INVITING_KINDS,
    )
    if taken == 0:
        raise LinkExpired("This link does not work any more.")
    _, recorded = await room_members.admit(
        transaction,
        room,
        actor,
        added_by=invitation.created_by,
        grants_history=invitation.grants_history,
        client_command_id=client_command_id,
    )
    return room.room_id, recorded


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
