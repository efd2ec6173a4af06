"""Errors that a person sees: what happened, then what to do next.

Messages are lower case, without a full stop. The command layer prints
``pgward: <message>`` and ``hint: <hint>``, and exits with ``exit_code``.
"""

from typing import ClassVar


class PgwardError(Exception):
    """Base of everything that pgward reports; never carries a secret."""

    exit_code: int = 1
    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInputError(PgwardError):
    """Input that a person or a file gave is wrong; ``where`` names file, line and field."""

    exit_code = 2
    code = "invalid"

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.where = where


class NotFoundError(PgwardError):
    """What was named does not exist."""

    code = "not_found"


class ConflictError(PgwardError):
    """What was asked for collides with what is there already."""

    code = "conflict"


class UnavailableError(PgwardError):
    """A peer (the CA, an edge, an upstream) could not be reached or did not answer."""

    code = "unavailable"
    retry_after: int = 5  # seconds: what is away is soon back, or longer away than anyone waits


class TooManyRequestsError(UnavailableError):
    """The peer takes no more from us for so many seconds; nothing was done."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: int = 1, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class UnacceptableError(PgwardError):
    """What was sent is not taken, and never will be as it is: to send it again is of no use."""

    code = "unacceptable"


class FaultError(PgwardError):
    """The peer failed at what was asked, by a fault of its own that its log tells of."""


class DeniedError(PgwardError):
    """The peer knows who asks, and says no."""

    exit_code = 3
    code = "denied"


class LoginNeededError(PgwardError):
    """No login session, or it has ended."""

    exit_code = 4
    code = "login_needed"

    def __init__(
        self, message: str = "you are not logged in", *, hint: str | None = "pgward login"
    ) -> None:
        super().__init__(message, hint=hint)
