"""`/api/session` and `/api/sessions`: signing in, who is signed in, signing out here and everywhere.

An unknown address, a wrong password and a deactivated account are answered alike, after the same work.
Guessing is throttled by account and by address, the same on all nodes, and keeps nobody out who signed in before.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import accounts, credentials, sessions
from workroom.accounts import Account
from workroom.credentials import Credentials
from workroom.errors import SignInRefused
from workroom.logs import log_event
from workroom.names import make_email_key
from workroom.sessions import NewSession
from workroom.web.account_shapes import describe_own_account
from workroom.web.authentication import (
    clear_session_cookie,
    find_signed_in,
    require_signed_in,
    set_session_cookie,
)
from workroom.web.error_responses import JsonResponse
from workroom.web.json_bodies import read_json
from workroom.web.running import client_address, running_hasher, running_node


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    password: str


async def sign_in(request: Request) -> Response:
    """POST: begin a session. The one that this browser had before ends."""
    asked = await read_json(request, SignIn)
    email_key = make_email_key(asked.email)
    # Counted before the password is looked at: tries that come at once are counted one by one all the same.
    await running_node(request).throttle.count_sign_in(email_key, client_address(request))
    checked, renewed_hash = await _check_password(request, asked)
    await running_node(request).throttle.welcome(email_key, client_address(request))
    account, session = await _begin_session(request, checked, renewed_hash)
    log_event("session_started", account=account.account_id, session=session.session_id)
    return signed_in_response(request, account, session)


async def show_session(request: Request) -> Response:
    """GET: who is signed in. A page asks when it is opened: that is use of the session."""
    signed_in = await require_signed_in(request)
    await running_node(request).prolong_sessions([signed_in])
    async with running_node(request).database.read() as reading:
        account = await accounts.require_account(reading, signed_in.account_id)
    return JsonResponse({"account": describe_own_account(account)})


async def sign_out(request: Request) -> Response:
    """DELETE: end this session and its sockets. Without one there is nothing to do, and that is no error."""
    signed_in = await find_signed_in(request)
    if signed_in is not None:
        async with running_node(request).transaction() as work:
            work.recorded(await sessions.end_session(work.transaction, signed_in))
        log_event("session_ended", account=signed_in.account_id, session=signed_in.session_id)
    return signed_out_response(request)


async def sign_out_everywhere(request: Request) -> Response:
    """DELETE: end every session of the account and all its sockets."""
    signed_in = await require_signed_in(request)
    async with running_node(request).transaction() as work:
        events = await sessions.end_every_session(work.transaction, signed_in.account_id, signed_in.stream_id)
        work.recorded(events)
    log_event("sessions_ended", account=signed_in.account_id)
    return signed_out_response(request)


def signed_in_response(
    request: Request, account: Account, session: NewSession, status: int = HTTPStatus.OK
) -> Response:
    """The account, with the cookie of a session that has just begun."""
    response = JsonResponse({"account": describe_own_account(account)}, status)
    set_session_cookie(response, request, session.token)
    return response


def signed_out_response(request: Request) -> Response:
    """Nothing, and the browser forgets its cookie."""
    response = Response(status_code=HTTPStatus.NO_CONTENT, headers={"cache-control": "no-store"})
    clear_session_cookie(response, request)
    return response


async def _check_password(request: Request, asked: SignIn) -> tuple[Credentials, str | None]:
    hasher = running_hasher(request)
    async with running_node(request).database.read() as reading:
        found = await credentials.find_credentials(reading, asked.email)
    check = await hasher.check_password(found.password_hash if found else None, asked.password)
    if found is None or not check.matches:
        raise SignInRefused("E-mail or password are wrong.")
    return found, await hasher.hash_password(asked.password) if check.needs_rehash else None


async def _begin_session(
    request: Request, checked: Credentials, renewed_hash: str | None
) -> tuple[Account, NewSession]:
    node = running_node(request)
    former = await find_signed_in(request)
    async with node.transaction() as work:
        if former is not None:
            work.recorded(await sessions.end_session(work.transaction, former))
        session = await sessions.start_session(
            work.transaction,
            checked.account_id,
            days=node.settings.session_begins_with_days,
            checked_password_hash=checked.password_hash,
        )
        if renewed_hash is not None:
            await credentials.renew_password_hash(work.transaction, checked, renewed_hash)
        account = await accounts.require_account(work.transaction, checked.account_id)
    return account, session
