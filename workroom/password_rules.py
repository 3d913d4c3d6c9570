"""Which passwords are taken: long ones that are not among the first that anybody would try.

Nothing has to be in a password (OWASP ASVS 5.0, 6.2). What counts is what remains of it besides the words
everybody tries, runs along the keyboard, and what is known of the person: six different characters at
least.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from workroom.errors import InvalidInput

MIN_PASSWORD_CHARACTERS = 12
MAX_PASSWORD_CHARACTERS = 1024
MIN_CHARACTERS_OF_ONES_OWN = 6

# What lists of stolen passwords are full of: twice, or with a year behind, it reaches twelve characters.
_WORDS = """
    password passwort passwd motdepasse contrasena senha parola wachtwoord haslo secret geheim login access
    welcome willkommen bienvenue hello administrator admin user guest test temp default changeme letmein
    trustno iloveyou princess sunshine superman batman starwars football baseball basketball liverpool
    dragon monkey master shadow michael jennifer charlie jordan ashley summer winter spring autumn sommer
    freedom whatever computer internet samsung google facebook company work room workroom
"""
TRIED_FIRST = frozenset(_WORDS.split())
KEYBOARD_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i",
)
_LOOKALIKES = str.maketrans("@4301$5!7", "aaeoissit")


def normalize_password(password: str) -> str:
    """The password as it is hashed: NFKC, the same from every keyboard (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def require_good_password(password: str, about: Iterable[str] = ()) -> None:
    """Refuse a password that is too short, too long, or among the first that anybody would try.

    Args:
        about: words that are no secret for this person: name, e-mail address.

    Raises:
        InvalidInput: `problem` is `too_short`, `too_long` or `too_guessable`.
    """
    normal = normalize_password(password)
    if len(normal) < MIN_PASSWORD_CHARACTERS:
        raise _refusal("too_short", minimum=MIN_PASSWORD_CHARACTERS)
    if len(normal) > MAX_PASSWORD_CHARACTERS:
        raise _refusal("too_long", maximum=MAX_PASSWORD_CHARACTERS)
    plain = normal.casefold()
    known = {word for phrase in about for word in _words(phrase)}
    for spelling in (plain, plain.translate(_LOOKALIKES)):
        if len(set(_without_known_parts(spelling, known))) < MIN_CHARACTERS_OF_ONES_OWN:
            raise _refusal("too_guessable")


def _words(phrase: str) -> Iterable[str]:
    plain = unicodedata.normalize("NFKC", phrase).casefold()
    yield plain
    for word in "".join(letter if letter.isalnum() else " " for letter in plain).split():
        if len(word) >= 3:
            yield word


def _without_known_parts(password: str, known: set[str]) -> str:
    for word in sorted(TRIED_FIRST | known, key=len, reverse=True):
        password = password.replace(word, "")
    for row in KEYBOARD_ROWS:
        password = _without_runs(_without_runs(password, row), row[::-1])
    return password


def _without_runs(password: str, row: str) -> str:
    """Leave out every stretch of three characters or more that goes along a row."""
    kept, at = [], 0
    while at < len(password):
        length = 1
        while at + length < len(password) and password[at : at + length + 1] in row:
            length += 1
        if length < 3:
            kept.append(password[at])
        at += length if length >= 3 else 1
    return "".join(kept)


def _refusal(problem: str, **params: int) -> InvalidInput:
    return InvalidInput("The password cannot be taken.", field="password", problem=problem, **params)
