"""Reading the headers of a scope as the server gives them: names in lower case, bytes, in order."""

from __future__ import annotations

from collections.abc import Iterable

Headers = Iterable[tuple[bytes, bytes]]


def find_header(headers: Headers, name: bytes) -> str | None:
    """The first header of that name, or None."""
    return next((value.decode("latin-1") for key, value in headers if key == name), None)


def list_header(headers: Headers, name: bytes) -> list[str]:
    """Every header of that name, in order."""
    return [value.decode("latin-1") for key, value in headers if key == name]
