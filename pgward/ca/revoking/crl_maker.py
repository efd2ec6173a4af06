"""CRLs: full lists without IssuingDistributionPoint, as every PostgreSQL version accepts them.

PostgreSQL refuses everyone when the CRL of any CA in the chain is missing, expired or
dated in the future: so every CA has one, and thisUpdate is backdated.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509

from pgward.ca.issuing import lint, profiles
from pgward.ca.issuing.issuer import IssuingCa
from pgward.ca.keys.signer import KeySigner, Signer
from pgward.ca.records import CertificateStore, PublishedCrl, Revocation
from pgward.core.clock import Clock
from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.pki import crl_der, key_types, signatures
from pgward.pki.key_types import KeyType

LIFETIME = timedelta(days=7)
RENEWED_EVERY = timedelta(hours=1)
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

    def publish(self, names: Collection[str] | None = None) -> list[PublishedCrl]:
        """Sign and store a new CRL of each issuing CA, or of those named."""
        return [self._publish(ca) for ca in self._cas if names is None or ca.name in names]

    def due(self) -> list[str]:
        """Return the issuing CAs whose newest CRL is to be replaced now."""
        return [ca.name for ca in self._cas if self._is_due(ca)]

    def _is_due(self, ca: IssuingCa) -> bool:
        now, latest = self._clock.now(), self._store.latest_crl(ca.name)
        # One from the future, after the clock was put right, would have PostgreSQL refuse everyone.
        return latest is None or not latest.this_update <= now <= latest.this_update + RENEWED_EVERY

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
    """Lint with a throw-away key, then sign, and see that the signature verifies."""
    this_update = (now - profiles.BACKDATE).replace(microsecond=0)
    unsigned = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(this_update)
        .next_update(next_update.replace(microsecond=0))
        .add_extension(profiles.authority_key_id(issuer), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    empty = _throw_away(key_types.of(signer.public_key)).sign_crl(unsigned)
    tbs = crl_der.with_entries(empty.tbs_certlist_bytes, revocations)
    lint.check_crl(_read(crl_der.assemble(tbs, empty.signature)), issuer)
    signature = signer.sign_bytes(tbs)
    if not signatures.verifies(issuer.public_key(), signature, tbs, empty.signature_hash_algorithm):
        # It would lock everyone out.
        raise PgwardError(
            f"the signature on the revocation list of {name} does not verify",
            hint="the key is not the one of the CA's certificate, or its signer is broken",
        )
    der = crl_der.assemble(tbs, signature)
    return PublishedCrl(name, number, this_update, next_update.replace(microsecond=0), der)


@lru_cache
def _throw_away(key_type: KeyType) -> KeySigner:
    """Return a signer of the same kind, so that a list names the real key's algorithm."""
    return KeySigner(key_types.generate(key_type))


def _read(der: bytes) -> x509.CertificateRevocationList:
    try:
        return x509.load_der_x509_crl(der)
    except ValueError as error:
        raise lint.LintError("the revocation list cannot be read back") from error


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
