"""What can go wrong with an LDAP directory; nothing here carries a password."""

from pgward.core.errors import DeniedError, PgwardError, UnavailableError


class LdapError(PgwardError):
    """The base of what a directory does or says."""


class LdapProtocolError(LdapError):
    """The server sent what is not LDAP, or more than anybody needs."""


class LdapUnavailableError(LdapError, UnavailableError):
    """No server could be reached, or spoke TLS as it should, in time: another may."""


class LdapResultError(LdapError):
    """The server said no: ``result`` is the code of RFC 4511 appendix A."""

    def __init__(self, message: str, *, result: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result


class LdapRefusedError(LdapError, DeniedError):
    """The directory does not let this person in; ``reason`` is for the audit log alone."""

    def __init__(self, reason: str) -> None:
        super().__init__("wrong user name or password")
        self.reason = reason
