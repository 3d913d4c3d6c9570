"""Customers: parties, not people."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.people import make_account, make_room
from workroom import customers
from workroom.errors import InvalidInput
from workroom.ids import CustomerId
from workroom.storage.database import Database


async def test_two_customers_of_one_name_are_two(database: Database) -> None:
    async with database.transaction() as transaction:
        first = await customers.create_customer(transaction, "Baker & Sons")
        second = await customers.create_customer(transaction, "Baker & Sons")
        assert await customers.list_customers(transaction) == sorted(
            [first, second], key=lambda customer: customer.customer_id
        )


async def test_an_unknown_customer_is_a_wrong_field(database: Database) -> None:
    async with database.read() as reading:
        with pytest.raises(InvalidInput) as refusal:
            await customers.require_customer(reading, CustomerId(uuid4()))
    assert refusal.value.params["field"] == "customer_id"


async def test_only_a_private_room_names_its_customer_to_an_invited_person(database: Database) -> None:
    staff, person = await make_account(database), await make_account(database, "customer")
    private = await make_room(database, person, kind="private")
    shared = await make_room(database, staff, person)
    async with database.read() as reading:
        found = await customers.find_customer_of_private_room(reading, private)
        assert found is not None
        assert found.customer_id == person.customer_id
        assert await customers.find_customer_of_private_room(reading, shared) is None
