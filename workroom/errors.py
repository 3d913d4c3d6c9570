"""One tree of errors for the whole service.

An error that reaches a person or a client program is a `WorkroomError`: a code that never changes, an HTTP status,
whether trying the same again may help, and parameters for the sentence that the reader's catalogue makes of it. The
message here is for engineers and logs; it never contains text, names or secrets of people.

"No right to it" and "no such thing" are one error, `NotFound`, so that nobody learns what exists by asking.
"""

from __future__ import annotations

from typing import ClassVar


class WorkroomError(Exception):
    """Any failure that has a name. Subclasses set `code`, `http_status` and `retry`."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    retry: ClassVar[bool] = False

    def __init__(self, message: str, **params: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.params = params


class InternalError(WorkroomError):
    """Something failed that we cannot name; the log has an entry with the same reference."""


class NotFound(WorkroomError):
    """There is no such thing, or the actor has no right to know of it."""

    code = "not_found"
    http_status = 404


class Forbidden(WorkroomError):
    """The actor sees the thing but may not do this with it."""

    code = "forbidden"
    http_status = 403


class SignInRequired(WorkroomError):
    """No session, or one that has ended."""

    code = "sign_in_required"
    http_status = 401


class SignInRefused(WorkroomError):
    """E-mail or password are wrong, or the account is deactivated: the three look the same."""

    code = "sign_in_refused"
    http_status = 401


class OriginRefused(WorkroomError):
    """The request comes from another site, or does not say from where."""

    code = "origin_refused"
    http_status = 403


class InvalidInput(WorkroomError):
    """A field is missing, of the wrong type or out of range; `field` and `problem` say which and how."""

    code = "invalid_input"
    http_status = 422


class MalformedRequest(WorkroomError):
    """The bytes could not be read as a request at all."""

    code = "malformed_request"
    http_status = 400


class MethodNotAllowed(WorkroomError):
    """The path exists, but not with this HTTP method."""

    code = "method_not_allowed"
    http_status = 405


class UnknownCommand(WorkroomError):
    """No command of that name exists in this version."""

    code = "unknown_command"
    http_status = 404


class TooLarge(WorkroomError):
    """A body or frame is over its limit in bytes."""

    code = "too_large"
    http_status = 413


class Conflict(WorkroomError):
    """The state of the thing does not allow it, for example an e-mail that has an account already."""

    code = "conflict"
    http_status = 409


class CommandIdReused(WorkroomError):
    """The same `client_command_id` was used before with other content."""

    code = "command_id_reused"
    http_status = 409


class RoomArchived(WorkroomError):
    """The room is archived: it can be read, not written."""

    code = "room_archived"
    http_status = 409


class LinkExpired(WorkroomError):
    """A one-time or invitation link is unknown, used, revoked or past its time: the four look the same."""

    code = "link_expired"
    http_status = 410


class PositionReset(WorkroomError):
    """The position is of another epoch or ahead of ours (a restored backup): fetch afresh."""

    code = "reset"
    http_status = 409


class LimitReached(WorkroomError):
    """A stated limit is reached; `limit` says which, `value` how much is allowed."""

    code = "limit_reached"
    http_status = 429


class RateExceeded(WorkroomError):
    """Too many requests in too short a time; `retry_after_seconds` says when to come back."""

    code = "rate_exceeded"
    http_status = 429
    retry = True


class TryAgain(WorkroomError):
    """Nothing was done, or it is not known whether it was: send the same again with the same id."""

    code = "try_again"
    http_status = 503
    retry = True


class Unavailable(WorkroomError):
    """A part the service needs (Postgres) does not answer; try again later."""

    code = "unavailable"
    http_status = 503
    retry = True


class OffsetMismatch(WorkroomError):
    """Bytes were sent for a place where the upload does not stand; `offset` says where it does."""

    code = "offset_mismatch"
    http_status = 409


class NotReceived(WorkroomError):
    """The file is not whole yet: it can be posted when its last bytes are acknowledged."""

    code = "not_received"
    http_status = 409
    retry = True


class FileChecking(WorkroomError):
    """The file is being scanned for viruses and can be fetched when that is done."""

    code = "file_checking"
    http_status = 409
    retry = True


class TusVersion(WorkroomError):
    """The request speaks another version of tus than 1.0.0."""

    code = "tus_version"
    http_status = 412


class QuotaExceeded(WorkroomError):
    """The file has no room; `quota` says in which (`room`, `installation`), `free` how many bytes there are."""

    code = "quota_exceeded"
    http_status = 413


class MediaTypeRefused(WorkroomError):
    """The body is not of the media type that this address takes."""

    code = "media_type"
    http_status = 415


class UploadLocked(WorkroomError):
    """Another request writes into the upload just now."""

    code = "upload_locked"
    http_status = 423
    retry = True


class ChecksumMismatch(WorkroomError):
    """The bytes are not those of the checksum that came with them; none of them count (tus, Checksum)."""

    code = "checksum_mismatch"
    http_status = 460
    retry = True


class FileDamaged(WorkroomError):
    """What the store has is not what was received; `reference` is the log's."""

    code = "file_damaged"
    http_status = 502


class StorageFull(WorkroomError):
    """The disk has no more than its reserve; what was acknowledged stays."""

    code = "storage_full"
    http_status = 507
    retry = True


class StartupError(WorkroomError):
    """The program cannot start; the message is one sentence that says what to do."""

    code = "cannot_start"


ERRORS: dict[str, type[WorkroomError]] = {
    error.code: error
    for error in (
        InternalError,
        NotFound,
        Forbidden,
        SignInRequired,
        SignInRefused,
        OriginRefused,
        InvalidInput,
        MalformedRequest,
        MethodNotAllowed,
        UnknownCommand,
        TooLarge,
        Conflict,
        CommandIdReused,
        RoomArchived,
        LinkExpired,
        PositionReset,
        LimitReached,
        RateExceeded,
        TryAgain,
        Unavailable,
        OffsetMismatch,
        NotReceived,
        FileChecking,
        TusVersion,
        QuotaExceeded,
        MediaTypeRefused,
        UploadLocked,
        ChecksumMismatch,
        FileDamaged,
        StorageFull,
        StartupError,
    )
}
