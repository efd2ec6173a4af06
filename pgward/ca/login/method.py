"""Methods of logging in: what each must do, and which there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from pgward.ca.login.attempt import Ask, Attempt, Proven
from pgward.core.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to log in, as people are shown it.

    ``needs`` lists what the first request must have: user, password, redirect_uri.
    """

    method: str
    provider: str | None
    title: str
    needs: tuple[str, ...]
    redirect_ports: tuple[int, ...] = ()


class Method(Protocol):
    """Proves who somebody is; raises RefusedLoginError, InvalidInputError, UnavailableError."""

    kind: str

    def offers(self, connection: Connection) -> Iterable[Offer]:
        """Return the ways to log in by this method now."""
        ...

    async def begin(self, attempt: Attempt) -> Proven | Ask:
        """Prove who it is by what the first request has, or ask for more."""
        ...

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> Proven | Ask:
        """Go on with the answer to what was asked; ``attempt.memory`` is what it remembered."""
        ...


class Methods:
    """The methods of one CA, by kind."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self._methods = {method.kind: method for method in methods}

    def get(self, kind: str) -> Method:
        """Return a method; raise NotFoundError."""
        found = self._methods.get(kind)
        if found is None:
            known = ", ".join(self._methods)
            raise NotFoundError(f"there is no login method {kind!r}", hint=f"known are {known}")
        return found

    def offers(self, connection: Connection) -> list[Offer]:
        """Return every way to log in, the preferred one first."""
        return [each for method in self._methods.values() for each in method.offers(connection)]
