"""Sessions that outlived their certificate: the CA is asked whether they may go on.

Time alone ends no session, and revocation lists name no certificate that has expired. So what was
ended since, a login session or an account, only the CA can tell of these.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.tunnel.edge.sessions import Link, Links
from pgward.tunnel.preface import Reason

log = logging.getLogger("pgward.edge")

MOST_ASKED = 1000  # in one request
# The CA's clock counts, and is known here to a few seconds: asking too early costs nothing.
_MARGIN = timedelta(minutes=1)
_SECONDS = 10.0
Call = Callable[[Callable[[], object]], object]


class Ca(Protocol):
    """The CA, asked by serial number."""

    def standings(self, serials: Sequence[str]) -> dict[str, Any]:
        """Return how those stand that it knows; raise PgwardError."""
        ...


class Outlived:
    """Asks from the feed's thread; ``call`` runs something on the event loop."""

    def __init__(self, ca: Ca, links: Links, call: Call) -> None:
        self._ca = ca
        self._links = links
        self._call = call

    def look(self) -> None:
        """Ask about those that run now, and cut what must end; raise PgwardError."""
        serials = sorted(self._serials())
        over: set[str] = set()
        try:
            for start in range(0, len(serials), MOST_ASKED):
                over |= _over(self._ca.standings(serials[start : start + MOST_ASKED]))
        except NotFoundError:
            log.debug("the CA is too old to be asked about sessions that outlived a certificate")
            return
        if over:
            self._call(lambda: self._cut(over))

    def _serials(self) -> frozenset[str]:
        """Return what the loop says, which changes the links; it has adopted all news by then."""
        found: list[frozenset[str]] = []
        done = threading.Event()

        def note() -> None:
            found.append(frozenset(map(_serial, self._expired())))
            done.set()

        self._call(note)
        if not done.wait(_SECONDS):
            raise UnavailableError("the edge's own event loop does not answer")
        return found[0]

    def _expired(self) -> Iterable[Link]:
        by_then = self._links.clock.now() - self._links.skew() + _MARGIN
        return [link for link in self._links.live if link.peer.not_after <= by_then]

    def _cut(self, over: set[str]) -> None:
        for link in tuple(self._links.live):
            if _serial(link) in over:
                link.cut(Reason.REVOKED)


def _serial(link: Link) -> str:
    return f"{link.peer.serial:x}"


def _over(reply: dict[str, Any]) -> set[str]:
    try:
        return {str(each["serial"]) for each in reply["certificates"] if each["over"]}
    except (KeyError, TypeError) as error:
        raise UnavailableError(f"the CA's answer cannot be read: {error!r}") from error
