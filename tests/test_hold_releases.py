"""How a hold ends: two officers, a grace period, and nothing destroyed by it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from tests.deeds import open_place, post
from tests.holding import make_officer, place_hold, release_hold
from tests.people import by, make_account, make_accounts
from workroom import audit, hold_releases
from workroom.accounts import Account
from workroom.audit import Act, EntryFilter
from workroom.errors import Conflict, Forbidden, InvalidInput, NotFound
from workroom.hold_releases import ReleaseRule, release_rule
from workroom.holds import Hold, HoldState
from workroom.ids import MessageId, mint_hold_id
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.storage.database_errors import HELD

MoveTime = Callable[[timedelta], Awaitable[None]]
TWO = ReleaseRule()


async def a_hold(database: Database) -> tuple[Account, Account, Hold, MessageId]:
    """Two officers, a hold by the first, and a message it covers."""
    author, one, other = await make_accounts(database, "staff", "compliance", "compliance")
    place = await open_place(database, author)
    message = (await post(database, author, place.shared)).message_id
    return one, other, await place_hold(database, one, place.room_id), message


async def request(database: Database, officer: Account, hold: Hold, reason: str = "Settled") -> Hold:
    async with database.transaction() as transaction:
        return await hold_releases.request_release(transaction, by(officer), hold.hold_id, reason)


async def confirm(database: Database, officer: Account, hold: Hold, rule: ReleaseRule = TWO) -> Hold:
    async with database.transaction() as transaction:
        return await hold_releases.confirm_release(transaction, by(officer), hold.hold_id, "So it is", rule)


async def withdraw(database: Database, officer: Account, hold: Hold) -> Hold:
    async with database.transaction() as transaction:
        return await hold_releases.withdraw_release(transaction, by(officer), hold.hold_id, "Not yet")


async def is_held(owner: asyncpg.Connection, message_id: MessageId) -> bool:
    """Whether Postgres refuses to delete the message's text; the deletion is undone where it does not."""
    attempt = owner.transaction()
    await attempt.start()
    try:
        await owner.execute("delete from message_revisions where message_id = $1", message_id)
        return False
    except asyncpg.PostgresError as error:
        assert error.sqlstate == HELD
        return True
    finally:
        await attempt.rollback()


async def test_one_officer_asks_another_confirms_and_the_grace_period_keeps_everything(
    database: Database, owner: asyncpg.Connection, move_time: MoveTime
) -> None:
    one, other, hold, message = await a_hold(database)
    asked = await request(database, one, hold)
    assert asked.state is HoldState.RELEASE_REQUESTED
    assert await is_held(owner, message)
    with pytest.raises(Conflict) as caught:
        await confirm(database, one, hold)
    assert caught.value.params["problem"] == "same_officer"
    released = await confirm(database, other, hold)
    assert released.state is HoldState.GRACE
    assert released.release is not None
    assert released.release.kept_until == released.release.confirmed_at + timedelta(days=30)  # type: ignore[operator]
    await move_time(timedelta(days=30, seconds=-5))
    assert await is_held(owner, message)
    await move_time(timedelta(seconds=10))
    assert not await is_held(owner, message)
    assert await owner.fetchval("select count(*) from message_revisions") == 1, "a release destroys nothing"


async def test_what_comes_during_the_grace_period_is_kept_as_well(
    database: Database, owner: asyncpg.Connection
) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    hold = await place_hold(database, officer, place.room_id)
    await release_hold(database, officer, hold)
    assert await is_held(owner, (await post(database, author, place.shared)).message_id)


async def test_one_officer_is_enough_where_the_installation_says_so(database: Database) -> None:
    one, _, hold, _ = await a_hold(database)
    await request(database, one, hold)
    released = await confirm(database, one, hold, ReleaseRule(needs_two=False, grace_days=7))
    assert released.release is not None
    assert released.release.kept_until == released.release.confirmed_at + timedelta(days=7)  # type: ignore[operator]


async def test_the_rule_comes_from_the_settings(settings: Settings) -> None:
    assert release_rule(settings) == ReleaseRule(needs_two=True, grace_days=30)


async def test_a_request_can_be_withdrawn_and_made_again(
    database: Database, owner: asyncpg.Connection
) -> None:
    one, other, hold, message = await a_hold(database)
    await request(database, one, hold)
    assert (await withdraw(database, other, hold)).state is HoldState.STANDING
    for act in (withdraw(database, other, hold), confirm(database, other, hold)):
        with pytest.raises(Conflict) as caught:
            await act
        assert caught.value.params["problem"] == "release_not_requested"
    await request(database, other, hold)
    assert (await confirm(database, one, hold)).state is HoldState.GRACE
    assert await is_held(owner, message)


async def test_a_release_is_asked_for_once_and_confirmed_once(database: Database) -> None:
    one, other, hold, _ = await a_hold(database)
    await request(database, one, hold)
    with pytest.raises(Conflict) as caught:
        await request(database, other, hold)
    assert caught.value.params["problem"] == "release_requested"
    await confirm(database, other, hold)
    for act in (request(database, one, hold), confirm(database, other, hold), withdraw(database, one, hold)):
        with pytest.raises(Conflict) as caught:
            await act
        assert caught.value.params["problem"] == "released"


@pytest.mark.parametrize("reason", ["", "   "])
async def test_a_release_without_a_reason_is_refused_and_nothing_changes(
    database: Database, reason: str
) -> None:
    one, _, hold, _ = await a_hold(database)
    with pytest.raises(InvalidInput):
        await request(database, one, hold, reason)
    async with database.read() as reading:
        assert len(await audit.list_entries(reading, EntryFilter(subject_id=hold.hold_id))) == 1


async def test_nobody_but_an_officer_releases(database: Database) -> None:
    _, _, hold, _ = await a_hold(database)
    for outsider in await make_accounts(database, "admin", "staff", "customer"):
        with pytest.raises(Forbidden):
            await request(database, outsider, hold)


async def test_an_unknown_hold_is_not_found(database: Database) -> None:
    officer = await make_officer(database)
    with pytest.raises(NotFound):
        async with database.transaction() as transaction:
            await hold_releases.request_release(transaction, by(officer), mint_hold_id(), "Settled")


async def test_each_step_is_recorded_with_who_and_why(database: Database) -> None:
    one, other, hold, _ = await a_hold(database)
    await request(database, one, hold)
    await withdraw(database, other, hold)
    await request(database, other, hold)
    await confirm(database, one, hold)
    async with database.read() as reading:
        entries = await audit.list_entries(reading, EntryFilter(subject_id=hold.hold_id))
    assert [(each.act, each.actor_id, each.texts) for each in reversed(entries)] == [
        (Act.HOLD_PLACED, one.account_id, {"reason": "A court asks"}),
        (Act.HOLD_RELEASE_REQUESTED, one.account_id, {"reason": "Settled"}),
        (Act.HOLD_RELEASE_WITHDRAWN, other.account_id, {"reason": "Not yet"}),
        (Act.HOLD_RELEASE_REQUESTED, other.account_id, {"reason": "Settled"}),
        (Act.HOLD_RELEASED, one.account_id, {"reason": "So it is"}),
    ]
    assert entries[0].facts == {
        "requested_by": str(other.account_id), "two_officers": True, "grace_days": 30,
    }  # fmt: skip


async def test_the_database_itself_wants_a_second_officer_and_a_day_of_grace(
    database: Database, owner: asyncpg.Connection
) -> None:
    one, _, hold, _ = await a_hold(database)
    await request(database, one, hold)
    release_id = await owner.fetchval("select release_id from hold_releases")
    for needs_two, days, constraint in (
        (True, 30, "released_by_a_second_officer"),
        (False, 0, "release_has_a_grace_period"),
        (False, -30, "release_has_a_grace_period"),
    ):
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await owner.fetchval(
                "select confirm_hold_release($1, $2, 'shell', null, 'So it is', $3, $4)",
                release_id, one.account_id, needs_two, days,
            )  # fmt: skip
        assert caught.value.constraint_name == constraint
    assert await owner.fetchval("select count(*) from audit_entries where act = 'hold_released'") == 0
