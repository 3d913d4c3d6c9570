"""What the fields of commands may hold: the limits of the protocol, one place for each."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec

MAX_TEXT_CHARACTERS = 20_000
MAX_MENTIONS = 50
MAX_EMOJI_CHARACTERS = 16
MAX_ROOM_NAME_CHARACTERS = 120
MAX_PAGE_MESSAGES = 100
MAX_SUBSCRIPTIONS = 200
MAX_INVITATION_HOURS = 24 * 30
MAX_FILES = 100
MAX_ALT_TEXT_CHARACTERS = 1000
MAX_FILE_NAME_CHARACTERS = 255

Ref = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS)]
Emoji = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_EMOJI_CHARACTERS)]
RoomName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ROOM_NAME_CHARACTERS)]
AltText = Annotated[str, msgspec.Meta(max_length=MAX_ALT_TEXT_CHARACTERS)]
Mentions = Annotated[list[UUID], msgspec.Meta(max_length=MAX_MENTIONS)]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE_MESSAGES)]


def refuse_nul(text: str) -> None:
    """Raise ValueError where a text has a NUL, which Postgres cannot store."""
    if "\0" in text:
        raise ValueError("the character NUL is not allowed in text")
