"""A log of an IRC channel as acts of people: they are there, say something, come, go, and change their names.

A line is `[12:18] <nick> text`, `[12:18]  * nick text` (an action, said as it stands), or `=== ...` for what the
channel tells of somebody. Annotations are `A B -`: line B, counted from 0, answers line A. Nothing is sent here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RAW_ENDING = ".raw.txt"
ANNOTATION_ENDING = ".annotation.txt"

_SAID = re.compile(r"\[(\d\d):(\d\d)\] <([^>]+)> ?(.*)", re.DOTALL)
_DONE = re.compile(r"\[(\d\d):(\d\d)\]  ?(\* ?(\S+) .*)", re.DOTALL)
_JOINED = re.compile(r"=== (\S+) \[.*\]\s+has joined #")
_LEFT = re.compile(r"=== (\S+) \[.*\]\s+has left #")
_RENAMED = re.compile(r"=== (\S+) is now known as (\S+)")


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody says something. `minute` is that of the log; `answers` the line it is an answer to."""

    line: int
    person: int
    text: str
    minute: int
    answers: int | None


@dataclass(frozen=True, slots=True)
class Came:
    """Somebody comes into the room."""

    line: int
    person: int


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody leaves the room."""

    line: int
    person: int


@dataclass(frozen=True, slots=True)
class Renamed:
    """Somebody has another name from now on."""

    line: int
    person: int
    name: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """Somebody who is in the room already comes in again: the line had been lost, and nobody noticed."""

    line: int
    person: int


Act = Said | Came | Left | Renamed | Reconnected


@dataclass(slots=True)
class Log:
    """One conversation. People are numbers; whoever is not known to have come was there from the beginning.

    Attributes:
        names: of the people, as they were called first.
        present: who was there from the beginning.
        acts: in the order of the log. Whoever speaks is in the room.
        empty_lines: said with no text: there is nothing to send.
    """

    title: str
    names: list[str] = field(default_factory=list)
    present: list[int] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    empty_lines: int = 0

    def said(self) -> Iterator[Said]:
        """What was said, in order."""
        return (act for act in self.acts if isinstance(act, Said))


def find_logs(folder: Path) -> list[Path]:
    """The logs of a folder, in order of name."""
    return sorted(folder.glob(f"*{RAW_ENDING}"))


def read_log(file: Path) -> Log:
    """Read a log and its annotations, where there are some."""
    annotations = file.with_name(file.name.removesuffix(RAW_ENDING) + ANNOTATION_ENDING)
    answers = annotations.read_text("ascii") if annotations.is_file() else ""
    return parse_log(file.name.removesuffix(RAW_ENDING), file.read_bytes(), answers)


def parse_log(title: str, raw: bytes, annotations: str = "") -> Log:
    """Make acts of a log. A line that is not UTF-8 is taken as Latin-1, in which every byte is a character."""
    reader = _Reader(title, _read_answers(annotations))
    lines = raw.split(b"\n")
    for number, line in enumerate(lines[:-1] if lines[-1] == b"" else lines):
        reader.take(number, _decode(line.removesuffix(b"\r")))
    return reader.log


class _Reader:
    def __init__(self, title: str, answers: dict[int, int]) -> None:
        self.log = Log(title)
        self._answers = answers
        self._called: dict[str, int] = {}
        self._inside: set[int] = set()
        self._were_here: set[int] = set()
        self._said: set[int] = set()
        self._minute = 0

    def take(self, number: int, line: str) -> None:
        if said := _SAID.fullmatch(line):
            self._say(number, said[3], said[4], int(said[1]) * 60 + int(said[2]))
        elif done := _DONE.fullmatch(line):
            self._say(number, done[4], done[3], int(done[1]) * 60 + int(done[2]))
        elif joined := _JOINED.match(line):
            self._come(number, joined[1])
        elif left := _LEFT.match(line):
            person = self._find(left[1], is_coming=False)
            self._inside.discard(person)
            self.log.acts.append(Left(number, person))
        elif renamed := _RENAMED.fullmatch(line):
            person = self._find(renamed[1], is_coming=False)
            self._called.pop(renamed[1], None)
            self._called[renamed[2]] = person
            self.log.acts.append(Renamed(number, person, renamed[2]))

    def _say(self, number: int, nick: str, text: str, minute: int) -> None:
        person = self._find(nick, is_coming=False)
        if not text or "\0" in text:
            self.log.empty_lines += 1
            return
        if person not in self._inside:
            self._inside.add(person)
            self.log.acts.append(Came(number, person))
        answers = self._answers.get(number)
        self._said.add(number)
        # Clocks of logs begin again at midnight.
        self._minute = max(self._minute, minute) if minute + 720 > self._minute else minute + 1440
        self.log.acts.append(
            Said(number, person, text, self._minute, answers if answers in self._said else None)
        )

    def _come(self, number: int, nick: str) -> None:
        person = self._find(nick, is_coming=True)
        if person in self._inside:
            self.log.acts.append(Reconnected(number, person))
            return
        self._inside.add(person)
        self.log.acts.append(Came(number, person))

    def _find(self, nick: str, *, is_coming: bool) -> int:
        person = self._called.get(nick)
        if person is None:
            person = self._called[nick] = len(self.log.names)
            self.log.names.append(nick)
            if not is_coming:
                self.log.present.append(person)
                self._inside.add(person)
        return person


def _read_answers(annotations: str) -> dict[int, int]:
    """The line that each line answers: of several the nearest; a line that answers itself begins something."""
    answers: dict[int, int] = {}
    for fields in (line.split() for line in annotations.splitlines()):
        if len(fields) >= 2 and int(fields[0]) < int(fields[1]):
            answers[int(fields[1])] = max(int(fields[0]), answers.get(int(fields[1]), -1))
    return answers


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
