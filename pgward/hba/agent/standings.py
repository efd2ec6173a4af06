"""The duty ``standings``: asks the CA whose certificates count no more, of those with sessions.

A revocation list tells of certificates that have not expired. A session may be older than that: of
it only the CA can tell that the login session it began in was ended, or that the person is blocked.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

from pgward.core.clock import parse_rfc3339, precise_rfc3339
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.hba.agent.backends import Backend, Verdicts
from pgward.hba.agent.duty import Done, Turn

ASK_SECONDS = 300.0
ASK_SECONDS_WITHOUT_PUSH = 15.0
MOST_ASKED = 1000  # in one request
_OLD_CA_SECONDS = 3600.0


class Ca(Protocol):
    """The CA, asked by serial number, and by person and time."""

    def standings(
        self, serials: Sequence[str], sessions: Sequence[Mapping[str, str]]
    ) -> dict[str, Any]:
        """Return how they stand; raise PgwardError."""
        ...

    def skew(self) -> timedelta:
        """Return how far this machine's clock is ahead of the CA's."""
        ...


class Standings:
    """Asks when the CA has news and from time to time; ``on_change`` hears of new verdicts.

    With ``eager`` it asks about each certificate as soon as a session begins with it; about each
    session, where PostgreSQL tells no numbers, always.
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
        self._live: _Live | None = None
        self._asked = _Live()
        self.verdicts = Verdicts()

    def saw(self, backends: Sequence[Backend]) -> None:
        """Take note of whose sessions run; called from another thread."""
        first = self._live is None
        live = self._live = _Live.of(backends)
        # What has a number is on a list as well, if it may have come since it was asked last.
        unknown = not live.unnumbered.keys() <= self._asked.unnumbered.keys() or (
            self._eager and not live.serials <= self._asked.serials
        )
        if unknown or (first and live.serials):
            self._want()

    def run(self, turn: Turn) -> Done:  # noqa: ARG002 - a duty's signature
        """Ask about all sessions that run."""
        live = self._live or _Live()
        try:
            verdicts = self._answers(live)
        except NotFoundError:
            return Done(_OLD_CA_SECONDS)  # an older CA: its revocation lists must do
        self._asked = live
        if verdicts != self.verdicts:
            self.verdicts = verdicts
            self._on_change()
        return Done(ASK_SECONDS if self._pushed() else ASK_SECONDS_WITHOUT_PUSH)

    def close(self) -> None:
        """Hold nothing."""

    def _answers(self, live: "_Live") -> Verdicts:
        certificates: dict[str, str] = {}
        sessions: dict[tuple[int, str], str] = {}
        ends: dict[str, datetime] = {}
        serials, unnumbered = sorted(live.serials), sorted(live.unnumbered.items())
        for start in range(0, max(len(serials), len(unnumbered)), MOST_ASKED):
            some = slice(start, start + MOST_ASKED)
            asked = unnumbered[some]
            skew = self._ca.skew()
            reply = self._ca.standings(
                serials[some],
                [{"person": who, "began": precise_rfc3339(at - skew)} for _, (who, at) in asked],
            )
            try:
                for each in reply["certificates"]:
                    ends[str(each["serial"])] = parse_rfc3339(each["not_after"])
                    if each["over"]:
                        certificates[str(each["serial"])] = str(each["over"])
                answers = zip(asked, reply["sessions"] if asked else (), strict=True)
                sessions |= {key: str(over) for (key, _), over in answers if over}
            except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
                raise UnavailableError(
                    f"the CA's answer cannot be read: {error!r}", hint="look at the CA's version"
                ) from error
        return Verdicts(certificates, sessions, ends)


@dataclass(frozen=True, slots=True)
class _Live:
    """Whose sessions run: serial numbers, and where there is none who began when."""

    serials: frozenset[str] = frozenset()
    unnumbered: Mapping[tuple[int, str], tuple[str, datetime]] = field(default_factory=dict)

    @classmethod
    def of(cls, backends: Sequence[Backend]) -> Self:
        """Sort sessions; one whose person cannot be read, or whose time, is nobody's."""
        unnumbered = {}
        for each in backends:
            began = None if each.serial is not None else _moment(each.started)
            if began is not None and each.person:
                unnumbered[each.key] = (each.person, began)
        return cls(
            frozenset(each.serial_hex for each in backends if each.serial_hex is not None),
            unnumbered,
        )


def _moment(started: str) -> datetime | None:
    """Read PostgreSQL's text of a time."""
    try:
        return datetime.fromisoformat(started).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
