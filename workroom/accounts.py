"""Accounts: what each person may sign in as, and who they are.

What an account is (kind, customer) is kept for ever; who the person is lies apart and can be erased alone.
A customer's account stays one. Changes are told to everybody who sees the person: an event in the account's
own stream, and `member_changed` in each of its rooms. Locks are taken in one order: changes of
rights, rooms, own stream, links, audit log. What one does to another's account is an act of power: it is recorded
as one, and begins with the question whether the admin still is one (SignInRequired, NotFound). In the events of an
act from the shell, the account itself stands as the actor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workroom import audit, credentials, events, officers, one_time_links, room_members, rooms, sessions
from workroom.abilities import AccountKind
from workroom.audit import Act, Initiator, Subject
from workroom.customers import require_customer
from workroom.errors import Conflict, InvalidInput, NotFound, TryAgain
from workroom.events import NewEvent, RecordedEvent
from workroom.ids import AccountId, CustomerId, RoomId, StreamId, mint_account_id, mint_stream_id
from workroom.names import clean_display_name, clean_email, make_email_key
from workroom.storage.database import Record, Transaction
from workroom.storage.queries import queries

MAX_PAGE_ACCOUNTS = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its person. `display_name` and `email` are None once the person was erased."""

    account_id: AccountId
    kind: AccountKind
    customer_id: CustomerId | None
    customer_name: str | None
    display_name: str | None
    email: str | None
    stream_id: StreamId
    created_at: datetime
    deactivated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChangedAccount:
    """An account after a change, and the events that tell of it: none when nothing changed."""

    account: Account
    events: list[RecordedEvent]


async def create_account(
    transaction: Transaction,
    *,
    kind: AccountKind,
    email: str,
    display_name: str,
    customer_id: CustomerId | None = None,
    password_hash: str | None = None,
    by: Initiator | None = None,
) -> Account:
    """Make an account with its own stream. Without a password nobody can sign in to it until a link sets one.

    Args:
        by: who makes it for somebody else; None when people make their own.

    Raises:
        InvalidInput: no name, no address, or a customer named where none belongs, or none where one does.
        Conflict: the address has an account (`field` is `email`).
    """
    if by is not None:
        await officers.begin_account_change(transaction, by)
    if (kind is AccountKind.CUSTOMER) != (customer_id is not None):
        raise InvalidInput(
            "An account has a customer exactly when it is a customer's.",
            field="customer_id",
            problem="missing" if customer_id is None else "not_for_this_kind",
        )
    if customer_id is not None:
        await require_customer(transaction, customer_id)
    account_id, address = mint_account_id(), clean_email(email)
    await transaction.execute(
        queries.accounts.insert_account,
        account_id=account_id,
        kind=kind.value,
        customer_id=customer_id,
        display_name=clean_display_name(display_name),
        email=address,
        email_key=make_email_key(address),
        stream_id=mint_stream_id(),
    )
    if password_hash is not None:
        await credentials.store_password(transaction, account_id, password_hash)
    if by is not None:
        facts = {"kind": kind, "customer_id": customer_id}
        await audit.record_act(transaction, by, Act.ACCOUNT_CREATED, Subject("account", account_id), facts)
    return await require_account(transaction, account_id)


async def require_account(transaction: Transaction, account_id: AccountId) -> Account:
    """The account of this id; NotFound when there is none."""
    record = await transaction.fetch_one_or_none(queries.accounts.find_account, account_id=account_id)
    if record is None:
        raise NotFound("There is no such account.")
    return _account(record)


async def require_account_of(transaction: Transaction, email: str) -> Account:
    """The account of this e-mail address, deactivated or not; NotFound when nobody has it."""
    account_id: AccountId | None = await transaction.fetch_value(
        queries.accounts.find_account_id, email_key=make_email_key(email)
    )
    if account_id is None:
        raise NotFound("No account has this e-mail address.")
    return await require_account(transaction, account_id)


async def list_accounts(
    transaction: Transaction, *, after: AccountId | None = None, limit: int = MAX_PAGE_ACCOUNTS
) -> list[Account]:
    """A page of accounts, oldest first, from behind `after` on (None: from the first)."""
    records = await transaction.fetch(queries.accounts.list_accounts, after=after, page_size=limit)
    return [_account(record) for record in records]


async def change_name(transaction: Transaction, account_id: AccountId, display_name: str) -> ChangedAccount:
    """Give the person another name: the account's own, or an admin's doing.

    Raises:
        InvalidInput: it is no name.
        TryAgain: the account joined a room at the same moment.
    """
    name = clean_display_name(display_name)
    account = await require_account(transaction, account_id)
    streams = await _lock(transaction, account)
    if account.display_name == name:
        return ChangedAccount(account, [])
    await transaction.execute(queries.accounts.update_display_name, account_id=account_id, display_name=name)
    entries = [NewEvent(account.stream_id, "account_changed", account_id, account_id)]
    return await _told(transaction, account_id, entries + _member_changed(streams, account_id, account_id))


async def change_kind(
    transaction: Transaction, by: Initiator, account_id: AccountId, kind: AccountKind
) -> ChangedAccount:
    """Make a person of the provider something else. Every session of the account ends: new rights, new token.

    A link that sets its password was made for the kind it had, and is worth nothing after.

    Whoever becomes compliance leaves all rooms.

    Raises:
        NotFound: there is no such account. Conflict: a customer stays one and nobody becomes one (`problem`
        is `kind_is_fixed`), or this is the last
            active admin (`last_admin`).
        TryAgain: the account joined a room at the same moment.
    """
    account, streams = await _lock_for_rights(transaction, by, account_id)
    if account.kind is kind:
        return ChangedAccount(account, [])
    if AccountKind.CUSTOMER in (account.kind, kind):
        raise Conflict("A customer's account stays one.", field="kind", problem="kind_is_fixed")
    if account.kind is AccountKind.ADMIN:
        await _require_other_admin(transaction, account)
    actor_id = by.account_id or account_id
    await one_time_links.revoke_password_links(transaction, account_id)
    await transaction.execute(queries.accounts.update_kind, account_id=account_id, kind=kind.value)
    left: list[RecordedEvent] = []
    if kind is AccountKind.COMPLIANCE:
        left = await room_members.end_all_memberships(transaction, account_id, actor_id)
        streams = []
    await sessions.end_sessions_unrecorded(transaction, account_id)
    entries = [
        NewEvent(account.stream_id, "account_changed", actor_id, account_id),
        *_member_changed(streams, actor_id, account_id),
        sessions.sessions_ended(account_id, account.stream_id, actor_id),
    ]
    changed = await _told(transaction, account_id, entries)
    facts = {"before": account.kind, "after": kind}
    await audit.record_act(transaction, by, Act.ACCOUNT_KIND_CHANGED, Subject("account", account_id), facts)
    return ChangedAccount(changed.account, left + changed.events)


async def deactivate_account(
    transaction: Transaction, by: Initiator, account_id: AccountId
) -> ChangedAccount:
    """Let nobody sign in to the account, and end its sessions and its links for a password.

    Its memberships stay, should it come back.

    Raises:
        NotFound: there is no such account.
        Conflict: it is the last active admin (`last_admin`).
        TryAgain: the account joined a room at the same moment.
    """
    account, streams = await _lock_for_rights(transaction, by, account_id)
    if account.deactivated_at is not None:
        return ChangedAccount(account, [])
    if account.kind is AccountKind.ADMIN:
        await _require_other_admin(transaction, account)
    await one_time_links.revoke_password_links(transaction, account_id)
    await transaction.execute(queries.accounts.deactivate, account_id=account_id)
    await sessions.end_sessions_unrecorded(transaction, account_id)
    actor_id = by.account_id or account_id
    entries = [
        *_member_changed(streams, actor_id, account_id),
        NewEvent(account.stream_id, "account_deactivated", actor_id, account_id),
    ]
    changed = await _told(transaction, account_id, entries)
    facts = {"kind": account.kind}
    await audit.record_act(transaction, by, Act.ACCOUNT_DEACTIVATED, Subject("account", account_id), facts)
    return changed


async def reactivate_account(
    transaction: Transaction, by: Initiator, account_id: AccountId
) -> ChangedAccount:
    """Let the account be signed in to again, with the password it had. NotFound when there is none."""
    account, streams = await _lock_for_rights(transaction, by, account_id)
    if account.deactivated_at is None:
        return ChangedAccount(account, [])
    await transaction.execute(queries.accounts.reactivate, account_id=account_id)
    actor_id = by.account_id or account_id
    entries = [
        NewEvent(account.stream_id, "account_reactivated", actor_id, account_id),
        *_member_changed(streams, actor_id, account_id),
    ]
    changed = await _told(transaction, account_id, entries)
    facts = {"kind": account.kind}
    await audit.record_act(transaction, by, Act.ACCOUNT_REACTIVATED, Subject("account", account_id), facts)
    return changed


async def _lock_for_rights(
    transaction: Transaction, by: Initiator, account_id: AccountId
) -> tuple[Account, list[StreamId]]:
    await officers.begin_account_change(transaction, by)
    account = await require_account(transaction, account_id)
    streams = await _lock(transaction, account)
    return await require_account(transaction, account_id), streams


async def _lock(transaction: Transaction, account: Account) -> list[StreamId]:
    """Lock the account's rooms and its own stream; give the shared streams of the rooms.

    Whoever begins or ends a membership of an account locks that account's stream, so the rooms are read again
    under that lock. One that came in between cannot be locked any more: rooms come before streams.
    """
    joined = await _rooms_joined(transaction, account.account_id)
    await rooms.lock_rooms(transaction, joined)
    await events.lock_streams(transaction, [account.stream_id])
    records = await transaction.fetch(queries.accounts.list_shared_streams, account_id=account.account_id)
    if not {record["room_id"] for record in records} <= set(joined):
        raise TryAgain("The account joined a room at the same moment.")
    return [record["stream_id"] for record in records]


async def _rooms_joined(transaction: Transaction, account_id: AccountId) -> list[RoomId]:
    records = await transaction.fetch(queries.accounts.list_shared_streams, account_id=account_id)
    return [record["room_id"] for record in records]


async def _require_other_admin(transaction: Transaction, account: Account) -> None:
    if not await transaction.fetch_value(queries.accounts.count_other_admins, account_id=account.account_id):
        raise Conflict("This is the last active admin.", problem="last_admin")


def _member_changed(streams: list[StreamId], actor_id: AccountId, account_id: AccountId) -> list[NewEvent]:
    return [NewEvent(stream_id, "member_changed", actor_id, account_id) for stream_id in streams]


async def _told(transaction: Transaction, account_id: AccountId, entries: list[NewEvent]) -> ChangedAccount:
    recorded = await events.record_events(transaction, entries)
    return ChangedAccount(await require_account(transaction, account_id), recorded)


def _account(record: Record) -> Account:
    return Account(**{**record, "kind": AccountKind(record["kind"])})
