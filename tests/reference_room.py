"""The smallest client that does what docs/protocol.md says: a room as it was fetched, and events applied to it.

For the strongest test of all: old state + the events received = the state fetched afresh.
"""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

MOST_UNREAD = 100


class ReferenceRoom:
    """One account's view of a room: what `open_room` and `list_rooms` answered, kept true by events alone."""

    def __init__(self, account_id: str, room: Json, line: Json) -> None:
        self.account_id = account_id
        self.room_id: str = room["room_id"]
        self.name: str = room["name"]
        self.archived_at: str | None = room["archived_at"]
        self.customers = {one["customer_id"]: one["name"] for one in room["customers"]}
        self.members = {one["account_id"]: one for one in room["members"]}
        self.people = {one["account_id"]: one for one in (*room["people"], *room["members"])}
        self.messages: dict[str, dict[str, Json]] = {}
        self.positions: dict[str, int] = {}
        self.reads_from: dict[str, int] = {}
        self.streams: dict[str, str] = {}
        self.expired_before: dict[str, str | None] = {}
        for kind, stream in room["streams"].items():
            self.streams[stream["stream"]] = kind
            self.positions[kind] = stream["seq"]
            self.reads_from[kind] = stream["reads_from_seq"]
            self.expired_before[kind] = stream.get("expired_before")
            found = copy.deepcopy(stream["page"]["messages"])
            self.messages[kind] = {message["message_id"]: message for message in found}
        self.read_seqs = {"shared": line["read_seq"]}
        if "staff" in room["streams"]:
            markers = {one["account_id"]: one["seq"] for one in room["streams"]["staff"]["read_markers"]}
            self.read_seqs["staff"] = markers.get(account_id, 0)
        self.waiting_since = line.get("waiting_since")

    def apply(self, stream: str, event: Json) -> None:
        """Take the next event of one of the room's streams."""
        kind = self.streams[stream]
        if event["seq"] <= self.positions[kind]:
            return
        assert event["seq"] == self.positions[kind] + 1, (kind, event["seq"], self.positions[kind])
        self.positions[kind] = event["seq"]
        if event["kind"] == "message_posted":
            self._note_waiting(kind, event)
        if event.get("withheld"):
            return
        if event["kind"] in ("messages_expired", "file_expired"):
            self._forget(kind, event)
            return
        if "message_id" in event:
            self._apply_to_message(kind, event)
        elif kind == "shared":
            self._apply_to_room(event)

    def apply_own(self, event: Json) -> None:
        """Take an event of the account's own stream."""
        if event["kind"] == "read_marker_moved" and event["stream"] in self.streams:
            kind = self.streams[event["stream"]]
            self.read_seqs[kind] = max(self.read_seqs[kind], event["read_seq"])

    def shown(self) -> Json:
        """What the client shows, in the form of `as_shown`."""
        state: Json = {
            "name": self.name,
            "archived_at": self.archived_at,
            "customers": self.customers,
            "members": self.members,
            "reads_from": self.reads_from,
            "expired_before": self.expired_before,
            "positions": self.positions,
            "messages": {kind: _comparable(self._in_order(kind)) for kind in self.messages},
            "unread": {kind: len(self._unread(kind)) for kind in self.messages},
            "mentioned": any(
                self.account_id in m["mentions"] for k in self.messages for m in self._unread(k)
            ),
            "last_message": self._last_message(),
            "member_count": len(self.members),
            "read_seq": self.read_seqs["shared"],
        }
        if "staff" in self.messages:
            state["waiting_since"] = self.waiting_since
        return state

    # -- events ----------------------------------------------------------------------------------------------

    def _apply_to_message(self, stream_kind: str, event: Json) -> None:
        messages = self.messages[stream_kind]
        message = messages.get(event["message_id"])
        if event["kind"] == "message_posted":
            if message is None:
                messages[event["message_id"]] = _message(event)
            return
        if message is None or "deleted_at" in message:
            return
        if event["kind"] == "message_deleted":
            _take_back(message, event["at"], event["actor_id"])
        elif event["kind"] == "message_edited" and event["revision"] >= message["revision"]:
            message["text"], message["mentions"] = event["text"], event.get("mentions", [])
            message["revision"] = event["revision"]
            message["edited_at"] = event.get("edited_at", event["at"])
            if "deleted_at" in event:
                _take_back(message, event["deleted_at"], event["deleted_by"])
        elif event["kind"] in ("reaction_added", "reaction_removed"):
            _react(message, event)

    def _forget(self, stream_kind: str, event: Json) -> None:
        """Messages, or a file of one, whose time has come."""
        if event["kind"] == "file_expired":
            for message in self.messages[stream_kind].values():
                if message["seq"] == event["subject_seq"]:
                    message["files"] = [f for f in message["files"] if f["file_id"] != event["file_id"]]
            return
        gone = range(event["first_seq"], event["last_seq"] + 1)
        self.messages[stream_kind] = {
            message_id: message
            for message_id, message in self.messages[stream_kind].items()
            if message["seq"] not in gone
        }
        if "expired_before" in event and event["last_seq"] >= self.reads_from[stream_kind]:
            self.expired_before[stream_kind] = event["expired_before"]

    def _note_waiting(self, stream_kind: str, event: Json) -> None:
        if stream_kind != "shared":
            return
        if self.people[event["actor_id"]]["kind"] != "customer":
            self.waiting_since = None
        elif self.waiting_since is None:
            self.waiting_since = event["at"]

    def _apply_to_room(self, event: Json) -> None:
        kind = event["kind"]
        if kind == "room_renamed":
            self.name = event.get("name", self.name)
        elif kind == "room_archived":
            self.archived_at, self.waiting_since = event["at"], None
        elif kind == "room_reopened":
            self.archived_at = None
        elif kind == "member_joined":
            member = event["member"]
            self.members[member["account_id"]] = member | {"joined_at": event["at"]}
            self.people[member["account_id"]] = member
            if member["customer_id"] is not None:
                self.customers[member["customer_id"]] = member["customer_name"]
        elif kind == "member_changed":
            member = event["member"]
            if member["account_id"] in self.members:  # the room that was fetched may be newer than the event
                self.members[member["account_id"]] |= member
            self.people[member["account_id"]] = member
        elif kind in ("member_left", "member_removed"):
            self.members.pop(event["account_id"], None)

    # -- what follows from it --------------------------------------------------------------------------------

    def _in_order(self, kind: str) -> list[Json]:
        return sorted(self.messages[kind].values(), key=lambda message: int(message["seq"]))

    def _unread(self, kind: str) -> list[Json]:
        unread = [
            message
            for message in self._in_order(kind)
            if message["seq"] > self.read_seqs[kind]
            and message["author_id"] != self.account_id
            and "deleted_at" not in message
        ]
        return unread[:MOST_UNREAD]

    def _last_message(self) -> Json | None:
        messages = self._in_order("shared")
        if not messages:
            return None
        last = messages[-1]
        return {
            "author_id": last["author_id"],
            "author_name": self.people[last["author_id"]]["display_name"],
            "text": last["text"][:200],
            "sent_at": last["sent_at"],
            "deleted": "deleted_at" in last,
        }


def as_shown(room: Json, line: Json) -> Json:
    """What `open_room` and `list_rooms` answer, in the form of `ReferenceRoom.shown`."""
    state: Json = {
        "name": room["name"],
        "archived_at": room["archived_at"],
        "customers": {one["customer_id"]: one["name"] for one in room["customers"]},
        "members": {one["account_id"]: one for one in room["members"]},
        "reads_from": {kind: stream["reads_from_seq"] for kind, stream in room["streams"].items()},
        "expired_before": {kind: stream.get("expired_before") for kind, stream in room["streams"].items()},
        "positions": {kind: stream["seq"] for kind, stream in room["streams"].items()},
        "messages": {
            kind: _comparable(stream["page"]["messages"]) for kind, stream in room["streams"].items()
        },
        "unread": {"shared": line["unread"]},
        "mentioned": line["mentioned"],
        "last_message": line["last_message"],
        "member_count": line["member_count"],
        "read_seq": line["read_seq"],
    }
    assert (line["name"], line["archived_at"], line["seq"]) == (
        room["name"],
        room["archived_at"],
        room["streams"]["shared"]["seq"],
    )
    if "staff" in room["streams"]:
        assert line["staff_seq"] == room["streams"]["staff"]["seq"]
        state["unread"]["staff"] = line["staff_unread"]
        state["waiting_since"] = line["waiting_since"]
    return state


def _comparable(messages: list[Json]) -> list[Json]:
    """Signs on a message say who stands behind them in which order; among each other they have none."""
    return [
        message | {"reactions": {one["emoji"]: one["account_ids"] for one in message["reactions"]}}
        for message in messages
    ]


def _message(event: Json) -> Json:
    message = {
        "message_id": event["message_id"],
        "seq": event["seq"],
        "author_id": event["actor_id"],
        "text": event["text"],
        "mentions": event.get("mentions", []),
        "reply_to": event.get("reply_to"),
        "sent_at": event.get("sent_at", event["at"]),
        "revision": event.get("revision", 1),
        "reactions": [],
    }
    later = ("edited_at", "deleted_at", "deleted_by")
    return message | {name: event[name] for name in later if name in event}


def _take_back(message: Json, at: str, by: str) -> None:
    message.update(text="", mentions=[], reactions=[], deleted_at=at, deleted_by=by)


def _react(message: Json, event: Json) -> None:
    """Accounts stand in the order in which they came; who comes again stands last."""
    reactions = {one["emoji"]: one["account_ids"] for one in message["reactions"]}
    standing = [who for who in reactions.get(event["emoji"], []) if who != event["account_id"]]
    if event["kind"] == "reaction_added":
        standing.append(event["account_id"])
    reactions[event["emoji"]] = standing
    message["reactions"] = [{"emoji": emoji, "account_ids": who} for emoji, who in reactions.items() if who]
