"""Login sessions that were alive a moment ago, so that renewing need not read the store first.

Only issuing may use this: the store looks again, in the transaction that records the
certificate, whether the session lives and its owner is not blocked.
"""

import hashlib
from collections import OrderedDict
from datetime import datetime

from pgward.ca.identity.sessions import LoginSession

_SECONDS = 30.0
_MOST = 10_000


class KnownSessions:
    """Sessions by the hash of their token, each for half a minute; for one thread.

    What edges must hear of may have changed a session, so all are forgotten then.
    """

    def __init__(self) -> None:
        self._age = 0
        self._known: OrderedDict[bytes, tuple[float, LoginSession]] = OrderedDict()

    def get(self, token: str, *, now: datetime, monotonic: float) -> LoginSession | None:
        """Return the session of a token, unless it is over or was not seen lately."""
        until, session = self._known.get(_hash(token), (0.0, None))
        if session is None or monotonic >= until or now >= session.expires_at:
            return None
        return session

    def age(self) -> int:
        """Return what to give to ``remember``; ask before the store is read."""
        return self._age

    def remember(self, token: str, session: LoginSession, *, age: int, monotonic: float) -> None:
        """Keep a session that was just read from the store, unless something changed since."""
        if age != self._age:
            return
        self._known[_hash(token)] = (monotonic + _SECONDS, session)
        self._known.move_to_end(_hash(token))
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def forget_all(self) -> None:
        """Drop them all; from any thread."""
        self._age += 1
        self._known = OrderedDict()

    def forget(self, token: str) -> None:
        """Drop it: the store refused what it was used for."""
        self._known.pop(_hash(token), None)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
