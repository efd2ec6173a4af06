"""Sessions that outlived their certificate, or came without: the CA is asked if they may go on.

Time alone ends no session, and revocation lists name no certificate that has expired, and none of
who came by a one-time password or a token. So what was ended since, a login session, a token or an
account, only the CA can tell of these.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from pgward.client import edge_calls
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.tunnel.edge.links import Links
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.preface import Reason

log = logging.getLogger("pgward.edge")

MOST_ASKED = 1000  # in one request
# The CA's clock counts, and is known here to a few seconds: asking too early costs nothing.
_MARGIN = timedelta(minutes=1)
_SECONDS = 10.0
Call = Callable[[Callable[[], object]], object]


class Ca(edge_calls.Caller, Protocol):
    """The CA, asked by serial number, login session and token."""

    def standings(self, serials: Sequence[str]) -> dict[str, Any]:
        """Return how those stand that it knows; raise PgwardError."""
        ...


class _Asked(NamedTuple):
    serials: frozenset[str]
    logins: frozenset[str]
    tokens: frozenset[str]


class Outlived:
    """Asks from the feed's thread; ``call`` runs something on the event loop."""

    def __init__(self, ca: Ca, links: Links, call: Call) -> None:
        self._ca = ca
        self._links = links
        self._call = call

    def look(self) -> None:
        """Ask about those that run now, and cut what must end; raise PgwardError."""
        asked = self._of_the_loop()
        over = self._certificates(sorted(asked.serials)) | self._guests(asked)
        if over:
            self._call(lambda: self._cut(over))

    def _certificates(self, serials: Sequence[str]) -> frozenset[str]:
        over: set[str] = set()
        try:
            for some in _turns(serials):
                over |= _over(self._ca.standings(some))
        except NotFoundError:
            log.debug("the CA is too old to be asked about sessions that outlived a certificate")
            return frozenset()
        return frozenset(over)

    def _guests(self, asked: _Asked) -> frozenset[str]:
        over: set[str] = set()
        for some in _turns(sorted(asked.logins)):
            over.update(edge_calls.over(self._ca, sessions=some))
        for some in _turns(sorted(asked.tokens)):
            over.update(edge_calls.over(self._ca, tokens=some))
        return frozenset(over)

    def _of_the_loop(self) -> _Asked:
        """Return what the loop says, which changes the links; it has adopted all news by then."""
        found: list[_Asked] = []
        done = threading.Event()

        def note() -> None:
            peers = [link.peer for link in self._links.live]
            logins = frozenset(each.login for each in peers if each.login is not None)
            tokens = frozenset(each.token for each in peers if each.token is not None)
            found.append(_Asked(frozenset(map(_serial, self._expired())), logins, tokens))
            done.set()

        self._call(note)
        if not done.wait(_SECONDS):
            raise UnavailableError("the edge's own event loop does not answer")
        return found[0]

    def _expired(self) -> Iterable[Link]:
        by_then = self._links.clock.now() - self._links.skew() + _MARGIN
        return [
            link
            for link in self._links.live
            if link.peer.by_certificate and link.peer.not_after <= by_then
        ]

    def _cut(self, over: frozenset[str]) -> None:
        for link in tuple(self._links.live):
            if over & {_serial(link), link.peer.login, link.peer.token}:
                link.cut(Reason.REVOKED)


def _turns(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + MOST_ASKED] for start in range(0, len(names), MOST_ASKED))


def _serial(link: Link) -> str:
    return f"{link.peer.serial:x}" if link.peer.by_certificate else ""


def _over(reply: dict[str, Any]) -> set[str]:
    try:
        return {str(each["serial"]) for each in reply["certificates"] if each["over"]}
    except (KeyError, TypeError) as error:
        raise UnavailableError(f"the CA's answer cannot be read: {error!r}") from error
