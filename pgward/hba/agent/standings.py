"""The duty ``standings``: asks the CA whose certificates count no more, of those with sessions.

A revocation list tells of certificates that have not expired. A session may be older than that: of
it only the CA can tell that the login session it began in was ended, or that the person is blocked.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from pgward.core.clock import parse_rfc3339
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.hba.agent.backends import Backend, Verdicts
from pgward.hba.agent.duty import Done, Turn

ASK_SECONDS = 300.0
ASK_SECONDS_WITHOUT_PUSH = 15.0
MOST_ASKED = 1000  # in one request
_OLD_CA_SECONDS = 3600.0


class Ca(Protocol):
    """The CA, asked by serial number and by person."""

    def standings(self, serials: Sequence[str], people: Sequence[str]) -> dict[str, Any]:
        """Return how those stand that it knows; raise PgwardError."""
        ...


class Standings:
    """Asks when the CA has news and from time to time; ``on_change`` hears of new verdicts.

    With ``eager`` it asks about each certificate as soon as a session begins with it; about people,
    where PostgreSQL tells no numbers, always.
    """

    name = "standings"
    follows = frozenset({"crls", "endings"})

    def __init__(
        self,
        ca: Ca,
        *,
        pushed: Callable[[], bool],
        on_change: Callable[[], object],
        want: Callable[[], object],
        eager: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ca = ca
        self._pushed = pushed
        self._on_change = on_change
        self._want = want
        self._eager = eager
        self._monotonic = monotonic
        self._live: tuple[frozenset[str], frozenset[str]] | None = None
        self._asked: frozenset[str] = frozenset()
        self.verdicts = Verdicts()

    def saw(self, backends: Sequence[Backend]) -> None:
        """Take note of whose sessions run; called from another thread."""
        first = self._live is None
        serials = frozenset(each.serial_hex for each in backends if each.serial_hex is not None)
        people = frozenset(each.person for each in backends if each.serial is None and each.person)
        self._live = serials, people
        # What has a number is on a list as well, if it may have come since it was asked last.
        unknown = not people <= self._asked or (self._eager and not serials <= self._asked)
        if unknown or (first and serials):
            self._want()

    def run(self, turn: Turn) -> Done:  # noqa: ARG002 - a duty's signature
        """Ask about all sessions that run."""
        serials, people = self._live or (frozenset(), frozenset())
        try:
            verdicts = self._answers(sorted(serials), sorted(people))
        except NotFoundError:
            return Done(_OLD_CA_SECONDS)  # an older CA: its revocation lists must do
        self._asked = serials | people
        if verdicts != self.verdicts:
            self.verdicts = verdicts
            self._on_change()
        return Done(ASK_SECONDS if self._pushed() else ASK_SECONDS_WITHOUT_PUSH)

    def close(self) -> None:
        """Hold nothing."""

    def _answers(self, serials: Sequence[str], people: Sequence[str]) -> Verdicts:
        certificates: dict[str, str] = {}
        by_name: dict[str, str] = {}
        ends: dict[str, datetime] = {}
        for start in range(0, max(len(serials), len(people)), MOST_ASKED):
            some = slice(start, start + MOST_ASKED)
            reply = self._ca.standings(serials[some], people[some])
            try:
                for each in reply["certificates"]:
                    ends[str(each["serial"])] = parse_rfc3339(each["not_after"])
                    if each["over"]:
                        certificates[str(each["serial"])] = str(each["over"])
                by_name |= {str(e["name"]): str(e["over"]) for e in reply["people"] if e["over"]}
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise UnavailableError(
                    f"the CA's answer cannot be read: {error!r}", hint="look at the CA's version"
                ) from error
        return Verdicts(certificates, by_name, ends)
