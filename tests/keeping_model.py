"""What is kept and what goes, as plain Python says it: for the test that plays a whole office against it.

Written from the sentences of the design and not from the program: lists, loops, and a clock that is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

DAY = timedelta(hours=24)
NEVER = datetime.max.replace(tzinfo=None)


@dataclass
class Class:
    """A retention class, and when it last changed."""

    counted_from: str
    keep: int | None
    destroy: int | None
    removed: int
    changed_at: datetime


@dataclass
class Room:
    """A room with its class, since when it has it, and who was a member from when to when."""

    kind: str
    class_id: UUID | None = None
    class_since: datetime | None = None
    archived_at: datetime | None = None
    members: list[tuple[UUID, datetime, datetime | None]] = field(default_factory=list)


@dataclass
class File:
    """A file of a message; `labelled_at` stays when its label goes."""

    label: UUID | None = None
    labelled_at: datetime | None = None


@dataclass
class Message:
    """A message with what belongs to it. `revisions`: number to when it was written; `is_gone`: a run came by."""

    room_id: UUID
    author_id: UUID
    sent_at: datetime
    deleted_at: datetime | None = None
    label: UUID | None = None
    labelled_at: datetime | None = None
    files: dict[UUID, File] = field(default_factory=dict)
    revisions: dict[int, datetime] = field(default_factory=dict)
    is_gone: bool = False


@dataclass
class Hold:
    """A hold by rooms, members' rooms or senders; `kept_until` once it was released."""

    rooms: set[UUID]
    members: set[UUID]
    senders: set[UUID]
    kinds: set[str]
    sent_from: datetime | None = None
    kept_until: datetime | None = None


@dataclass
class Office:
    """Everything there is."""

    classes: dict[UUID, Class] = field(default_factory=dict)
    defaults: dict[str, tuple[UUID | None, datetime]] = field(default_factory=dict)
    rooms: dict[UUID, Room] = field(default_factory=dict)
    messages: dict[UUID, Message] = field(default_factory=dict)
    holds: dict[UUID, Hold] = field(default_factory=dict)

    # -- when the time comes

    def classes_of(self, message: Message, file: File | None = None) -> list[Class]:
        """The classes that apply, nearest first."""
        room = self.rooms[message.room_id]
        default, _ = self.defaults.get(room.kind, (None, None))
        named = [file.label if file else None, message.label, room.class_id, default]
        return [self.classes[class_id] for class_id in named if class_id is not None]

    def due(
        self, message: Message, file: File | None = None, superseded_at: datetime | None = None
    ) -> datetime | None:
        """When the time of a message, a file or an old revision comes; None: never."""
        room, classes = self.rooms[message.room_id], self.classes_of(message, file)

        def counted(one: Class, days: int) -> datetime | None:
            start = message.sent_at if one.counted_from == "sent" else room.archived_at
            return None if start is None else start + days * DAY

        end = None
        for one in classes:
            if one.destroy is not None:
                end = counted(one, one.destroy)
                break
        removals = [at for at in (message.deleted_at, superseded_at) if at is not None]
        if removals:
            gone = min(removals) + (classes[0].removed if classes else 30) * DAY
            end = gone if end is None else min(end, gone)
        for one in classes:
            if one.keep is not None:
                keep = counted(one, one.keep)
                end = None if end is None or keep is None else max(end, keep)
        return end

    def message_due(self, message: Message, superseded_at: datetime | None = None) -> datetime | None:
        """The same with the message's labelled files: it stays as long as the longest of them."""
        dues = [self.due(message, None, superseded_at)]
        for file in message.files.values():
            if file.label is None:
                continue
            if superseded_at is None:
                dues.append(self.due(message, file))
            else:
                dues.append(self._file_keep(message, file, dues[0]))
        return None if None in dues else max(due for due in dues if due is not None)

    def file_due(self, message: Message, file: File) -> datetime | None:
        """A file with a label has a time of its own; one without goes with its message."""
        return self.due(message, file) if file.label is not None else self.message_due(message)

    def _file_keep(self, message: Message, file: File, due: datetime | None) -> datetime | None:
        """What the words of a message wait for is a keep of its file, not its file's end."""
        room = self.rooms[message.room_id]
        for one in self.classes_of(message, file):
            if one.keep is not None:
                start = message.sent_at if one.counted_from == "sent" else room.archived_at
                if start is None or due is None:
                    return None
                due = max(due, start + one.keep * DAY)
        return due

    def is_settled(self, message: Message, now: datetime, file: File | None = None) -> bool:
        """Whether no rule that concerns it has changed within a day."""
        room = self.rooms[message.room_id]
        _, default_since = self.defaults.get(room.kind, (None, None))
        files = [file] if file is not None and file.label is not None else list(message.files.values())
        if file is None or file.label is None:
            files = [each for each in message.files.values() if each.label is not None]
        changes = [room.class_since, default_since, message.labelled_at]
        changes += [each.labelled_at for each in files]
        for classes in (self.classes_of(message), *(self.classes_of(message, each) for each in files)):
            changes += [one.changed_at for one in classes]
        return all(at is None or at + DAY <= now for at in changes)

    def is_due(self, due: datetime | None, now: datetime) -> bool:
        return due is not None and due <= now

    # -- what is held

    def is_held(self, message: Message, kind: str | None, now: datetime) -> bool:
        """Whether a hold keeps a message: for its words, its files, or (None) for anything."""
        return any(
            self._holds(hold, message, now) and (kind is None or kind in hold.kinds)
            for hold in self.holds.values()
        )

    def _holds(self, hold: Hold, message: Message, now: datetime) -> bool:
        if hold.kept_until is not None and hold.kept_until <= now:
            return False
        if hold.sent_from is not None and message.sent_at < hold.sent_from:
            return False
        in_scope = message.room_id in hold.rooms or message.author_id in hold.senders
        for account_id, joined_at, left_at in self.rooms[message.room_id].members:
            was_there = joined_at <= message.sent_at and (left_at is None or message.sent_at <= left_at)
            in_scope = in_scope or (account_id in hold.members and was_there)
        return in_scope

    # -- a run

    def dispose(self, now: datetime) -> None:
        """Take away what is due and free: files, then messages whole, then old revisions."""
        for message in self.messages.values():
            for file_id, file in list(message.files.items()):
                goes = self.is_due(self.file_due(message, file), now) and self.is_settled(message, now, file)
                if goes and not self.is_held(message, "files", now):
                    del message.files[file_id]
        for message_id, message in list(self.messages.items()):
            if not (self.is_due(self.message_due(message), now) and self.is_settled(message, now)):
                continue
            message.is_gone = True
            if not self.is_held(message, "messages", now):
                message.revisions.clear()
            if not self.is_held(message, None, now) and not message.files:
                del self.messages[message_id]
        for message in self.messages.values():
            if self.is_held(message, "messages", now) or not self.is_settled(message, now):
                continue
            for number, following in list(pairwise(sorted(message.revisions))):
                superseded_at = message.revisions[following]
                if self.is_due(self.message_due(message, superseded_at), now):
                    del message.revisions[number]

    def visible(self, room_id: UUID, now: datetime) -> set[UUID]:
        """What a member who reads everything is shown of a room, tombstones too.

        What was due when a run came by stays unseen whatever the rules become, also where a hold kept it.
        """
        return {
            message_id
            for message_id, message in self.messages.items()
            if message.room_id == room_id
            and not message.is_gone
            and not self.is_due(self.message_due(message), now)
        }
