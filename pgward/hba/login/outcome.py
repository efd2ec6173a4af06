"""What can become of an attempt, and how a connection can be protected. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of an attempt."""

    IN = "let in"
    AUTHENTICATED = "authenticated"  # and refused afterwards, for another reason
    REFUSED = "refused"
    ASKED = "asked for more"
    TLS_REFUSED = "refused in TLS"
    NO_TLS = "no TLS"
    BROKEN = "no answer"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of it, and the server's words; ``code`` is an SQLSTATE."""

    outcome: Outcome
    detail: str = ""
    code: str = ""

    @property
    def let_in(self) -> bool:
        """Whether it passed the authentication."""
        return self.outcome in {Outcome.IN, Outcome.AUTHENTICATED}


class Encryption(StrEnum):
    """How a connection is protected, and how that begins."""

    NONE = "no TLS"
    TLS = "TLS"
    DIRECT = "direct TLS"
    TLS_1_0 = "TLS 1.0"
    TLS_1_1 = "TLS 1.1"

    @property
    def is_old(self) -> bool:
        """Whether it is a version of TLS that nobody should speak."""
        return self in {Encryption.TLS_1_0, Encryption.TLS_1_1}
