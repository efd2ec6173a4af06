"""Signs OCSP responses of one CA with a delegated key (RFC 6960 section 4.2.2.2).

The key lives in this process's memory, for some days: the CA's own key, which may be in an
HSM, signs a certificate now and then instead of every response.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca.issuing.issuer import Issuer
from pgward.core.clock import Clock
from pgward.pki import der, keys, ocsp

LIFETIME = timedelta(days=7)
_RENEW_BEFORE = timedelta(days=1)  # longer than any response is valid
_ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))


@dataclass(frozen=True, slots=True)
class _Current:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def lasts(self, now: datetime, most: datetime) -> bool:
        """Tell whether it is valid for long enough; and already, as clocks are put back.

        No certificate lasts longer than ``most``: each response would get itself a new one.
        """
        start, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return start <= now < (end if end >= most else end - _RENEW_BEFORE)

    def sign(self, data: bytes) -> bytes:
        """Return the signature."""
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


class OcspSigner:
    """Gets itself a certificate when it has none that lasts; safe to call from any thread."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._lock = threading.Lock()
        self._current: _Current | None = None
        self.ca = str(issuer.ca.name)
        self.issuer_ids = ocsp.issuer_ids(issuer.ca.certificate)

    def responder(self) -> ocsp.Responder:
        """Return what signs now; may block on the store."""
        with self._lock:
            current = self._usable()
        return ocsp.Responder(current.certificate, _ECDSA_WITH_SHA256, current.sign)

    def _usable(self) -> _Current:
        now = self._clock.now()
        most = self._issuer.ca.certificate.not_valid_after_utc
        if self._current is None or not self._current.lasts(now, most):
            key = keys.generate()
            issued = self._issuer.issue_ocsp_responder(key.public_key(), not_after=now + LIFETIME)
            self._current = _Current(key, issued.certificate)
        return self._current
