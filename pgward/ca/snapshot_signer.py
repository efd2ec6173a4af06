"""Signs edges' configuration with a key that lives in memory and is replaced in time."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca.issuing.issuer import Issuer
from pgward.core.clock import Clock
from pgward.pki import keys, snapshot

LIFETIME = timedelta(days=7)
_RENEW_BEFORE = timedelta(days=3)  # an edge that was away reads a snapshot days after its signing


@dataclass(frozen=True, slots=True)
class _Current:
    key: ec.EllipticCurvePrivateKey
    chain: list[x509.Certificate]

    def lasts(self, now: datetime) -> bool:
        """Tell whether it is valid for long enough; and already, as clocks are put back."""
        leaf = self.chain[0]
        return leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc - _RENEW_BEFORE


class SnapshotSigner:
    """Gets itself a certificate when it has none that lasts; safe to call from any thread."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._lock = threading.Lock()
        self._current: _Current | None = None

    def sign(self, payload: dict[str, Any]) -> str:
        """Return the payload as a compact JWS."""
        with self._lock:
            current = self._usable()
        return snapshot.sign(payload, current.key, current.chain)

    def _usable(self) -> _Current:
        now = self._clock.now()
        if self._current is None or not self._current.lasts(now):
            key = keys.generate()
            issued = self._issuer.issue_snapshot_signer(key.public_key(), not_after=now + LIFETIME)
            self._current = _Current(key, [issued.certificate, *issued.chain])
        return self._current
