"""The four kinds of account, and what each may do: the one table. `docs/abilities.md` says the same, by test.

An ability opens a kind of deed at all; whether it may be done to *this* room is the membership rule's to say.
No kind may read a room of which the account is not a member. Compliance is never a member of a room: it opens one
for a matter, which is recorded first. An admin has no more right to a room than staff, and none to holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from workroom.errors import Forbidden


class AccountKind(StrEnum):
    """What an account is, for ever on one side: a customer's, or one of the provider's three."""

    CUSTOMER = "customer"
    STAFF = "staff"
    COMPLIANCE = "compliance"
    ADMIN = "admin"

    @property
    def is_provider(self) -> bool:
        return self is not AccountKind.CUSTOMER


class Ability(StrEnum):
    """One deed that a kind of account may do or may not."""

    TAKE_PART = "take_part"
    CREATE_PRIVATE_ROOM = "create_private_room"
    CREATE_SHARED_ROOM = "create_shared_room"
    JOIN_ROOM = "join_room"
    WATCH_DESK = "watch_desk"
    WRITE_INTERNAL_NOTE = "write_internal_note"
    RENAME_ROOM = "rename_room"
    ARCHIVE_ROOM = "archive_room"
    MANAGE_MEMBERS = "manage_members"
    INVITE = "invite"
    DELETE_MESSAGES_OF_CUSTOMERS = "delete_messages_of_customers"
    LIST_PEOPLE = "list_people"
    MANAGE_ACCOUNTS = "manage_accounts"
    LABEL_CONTENT = "label_content"
    MANAGE_HOLDS = "manage_holds"
    MANAGE_RETENTION = "manage_retention"
    OPEN_FOR_COMPLIANCE = "open_for_compliance"
    READ_AUDIT = "read_audit"


PURPOSES: dict[Ability, str] = {
    Ability.TAKE_PART: "Be a member of rooms: read, write, react, mark as read.",
    Ability.CREATE_PRIVATE_ROOM: "Open a room of one customer and the provider; a customer for its own only.",
    Ability.CREATE_SHARED_ROOM: "Open a room of several customers and the provider.",
    Ability.JOIN_ROOM: "Join any room that is not archived, without being asked. The members see it.",
    Ability.WATCH_DESK: "See which rooms wait for an answer: name, customers and waiting time only.",
    Ability.WRITE_INTERNAL_NOTE: "Read and write the internal notes of the rooms one is a member of.",
    Ability.RENAME_ROOM: "Give a room one is a member of another name.",
    Ability.ARCHIVE_ROOM: "Archive a room one is a member of, and open it again.",
    Ability.MANAGE_MEMBERS: "Add accounts to a room one is a member of, and remove them.",
    Ability.INVITE: "Make and revoke invitation links to a room one is a member of.",
    Ability.DELETE_MESSAGES_OF_CUSTOMERS: "Take back messages of customers, besides one's own.",
    Ability.LIST_PEOPLE: "See the customers and accounts that can be added to a room.",
    Ability.MANAGE_ACCOUNTS: "List, create, change, deactivate and reactivate accounts.",
    Ability.LABEL_CONTENT: "Label a message or a file with a retention class; staff in rooms one is a member of.",
    Ability.MANAGE_HOLDS: "Open matters; place, widen and release legal holds.",
    Ability.MANAGE_RETENTION: "Simulate and change retention classes, defaults and assignments.",
    Ability.OPEN_FOR_COMPLIANCE: "Open what is written in a room for a matter, with a reason that is recorded first.",
    Ability.READ_AUDIT: "Read the audit trail and the alarms; erase a reason.",
}

_OF_OFFICERS = frozenset(
    {
        Ability.MANAGE_HOLDS,
        Ability.MANAGE_RETENTION,
        Ability.OPEN_FOR_COMPLIANCE,
        Ability.READ_AUDIT,
    }
)
_IN_ROOMS = frozenset(Ability) - _OF_OFFICERS - {Ability.MANAGE_ACCOUNTS}

ABILITIES: dict[AccountKind, frozenset[Ability]] = {
    AccountKind.CUSTOMER: frozenset({Ability.TAKE_PART, Ability.CREATE_PRIVATE_ROOM}),
    AccountKind.STAFF: _IN_ROOMS,
    AccountKind.COMPLIANCE: _OF_OFFICERS | {Ability.LABEL_CONTENT},
    AccountKind.ADMIN: _IN_ROOMS | {Ability.MANAGE_ACCOUNTS},
}


def has_ability(kind: AccountKind | str, ability: Ability) -> bool:
    """Whether accounts of this kind may do this at all."""
    return ability in ABILITIES[AccountKind(kind)]


def require_ability(kind: AccountKind | str, ability: Ability) -> None:
    """Raise Forbidden when accounts of this kind may not do this at all."""
    if not has_ability(kind, ability):
        raise Forbidden("This kind of account may not do that.", ability=ability.value)


def list_abilities(kind: AccountKind | str) -> list[str]:
    """The abilities of a kind in the table's order, as the browser is told them."""
    granted = ABILITIES[AccountKind(kind)]
    return [ability.value for ability in Ability if ability in granted]


def table_lines() -> Iterable[str]:
    """The table as Markdown, line by line: what `docs/abilities.md` has to contain."""
    yield "| ability | " + " | ".join(AccountKind) + " | what it is |"
    yield "|---|" + ":-:|" * len(AccountKind) + "---|"
    for ability in Ability:
        marks = ["yes" if has_ability(kind, ability) else "" for kind in AccountKind]
        yield f"| `{ability}` | " + " | ".join(marks) + f" | {PURPOSES[ability]} |"
