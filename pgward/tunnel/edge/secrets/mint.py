"""Certificates in people's names, from the CA: each good for the sessions of its first half."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from pgward.client import edge_calls
from pgward.client.edge_calls import Caller
from pgward.tunnel.edge import asking
from pgward.tunnel.edge.secrets.flights import Flights
from pgward.tunnel.edge.upstreams.contexts import ClientCertificate

_MOST_KEPT = 2000  # some 4 KiB each


@dataclass(frozen=True, slots=True)
class Wanted:
    """For whom, and by what the person came: a login session, or a login certificate's serial."""

    service: str
    user: str
    role: str
    minutes: int
    session: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    certificate: ClientCertificate = field(repr=False)
    until: float


class Mint:
    """Gets certificates and keeps them in memory; for one event loop.

    ``monotonic`` returns seconds. A pool that opens many connections at once needs one.
    """

    def __init__(self, ca: Caller, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ca = ca
        self._monotonic = monotonic
        self._kept: OrderedDict[Wanted, _Kept] = OrderedDict()
        self._flights: Flights[Wanted, ClientCertificate] = Flights()

    async def get(self, wanted: Wanted) -> ClientCertificate:
        """Return a certificate with at least half of its life ahead; raises as `edge_calls`."""
        kept = self._kept.get(wanted)
        if kept is not None and self._monotonic() < kept.until:
            self._kept.move_to_end(wanted)
            return kept.certificate
        return await self._flights.join(wanted, lambda: self._fetch(wanted))

    def forget(self, wanted: Wanted) -> None:
        """Have a new one made the next time: PostgreSQL refused this one."""
        self._kept.pop(wanted, None)

    async def _fetch(self, wanted: Wanted) -> ClientCertificate:
        seconds, asked = wanted.minutes * 60, self._monotonic()
        made = await asking.for_person(
            edge_calls.mint,
            self._ca,
            service=wanted.service,
            user=wanted.user,
            role=wanted.role,
            session=wanted.session,
            serial=wanted.serial,
            seconds=seconds,
        )
        certificate = ClientCertificate(made.chain, made.key_pem)
        # It may be shorter than asked for; the clock of this machine plays no part.
        life = min(seconds, (made.not_after - made.issued_at).total_seconds())
        self._kept[wanted] = _Kept(certificate, asked + life / 2)
        self._kept.move_to_end(wanted)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return certificate
