"""Promise 8: every act of power leaves a mark that cannot be taken back unnoticed.

Each is done through its door, by somebody who is signed in, and has exactly the entries it is to have; the export is
verified without the server; and nobody, under any role, changes what is written there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from tests.deeds import Place, open_place, post
from tests.http_client import Answer
from tests.looking import take_breath
from tests.people import make_account
from tests.servers import DatabaseUrls
from tests.uploading import claim, make_receiver, upload
from tests.web.asgi import ask
from tests.web.conftest import running_node
from workroom import audit, sessions
from workroom.accounts import Account
from workroom.audit import Act, AuditEntry, EntryFilter
from workroom.audit_chain import verify_export
from workroom.disposition import run_disposition
from workroom.passwords import PasswordCost, PasswordHasher
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.storage.database_errors import NEVER_REMOVED, WRITTEN_ONCE
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries
from workroom.web.authentication import cookie_name
from workroom.web.routes import build_app
from workroom.worker import verify_daily

MoveTime = Callable[[timedelta], Awaitable[None]]
HASHER = PasswordHasher(PasswordCost(memory_kib=64, iterations=1))
NO_RIGHT = "42501"  # https://www.postgresql.org/docs/current/errcodes-appendix.html
# What somebody might want to do with what is recorded.
WISHES = (
    "update audit_entries set act = 'nothing'",
    "update audit_entries set entry_number = 9 where entry_number = 3",
    "delete from audit_entries",
    "truncate audit_entries cascade",
    "update audit_texts set text = 'nothing'",
    "truncate audit_texts",
    "delete from integrity_alarms",
    "truncate integrity_checks",
)


@dataclass(frozen=True, slots=True)
class Powerful:
    """Somebody with power, signed in."""

    account: Account
    session_id: UUID
    cookie: str


@dataclass(slots=True)
class Office:
    """A node's doors, who asks at them, and how far the audit log was read."""

    app: Any
    database: Database
    settings: Settings
    read_up_to: int = 0
    made: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, kind: str) -> Powerful:
        """Somebody of that kind."""
        account = await make_account(self.database, kind)
        async with self.database.read() as reading:
            installation_id = (await reading.fetch_one(queries.events.read_epoch))["installation_id"]
        async with self.database.transaction() as transaction:
            session = await sessions.start_session(transaction, account.account_id, days=1)
        cookie = f"{cookie_name(self.settings, installation_id)}={session.token}"
        return Powerful(account, session.session_id, cookie)

    async def ask(self, who: Powerful, method: str, path: str, body: Any = None) -> Answer:
        """A request of somebody's."""
        answer = await ask(self.app, method, path, body, headers={"cookie": who.cookie})
        assert answer.status < 300, (path, answer.status, answer.body)
        return answer

    def remember(self, answer: bytes) -> None:
        """Keep the ids of what was made."""
        for name in ("account_id", "matter_id", "hold_id"):
            found = re.search(rf'"{name}":"([0-9a-f-]{{36}})"', answer.decode())
            if found is not None and name not in self.made:
                self.made[name] = found[1]

    async def new_entries(self) -> list[AuditEntry]:
        """What the audit log has since it was read last, oldest first."""
        async with self.database.read() as reading:
            entries = (await audit.list_entries(reading, EntryFilter()))[::-1]
        new = [entry for entry in entries if entry.entry_number > self.read_up_to]
        self.read_up_to = entries[-1].entry_number
        return new


@pytest_asyncio.fixture
async def office(settings: Settings, database: Database) -> AsyncIterator[Office]:
    async with running_node(settings) as node:
        yield Office(build_app(node, HASHER), database, settings)


async def test_each_act_has_its_entry_with_who_through_which_session_and_why(office: Office) -> None:
    database = office.database
    admin, officer, second = [await office.sign_in(kind) for kind in ("admin", "compliance", "compliance")]
    author = await make_account(database)
    place = await open_place(database, author)
    await post(database, author, place.shared, "What was said")
    entries = await office.new_entries()
    assert [(each.act, each.session_id) for each in entries if each.act == "signed_in"] == [
        ("signed_in", each.session_id) for each in (admin, officer, second)
    ]
    for who, method, path, body, expected in list_acts(admin, officer, second, author, place):
        made = (await office.ask(who, method, path.format(**office.made), body(office.made))).body
        office.remember(made)
        new = await office.new_entries()
        assert [each.act for each in new] == expected, path
        assert {(each.actor_id, each.session_id) for each in new} == {
            (who.account.account_id, who.session_id)
        }
        reason = body(office.made).get("reason")
        assert [each.texts for each in new if each.texts] == ([{"reason": reason}] if reason else []), path
    exported = (await office.ask(officer, "POST", "/api/compliance/audit/export")).body
    assert [each.act for each in await office.new_entries()] == ["audit_exported"]
    check = verify_export(exported.splitlines(keepends=True))
    assert (check.findings, check.entries) == ([], office.read_up_to)
    for word in ("What was said", author.display_name, author.email):
        assert word is not None
        assert word not in exported.decode()


def list_acts(
    admin: Powerful, officer: Powerful, second: Powerful, author: Account, place: Place
) -> list[tuple[Powerful, str, str, Callable[[dict[str, str]], dict[str, Any]], list[str]]]:
    """Who asks for what, and which entries that has to have. Bodies are given the ids that were made before."""
    compliance, room = "/api/compliance", str(place.room_id)
    scope: dict[str, Any] = {"rooms": [room], "custodians": [], "kinds": ["messages", "files"]}
    person = {"kind": "staff", "email": "new@example.org", "display_name": "New"}
    custodian = {"account_id": str(author.account_id), "covers": "sent"}
    return [
        (admin, "POST", "/api/accounts", lambda _: person, ["account_created", "password_link_made"]),
        (admin, "POST", "/api/accounts/{account_id}/link", lambda _: {}, ["password_link_made"]),
        (admin, "PATCH", "/api/accounts/{account_id}", lambda _: {"kind": "admin"}, ["account_kind_changed"]),
        (admin, "PATCH", "/api/accounts/{account_id}", lambda _: {"deactivated": True}, ["account_deactivated"]),
        (admin, "PATCH", "/api/accounts/{account_id}", lambda _: {"deactivated": False}, ["account_reactivated"]),
        (
            officer, "POST", f"{compliance}/matters",
            lambda _: {"name": "Meier ./. Schulz", "reason": "A complaint"}, ["matter_opened"],
        ),
        (
            officer, "POST", f"{compliance}/holds",
            lambda made: {**scope, "matter_id": made["matter_id"], "reason": "A court asks"}, ["hold_placed"],
        ),
        (
            officer, "POST", f"{compliance}/holds/{{hold_id}}/amend",
            lambda _: {**scope, "custodians": [custodian], "reason": "More is claimed"}, ["hold_amended"],
        ),
        (
            officer, "POST", f"{compliance}/openings",
            lambda made: {"matter_id": made["matter_id"], "room_id": room, "reason": "To read it"}, ["content_opened"],
        ),
        (
            officer, "POST", f"{compliance}/holds/{{hold_id}}/release",
            lambda _: {"reason": "Settled"}, ["hold_release_requested"],
        ),
        (
            second, "POST", f"{compliance}/holds/{{hold_id}}/release/withdraw",
            lambda _: {"reason": "Not yet"}, ["hold_release_withdrawn"],
        ),
        (
            second, "POST", f"{compliance}/holds/{{hold_id}}/release",
            lambda _: {"reason": "Now it is"}, ["hold_release_requested"],
        ),
        (
            officer, "POST", f"{compliance}/holds/{{hold_id}}/release/confirm",
            lambda _: {"reason": "So it is"}, ["hold_released"],
        ),
    ]  # fmt: skip


async def test_what_else_there_is_of_power_has_its_entry_too(
    office: Office, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    admin, officer, second, staff = [
        await office.sign_in(kind) for kind in ("admin", "compliance", "compliance", "staff")
    ]
    place = await open_place(office.database, staff.account)
    installation_id = await owner.fetchval("select installation_id from installation")
    stores = await open_file_stores(office.settings, installation_id, has_files=False)
    file_id = await upload(make_receiver(office.database, stores), staff.account, place, b"paper" * 100)
    message_id = (await claim(office.database, staff.account, place, file_id)).message_id
    await office.new_entries()
    compliance = "/api/compliance"
    change = {"kind": "new_class", "name": "Ten days", "counted_from": "sent", "destroy_days": 10}
    simulation = await _simulated(office, officer, change)
    asked = {"change": change, "fingerprint": simulation["fingerprint"], "reason": "The law"}
    made = (await office.ask(officer, "POST", f"{compliance}/retention/changes", asked)).json()
    change = {"kind": "assign_room", "room_id": str(place.room_id), "class_id": made["class_id"]}
    simulation = await _simulated(office, officer, change)
    asked = {"change": change, "fingerprint": simulation["fingerprint"], "reason": "The law"}
    await office.ask(officer, "POST", f"{compliance}/retention/changes", asked)
    changes = await office.new_entries()
    assert [each.act for each in changes] == ["retention_simulated", "retention_changed"] * 2
    assert changes[3].facts["before"] != changes[3].facts["after"]
    await office.ask(staff, "PATCH", f"/api/labels/messages/{message_id}", {"class_id": made["class_id"]})
    assert await _acts(office) == [("content_labelled", staff.session_id)]

    matter = {"name": "Meier", "reason": "A complaint"}
    office.remember((await office.ask(officer, "POST", f"{compliance}/matters", matter)).body)
    opening = {"matter_id": office.made["matter_id"], "room_id": str(place.room_id), "reason": "To read"}
    number = (await office.ask(officer, "POST", f"{compliance}/openings", opening)).json()["entry_number"]
    await office.ask(officer, "GET", f"{compliance}/openings/{number}/files/{file_id}")
    await office.ask(
        officer, "POST", f"{compliance}/matters/{office.made['matter_id']}/close", {"reason": "Over"}
    )
    assert await _acts(office) == [
        (act, officer.session_id)
        for act in ("matter_opened", "content_opened", "file_opened", "matter_closed")
    ]

    [key] = await stores.writing.list_keys()
    await stores.writing.delete(key)
    broken = await ask(office.app, "GET", f"/api/files/{file_id}", None, headers={"cookie": staff.cookie})
    assert broken.status == 502
    await move_time(timedelta(days=20))
    await owner.execute("alter table messages disable trigger guard_truncate")
    await verify_daily(office.database)
    await run_disposition(office.database, stores)
    by_worker = await office.new_entries()
    assert [each.act for each in by_worker] == [
        "file_damage_found", "alarm_raised", "alarm_raised", "disposition_began", "disposition_ended",
    ]  # fmt: skip
    assert {(each.origin, each.actor_id) for each in by_worker} == {("worker", None)}
    assert by_worker[-1].facts["messages"] == 1

    # Every act there is was seen, here or at the doors above; one comes from a migration alone, some from the shell.
    async with office.database.read() as reading:
        seen = {each.act for each in await audit.list_entries(reading, EntryFilter())}
    doors = {act for deed in list_acts(admin, officer, second, staff.account, place) for act in deed[-1]}
    of_the_shell = {"audit_text_erased", "customer_closed", "customer_opened"}
    assert seen | doors | of_the_shell | {"audit_exported", "account_found"} == {act.value for act in Act}


async def _acts(office: Office) -> list[tuple[str, UUID | None]]:
    return [(each.act, each.session_id) for each in await office.new_entries()]


async def _simulated(office: Office, officer: Powerful, change: dict[str, Any]) -> Any:
    """A simulation of a change that has come to its end."""
    path = "/api/compliance/retention/simulations"
    begun = (await office.ask(officer, "POST", path, {"change": change})).json()
    found = {"state": "running"}
    while found["state"] == "running":
        await take_breath()
        found = (await office.ask(officer, "GET", f"{path}/{begun['simulation_id']}")).json()["simulation"]
    return found


async def test_no_role_alters_or_removes_what_is_recorded(
    office: Office, database_urls: DatabaseUrls
) -> None:
    officer = await office.sign_in("compliance")
    await office.ask(officer, "POST", "/api/compliance/matters", {"name": "Meier", "reason": "A complaint"})
    superuser = await asyncpg.connect(
        database_urls.superuser_url, server_settings={"search_path": "workroom"}
    )
    try:
        before = await superuser.fetch("select * from audit_entries order by entry_number")
        for role in ("postgres", "workroom_owner", "workroom_service", "workroom_disposition"):
            for wish in WISHES:
                await superuser.execute(f"set session_replication_role = replica; set role {role}")
                with pytest.raises(asyncpg.PostgresError) as caught:
                    await superuser.execute(wish)
                assert caught.value.sqlstate in (WRITTEN_ONCE, NEVER_REMOVED, NO_RIGHT), wish
                await superuser.execute("reset role")
        assert await superuser.fetch("select * from audit_entries order by entry_number") == before
        assert len(before) == 3
    finally:
        await superuser.close()
