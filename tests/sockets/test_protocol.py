"""Frames of the socket: what is a command, what is refused and how, and what the server answers."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workroom.errors import ERRORS, NotFound, StartupError, WorkroomError
from workroom.settings import load_settings
from workroom.sockets import field_types, protocol
from workroom.sockets.protocol import COMMANDS, NumberedCommand, RefusedFrame, parse_command

ID = "5f0c5b0e-8a53-4e0c-9a53-0d2f6c3b7a11"
POST: dict[str, Any] = {
    "ref": 7,
    "command": "post_message",
    "client_command_id": ID,
    "stream": ID,
    "text": "Good morning",
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def refusal_of(data: bytes) -> RefusedFrame:
    with pytest.raises(RefusedFrame) as refused:
        parse_command(data)
    return refused.value


def refusal_of_post(**fields: Any) -> RefusedFrame:
    return refusal_of(json.dumps(POST | fields).encode())


def test_a_whole_command_is_read() -> None:
    quoted = uuid4()
    command = parse_command(json.dumps(POST | {"reply_to": str(quoted), "mentions": [ID]}).encode())
    assert command == protocol.PostMessage(
        ref=7,
        client_command_id=UUID(ID),
        stream=UUID(ID),
        text="Good morning",
        reply_to=quoted,
        mentions=[UUID(ID)],
    )


@given(TEXTS)
def test_any_unicode_is_a_text(text: str) -> None:
    command = parse_command(json.dumps(POST | {"text": text}).encode())
    assert isinstance(command, protocol.PostMessage)
    assert command.text == text


def test_a_text_has_1_to_20000_characters_however_many_bytes_they_are() -> None:
    assert parse_command(json.dumps(POST | {"text": "𝄞" * 20_000}).encode())
    for text in ("", "a" * 20_001):
        assert refusal_of_post(text=text).error.code == "invalid_input"


def test_the_longest_message_fits_into_the_smallest_frame_that_can_be_set() -> None:
    # As a browser writes it: a control character is six bytes of JSON, every other one four at most.
    longest = POST | {"ref": 2**53, "reply_to": ID, "text": "\x01" * 20_000, "mentions": [ID] * 50}
    frame = json.dumps(longest).encode()
    assert parse_command(frame)
    with pytest.raises(StartupError):
        load_settings({"WORKROOM_FRAME_BYTES": str(len(frame))})
    assert len(frame) <= load_settings({"WORKROOM_FRAME_BYTES": "131072"}).frame_bytes


@pytest.mark.parametrize(
    ("frame", "ref"),
    [
        (b'{"ref": 5, "command": "list_rooms"}', 5),
        (b'{"command":"list_rooms","ref":9007199254740992}', 2**53),
        (b'{"text": "\\"ref\\": 5, ", "ref" :\n7}', 7),
        (b'{"ref": 5', None),
        (b'{"ref": 9007199254740993}', None),
        (b'{"ref": 12345678901234567890}', None),
        (b'{"ref": 1.5}', None),
        (b'{"ref": -1}', None),
        (b'{"text": "' + b"x" * 1024 + b'", "ref": 5}', None),
        (b"hello", None),
    ],
)
def test_a_ref_at_the_beginning_is_seen_without_parsing(frame: bytes, ref: int | None) -> None:
    assert field_types.glance_at_ref(frame) == ref


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "a\0b"},
        {"command": "add_reaction", "emoji": "\0", "message_id": ID},
        {"command": "edit_message", "text": "\0", "message_id": ID},
    ],
)
def test_nul_is_refused(fields: dict[str, Any]) -> None:
    frame = {key: value for key, value in (POST | fields).items() if key in {*fields, *POST}}
    if "emoji" in fields:
        del frame["text"]
    refused = refusal_of(json.dumps(frame).encode())
    assert (refused.error.code, refused.ref) == ("invalid_input", 7)
    assert refused.error.params == {
        "field": next(f for f in fields if f in ("text", "emoji")),
        "problem": "not_storable",
    }


def test_nul_is_refused_in_names_of_rooms() -> None:
    for command in ({"command": "create_room", "kind": "shared"}, {"command": "rename_room", "room_id": ID}):
        frame = {"ref": 1, "client_command_id": ID, "name": "a\0", **command}
        params = refusal_of(json.dumps(frame).encode()).error.params
        assert params == {"field": "name", "problem": "not_storable"}


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc00\ud800"])
def test_a_lone_surrogate_is_refused_and_its_command_is_answered(text: str) -> None:
    refused = refusal_of(json.dumps(POST | {"text": text}).encode())
    assert (refused.error.code, refused.ref) == ("invalid_input", 7)
    assert refused.error.params == {"field": "text", "problem": "not_storable"}


def test_a_surrogate_pair_is_the_character_it_means() -> None:
    command = parse_command(json.dumps(POST | {"text": "😀"}, ensure_ascii=True).encode())
    assert isinstance(command, protocol.PostMessage)
    assert command.text == "😀"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"[]",
        b"7",
        b"null",
        b'"post_message"',
        b'{"ref": 7',
        b'{"ref": 7, "command": "list_rooms"} trailing',
        b"\xff\xfe",
        b'{"ref": 7, "command": "list_rooms", "x": "\xc3\x28"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b"9" * 100_000,
    ],
)
def test_what_is_no_json_object_is_a_malformed_request(data: bytes) -> None:
    refused = refusal_of(data)
    assert (refused.error.code, refused.ref) == ("malformed_request", None)


def test_deep_json_in_a_field_is_refused_like_any_other_wrong_field() -> None:
    deep = b'{"ref": 7, "command": "list_rooms", "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert refusal_of(deep).error.code in ("invalid_input", "malformed_request")


@pytest.mark.parametrize("command", ["", "POST_MESSAGE", "drop_table", None, 7, ["post_message"]])
def test_an_unknown_command_is_answered_under_its_ref(command: object) -> None:
    refused = refusal_of(json.dumps({"ref": 9, "command": command}).encode())
    assert (refused.error.code, refused.ref) == ("unknown_command", 9)


def test_a_frame_without_a_command_is_answered_under_its_ref() -> None:
    refused = refusal_of(b'{"ref": 9}')
    assert (refused.error.code, refused.ref) == ("unknown_command", 9)


@pytest.mark.parametrize("ref", [-1, 2**53 + 1, 1.5, "7", True, None, [1]])
def test_a_ref_that_is_none_is_not_repeated(ref: object) -> None:
    refused = refusal_of_post(ref=ref)
    assert (refused.error.code, refused.ref) == ("invalid_input", None)


@pytest.mark.parametrize("ref", [0, 1, 2**53])
def test_a_ref_is_a_whole_number_that_browsers_can_hold(ref: int) -> None:
    assert parse_command(json.dumps(POST | {"ref": ref}).encode()).ref == ref


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_takes_a_field_it_does_not_know(name: str) -> None:
    refused = refusal_of(json.dumps({"ref": 3, "command": name, "and_also": 1}).encode())
    assert (refused.error.code, refused.ref) == ("invalid_input", 3)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_a_command_needs_cannot_be_left_out(name: str) -> None:
    command = COMMANDS[name]
    needed = [
        field.name for field in msgspec.structs.fields(command) if field.required and field.name != "ref"
    ]
    if not needed:
        assert parse_command(json.dumps({"ref": 3, "command": name}).encode()) == command(ref=3)
        return
    refused = refusal_of(json.dumps({"ref": 3, "command": name}).encode())
    assert (refused.error.code, refused.ref) == ("invalid_input", 3)


def test_every_command_that_records_something_carries_an_id_of_the_client() -> None:
    unnumbered = {name for name, command in COMMANDS.items() if not issubclass(command, NumberedCommand)}
    assert unnumbered == {
        "subscribe", "unsubscribe", "read_since", "list_rooms", "open_room", "read_messages", "list_waiting_rooms",
        "watch_desk", "mark_read", "typing", "create_invitation", "list_invitations", "revoke_invitation",
        "list_people", "list_files",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"mentions": [ID] * 51}, "too_long"),
        ({"mentions": ["not an id"]}, "wrong_type"),
        ({"stream": "not an id"}, "wrong_type"),
        ({"client_command_id": None}, "wrong_type"),
        ({"text": 7}, "wrong_type"),
        ({"text": ""}, "too_short"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
def test_a_wrong_field_is_named_with_its_problem(fields: dict[str, Any], problem: str) -> None:
    refused = refusal_of_post(**fields)
    assert (refused.error.code, refused.ref) == ("invalid_input", 7)
    assert refused.error.params == {"field": next(iter(fields)), "problem": problem}


@pytest.mark.parametrize(
    "command",
    [
        {"command": "subscribe", "streams": []},
        {"command": "subscribe", "streams": [{"stream": ID}] * 201},
        {"command": "subscribe", "streams": [{"stream": ID, "seq": -1}]},
        {"command": "read_messages", "stream": ID, "limit": 0},
        {"command": "read_messages", "stream": ID, "limit": 101},
        {"command": "create_invitation", "room_id": ID, "expires_in_hours": 0},
        {"command": "create_invitation", "room_id": ID, "expires_in_hours": 24 * 30 + 1},
        {"command": "create_room", "kind": "shared", "name": "", "client_command_id": ID},
        {"command": "create_room", "kind": "shared", "name": "a" * 121, "client_command_id": ID},
        {"command": "accept_invitation", "token": "short", "client_command_id": ID},
    ],
)
def test_limits_are_kept_before_anything_else_looks(command: dict[str, Any]) -> None:
    refused = refusal_of(json.dumps({"ref": 5} | command).encode())
    assert (refused.error.code, refused.ref) == ("invalid_input", 5)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with suppress(RefusedFrame):
        parse_command(data)


@given(JSON)
def test_no_json_does_more_than_be_refused(value: object) -> None:
    for frame in (
        value,
        {"ref": 1, "command": value},
        {"ref": value, "command": "post_message", "text": value},
    ):
        with suppress(RefusedFrame):
            parse_command(json.dumps(frame).encode())


def test_replies_repeat_the_ref() -> None:
    result = {"seq": 12, "recorded_at": datetime(2026, 11, 22, 9, tzinfo=UTC)}
    assert json.loads(protocol.encode_reply(7, result)) == {
        "type": "reply",
        "ref": 7,
        "result": {"seq": 12, "recorded_at": "2026-11-22T09:00:00Z"},
    }


def test_errors_have_one_shape() -> None:
    assert json.loads(protocol.encode_error(None, NotFound("There is no such room.", field="room_id"))) == {
        "type": "reply",
        "ref": None,
        "error": {
            "code": "not_found",
            "message": "There is no such room.",
            "retry": False,
            "params": {"field": "room_id"},
        },
    }


def test_every_error_has_a_code_of_its_own() -> None:
    def tree(error: type[WorkroomError]) -> set[type[WorkroomError]]:
        return {error}.union(*(tree(below) for below in error.__subclasses__()))

    named = {error for error in tree(WorkroomError) if error.__module__ == "workroom.errors"}
    assert {error.code for error in named} == set(ERRORS)


FILE = str(ID)


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({"text": "", "files": [{"file_id": FILE}]}, True),
        ({"text": "", "files": [{"file_id": FILE, "alt_text": "a cat"}]}, True),
        ({"text": ""}, False),
        ({"text": "", "files": []}, False),
        ({"files": [{"file_id": FILE}, {"file_id": FILE}]}, False),
        ({"files": [{"file_id": FILE, "alt_text": "a" * 1001}]}, False),
        ({"files": [{"file_id": FILE, "alt_text": "\0"}]}, False),
        ({"files": [{"file_id": FILE, "name": "x"}]}, False),
        ({"files": [FILE]}, False),
    ],
)
def test_a_message_has_words_or_files(fields: dict[str, Any], is_taken: bool) -> None:
    frame = {
        "ref": 7,
        "command": "post_message",
        "client_command_id": FILE,
        "stream": FILE,
        "text": "x",
        **fields,
    }
    if is_taken:
        parse_command(json.dumps(frame).encode())
        return
    with pytest.raises(RefusedFrame):
        parse_command(json.dumps(frame).encode())
