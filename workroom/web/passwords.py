"""`/api/password`: a password is set by a one-time link, or changed by whoever knows the one before.

Either way every session of the account ends, and this browser gets a new one: a stolen cookie is worth
nothing after. So is every link that could set one. Who changes it must have been in the right to the end: a password,
session or link that was lost meanwhile changes nothing.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workroom import accounts, credentials, events, one_time_links, sessions
from workroom.accounts import Account
from workroom.credentials import Credentials
from workroom.errors import InvalidInput, LinkExpired, SignInRefused
from workroom.fanout.throttle import LINK_BY_ADDRESS, PASSWORD_BY_SESSION
from workroom.ids import AccountId
from workroom.logs import log_event
from workroom.names import make_email_key
from workroom.one_time_links import LinkPurpose
from workroom.password_rules import require_good_password
from workroom.sessions import NewSession
from workroom.storage.database import Transaction
from workroom.web.authentication import require_signed_in
from workroom.web.json_bodies import read_json
from workroom.web.running import client_address, running_hasher, running_node
from workroom.web.session import signed_in_response


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `token` from a link, or with `current_password` by whoever is signed in."""

    password: str
    token: str | None = None
    current_password: str | None = None


async def change_password(request: Request) -> Response:
    """POST: set or change it."""
    asked = await read_json(request, PasswordChange)
    if (asked.token is None) == (asked.current_password is None):
        raise InvalidInput(
            "Give a token, or the password there is.", field="current_password", problem="missing"
        )
    if asked.token is not None:
        account, session = await _set_by_link(request, asked.token, asked.password)
    else:
        account, session = await _change_own(request, asked.current_password or "", asked.password)
    email_key = make_email_key(account.email or "")
    await running_node(request).throttle.welcome(email_key, client_address(request))
    log_event("password_changed", account=account.account_id, by_link=asked.token is not None)
    return signed_in_response(request, account, session)


async def _set_by_link(request: Request, token: str, password: str) -> tuple[Account, NewSession]:
    node = running_node(request)
    await node.throttle.count_tries((LINK_BY_ADDRESS, client_address(request)))
    async with node.database.read() as reading:
        account_id = await one_time_links.find_link_account(reading, token, LinkPurpose.SET_PASSWORD)
        if account_id is None:
            raise LinkExpired("This link does not work any more.")
        account = await accounts.require_account(reading, account_id)
    password_hash = await _hash_good_password(request, account, password)
    async with node.transaction() as work:
        await events.lock_streams(work.transaction, [account.stream_id])
        await one_time_links.use_link(work.transaction, token, LinkPurpose.SET_PASSWORD)
        await credentials.store_password(work.transaction, account_id, password_hash)
        ended = await sessions.end_every_session(work.transaction, account_id, account.stream_id)
        work.recorded(ended)
        return account, await _start_session(request, work.transaction, account_id)


async def _change_own(request: Request, current_password: str, password: str) -> tuple[Account, NewSession]:
    node = running_node(request)
    signed_in = await require_signed_in(request)
    async with node.database.read() as reading:
        account = await accounts.require_account(reading, signed_in.account_id)
        former_hash = await credentials.find_password_hash(reading, signed_in.account_id)
    # Counted for the session: whoever guesses without one takes nothing from it.
    await node.throttle.count_tries((PASSWORD_BY_SESSION, str(signed_in.session_id)))
    check = await running_hasher(request).check_password(former_hash, current_password)
    if former_hash is None or not check.matches:
        raise SignInRefused("The password is wrong.")
    password_hash = await _hash_good_password(request, account, password)
    # Hashing takes a while, with many before it: whoever stole cookie and password may have lost both in it.
    checked = Credentials(account.account_id, former_hash)
    async with node.transaction() as work:
        await events.lock_streams(work.transaction, [account.stream_id])
        await credentials.replace_password(work.transaction, checked, password_hash)
        work.recorded(await sessions.end_all_by(work.transaction, signed_in))
        return account, await _start_session(request, work.transaction, account.account_id)


async def _hash_good_password(request: Request, account: Account, password: str) -> str:
    about = [known for known in (account.display_name, account.email, account.customer_name) if known]
    require_good_password(password, about)
    return await running_hasher(request).hash_password(password)


async def _start_session(request: Request, transaction: Transaction, account_id: AccountId) -> NewSession:
    days = running_node(request).settings.session_begins_with_days
    return await sessions.start_session(transaction, account_id, days=days)
