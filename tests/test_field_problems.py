"""What is wrong with a field: named by field and problem, never by value, and every problem is in the document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from workroom.field_problems import find_problem, find_unstorable_text

ROOT = Path(__file__).resolve().parents[1]


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    stream: str
    seq: Annotated[int, msgspec.Meta(ge=0, le=9)] | None = None


class Opening(msgspec.Struct, forbid_unknown_fields=True, tag_field="kind", tag="opening"):
    day: Literal["today", "tomorrow"]


class Closing(msgspec.Struct, forbid_unknown_fields=True, tag_field="kind", tag="closing"):
    day: Literal["today", "tomorrow"]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=2, max_length=3)]
    streams: Annotated[list[Inner], msgspec.Meta(max_length=1)] = []
    change: Opening | Closing | None = None


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({}, "text", "missing"),
        ({"text": "abc", "colour": 1}, "colour", "unknown_field"),
        ({"text": 7}, "text", "wrong_type"),
        ({"text": "a"}, "text", "too_short"),
        ({"text": "abcd"}, "text", "too_long"),
        ({"text": "abc", "streams": 7}, "streams", "wrong_type"),
        ({"text": "abc", "streams": [{"stream": "a"}] * 2}, "streams", "too_long"),
        ({"text": "abc", "streams": [{}]}, "streams.stream", "missing"),
        ({"text": "abc", "streams": [{"stream": "a", "colour": 1}]}, "streams.colour", "unknown_field"),
        ({"text": "abc", "streams": [{"stream": "a", "seq": "secret"}]}, "streams.seq", "wrong_type"),
        ({"text": "abc", "streams": [{"stream": "a", "seq": -1}]}, "streams.seq", "out_of_range"),
        ({"text": "abc", "streams": [{"stream": "a", "seq": 10}]}, "streams.seq", "out_of_range"),
        ({"text": "abc", "change": {"kind": "secret", "day": "today"}}, "change.kind", "unknown_value"),
        ({"text": "abc", "change": {"kind": "opening", "day": "secret"}}, "change.day", "unknown_value"),
        ({"text": "abc", "change": {"kind": "opening", "day": 7}}, "change.day", "wrong_type"),
    ],
)
def test_field_and_problem_are_named(fields: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(msgspec.json.encode(fields), type=Outer)
    found = find_problem(str(refused.value))
    assert found is not None
    assert found.params == {"field": field, "problem": problem}
    assert "secret" not in found.message


def test_what_is_no_object_names_no_field() -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(b"[]", type=Outer)
    assert find_problem(str(refused.value)) is None


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\udfff"])
def test_a_text_that_cannot_be_stored_is_found(text: str) -> None:
    found = find_unstorable_text({"ref": 7, "text": "𝄞\n", "name": text})
    assert found is not None
    assert found.params == {"field": "name", "problem": "not_storable"}


def test_every_other_text_can_be_stored() -> None:
    assert find_unstorable_text({"text": "𝄞 \n\t\x01", "seq": 0, "streams": []}) is None


def test_every_problem_is_listed() -> None:
    document = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    paragraph = re.search(r"^For a wrong field `params` has .*?^\n", document, re.MULTILINE | re.DOTALL)
    assert paragraph
    said = set(re.findall(r"`(\w+)`", paragraph[0])) - {"params", "field", "problem"}
    source = "".join(path.read_text("utf-8") for path in (ROOT / "workroom").rglob("*.py"))
    named = re.findall(r'\bproblem ?= ?"(\w+)"(?: if [^\n]* else "(\w+)")?', source)
    of_passwords = re.findall(r'_refusal\("(\w+)"', source)
    of_constraints = re.findall(r'\{"problem": "(\w+)"\}', source)
    assert min(len(of_constraints), len(of_passwords)) > 0, "nothing of that form: this proves nothing"
    assert said == {name for names in named for name in names if name} | {*of_passwords, *of_constraints}
