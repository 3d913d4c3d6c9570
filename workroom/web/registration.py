"""`/api/registration` and `/api/first-admin`: how people come in. Both end signed in.

Registering says whether an address has an account, because nobody is written to who could be told instead;
docs/decisions says what that costs. How often anybody can ask is limited by address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import invitations, one_time_links, registration, sessions
from workroom.errors import Forbidden, InvalidInput
from workroom.fanout.throttle import LINK_BY_ADDRESS, REGISTRATION_BY_ADDRESS
from workroom.logs import log_event
from workroom.names import clean_display_name, clean_email
from workroom.one_time_links import LinkPurpose
from workroom.password_rules import require_good_password
from workroom.registration import NewPerson, Registered
from workroom.storage.database import Transaction
from workroom.web.json_bodies import read_json
from workroom.web.running import client_address, running_hasher, running_node
from workroom.web.session import signed_in_response


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    password: str
    display_name: str
    customer_name: str | None = None
    invitation_token: str | None = None


class FirstAdmin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str
    email: str
    password: str
    display_name: str


async def register(request: Request) -> Response:
    """POST: a customer's person registers, by themselves or invited."""
    asked = await read_json(request, Registration)
    node = running_node(request)
    if asked.invitation_token is None and node.settings.registration == "closed":
        raise Forbidden("Registration is closed: an invitation is needed.", problem="registration_closed")
    if asked.invitation_token is None and asked.customer_name is None:
        raise InvalidInput("Say which customer you belong to.", field="customer_name", problem="missing")
    await node.throttle.count_tries((REGISTRATION_BY_ADDRESS, client_address(request)))
    if asked.invitation_token is not None:
        async with node.database.read() as reading:
            await invitations.find_invitation(reading, asked.invitation_token)
    person = await _make_person(request, asked)

    async def make(transaction: Transaction) -> Registered:
        if asked.invitation_token is None:
            return await registration.register_customer(transaction, person, asked.customer_name or "")
        return await registration.register_invited(
            transaction, person, asked.invitation_token, asked.customer_name
        )

    return await _come_in(request, make)


async def register_first_admin(request: Request) -> Response:
    """POST: whoever holds the first link becomes the first admin."""
    asked = await read_json(request, FirstAdmin)
    node = running_node(request)
    await node.throttle.count_tries((LINK_BY_ADDRESS, client_address(request)))
    async with node.database.read() as reading:
        await one_time_links.find_link_account(reading, asked.token, LinkPurpose.FIRST_ADMIN)
    person = await _make_person(request, asked)

    async def make(transaction: Transaction) -> Registered:
        return await registration.register_first_admin(transaction, person, asked.token)

    return await _come_in(request, make)


async def _make_person(request: Request, asked: Registration | FirstAdmin) -> NewPerson:
    """Look at every field before the password is hashed, which is the dear part."""
    email, display_name = clean_email(asked.email), clean_display_name(asked.display_name)
    require_good_password(asked.password, [email, display_name])
    return NewPerson(email, display_name, await running_hasher(request).hash_password(asked.password))


async def _come_in(request: Request, make: Callable[[Transaction], Awaitable[Registered]]) -> Response:
    node = running_node(request)
    async with node.transaction() as work:
        registered = await make(work.transaction)
        work.recorded(registered.events)
        account = registered.account
        session = await sessions.start_session(
            work.transaction, account.account_id, days=node.settings.session_begins_with_days
        )
    log_event("account_registered", account=account.account_id, kind=account.kind)
    return signed_in_response(request, account, session, HTTPStatus.CREATED)
