"""Sessions: who is signed in, by a token that only the browser knows.

A token is 256 random bits; what is stored is its SHA-256, so that whoever reads the database can sign in as
nobody. A session ends when it is ended or expires, or when its account is deactivated; nothing caches that
it holds. An end is an event (`sessions_ended`) in the account's own stream: on every node its sockets have
to show again that they stand.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from workroom import audit, events
from workroom.abilities import AccountKind
from workroom.audit import Act, Subject
from workroom.errors import SignInRefused, SignInRequired
from workroom.events import NewEvent, RecordedEvent
from workroom.ids import AccountId, CustomerId, StreamId
from workroom.storage.database import Transaction
from workroom.storage.queries import queries

TOKEN_BYTES = 32
POWERFUL_KINDS = frozenset({AccountKind.COMPLIANCE, AccountKind.ADMIN})


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that has just begun. The token is told to the browser once and to nobody else."""

    session_id: UUID
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in by a session; `stream_seq` is the position of the account's stream in the same snapshot."""

    session_id: UUID
    account_id: AccountId
    kind: AccountKind
    customer_id: CustomerId | None
    display_name: str
    stream_id: StreamId
    stream_seq: int
    expires_at: datetime


def mint_token() -> str:
    """A secret for a cookie or a link: 256 random bits in 43 characters that may stand in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> bytes:
    """What is stored of a token. A plain SHA-256 is enough: nobody can guess 256 bits."""
    return hashlib.sha256(token.encode()).digest()


async def start_session(
    transaction: Transaction, account_id: AccountId, *, days: int, checked_password_hash: str | None = None
) -> NewSession:
    """Begin a session of an account. One of an account with power over others is recorded in the audit log.

    Args:
        days: how long it holds where nobody prolongs it.
        checked_password_hash: what the password was compared with before this transaction began. A password that was
            changed meanwhile starts no session.

    Raises:
        SignInRefused: the account is deactivated, or its password was changed meanwhile.
    """
    if checked_password_hash is not None:
        found = await transaction.fetch_value(
            queries.credentials.lock_password, account_id=account_id, password_hash=checked_password_hash
        )
        if found is None:
            raise SignInRefused("The password was changed at the same moment.")
    token = mint_token()
    record = await transaction.fetch_one_or_none(
        queries.sessions.insert_session, token_hash=hash_token(token), account_id=account_id, days=days
    )
    if record is None:
        raise SignInRefused("The account is deactivated.")
    if record["kind"] in POWERFUL_KINDS:
        by = audit.by_session(account_id, record["session_id"])
        facts = {"kind": record["kind"]}
        await audit.record_act(transaction, by, Act.SIGNED_IN, Subject("account", account_id), facts)
    return NewSession(record["session_id"], token, record["expires_at"])


async def find_sessions(transaction: Transaction, token_hashes: Sequence[bytes]) -> dict[bytes, SignedIn]:
    """Who is signed in with each of these tokens; all others are left out. One query for all."""
    records = await transaction.fetch(queries.sessions.find_sessions, token_hashes=list(token_hashes))
    return {
        record["token_hash"]: SignedIn(
            session_id=record["session_id"],
            account_id=record["account_id"],
            kind=AccountKind(record["kind"]),
            customer_id=record["customer_id"],
            display_name=record["display_name"],
            stream_id=record["stream_id"],
            stream_seq=record["stream_seq"],
            expires_at=record["expires_at"],
        )
        for record in records
    }


async def find_session(transaction: Transaction, token: str) -> SignedIn | None:
    """Who is signed in with this token, or None."""
    token_hash = hash_token(token)
    return (await find_sessions(transaction, [token_hash])).get(token_hash)


async def prolong_sessions(
    transaction: Transaction, session_ids: Sequence[UUID], *, days: int, idle_days: int
) -> int:
    """Let sessions that are in use hold on for so many idle days from now, and none longer than `days` in all.

    Writes only what moves by an hour or more, and gives how many did: it may be called at every use.
    """
    return await transaction.execute(
        queries.sessions.prolong_sessions, session_ids=list(session_ids), days=days, idle_days=idle_days
    )


async def is_account_active(transaction: Transaction, account_id: AccountId) -> bool:
    """Whether the account is there and not deactivated: to say why its sessions do not stand."""
    is_active: bool = await transaction.fetch_value(queries.sessions.is_account_active, account_id=account_id)
    return is_active


async def end_session(transaction: Transaction, signed_in: SignedIn) -> list[RecordedEvent]:
    """End one session: signing out. A second time changes nothing and records nothing."""
    await events.lock_streams(transaction, [signed_in.stream_id])
    if not await transaction.execute(queries.sessions.end_session, session_id=signed_in.session_id):
        return []
    return await events.record_events(
        transaction, [sessions_ended(signed_in.account_id, signed_in.stream_id)]
    )


async def end_all_by(transaction: Transaction, signed_in: SignedIn) -> list[RecordedEvent]:
    """End every session of an account on the word of one of them; SignInRequired when that one stands no more."""
    # Whoever ends a session locks this stream first: what is found under its lock holds.
    await events.lock_streams(transaction, [signed_in.stream_id])
    if not await transaction.fetch_value(queries.sessions.has_session, session_id=signed_in.session_id):
        raise SignInRequired("The session has ended.")
    return await end_every_session(transaction, signed_in.account_id, signed_in.stream_id)


async def end_every_session(
    transaction: Transaction, account_id: AccountId, stream_id: StreamId
) -> list[RecordedEvent]:
    """End every session of an account: signing out everywhere. Recorded only when there was one to end."""
    await events.lock_streams(transaction, [stream_id])
    if not await end_sessions_unrecorded(transaction, account_id):
        return []
    return await events.record_events(transaction, [sessions_ended(account_id, stream_id)])


async def end_sessions_unrecorded(transaction: Transaction, account_id: AccountId) -> int:
    """End every session of an account, as part of a change that records events of its own; give how many."""
    return await transaction.execute(queries.sessions.end_sessions_of_account, account_id=account_id)


async def delete_dead_sessions(transaction: Transaction) -> int:
    """Forget sessions that ended or expired more than a day ago, and give how many."""
    return await transaction.execute(queries.sessions.delete_dead_sessions)


def sessions_ended(account_id: AccountId, stream_id: StreamId, actor_id: AccountId | None = None) -> NewEvent:
    """The event by which every node asks the account's sockets for their session again."""
    return NewEvent(stream_id, "sessions_ended", actor_id or account_id, account_id)
