"""`workroom hold ...`: what an officer does in the console, from the shell of the machine; `--as` says who."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from msgspec import UNSET, UnsetType

from workroom import accounts, hold_releases, hold_scopes, holds, matters, shell_access
from workroom.audit import Initiator
from workroom.errors import Conflict, InvalidInput, NotFound
from workroom.hold_releases import release_rule
from workroom.hold_scopes import EVERY_KIND, ContentKind, Coverage, Covers, Custodian, HoldScope
from workroom.holds import Amendment, Hold, HoldState, Widening
from workroom.ids import HoldId, MatterId
from workroom.records import Names, name_all
from workroom.settings import Settings
from workroom.shell_words import counted, write_size, write_time
from workroom.storage.database import Database, Transaction

ERASED = "(the reason was erased)"
_STATES = {
    HoldState.STANDING: "it stands",
    HoldState.RELEASE_REQUESTED: "it stands; its release is asked for, and another officer has to confirm it",
    HoldState.GRACE: "released; its grace period runs, and it keeps everything until then",
    HoldState.ENDED: "released, and its grace period is over: it keeps nothing any more",
}
_COVERS = {
    Covers.MEMBERSHIPS: "all rooms they were members of, while they were",
    Covers.SENT: "only what they sent",
}


@dataclass(frozen=True, slots=True)
class AskedScope:
    """What the command line names: rooms by id or whole name, custodians by e-mail, times as they were typed.

    A custodian with `:sent` behind the address is held with what they sent only. A time that is UNSET was not named;
    `open` opens that end of the span.
    """

    rooms: Sequence[str] = ()
    custodians: Sequence[str] = ()
    sent_from: str | UnsetType = UNSET
    sent_until: str | UnsetType = UNSET
    kinds: Sequence[str] = ()


async def place_hold(
    settings: Settings, officer: str, matter: str, asked: AskedScope, reason: str, *, only_count: bool
) -> str:
    """Place a hold in a matter (by id, or by name: a new one where none has it), or only count what it would cover."""
    async with _database(settings) as database:
        async with database.long_transaction() as transaction:
            scope = await _read_scope(transaction, asked)
            hold_scopes.require_sound(scope)
            await hold_scopes.require_known(transaction, scope)
            covered = _describe_coverage(await hold_scopes.count_coverage(transaction, scope))
        if only_count:
            return f"It would cover {covered}."
        async with _acting(database, officer) as (transaction, by):
            matter_id = await _find_or_open_matter(transaction, by, matter, reason)
        # Another transaction, because placing has to be the first thing that one does.
        async with database.transaction() as transaction:
            hold = await holds.place_hold(transaction, by, matter_id, scope, reason)
    return f"Hold {hold.hold_id} stands in matter {matter_id}. It covers {covered}, and what comes later."


async def amend_hold(settings: Settings, officer: str, hold_id: UUID, asked: AskedScope, reason: str) -> str:
    """Widen a hold."""
    async with _database(settings) as database:
        async with database.read() as reading:
            by = await shell_access.act_as(reading, officer)
            widening = Widening(
                frozenset([await shell_access.find_room(reading, each) for each in asked.rooms]),
                frozenset([await _find_custodian(reading, each) for each in asked.custodians]),
                _read_time(asked.sent_from, "from"),
                _read_time(asked.sent_until, "until"),
                _read_kinds(asked.kinds),
            )
        async with database.transaction() as transaction:
            hold = await holds.amend_hold(transaction, by, HoldId(hold_id), widening, reason)
        return await _show(database, hold)


async def release_hold(
    settings: Settings, officer: str, hold_id: UUID, reason: str, *, withdraw: bool = False
) -> str:
    """Ask for a hold's release, or confirm what another officer asked for; or take the asking back."""
    rule, hold_id = release_rule(settings), HoldId(hold_id)
    async with _database(settings) as database, _acting(database, officer) as (transaction, by):
        if withdraw:
            hold = await hold_releases.withdraw_release(transaction, by, hold_id, reason)
            return f"Hold {hold_id} stands, and nobody asks for its release any more."
        hold = await holds.require_hold(transaction, hold_id)
        if hold.release is None:
            hold = await hold_releases.request_release(transaction, by, hold_id, reason)
            if rule.needs_two:
                return f"The release of hold {hold_id} is asked for; another officer has to confirm it."
        hold = await hold_releases.confirm_release(transaction, by, hold_id, reason, rule)
    assert hold.release is not None
    return f"Hold {hold_id} is released. What it covered is kept until {write_time(hold.release.kept_until)}."


async def list_holds(settings: Settings, state: str | None) -> str:
    """Every hold, or those in a state, one a line."""
    async with _database(settings) as database, database.read() as reading:
        found = await holds.list_holds(reading, state=None if state is None else HoldState(state))
        names = {each.matter_id: each.name for each in await matters.list_matters(reading)}
    lines = [
        f"{hold.hold_id}  {hold.state:<17}  {write_time(hold.placed_at)}  {names[hold.matter_id]}"
        for hold in found
    ]
    return "\n".join(lines) or "There are no such holds."


async def show_hold(settings: Settings, hold_id: UUID) -> str:
    """A hold with its scope, what made it what it is, and what it covers now."""
    async with _database(settings) as database:
        async with database.read() as reading:
            hold = await holds.require_hold(reading, HoldId(hold_id))
        return await _show(database, hold)


async def _show(database: Database, hold: Hold) -> str:
    async with database.long_transaction() as transaction:
        covered = await hold_scopes.count_coverage(transaction, hold.scope)
        matter = await matters.require_matter(transaction, hold.matter_id)
        amendments = await holds.list_amendments(transaction, hold.hold_id)
        names = await name_all(transaction, _mentioned(hold, amendments))
    scope, people = hold.scope, _people(names)
    rooms = {room.room_id: room.name for room in names.rooms}
    lines = [
        f"Hold {hold.hold_id}: {_STATES[hold.state]}",
        f"  matter      {matter.name} ({matter.matter_id})",
        *(f"  room        {rooms.get(room_id)} ({room_id})" for room_id in sorted(scope.room_ids)),
        *(
            f"  custodian   {people[each.account_id]} ({each.account_id}): {_COVERS[each.covers]}"
            for each in sorted(scope.custodians)
        ),
        f"  sent        {_describe_span(scope)}",
        f"  kinds       {', '.join(sorted(scope.kinds))}",
        f"  covers now  {_describe_coverage(covered)}",
        *(
            f"  {'placed' if each.number == 1 else 'widened'} {write_time(each.amended_at)} "
            f"by {people[each.amended_by]}: {each.reason or ERASED}"
            for each in amendments
        ),
    ]
    return "\n".join([*lines, *_describe_release(hold, people)])


def _describe_release(hold: Hold, people: Mapping[UUID, str]) -> list[str]:
    release = hold.release
    if release is None:
        return []
    asked = f"  release asked for {write_time(release.requested_at)} by {people[release.requested_by]}"
    lines = [f"{asked}: {release.reason or ERASED}"]
    if release.confirmed_by is not None:
        confirmed = f"  released {write_time(release.confirmed_at)} by {people[release.confirmed_by]}"
        lines.append(f"{confirmed}: {release.confirmation_reason or ERASED}")
    if release.kept_until is not None:
        lines.append(f"  what it covered is kept until {write_time(release.kept_until)}")
    return lines


def _mentioned(hold: Hold, amendments: Sequence[Amendment]) -> list[UUID | None]:
    release = hold.release
    return [
        *hold.scope.room_ids,
        *(custodian.account_id for custodian in hold.scope.custodians),
        *(amendment.amended_by for amendment in amendments),
        *((release.requested_by, release.confirmed_by) if release is not None else ()),
    ]


def _people(names: Names) -> Mapping[UUID, str]:
    return {person.account_id: person.display_name or "an erased account" for person in names.people}


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    async with shell_access.open_installation(settings, "workroom hold") as installation:
        yield installation.database


@asynccontextmanager
async def _acting(database: Database, officer: str) -> AsyncIterator[tuple[Transaction, Initiator]]:
    async with database.transaction() as transaction:
        yield transaction, await shell_access.act_as(transaction, officer)


async def _read_scope(transaction: Transaction, asked: AskedScope) -> HoldScope:
    sent_from, sent_until = _read_time(asked.sent_from, "from"), _read_time(asked.sent_until, "until")
    return HoldScope(
        frozenset([await shell_access.find_room(transaction, each) for each in asked.rooms]),
        frozenset([await _find_custodian(transaction, each) for each in asked.custodians]),
        None if sent_from is UNSET else sent_from,
        None if sent_until is UNSET else sent_until,
        _read_kinds(asked.kinds) or EVERY_KIND,
    )


async def _find_custodian(transaction: Transaction, named: str) -> Custodian:
    email, colon, covers = named.rpartition(":")
    if not colon:
        email, covers = named, Covers.MEMBERSHIPS
    if covers not in list(Covers):
        raise InvalidInput(f"Of a custodian, {' or '.join(Covers)} can be held, not {covers!r}.")
    try:
        account = await accounts.require_account_of(transaction, email)
    except NotFound:
        raise NotFound(
            f"No account has the e-mail address {email!r}: a custodian is named by theirs."
        ) from None
    return Custodian(account.account_id, Covers(covers))


async def _find_or_open_matter(transaction: Transaction, by: Initiator, named: str, reason: str) -> MatterId:
    try:
        return MatterId(UUID(named))
    except ValueError:
        pass  # a name
    name = " ".join(named.split())
    found = [
        each for each in await matters.list_matters(transaction) if each.name == name and not each.closed_at
    ]
    if len(found) > 1:
        ids = ", ".join(str(each.matter_id) for each in found)
        raise Conflict(f"{len(found)} matters have this name: give the id of one of them ({ids}).")
    matter = found[0] if found else await matters.open_matter(transaction, by, name, reason)
    return matter.matter_id


def _read_time(typed: str | UnsetType, which: str) -> datetime | UnsetType | None:
    if typed is UNSET or typed == "open":
        return UNSET if typed is UNSET else None
    try:
        instant = datetime.fromisoformat(typed)
    except ValueError:
        raise InvalidInput(
            f"--{which} must be a date or a time such as 2026-03-01 or 2026-03-01T12:00Z."
        ) from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _read_kinds(typed: Sequence[str]) -> frozenset[ContentKind]:
    return frozenset(ContentKind(each) for each in typed)


def _describe_span(scope: HoldScope) -> str:
    ends = [
        f"from {write_time(scope.sent_from)}" if scope.sent_from else "",
        f"before {write_time(scope.sent_until)}" if scope.sent_until else "",
    ]
    return " and ".join(filter(None, ends)) or "at any time"


def _describe_coverage(covered: Coverage) -> str:
    return (
        f"{counted(covered.messages, 'message')} and {counted(covered.files, 'file')} "
        f"({write_size(covered.byte_size)}) of {counted(covered.people, 'person', 'people')} "
        f"in {counted(covered.rooms, 'room')}"
    )
