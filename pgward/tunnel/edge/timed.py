"""Links whose person has grants at their service, which end by themselves.

Whoever may use a service by a grant alone is reminded of its end, and cut then; so is an idle link.
Whoever may come anyhow is reminded, too, if the session would not go on: it landed as what the
grant gives.
Where somebody has less when one of several grants ends, the session is looked at again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from pgward.tunnel.edge.grants import NOTHING
from pgward.tunnel.edge.state import EdgeState, Peer
from pgward.tunnel.preface import EXPLANATIONS, Reason, RefusedError

LOOK_SECONDS: Final = 1.0
_LATELY: Final = timedelta(seconds=10)


class TimedLink(Protocol):
    """What a link does about grants."""

    peer: Peer
    service: str

    def adopt(self, state: EdgeState) -> None:
        """Go on as things are now; raise RefusedError where this must end."""
        ...

    def cut(self, reason: Reason, why: RefusedError | None = None) -> None:
        """End at once."""
        ...

    def remind(self, seconds: float, *, stands: bool) -> None:
        """Hear how soon what was granted ends; its person ``stands`` who may come anyhow."""
        ...


@dataclass(frozen=True, slots=True)
class _Ends:
    """When the last of the grants ends, and when there is less.

    Who ``stands`` may come anyhow, and is not cut by the end itself.
    """

    all: datetime
    next: datetime
    stands: bool
    names: tuple[str, ...] = ()
    changed_at: datetime | None = None


@dataclass(slots=True)
class Timed:
    """Those of one process; times are the CA's."""

    _ends: dict[TimedLink, _Ends] = field(default_factory=dict)

    def note(self, link: TimedLink, state: EdgeState | None, at: datetime) -> None:
        """Take note of what a link's person has by a new snapshot, or as a session begins."""
        service = None if state is None else state.services.get(link.service)
        granted = NOTHING if service is None else service.granted(link.peer.user, at)
        last, first = granted.until, granted.next_end
        if state is None or service is None or last is None or first is None:
            self.forget(link)
            return
        stands = state.has_standing(service, link.peer.user)
        made, before = _Ends(last, first, stands, granted.names), self._ends.get(link)
        if before is not None:
            is_same = replace(before, changed_at=None) == made
            made = replace(made, changed_at=before.changed_at if is_same else at)
        self._ends[link] = made

    def forget(self, link: TimedLink) -> None:
        """Take note that a link has no grants, or is no more."""
        self._ends.pop(link, None)

    def look(self, state: EdgeState | None, at: datetime) -> None:
        """Cut what is over, remind of what is near, and look again where there is less."""
        for link, ends in tuple(self._ends.items()):
            left = (ends.all - at).total_seconds()
            if left <= 0 and not ends.stands:
                self.forget(link)
                link.cut(Reason.ACCESS_ENDED, over(link.service))
                continue
            if left > 0:
                link.remind(left, stands=ends.stands)
            if ends.next <= at and state is not None:
                self._look_again(link, state)

    def _look_again(self, link: TimedLink, state: EdgeState) -> None:
        try:
            link.adopt(state)
        except RefusedError as refusal:
            link.cut(refusal.reason, refusal)

    def explained(self, link: TimedLink, refusal: RefusedError) -> RefusedError:
        """Return why a link must end in the words of a grant that was taken away, if that is it."""
        ends = self._ends.get(link)
        plain = refusal.reason is Reason.DENIED and refusal.message == _DENIED
        return over(link.service) if plain and ends and not ends.stands else refusal

    def knows(self, link: TimedLink) -> bool:
        """Tell whether a link's person has something by a grant, which may end."""
        return link in self._ends

    def changed(self, link: TimedLink, at: datetime) -> RefusedError | None:
        """Return why PostgreSQL may have ended a link's session: other grants than a moment ago.

        Before PostgreSQL 16 a connector that takes a role away has to end sessions that have it.
        """
        ends = self._ends.get(link)
        if ends is None or ends.changed_at is None or at - ends.changed_at > _LATELY:
            return None
        what = f"what you were granted at {link.service} has changed"
        return RefusedError(Reason.DENIED, what, hint="connect again")

    def rests_on(self, link: TimedLink) -> tuple[str, ...] | None:
        """Return what a link's person was granted, who may come by that alone; None of others."""
        ends = self._ends.get(link)
        return None if ends is None or ends.stands else ends.names

    def known(self) -> Mapping[TimedLink, datetime]:
        """Return which links have grants, and when the next of those ends."""
        return {link: ends.next for link, ends in self._ends.items()}


_DENIED: Final = EXPLANATIONS[Reason.DENIED][0]


def over(service: str) -> RefusedError:
    """Return why somebody's session ends with a grant."""
    return RefusedError(
        Reason.ACCESS_ENDED,
        f"your access to {service} has ended",
        hint=f"pgward request {service}",
    )
