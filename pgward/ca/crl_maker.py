"""CRLs: full lists without IssuingDistributionPoint, as every PostgreSQL version accepts them.

PostgreSQL refuses everyone when the CRL of any CA in the chain is missing, expired or
dated in the future: so every CA has one, and thisUpdate is backdated.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import lint, profiles
from pgward.ca.issuer import IssuingCa
from pgward.ca.records import CertificateStore, PublishedCrl, Revocation
from pgward.ca.signer import KeySigner, Signer
from pgward.core.clock import Clock
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.pki import keys

LIFETIME = timedelta(days=7)
KEEP_EXPIRED = timedelta(hours=1)


class CrlMaker:
    """Signs, stores and finds the CRLs; the roots' are signed once, by ``sign``, at init."""

    def __init__(self, cas: Iterable[IssuingCa], store: CertificateStore, clock: Clock) -> None:
        self._cas = tuple(cas)
        self._store = store
        self._clock = clock

    def latest(self, name: str) -> PublishedCrl:
        """Return the newest CRL of a CA; raise NotFoundError when it never signed one."""
        crl = self._store.latest_crl(name)
        if crl is None:
            raise NotFoundError(f"there is no revocation list of {name}")
        return crl

    def publish(self) -> list[PublishedCrl]:
        """Sign and store a new CRL of each issuing CA."""
        return [self._publish(ca) for ca in self._cas]

    def _publish(self, ca: IssuingCa) -> PublishedCrl:
        # Exclusively: a revocation between reading and saving would be missing from the newest CRL.
        with self._store.exclusive():
            crl = self._make(ca)
            self._store.save_crl(crl)
        return crl

    def _make(self, ca: IssuingCa) -> PublishedCrl:
        now = self._clock.now()
        latest = self._store.latest_crl(ca.name)
        revocations = self._store.revocations(ca.name, expired_after=now - KEEP_EXPIRED)
        return sign(
            ca.name,
            ca.certificate,
            ca.signer,
            now=now,
            next_update=min(now + LIFETIME, ca.certificate.not_valid_after_utc),
            number=next_number(now, latest.number if latest else 0),
            revocations=revocations,
        )


def next_number(now: datetime, last: int) -> int:
    """Return a higher number, also when the store was restored from an older backup."""
    return max(last + 1, int(now.timestamp()))


def sign(
    name: str,
    issuer: x509.Certificate,
    signer: Signer,
    *,
    now: datetime,
    next_update: datetime,
    number: int,
    revocations: Iterable[Revocation] = (),
) -> PublishedCrl:
    """Lint with a throw-away key, then sign."""
    this_update = (now - profiles.BACKDATE).replace(microsecond=0)
    unsigned = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(this_update)
        .next_update(next_update.replace(microsecond=0))
        .add_extension(profiles.authority_key_id(issuer), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for revocation in revocations:
        unsigned = unsigned.add_revoked_certificate(_entry(revocation))
    lint.check_crl(KeySigner(keys.generate()).sign_crl(unsigned), issuer)
    crl = signer.sign_crl(unsigned)
    der = crl.public_bytes(Encoding.DER)
    return PublishedCrl(name, number, this_update, next_update.replace(microsecond=0), der)


def probe(ca: IssuingCa) -> None:
    """Sign an empty list that ended long ago, to see that the key works; UnavailableError."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    unsigned = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.certificate.subject)
        .last_update(long_ago)
        .next_update(long_ago)
    )
    if not ca.signer.sign_crl(unsigned).is_signature_valid(ca.signer.public_key):
        raise UnavailableError(f"the key of {ca.name} does not sign as it should")


def _entry(revocation: Revocation) -> x509.RevokedCertificate:
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(revocation.serial)
        .revocation_date(revocation.revoked_at.replace(microsecond=0))
    )
    # RFC 5280 section 5.3.1: no reason code rather than "unspecified".
    if revocation.reason is not x509.ReasonFlags.unspecified:
        entry = entry.add_extension(x509.CRLReason(revocation.reason), critical=False)
    return entry.build()
