"""How often anyone may ask: by address before it is known who asks, by name after.

Each process counts for itself, as `pgward.ca.limiting.throttle` does and for the same reason.
Edges' and PostgreSQL hosts' requests have buckets of their own: neither an office behind the same
router nor a stranger there may keep one of them from hearing of a revocation.
"""

import math
import threading
from dataclasses import dataclass, field

from pgward.ca import observe
from pgward.ca.http import networks
from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.ca.settings import LimitSettings
from pgward.core.errors import TooManyRequestsError

BURST_SECONDS = 20  # so much of a rate may come at once
_BURST_MINUTES = 2
_MACHINE_PATHS = ("/v1/edge/", "/v1/edges/self/", "/v1/host/")
_KNOWN_SECONDS = 3600.0
_MOST_KNOWN = 10_000
_ADDRESS = "too many requests from this address"
_REFUSALS = "too many refused requests from this address"
_PROOFS = "too many wrong proofs of possession from this address"


@dataclass(slots=True)
class Limits:
    """The buckets of one process; every ``now`` is a time in seconds that never goes back."""

    settings: LimitSettings = field(default_factory=LimitSettings)
    _addresses: Buckets = field(init=False)
    _edge_addresses: Buckets = field(init=False)
    _proofs: Buckets = field(init=False)
    _refusals: Buckets = field(init=False)
    _callers: Buckets = field(init=False)
    _issuing: Buckets = field(init=False)
    _server_proofs: Buckets = field(init=False)
    _machines_at: dict[object, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        each = self.settings
        self._addresses = Buckets(per_second(each.address_per_second))
        self._edge_addresses = Buckets(per_second(each.address_per_second))
        self._callers = Buckets(per_second(each.caller_per_second))
        self._proofs = Buckets(_per_minute(each.failed_proofs_per_minute))
        self._refusals = Buckets(_per_minute(each.failed_proofs_per_minute))
        self._issuing = Buckets(_per_minute(each.certificates_per_minute))
        self._server_proofs = Buckets(_per_hour(each.server_proofs_per_hour))

    def request(self, address: str | None, path: str, now: float) -> None:
        """Count a request before anything is known of who sends it."""
        key = networks.key(address)
        if not path.startswith(_MACHINE_PATHS):
            _allow("address", self._addresses.take(key, now), _ADDRESS)
        elif not self._has_machine(key, now):
            _allow("address", self._edge_addresses.take(key, now), _ADDRESS)

    def proof(self, address: str | None, path: str, now: float) -> None:
        """Refuse to check another proof where too many were wrong."""
        key = networks.key(address)
        if path.startswith(_MACHINE_PATHS) and self._has_machine(key, now):
            return
        _allow("failed_proofs", self._proofs.wait(key, now), _PROOFS)

    def proof_failed(self, address: str | None, now: float) -> None:
        """Count a proof that did not hold."""
        self._proofs.charge(networks.key(address), now)

    def refusal(self, address: str | None, now: float) -> None:
        """Count a refusal that is to be put on record: each is a write, which others wait for."""
        _allow("refusals", self._refusals.take(networks.key(address), now), _REFUSALS)

    def caller(self, actor: str, now: float) -> None:
        """Count a request of a person or a machine that proved who it is."""
        _allow("caller", self._callers.take(actor, now), f"too many requests of {actor}")

    def machine_seen(self, address: str | None, now: float) -> None:
        """Remember that a machine of ours is at this address."""
        key = networks.key(address)
        with self._lock:
            self._machines_at.pop(key, None)
            self._machines_at[key] = now
            if len(self._machines_at) > _MOST_KNOWN:
                del self._machines_at[next(iter(self._machines_at))]

    def issuing(self, actor: str, now: float) -> None:
        """Count a certificate that someone wants."""
        _allow("certificates", self._issuing.take(actor, now), f"too many certificates of {actor}")

    def server_proof(self, actor: str, now: float) -> None:
        """Count a host that proves its server: each has a certificate revoked, and a new list."""
        _allow("server_proofs", self._server_proofs.take(actor, now), f"too many proofs of {actor}")

    def _has_machine(self, key: object, now: float) -> bool:
        seen = self._machines_at.get(key)
        return seen is not None and now - seen < _KNOWN_SECONDS


def per_second(count: int) -> Rate:
    """Return the rate of so many a second, with a burst of some seconds'."""
    return Rate(count, count * BURST_SECONDS)


def _per_minute(count: int) -> Rate:
    return Rate(count / 60, count * _BURST_MINUTES)


def _per_hour(count: int) -> Rate:
    return Rate(count / 3600, count)


def _allow(limit: str, wait: float, otherwise: str) -> None:
    if wait > 0:
        observe.event("rate_limited", limit=limit)
        seconds = math.ceil(wait)
        raise TooManyRequestsError(
            otherwise, retry_after=seconds, hint=f"try again in {seconds} seconds"
        )
