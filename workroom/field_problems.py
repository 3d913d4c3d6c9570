"""Which field of a command or a body is wrong, and how: the names that a client makes a sentence of.

The library that reads JSON says it in prose; here that becomes `field` (a path with dots, without indices) and
`problem`. A value is never repeated. Pure. docs/protocol.md lists the problems.
"""

from __future__ import annotations

import re
from typing import Any

from workroom.errors import InvalidInput

_MISSING = re.compile(r"missing required field `(\w+)`")
_UNKNOWN = re.compile(r"unknown field `(\w{1,50})`")
_PATH = re.compile(r"at `\$((?:\.\w+|\[\.\.\.\]|\[\d+\])*)`")
_LENGTH = re.compile(r"of length (<=|>=) \d+")
_OTHER_VALUES = ("Invalid enum value", "Invalid value")  # one of those there are, or the name of a form
_BOUND = re.compile(r"`(?:int|float)` [<>]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def find_problem(said: str) -> InvalidInput | None:
    """The error for what a `msgspec.ValidationError` says; None where it names no field."""
    path = _path(said)
    if found := _MISSING.search(said):
        return InvalidInput("A field is missing.", field=".".join([*path, found[1]]), problem="missing")
    if found := _UNKNOWN.search(said):
        return InvalidInput(
            "There is no such field.", field=".".join([*path, found[1]]), problem="unknown_field"
        )
    if not path:
        return None
    field = ".".join(path)
    if length := _LENGTH.search(said):
        problem = "too_long" if length[1] == "<=" else "too_short"
        return InvalidInput("A field has the wrong length.", field=field, problem=problem)
    if _BOUND.search(said):
        return InvalidInput("A number is out of range.", field=field, problem="out_of_range")
    problem = "unknown_value" if said.startswith(_OTHER_VALUES) else "wrong_type"
    return InvalidInput("A field is wrong.", field=field, problem=problem)


def find_unstorable_text(fields: dict[str, Any]) -> InvalidInput | None:
    """The error for the first text that no database stores: with NUL, or with half of a surrogate pair."""
    for field, value in fields.items():
        if isinstance(value, str) and _UNSTORABLE.search(value):
            return InvalidInput("A text has what cannot be stored.", field=field, problem="not_storable")
    return None


def _path(said: str) -> list[str]:
    found = _PATH.search(said)
    return re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", found[1])) if found else []
