"""Slows those down who try one-time passwords and tokens out at an edge.

Nobody guesses 128 random bits; but each wrong one costs the authority a look-up and a record. What
counts is the place that an edge saw, at that edge: nobody elsewhere is slowed down by it, and an
edge that somebody broke into slows nobody at another. Only failures count, so a whole office
behind one router may log in at once.
"""

import math

from pgward.ca import observe
from pgward.ca.http import networks
from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.ca.limiting.throttle import BackOff
from pgward.core.errors import TooManyRequestsError

FREE = 10
"""So many may be wrong before anyone waits."""
_LONGEST = 60.0  # seconds
_RECORDED = Rate(per_second=1, burst=60)


class Guesses:
    """Counts for one process; every ``now`` is a time in seconds that never goes back."""

    def __init__(self) -> None:
        self._places = BackOff(FREE, _LONGEST)
        self._records = Buckets(_RECORDED)

    def begin(self, edge: str, client: str | None, now: float) -> None:
        """Raise TooManyRequestsError where too many were wrong."""
        wait = self._places.wait(_place(edge, client), now)
        if wait > 0:
            observe.event("rate_limited", limit="guesses")
            seconds = math.ceil(wait)
            raise TooManyRequestsError(
                "too many wrong logins from this address",
                retry_after=seconds,
                hint=f"try again in {seconds} seconds",
            )

    def failed(self, edge: str, client: str | None, now: float) -> bool:
        """Count a wrong one; tell whether to put it on record: from many places come too many."""
        self._places.failed(_place(edge, client), now)
        return not self._records.take(edge, now)


def _place(edge: str, client: str | None) -> tuple[str, object]:
    return edge, networks.key(client)
