"""When the CAs end, and when to begin to replace them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgward.ca.generations import Generation, Generations, State
from pgward.core.clock import rfc3339

# An issuing CA's last leaves must live out; a root's last issuing CA, which lives for years.
_ISSUING_BEFORE = timedelta(days=180)
_ROOT_BEFORE = timedelta(days=2 * 365)


@dataclass(frozen=True, slots=True)
class Ending:
    """A CA, its end, and when its rotation should begin."""

    generation: Generation
    start_by: datetime

    @property
    def ends(self) -> datetime:
        """When it ends."""
        return self.generation.certificate.not_valid_after_utc

    def is_due(self, now: datetime) -> bool:
        """Tell whether its successor should be on its way: it is current, and ends soon."""
        return self.generation.state is State.CURRENT and now >= self.start_by

    def warning(self, now: datetime) -> str:
        """Say how long it lives and what to do."""
        days = (self.ends - now).days
        what = "root" if self.generation.is_root else "issuing"
        side = self.generation.role.value.partition("-")[0]
        return (
            f"the CA {self.generation.id} ends in {days} days, at {rfc3339(self.ends)}: "
            f"nothing that it signs lives longer; pgward ca rotate start {what} DIR "
            f"--hierarchy {side}"
        )


def endings(known: Generations) -> list[Ending]:
    """Return the ending of every CA that is trusted."""
    return [Ending(each, _start_by(each)) for each in known.all if each.state is not State.RETIRED]


def due(known: Generations, now: datetime) -> Sequence[Ending]:
    """Return those that should be replaced now."""
    return [each for each in endings(known) if each.is_due(now)]


def _start_by(each: Generation) -> datetime:
    before = _ROOT_BEFORE if each.is_root else _ISSUING_BEFORE
    certificate = each.certificate
    # A short-lived one, as a company's root may give, still has two thirds of its life.
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - min(before, life / 3)
