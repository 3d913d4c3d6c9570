"""The table of abilities: what each kind of account may do, in code and in the docs alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from workroom.abilities import (
    ABILITIES,
    PURPOSES,
    Ability,
    AccountKind,
    has_ability,
    list_abilities,
    require_ability,
    table_lines,
)
from workroom.errors import Forbidden

DOCS_PAGE = Path(__file__).parents[1] / "docs" / "abilities.md"


def test_the_page_in_the_docs_has_the_same_table_as_the_code() -> None:
    written = [line for line in DOCS_PAGE.read_text().splitlines() if line.startswith("|")]
    assert written == list(table_lines())


def test_every_kind_and_every_ability_has_its_place_in_the_table() -> None:
    assert set(ABILITIES) == set(AccountKind)
    assert set(PURPOSES) == set(Ability)
    assert set().union(*ABILITIES.values()) == set(Ability), "an ability that nobody has is no ability"


def test_only_an_admin_manages_accounts() -> None:
    assert [kind for kind in AccountKind if has_ability(kind, Ability.MANAGE_ACCOUNTS)] == [AccountKind.ADMIN]


OF_OFFICERS = {
    Ability.MANAGE_HOLDS,
    Ability.MANAGE_RETENTION,
    Ability.OPEN_FOR_COMPLIANCE,
    Ability.READ_AUDIT,
}


def test_compliance_takes_no_part_in_rooms() -> None:
    assert ABILITIES[AccountKind.COMPLIANCE] == OF_OFFICERS | {Ability.LABEL_CONTENT}


@pytest.mark.parametrize("kind", sorted(set(AccountKind) - {AccountKind.COMPLIANCE}))
def test_nobody_but_compliance_has_to_do_with_holds_retention_or_the_trail(kind: AccountKind) -> None:
    assert not ABILITIES[kind] & OF_OFFICERS


def test_a_customer_never_has_to_do_with_the_staff_stream_or_the_desk() -> None:
    assert ABILITIES[AccountKind.CUSTOMER] == {Ability.TAKE_PART, Ability.CREATE_PRIVATE_ROOM}


def test_an_admin_may_in_rooms_exactly_what_staff_may() -> None:
    assert ABILITIES[AccountKind.ADMIN] - {Ability.MANAGE_ACCOUNTS} == ABILITIES[AccountKind.STAFF]


@pytest.mark.parametrize("kind", AccountKind)
@pytest.mark.parametrize("ability", Ability)
def test_requiring_an_ability_refuses_exactly_the_kinds_that_lack_it(
    kind: AccountKind, ability: Ability
) -> None:
    if ability in ABILITIES[kind]:
        require_ability(kind.value, ability)
        assert ability.value in list_abilities(kind)
    else:
        with pytest.raises(Forbidden):
            require_ability(kind.value, ability)
        assert ability.value not in list_abilities(kind)


def test_a_kind_that_does_not_exist_is_an_error_and_not_a_kind_without_abilities() -> None:
    with pytest.raises(ValueError):
        has_ability("superuser", Ability.TAKE_PART)
