"""What decides on statements, as the inspectors see it."""

from typing import Literal, NamedTuple, Protocol

from pgward.core.errors import PgwardError

Way = Literal["query", "parse", "execute", "function"]


class Denial(NamedTuple):
    """A rule says no; ``reason`` is for the person who asked."""

    rule: str
    reason: str


class DeniedError(PgwardError):
    """A rule says no to what has begun to pass, so that the session must end."""

    code = "denied"
    sqlstate = "42501"  # insufficient_privilege


class Rest(Protocol):
    """Looks at a text that is too large to be ruled before it passes."""

    def take(self, data: bytes | memoryview, /) -> Denial | None:
        """Take the next bytes, the first ones included; return a denial, or None."""
        ...


class Ruling(Protocol):
    """Decides on the statements of one session."""

    @property
    def every(self) -> bool:
        """Whether it is asked about all of them, or else about texts as they come only.

        Then nothing is remembered of what they prepare, and those in which ``suspicious`` finds
        nothing may be left out.
        """
        ...

    def statement(self, kind: Way, text: bytes | None, *, whole: bool) -> Denial | None:
        """Return a denial, or None to let the statement pass.

        ``text`` is the statement's, of a function call the function's OID in digits, None of
        something to execute that is not remembered. Not ``whole``: it goes on, ``text`` is how
        it begins.
        """
        ...

    def rest(self) -> Rest | None:
        """Return what looks at one such text as it passes, None if nothing does."""
        ...

    def parameter_status(self, name: str, value: str) -> None:
        """Take what PostgreSQL reports of a setting: ``client_encoding`` is how texts are read."""
        ...
