"""Names of people and customers, and e-mail addresses: what is taken, and in which form. Pure.

A name is whatever people call themselves, in any script, without characters that only deceive the eye:
controls, line breaks, and the marks that turn the direction of what follows. An address is compared in one
form, so that one person does not get two accounts by writing it differently.
"""

from __future__ import annotations

import unicodedata

from workroom.errors import InvalidInput

MAX_DISPLAY_NAME_CHARACTERS = 100
MAX_CUSTOMER_NAME_CHARACTERS = 200
MIN_EMAIL_CHARACTERS = 3
MAX_EMAIL_CHARACTERS = 254

# Control, surrogate, private use, unassigned, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
# Embeddings, overrides and isolates (UAX #9), invisible operators, the byte order mark.
_REFUSED_CHARACTERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2060\ufeff")


def clean_display_name(value: str) -> str:
    """A person's name as it is stored: NFC, single spaces, no spaces at the ends.

    Raises:
        InvalidInput: empty, over 100 characters, or with characters that cannot be seen.
    """
    return _clean_name(value, "display_name", MAX_DISPLAY_NAME_CHARACTERS)


def clean_customer_name(value: str) -> str:
    """A customer's name as it is stored; the same rules as for people, up to 200 characters."""
    return _clean_name(value, "customer_name", MAX_CUSTOMER_NAME_CHARACTERS)


def clean_email(value: str) -> str:
    """An e-mail address as it is stored: as it was written, without spaces around it.

    Raises:
        InvalidInput: it cannot be an address. Whether it is one, only a letter to it could show.
    """
    email = value.strip()
    if not _looks_like_address(email) or not _looks_like_address(make_email_key(email)):
        raise InvalidInput("This is no e-mail address.", field="email", problem="not_an_address")
    return email


def make_email_key(email: str) -> str:
    """The form in which addresses are compared: NFKC and case-folded (Unicode 3.13, NFKC_Casefold)."""
    folded = unicodedata.normalize("NFKC", email.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


def _clean_name(value: str, field: str, max_characters: int) -> str:
    name = " ".join(part for part in unicodedata.normalize("NFC", value).split(" ") if part)
    if any(_is_refused(character) for character in name):
        raise InvalidInput("The name has characters that cannot be seen.", field=field, problem="not_a_name")
    if not any(unicodedata.category(character)[0] in "LNSP" for character in name):
        raise InvalidInput("The name is empty.", field=field, problem="too_short")
    if len(name) > max_characters:
        raise InvalidInput("The name is too long.", field=field, problem="too_long", maximum=max_characters)
    return name


def _is_refused(character: str) -> bool:
    return character in _REFUSED_CHARACTERS or unicodedata.category(character) in _REFUSED_CATEGORIES


def _looks_like_address(email: str) -> bool:
    if not MIN_EMAIL_CHARACTERS <= len(email) <= MAX_EMAIL_CHARACTERS:
        return False
    local, at, domain = email.partition("@")
    if not (local and at and domain) or "@" in domain or domain.startswith(".") or ".." in domain:
        return False
    return not any(character.isspace() or _is_refused(character) for character in email)
