"""Which proofs a login gives, and over what: as libpq's ``require_auth`` and ``channel_binding``.

PostgreSQL manual, chapter 34.1.2. Two things are stricter than in libpq: a password in clear text
needs TLS, and TLS that verified the server, unless the method is asked for by its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from pgward.pgwire.errors import UnwantedError

Method = Literal["none", "password", "md5", "scram-sha-256"]
Binding = Literal["disable", "prefer", "require"]
Tls = Literal["none", "unverified", "verified"]
"""What a connection is: without TLS, with it, or with it and a server that proved who it is."""

METHODS: Final[tuple[Method, ...]] = ("none", "password", "md5", "scram-sha-256")
NOT: Final = "!"
"""Before a method: every one but this."""

_SAID: Final[dict[Method, str]] = {
    "none": "no proof at all",
    "password": "the password in clear text",
    "md5": "a password hashed with MD5",
    "scram-sha-256": "SCRAM-SHA-256",
}


@dataclass(frozen=True, slots=True)
class Demands:
    """What a login insists on; ``names_clear_text``: somebody allowed that by its name."""

    methods: frozenset[Method] = frozenset(METHODS)
    binding: Binding = "prefer"
    names_clear_text: bool = False

    @classmethod
    def read(cls, words: Sequence[str] | None, binding: Binding = "prefer") -> Self:
        """Read a list of methods, or of those that are not to be; None is any.

        Raises ValueError for a word that is no method, and for a list of both kinds.
        """
        if words is None:
            return cls(binding=binding)
        named = frozenset(_method(each.removeprefix(NOT)) for each in words)
        if len({each.startswith(NOT) for each in words}) != 1:
            raise ValueError("a list is of methods, or of methods with a ! before each")
        if words[0].startswith(NOT):
            return cls(frozenset(METHODS) - named, binding)
        return cls(named, binding, names_clear_text="password" in named)

    def check(self, method: Method, tls: Tls, *, is_bound: bool = False) -> None:
        """Raise UnwantedError where a server is not to be given this kind of proof.

        ``is_bound``: the proof speaks for the TLS connection as well, SCRAM-SHA-256-PLUS.
        """
        said = _SAID[method]
        if method not in self.methods:
            allowed = " or ".join(each for each in METHODS if each in self.methods)
            raise UnwantedError(
                f"PostgreSQL asks for {said}, and requireAuth allows {allowed or 'nothing'}",
                hint=f"have its pg_hba.conf ask for that, or allow {method} in requireAuth",
            )
        if self.binding == "require" and not is_bound:
            raise UnwantedError(
                f"channel binding is required, and PostgreSQL asks for {said} without it",
                hint="have it use scram-sha-256 over TLS, with a certificate that is not Ed25519's",
            )
        if method == "password":
            self._check_clear_text(tls)

    def _check_clear_text(self, tls: Tls) -> None:
        if tls == "none":
            raise UnwantedError(
                "PostgreSQL asks for the password in clear text over a connection without TLS",
                hint="have it use scram-sha-256, or reach it over TLS",
            )
        if tls == "unverified" and not self.names_clear_text:
            raise UnwantedError(
                "PostgreSQL asks for the password in clear text, and has not proved who it is",
                hint="sslMode: verify-full, or have it use scram-sha-256; "
                "requireAuth: [password] gives it to whoever answers",
            )


def _method(word: str) -> Method:
    for each in METHODS:
        if each == word:
            return each
    raise ValueError(f"{word!r} is no method that is spoken here: {', '.join(METHODS)}")
