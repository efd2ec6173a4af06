"""When everyone will be refused, and when to tell: long before, and again at steps. Pure.

PostgreSQL refuses everyone once one revocation list has ended (and clients do, once the server's
certificate has). The CA renews its lists every hour, so a host that gets none has most of a list's
life to be put right. The first alarm comes when half of what was left is gone, the next when half
of the rest is, and so on; the last when it has happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgward.core.clock import rfc3339
from pgward.hba.install.material import Material
from pgward.pki import crl

MOST_STEPS = 10
"""The step of what has ended; before it half, a quarter, … of the time is left."""
_NOT_YET = timedelta(0)


@dataclass(frozen=True, slots=True)
class Life:
    """Something that ends; ``since`` is when it, or as much of it as there was, was got last."""

    what: str
    since: datetime
    ends: datetime
    consequence: str

    def step(self, now: datetime) -> int:
        """Return 0 while all is well, then how often half of the time that was left has gone."""
        left = self.ends - now
        if left <= _NOT_YET:
            return MOST_STEPS
        whole: timedelta = self.ends - min(self.since, now)
        step = 0
        while step < MOST_STEPS - 1 and left <= whole / (1 << (step + 1)):
            step += 1
        return step

    def due(self, now: datetime) -> datetime | None:
        """Return when the next step comes; None after the last."""
        step = self.step(now)
        if step == MOST_STEPS:
            return None
        if step == MOST_STEPS - 1:
            return self.ends
        whole: timedelta = self.ends - min(self.since, now)
        return self.ends - whole / (1 << (step + 1))

    def message(self, now: datetime) -> str:
        """Say what happens, and when; the same text within a step."""
        when = rfc3339(self.ends)
        if now >= self.ends:
            return f"{self.what} ended {when}: {self.consequence}"
        return f"{self.what} ends {when} and cannot be renewed: then {self.consequence}"


@dataclass(frozen=True, slots=True)
class Alarm:
    """The worst that is to be told, if anything is; ``due`` is when to look again."""

    step: int
    message: str
    ends: datetime
    due: datetime | None


def lives(material: Material, got: datetime | None) -> list[Life]:
    """Return what of the installed material ends; ``got`` is when the CA last gave it all.

    A list that nears its end counts from its beginning though the CA answers: it should have
    given a newer one.
    """
    found = []
    for each in material.revocation_lists:
        start, end = each.last_update_utc, crl.next_update(each)
        what = f"the revocation list of {each.issuer.rfc4514_string()}"
        found.append(Life(what, _later(start, got), end, "PostgreSQL refuses everyone"))
    leaf = material.leaf
    since = _later(leaf.not_valid_before_utc, got)
    return [
        *found,
        Life("the server's certificate", since, material.not_after, "clients refuse the server"),
    ]


def watch(material: Material, got: datetime | None, now: datetime) -> Alarm:
    """Return the worst of all lives, and the earliest of their next steps."""
    every = lives(material, got)
    nearing = {
        crl.next_update(each)
        for each in material.revocation_lists
        if crl.nears_its_end(each.last_update_utc, crl.next_update(each), now)
    }
    if nearing:  # whatever the CA says: it gives no newer ones
        every += [life for life in lives(material, None) if life.ends in nearing]
    worst = max(every, key=lambda life: (life.step(now), -life.ends.timestamp()))
    return Alarm(worst.step(now), worst.message(now), worst.ends, _earliest(every, now))


def _earliest(every: Iterable[Life], now: datetime) -> datetime | None:
    return min(filter(None, (life.due(now) for life in every)), default=None)


def _later(start: datetime, got: datetime | None) -> datetime:
    return start if got is None else max(start, got)
