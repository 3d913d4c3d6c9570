"""Identifiers: message ids carry the time a message was sent, all others say nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from workroom import ids
from workroom.ids import mint_message_id

INSTANTS = st.datetimes(
    datetime(1990, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.just(UTC),
)
MILLISECOND = timedelta(milliseconds=1)


def milliseconds_of(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // MILLISECOND


@given(INSTANTS)
def test_a_message_id_is_a_uuid_of_version_7(instant: datetime) -> None:
    minted = mint_message_id(instant)
    assert (minted.version, minted.variant) == (7, RFC_4122)


@given(INSTANTS)
def test_a_message_id_begins_with_the_milliseconds_of_sending_rounded_down(instant: datetime) -> None:
    assert mint_message_id(instant).int >> 80 == milliseconds_of(instant)


@given(INSTANTS, st.timedeltas(MILLISECOND, timedelta(days=1)))
def test_who_is_sent_later_sorts_later(instant: datetime, later: timedelta) -> None:
    assert mint_message_id(instant) < mint_message_id(instant + later)


def test_two_messages_of_one_instant_have_two_ids() -> None:
    instant = datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert len({mint_message_id(instant) for _ in range(1000)}) == 1000


def test_all_other_ids_are_random() -> None:
    for mint in (
        ids.mint_account_id,
        ids.mint_customer_id,
        ids.mint_room_id,
        ids.mint_stream_id,
        ids.mint_invitation_id,
    ):
        assert mint().version == 4
        assert mint() != mint()


async def test_postgres_draws_the_line_between_two_milliseconds_where_we_do(
    owner: asyncpg.Connection,
) -> None:
    first = datetime(2026, 11, 30, 23, 59, 59, 998_000, tzinfo=UTC)
    instants = [first + timedelta(microseconds=step) for step in range(0, 4000, 7)]
    instants += [first + MILLISECOND * step for step in range(2000)]
    bounds = await owner.fetch(
        "select first_message_id_of(i) as low, first_message_id_of(i + interval '1 millisecond') as high "
        "from unnest($1::timestamptz[]) with ordinality as w(i, n) order by n",
        instants,
    )
    for instant, bound in zip(instants, bounds, strict=True):
        assert bound["low"] <= mint_message_id(instant) < bound["high"], instant
