"""What Postgres and its driver raise, turned into our errors in one place.

The driver's own text never travels on: it may quote what people wrote. What stays is the SQLSTATE, the name
of the constraint and the name of the query. A constraint whose violation means something to a person has its
line in `CONSTRAINTS`; triggers name theirs with `raise ... using constraint = '...'`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import asyncpg

from workroom.errors import Conflict, InternalError, NotFound, TryAgain, Unavailable, WorkroomError


class CommitUnknown(TryAgain):
    """The connection died while committing: done or not done, until the same command id is sent again."""


class GuardRefused(InternalError):
    """The guard in Postgres refused what the program should not have tried; nobody outside learns why."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


# What the guard says (`sql/schema.sql`): held; written once; under another isolation level; never removed.
HELD, WRITTEN_ONCE, WRONG_ISOLATION, NEVER_REMOVED = "WR001", "WR002", "WR003", "WR004"


@dataclass(frozen=True, slots=True)
class ConstraintMeaning:
    """What it means to a person that a constraint refused."""

    error: type[WorkroomError]
    message: str
    params: dict[str, str | int] = field(default_factory=dict)


CONSTRAINTS: dict[str, ConstraintMeaning] = {
    "one_account_per_email": ConstraintMeaning(
        Conflict, "this e-mail address has an account already", {"field": "email"}
    ),
    "room_customers_customer_id_fkey": ConstraintMeaning(NotFound, "There is no such customer."),
    "one_open_membership": ConstraintMeaning(Conflict, "the account is a member already"),
    "locked_class_is_only_lengthened": ConstraintMeaning(
        Conflict, "a locked class is only lengthened", {"problem": "locked_class"}
    ),
    "locked_class_is_kept": ConstraintMeaning(
        Conflict, "a locked class is left only for one that keeps as long", {"problem": "locked_class"}
    ),
    "class_in_use_is_not_removed": ConstraintMeaning(
        Conflict, "the class is in use", {"problem": "class_in_use"}
    ),
    "class_is_there": ConstraintMeaning(NotFound, "There is no such retention class."),
    "commands_once": ConstraintMeaning(TryAgain, "the same command is being written elsewhere"),
}

# Everything that the driver raises for a statement; OSError includes TimeoutError and a refused connection.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# SQLSTATE classes and codes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_LOST = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"})
_UNAVAILABLE_CLASSES = frozenset({"53", "58"})
_REFUSALS = {
    "28P01": "the database refuses the password",
    "28000": "the database does not let this role in",
    "42501": "the database does not let this role in",
    "3D000": "there is no database of this name",
}
_TRY_AGAIN = frozenset({"55P03", "57014"})  # no lock in time, statement too slow


def is_connection_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or may be: what was under way on it got no answer."""
    if isinstance(error, asyncpg.PostgresError):
        sqlstate = error.sqlstate or ""
        return sqlstate[:2] == "08" or sqlstate in _LOST
    if isinstance(error, asyncpg.InternalClientError):
        # "got result for unknown protocol state": so the driver calls a loss that comes between two steps.
        return not isinstance(error, asyncpg.OutdatedSchemaCacheError)
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error) and not isinstance(error, ValueError)
    return isinstance(error, (OSError, asyncio.IncompleteReadError))


def translate(error: Exception, doing: str) -> WorkroomError:
    """Give our error for the driver's.

    Args:
        doing: the query's name, or `begin`, `commit`, `connect`.
    """
    if is_connection_lost(error):
        return TryAgain(f"the database connection was lost ({doing}, {_name(error)})")
    if isinstance(error, asyncpg.PostgresError):
        return _translate_answer(error, doing)
    if isinstance(error, asyncpg.OutdatedSchemaCacheError):
        return TryAgain(f"the schema changed under the connection ({doing})")
    return InternalError(f"the database driver refused ({doing}, {_name(error)})")


def translate_connect(error: Exception) -> WorkroomError:
    """Give our error for a connection that could not be made."""
    sqlstate = getattr(error, "sqlstate", None) or ""
    return Unavailable(_REFUSALS.get(sqlstate, f"the database cannot be reached ({_name(error)})"))


def _translate_answer(error: asyncpg.PostgresError, doing: str) -> WorkroomError:
    sqlstate = error.sqlstate or "unknown"
    meaning = CONSTRAINTS.get(error.constraint_name or "")
    if meaning is not None:
        return meaning.error(meaning.message, **meaning.params)
    if (
        sqlstate[:2] == "40"
        or sqlstate in _TRY_AGAIN
        or isinstance(error, asyncpg.InvalidCachedStatementError)
    ):
        return TryAgain(f"the database asks to try again ({doing}, {sqlstate})")
    if sqlstate[:2] == "WR":
        return GuardRefused(f"the guard refused ({doing}, {sqlstate})", sqlstate)
    if sqlstate[:2] in _UNAVAILABLE_CLASSES or sqlstate == "25006":
        return Unavailable(f"the database cannot take this now ({doing}, {sqlstate})")
    return InternalError(
        f"the database refused ({doing}, {sqlstate}, {error.constraint_name or 'no constraint'})"
    )


def _name(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or type(error).__name__)
