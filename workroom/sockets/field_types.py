"""What the fields of commands may hold: the limits of the protocol, one place for each."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

import msgspec

MAX_TEXT_CHARACTERS = 20_000
MAX_MENTIONS = 50
MAX_EMOJI_CHARACTERS = 16
MAX_ROOM_NAME_CHARACTERS = 120
MAX_PAGE_MESSAGES = 100
MAX_SUBSCRIPTIONS = 200
MAX_INVITATION_HOURS = 24 * 30
MAX_REF = 2**53
REF_WITHIN_BYTES = 1024
MAX_FILES = 100
MAX_ALT_TEXT_CHARACTERS = 1000
MAX_FILE_NAME_CHARACTERS = 255

Ref = Annotated[int, msgspec.Meta(ge=0, le=MAX_REF)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS)]
Emoji = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_EMOJI_CHARACTERS)]
RoomName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ROOM_NAME_CHARACTERS)]
AltText = Annotated[str, msgspec.Meta(max_length=MAX_ALT_TEXT_CHARACTERS)]
Mentions = Annotated[list[UUID], msgspec.Meta(max_length=MAX_MENTIONS)]
FileKind = Literal["picture", "document", "audio", "video", "text", "archive", "other"]
FileNamePart = Annotated[str, msgspec.Meta(max_length=MAX_FILE_NAME_CHARACTERS, pattern="^[^\\x00]*$")]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE_MESSAGES)]

_REF = re.compile(rb'"ref"\s*:\s*(\d{1,16})(?=[,}\s])')


def glance_at_ref(data: bytes) -> int | None:
    """The ref of a frame that is not parsed, where it stands near its beginning. Quotes in texts are escaped."""
    found = _REF.search(data, 0, REF_WITHIN_BYTES)
    return int(found[1]) if found and int(found[1]) <= MAX_REF else None


def refuse_nul(text: str) -> None:
    """Raise ValueError where a text has a NUL, which Postgres cannot store."""
    if "\0" in text:
        raise ValueError("the character NUL is not allowed in text")


class Attachment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An uploaded file that the message claims; `alt_text` says what it shows to somebody who cannot see it."""

    file_id: UUID
    alt_text: AltText = ""

    def __post_init__(self) -> None:
        refuse_nul(self.alt_text)


class FilePlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a list of files goes on: the number of a message and which of its files."""

    seq: Seq
    position: Annotated[int, msgspec.Meta(ge=0, le=MAX_FILES)]
