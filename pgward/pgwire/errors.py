"""What goes wrong in the protocol: the other end's bytes make no sense, or it says no."""

from collections.abc import Mapping

from pgward.core.errors import PgwardError


class WireError(PgwardError):
    """What came is not what PostgreSQL's protocol allows there; ``sqlstate`` is what to answer."""

    code = "protocol"

    def __init__(self, message: str, *, sqlstate: str = "08P01", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate


class LoginFailedError(WireError):
    """A backend refused a login; ``fields`` are those of its error, by their letters."""

    def __init__(
        self, message: str, *, fields: Mapping[str, str] | None = None, hint: str | None = None
    ) -> None:
        self.fields = dict(fields or {})
        super().__init__(message, sqlstate=self.fields.get("C") or "08P01", hint=hint)


class VersionRefusedError(LoginFailedError):
    """A backend refused the protocol's version: try again with ``minor=0``."""


class NotAdmittedError(LoginFailedError):
    """A backend refused a login before it asked for anything, as pg_hba.conf wants it."""


class UnwantedError(LoginFailedError):
    """A backend asks for a proof that it is not given: nothing was said to it."""
