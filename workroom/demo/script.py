"""Reads the conversations of the demo: one line, one deed. Pure: it knows nothing of accounts or rooms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

_LINE = re.compile(
    r"(?P<day>-?\d+) (?P<hour>\d\d):(?P<minute>\d\d) (?P<who>\w+) (?P<verb>[a-z]+)(?P<rest>[^:]*)(?:: (?P<text>.+))?"
)
_LABEL = re.compile(r"(?<!to )#(\w+)")
_REPLY_TO = re.compile(r"to #(\w+)")


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody does in a room at a moment.

    Attributes:
        room: the number of the room in the script; it is opened by the room's first deed.
        what: the words between the verb and the text, without labels: an emoji, a person, kind and customers.
        label: what the message is called, or which message is meant; None where it is not said.
    """

    room: int
    at: datetime
    who: str
    verb: str
    what: str
    label: str | None
    reply_to: str | None
    text: str


def read_script(lines: Iterable[str], today: datetime) -> list[Deed]:
    """The deeds of all rooms in the order in which they happen.

    Args:
        today: the beginning of the script's day 0.

    Raises:
        ValueError: a line that is no deed, with its number.
    """
    deeds: list[Deed] = []
    room = -1
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"line {number} of the script is no deed: {line}")
        room += found["verb"] == "opens"
        deeds.append(_make_deed(found, room, today))
    return sorted(deeds, key=lambda deed: deed.at)


def _make_deed(found: re.Match[str], room: int, today: datetime) -> Deed:
    rest = found["rest"]
    label, reply_to = _LABEL.search(rest), _REPLY_TO.search(rest)
    what = _LABEL.sub("", _REPLY_TO.sub("", rest))
    return Deed(
        room=room,
        at=today + timedelta(days=int(found["day"]), hours=int(found["hour"]), minutes=int(found["minute"])),
        who=found["who"],
        verb=found["verb"],
        what=" ".join(what.split()),
        label=label[1] if label else None,
        reply_to=reply_to[1] if reply_to else None,
        text=(found["text"] or "").replace("\\n", "\n"),
    )
