"""`/api/accounts`: an admin looks after people. For everybody else these doors do not exist."""

from __future__ import annotations

from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import accounts, audit, customers, one_time_links
from workroom.abilities import Ability, AccountKind, has_ability
from workroom.accounts import Account
from workroom.audit import Initiator
from workroom.errors import InvalidInput, NotFound
from workroom.events import RecordedEvent
from workroom.ids import AccountId, CustomerId
from workroom.logs import log_event
from workroom.sessions import SignedIn
from workroom.storage.database import Transaction
from workroom.web.account_shapes import describe_managed_account
from workroom.web.authentication import require_signed_in
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import running_node


class NewAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's account names a customer there is, or one that is made with it."""

    kind: AccountKind
    email: str
    display_name: str
    customer_id: UUID | None = None
    customer_name: str | None = None


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: AccountKind | None = None
    deactivated: bool | None = None


async def list_accounts(request: Request) -> Response:
    """GET: a page of accounts, oldest first; `?after=<account_id>` gives the next while `more`."""
    await _require_admin(request)
    after = _parse_after(request.query_params.get("after"))
    async with running_node(request).database.read() as reading:
        found = await accounts.list_accounts(reading, after=after, limit=accounts.MAX_PAGE_ACCOUNTS + 1)
    page = found[: accounts.MAX_PAGE_ACCOUNTS]
    return JsonResponse(
        {"accounts": [describe_managed_account(account) for account in page], "more": len(found) > len(page)}
    )


async def create_account(request: Request) -> Response:
    """POST: an account and the link by which its person sets a password."""
    admin = await _require_admin(request)
    asked = await read_json(request, NewAccount)
    node = running_node(request)
    async with node.transaction() as work:
        account = await accounts.create_account(
            work.transaction,
            kind=asked.kind,
            email=asked.email,
            display_name=asked.display_name,
            customer_id=await _choose_customer(work.transaction, asked),
            by=_initiator(admin),
        )
        link = await one_time_links.mint_password_link(
            work.transaction, _initiator(admin), account.account_id
        )
    log_event("account_created", account=account.account_id, kind=account.kind, by=admin.account_id)
    answer = {"account": describe_managed_account(account), "link": link.address(node.settings.address)}
    return JsonResponse(answer, 201)


async def change_account(request: Request) -> Response:
    """PATCH: another kind, deactivated or active again; its sessions and sockets end at once."""
    admin = await _require_admin(request)
    asked = await read_json(request, AccountChange)
    if asked.kind is None and asked.deactivated is None:
        raise InvalidInput("Say what to change.", field="kind", problem="missing")
    account_id = AccountId(request.path_params["account_id"])
    async with running_node(request).transaction() as work:
        account, events = await _change(work.transaction, admin, account_id, asked)
        work.recorded(events)
    is_active = account.deactivated_at is None
    log_event("account_changed", account=account_id, kind=account.kind, active=is_active, by=admin.account_id)
    return JsonResponse({"account": describe_managed_account(account)})


async def create_link(request: Request) -> Response:
    """POST: a new link to set a password; the one before stops working."""
    admin = await _require_admin(request)
    node = running_node(request)
    account_id = AccountId(request.path_params["account_id"])
    async with node.transaction() as work:
        link = await one_time_links.mint_password_link(work.transaction, _initiator(admin), account_id)
    log_event("password_link_made", account=account_id, by=admin.account_id)
    return JsonResponse({"link": link.address(node.settings.address)}, 201)


async def _require_admin(request: Request) -> SignedIn:
    signed_in = await require_signed_in(request)
    if not has_ability(signed_in.kind, Ability.MANAGE_ACCOUNTS):
        raise NotFound("There is no such thing here.")
    return signed_in


def _initiator(admin: SignedIn) -> Initiator:
    return audit.by_session(admin.account_id, admin.session_id)


async def _choose_customer(transaction: Transaction, asked: NewAccount) -> CustomerId | None:
    if asked.customer_name is None:
        return None if asked.customer_id is None else CustomerId(asked.customer_id)
    if asked.customer_id is not None or asked.kind is not AccountKind.CUSTOMER:
        raise InvalidInput(
            "No new customer belongs here.", field="customer_name", problem="not_for_this_kind"
        )
    return (await customers.create_customer(transaction, asked.customer_name)).customer_id


async def _change(
    transaction: Transaction, admin: SignedIn, account_id: AccountId, asked: AccountChange
) -> tuple[Account, list[RecordedEvent]]:
    account = await accounts.require_account(transaction, account_id)
    events: list[RecordedEvent] = []
    if asked.kind is not None:
        changed = await accounts.change_kind(transaction, _initiator(admin), account_id, asked.kind)
        account, events = changed.account, events + changed.events
    if asked.deactivated is not None:
        act = accounts.deactivate_account if asked.deactivated else accounts.reactivate_account
        changed = await act(transaction, _initiator(admin), account_id)
        account, events = changed.account, events + changed.events
    return account, events


def _parse_after(value: str | None) -> AccountId | None:
    try:
        return None if value is None else AccountId(UUID(value))
    except ValueError:
        raise InvalidInput("This is no id.", field="after", problem="wrong_type") from None
