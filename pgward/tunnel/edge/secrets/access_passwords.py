"""Passwords of people's access roles, from the CA: remembered for minutes, in memory only."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from pgward.client import edge_calls
from pgward.client.edge_calls import AccessPassword, Caller
from pgward.client.secrets.cupboard import FRESH, STALE
from pgward.core.errors import PgwardError, UnavailableError
from pgward.tunnel.edge import asking
from pgward.tunnel.edge.secrets.flights import Flights

_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose role at which service, and by what the person came (see `mint.Wanted`)."""

    service: str
    user: str
    role: str
    session: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    password: AccessPassword = field(repr=False)
    fetched: float


class AccessPasswords:
    """Gets passwords of access roles; for one event loop. ``monotonic`` returns seconds.

    The CA looks each time whether the person may still have the role. One that is known counts on
    while the CA is away: the edge itself lets in nobody whose grant is over.
    """

    def __init__(self, ca: Caller, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ca = ca
        self._monotonic = monotonic
        self._kept: OrderedDict[Whose, _Kept] = OrderedDict()
        self._flights: Flights[tuple[Whose, int | None], AccessPassword] = Flights()

    async def get(self, whose: Whose) -> bytes:
        """Return the password; raises as `edge_calls.access_password`."""
        kept, now = self._kept.get(whose), self._monotonic()
        if kept is not None and now - kept.fetched < FRESH:
            return kept.password.value
        try:
            return (await self._fetched(whose, None)).value
        except UnavailableError:
            if kept is None or now - kept.fetched >= STALE:
                raise
            return kept.password.value
        except PgwardError:
            self._kept.pop(whose, None)  # it was taken away
            raise

    async def instead_of(self, whose: Whose, refused: bytes) -> bytes:
        """Return another password after PostgreSQL refused this one; raises as ``get``."""
        kept = self._kept.get(whose)
        if kept is None or kept.password.value != refused:
            return await self.get(whose)
        return (await self._fetched(whose, kept.password.version)).value

    async def _fetched(self, whose: Whose, refused: int | None) -> AccessPassword:
        return await self._flights.join((whose, refused), lambda: self._fetch(whose, refused))

    async def _fetch(self, whose: Whose, refused: int | None) -> AccessPassword:
        found = await asking.for_person(
            edge_calls.access_password,
            self._ca,
            service=whose.service,
            user=whose.user,
            role=whose.role,
            session=whose.session,
            serial=whose.serial,
            refused=refused,
        )
        self._kept[whose] = _Kept(found, self._monotonic())
        self._kept.move_to_end(whose)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found
