"""Performs the deeds of the demo's script, each at its moment, through the functions of the domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import uuid4

from workroom import accounts, audit, customers, memberships, messages, read_markers, room_members, rooms
from workroom.accounts import Account
from workroom.command_writer import MessageDelete, MessageEdit, ReactionChange, StreamWrite, perform_all
from workroom.demo.cast import Person
from workroom.demo.script import Deed
from workroom.errors import WorkroomError
from workroom.ids import ClientCommandId, CustomerId, MessageId, StreamId
from workroom.messages import NewMessage, Posted, Written
from workroom.read_markers import Mark
from workroom.rooms import Actor, Room
from workroom.storage.database import Transaction
from workroom.storage.queries import queries


class Stage:
    """The people, rooms and messages of the demo while it is written."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._customers: dict[str, CustomerId] = {}
        self._accounts: dict[str, Account] = {}
        self._rooms: dict[int, Room] = {}
        self._messages: dict[tuple[int, str], tuple[StreamId, MessageId]] = {}

    async def enter(
        self,
        customer_names: Iterable[str],
        cast: Mapping[str, Person],
        password_hashes: Mapping[str, str],
        at: datetime,
    ) -> None:
        """Make the customers and everybody's account."""
        await self._set_clock(at)
        for name in customer_names:
            self._customers[name] = (await customers.create_customer(self._transaction, name)).customer_id
        for key, person in cast.items():
            self._accounts[key] = await accounts.create_account(
                self._transaction,
                kind=person.kind,
                email=person.email,
                display_name=person.name,
                customer_id=self._customers[person.customer] if person.customer else None,
                password_hash=password_hashes[key],
                by=audit.by_shell(),
            )

    def account(self, key: str) -> Account:
        """Somebody of the cast."""
        return self._accounts[key]

    def room_named(self, name: str) -> Room:
        """The room that was opened under a name."""
        return next(room for room in self._rooms.values() if room.name == name)

    async def perform(self, deed: Deed) -> None:
        """Do one thing, at its moment."""
        await self._set_clock(deed.at)
        if deed.verb == "opens":
            await self._open(deed)
        elif deed.verb in ("joins", "adds"):
            await self._move(deed)
        elif deed.verb in ("says", "notes"):
            await self._post(deed)
        elif deed.verb == "reads":
            room = self._rooms[deed.room]
            await self._read(
                deed.who, room.staff_stream_id if deed.what == "notes" else room.shared_stream_id
            )
        else:
            await self._write(self._change(deed))

    async def _open(self, deed: Deed) -> None:
        kind, _, named = deed.what.partition(" for ")
        room_id, _, _ = await rooms.create_room(
            self._transaction,
            self._actor(deed.who),
            kind=kind,
            name=deed.text,
            customer_ids=[self._customers[name.strip()] for name in named.split(",")],
            client_command_id=_mint(),
        )
        self._rooms[deed.room] = await rooms.find_room(self._transaction, room_id)

    async def _move(self, deed: Deed) -> None:
        room_id = self._rooms[deed.room].room_id
        if deed.verb == "joins":
            await room_members.join_room(self._transaction, self._actor(deed.who), room_id, _mint())
        else:
            await room_members.add_member(
                self._transaction,
                self._actor(deed.who),
                room_id,
                self._accounts[deed.what].account_id,
                grants_history=True,
                client_command_id=_mint(),
            )

    async def _post(self, deed: Deed) -> None:
        room = self._rooms[deed.room]
        stream_id = room.shared_stream_id if deed.verb == "says" else room.staff_stream_id
        author_id = self._accounts[deed.who].account_id
        reply_to = self._messages[deed.room, deed.reply_to][1] if deed.reply_to else None
        posted = await self._write(NewMessage(stream_id, author_id, _mint(), deed.text, reply_to))
        assert isinstance(posted, Posted)
        if deed.label is not None:
            self._messages[deed.room, deed.label] = (stream_id, posted.message_id)
        await self._read(deed.who, stream_id, posted.seq)

    def _change(self, deed: Deed) -> StreamWrite:
        assert deed.label is not None
        stream_id, message_id = self._messages[deed.room, deed.label]
        actor_id = self._accounts[deed.who].account_id
        if deed.verb == "edits":
            return MessageEdit(stream_id, actor_id, _mint(), message_id, deed.text, ())
        if deed.verb == "deletes":
            return MessageDelete(stream_id, actor_id, _mint(), message_id)
        return ReactionChange(stream_id, actor_id, _mint(), message_id, deed.what, is_added=True)

    async def _write(self, write: StreamWrite) -> Posted | Written:
        await messages.lock_rooms_of(self._transaction, [write.stream_id])
        [outcome] = await perform_all(self._transaction, [write])
        if isinstance(outcome, WorkroomError):
            raise outcome
        return outcome

    async def _read(self, who: str, stream_id: StreamId, seq: int | None = None) -> None:
        account = self._accounts[who]
        if seq is None:
            readable = await memberships.require_member(self._transaction, account.account_id, stream_id)
            seq = readable.last_seq
        await read_markers.move_markers(self._transaction, [Mark(account.account_id, stream_id, seq)])

    def _actor(self, who: str) -> Actor:
        account = self._accounts[who]
        return Actor(account.account_id, account.kind, account.customer_id, account.stream_id)

    async def _set_clock(self, instant: datetime) -> None:
        await self._transaction.fetch(queries.demo.set_instant, instant=instant)


def _mint() -> ClientCommandId:
    return ClientCommandId(uuid4())
