"""What a worker knows of the servers behind its services, told to the CA when it changes."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pgward.client import edge_calls
from pgward.client.edge_calls import Caller
from pgward.core.errors import NotFoundError, PgwardError
from pgward.tunnel.edge.upstreams.health import Health, Keep

log = logging.getLogger("pgward.edge")

_AGAIN_SECONDS = 600.0
"""So often the CA is told what it should know: its store may be an older one, of a backup."""


@dataclass(slots=True)
class Teller:
    """Keeps what is known as ``keep`` does, and then tells the CA; it blocks."""

    machine: Caller
    keep: Keep
    clock: Callable[[], float] = time.monotonic
    _told: dict[str, str | None] | None = None
    _at: float = field(default=0.0)

    def __call__(self, known: Sequence[Health], changed: bool) -> None:
        """Tell what is known; what the CA does not take now is told in the next round."""
        self.keep(known, changed)
        wanted, now = by_service(known), self.clock()
        if wanted == self._told and now - self._at < _AGAIN_SECONDS:
            return
        try:
            edge_calls.tell_databases(self.machine, wanted)
        except NotFoundError:
            log.debug("the CA is of a release that does not ask how databases are")
        except PgwardError as error:
            log.info("the CA was not told how the databases are: %s", error.message)
            return
        self._told, self._at = wanted, now


def by_service(known: Iterable[Health]) -> dict[str, str | None]:
    """Return the problem of each service, None where one of its servers answers."""
    found: dict[str, str | None] = {}
    for each in known:
        if found.get(each.service, "") is not None:
            found[each.service] = each.problem
    return found
