"""Why there is no connection to PostgreSQL."""

import os
import ssl
from collections.abc import Mapping, Sequence

from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.pgwire.errors import LoginFailedError, UnwantedError
from pgward.tunnel.preface import Reason, RefusedError

UNABLE = "08001"
"""sqlclient_unable_to_establish_sqlconnection (PostgreSQL manual, appendix A)."""
REJECTED = "08004"
"""sqlserver_rejected_establishment_of_sqlconnection: what is between edge and server only."""
_CREDENTIALS = ("28P01", "28000")
_NOT_NOW = "57P03"


class UpstreamError(RefusedError):
    """PostgreSQL cannot be reached, or refused the edge; ``sqlstate`` is what to tell clients.

    ``fields`` are those of PostgreSQL's own error, by their letters, if it said one. No password is
    in any of them.
    """

    code = "upstream"

    def __init__(
        self,
        message: str,
        *,
        address: Address | None = None,
        fields: Mapping[str, str] | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(Reason.UNREACHABLE, message, hint=hint)
        self.address = address
        self.fields = dict(fields or {})
        self.sqlstate = self.fields.get("C") or UNABLE

    @property
    def is_about_credentials(self) -> bool:
        """Whether fresh credentials may help: the secret was changed meanwhile."""
        return self.fields.get("C") in _CREDENTIALS

    @property
    def is_final(self) -> bool:
        """Whether this server heard the login and said no: another is not asked, as in libpq."""
        return bool(self.fields) and self.fields.get("C") != _NOT_NOW


class UnsafeError(UpstreamError):
    """A server asks for a proof that the edge does not give it."""

    def __init__(self, message: str, *, address: Address, hint: str | None) -> None:
        super().__init__(message, address=address, hint=hint)
        self.sqlstate = REJECTED


class WrongServerError(UpstreamError):
    """A server is there, and not what ``targetSessionAttrs`` wants."""


def unreachable(address: Address, why: str) -> UpstreamError:
    """Return the error for a server that did not come so far as to a login."""
    return UpstreamError(f"the edge cannot reach the database at {address}: {why}", address=address)


def explained(
    error: PgwardError | OSError, address: Address, *, user: str, server_name: str
) -> UpstreamError:
    """Return what a failure means to whoever connects."""
    if isinstance(error, UpstreamError):
        return error
    if isinstance(error, LoginFailedError):
        return _of_login(error, address, user)
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, address, server_name)
    if isinstance(error, RefusedError):
        return UpstreamError(error.message, address=address, hint=error.hint)
    if isinstance(error, PgwardError):
        return unreachable(address, error.message)
    return unreachable(address, words(error))


def _of_login(error: LoginFailedError, address: Address, user: str) -> UpstreamError:
    if isinstance(error, UnwantedError):
        return UnsafeError(
            f"the edge does not log in to the database at {address} as {user}: {error.message}",
            address=address,
            hint=error.hint,
        )
    return UpstreamError(
        f"the database at {address} does not let the edge in as {user}: {error.message}",
        address=address,
        fields=error.fields,
        hint=error.hint,
    )


def words(error: Exception) -> str:
    """Return the system's own words for an error: event loops put others into it."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:  # those of getaddrinfo are negative, and its own
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error)


def _of_tls(error: ssl.SSLError, address: Address, server_name: str) -> UpstreamError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamError(
            f"the database at {address} did not prove that it is {server_name}:"
            f" {error.verify_message.rstrip('.')}",
            address=address,
            hint="the service's serverName and sslRootCert say who it should be",
        )
    why = getattr(error, "reason", None) or error.strerror
    return UpstreamError(f"no TLS with the database at {address}: {why}", address=address)


def none_will_do(problems: Sequence[UpstreamError]) -> UpstreamError:
    """Return one error for what is wrong with all servers; there is at least one."""
    told = list(dict.fromkeys(each.message for each in problems))
    if len(told) == 1:
        return problems[0]
    return UpstreamError(
        f"no database server will do: {'; '.join(told)}", fields={"C": problems[0].sqlstate}
    )
