"""Issuing: check the request, lint with a throw-away key, store, and only then sign."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import lint, profiles
from pgward.ca.profiles import Contents, Profile
from pgward.ca.records import CaName, CertificateRecord, CertificateStore, Kind
from pgward.ca.signer import KeySigner, Signer
from pgward.core import names
from pgward.core.clock import Clock, rfc3339
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.pki import csr as requests
from pgward.pki import keys

MIN_LIFETIME = timedelta(seconds=30)  # less would be of no use when it arrives
_MACHINES = (Kind.EDGE, Kind.HOST, Kind.API)


@dataclass(frozen=True, slots=True)
class IssuingCa:
    """A CA that signs leaves: its certificate and its key, behind a signer."""

    name: CaName
    certificate: x509.Certificate
    signer: Signer


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed certificate and the CAs between it and the root."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def serial_hex(self) -> str:
        """The serial number as the API and the store write it."""
        return f"{self.certificate.serial_number:x}"


class Issuer:
    """Issues leaves under one issuing CA."""

    def __init__(
        self,
        ca: IssuingCa,
        store: CertificateStore,
        clock: Clock,
        *,
        random_serial: Callable[[], int] = x509.random_serial_number,
    ) -> None:
        self._ca = ca
        self._store = store
        self._clock = clock
        self._random_serial = random_serial
        self._throw_away = KeySigner(keys.generate())

    def issue_login(self, csr: bytes, *, user: str, not_after: datetime, session_id: str) -> Issued:
        """Issue a login certificate to a person of the directory."""
        key = requests.read(csr).public_key()
        subject = names.identity(user)
        return self._issue(
            profiles.LOGIN, Kind.PERSON, subject, key, not_after=not_after, session_id=session_id
        )

    def issue_server(
        self,
        csr: bytes,
        *,
        kind: Kind,
        name: str,
        dns: Sequence[str],
        ips: Sequence[str] = (),
        not_after: datetime,
    ) -> Issued:
        """Issue a server certificate to a machine; it needs a DNS name or an IP address."""
        if kind not in _MACHINES:
            raise InvalidInputError(f"a {kind} gets no server certificate")
        if not dns and not ips:
            raise InvalidInputError(f"{name} has no DNS name and no IP address to certify")
        key = requests.read(csr).public_key()
        subject = names.resource_name(name)
        return self._issue(
            profiles.SERVER, kind, subject, key, not_after=not_after, dns=dns, ips=ips
        )

    def issue_snapshot_signer(
        self, key: CertificatePublicKeyTypes, *, not_after: datetime
    ) -> Issued:
        """Issue the certificate of a key that signs edges' configuration."""
        return self._issue(
            profiles.SNAPSHOT, Kind.SNAPSHOT, "snapshot-signer", key, not_after=not_after
        )

    def _issue(
        self,
        profile: Profile,
        kind: Kind,
        subject: str,
        key: CertificatePublicKeyTypes,
        *,
        not_after: datetime,
        dns: Sequence[str] = (),
        ips: Sequence[str] = (),
        session_id: str | None = None,
    ) -> Issued:
        not_before, end = self._validity(profile, not_after)
        contents = Contents(
            subject=profiles.common_name(subject),
            key=key,
            serial=self._random_serial(),
            not_before=not_before,
            not_after=end,
            dns=tuple(names.dns_name(each, wildcard=True) for each in dns),
            ips=tuple(_ip(each) for each in ips),
        )
        record = CertificateRecord(
            serial=contents.serial,
            ca=self._ca.name,
            kind=kind,
            subject=subject,
            not_before=not_before,
            not_after=end,
            key_sha256=keys.spki_sha256(key),
            dns=tuple(contents.dns),
            ips=tuple(contents.ips),
            session_id=session_id,
        )
        return self._sign(profile, contents, record)

    def _sign(self, profile: Profile, contents: Contents, record: CertificateRecord) -> Issued:
        issuer = self._ca.certificate
        unsigned = profiles.build(profile, contents, issuer)
        lint.check(self._throw_away.sign_certificate(unsigned), profile, issuer)
        self._store.reserve(record)
        certificate = self._ca.signer.sign_certificate(unsigned)
        certificate.verify_directly_issued_by(issuer)
        self._store.record(record.serial, certificate.public_bytes(Encoding.DER))
        return Issued(certificate, (issuer,))

    def _validity(self, profile: Profile, not_after: datetime) -> tuple[datetime, datetime]:
        now = self._clock.now().replace(microsecond=0)
        issuer = self._ca.certificate
        start = max(now - profiles.BACKDATE, issuer.not_valid_before_utc)
        end = min(not_after, now + profile.max_lifetime, issuer.not_valid_after_utc)
        end = end.replace(microsecond=0)
        if now < issuer.not_valid_before_utc:
            raise UnavailableError(
                f"the {self._ca.name} CA is valid only from {rfc3339(issuer.not_valid_before_utc)}"
                f" on, and it is {rfc3339(now)} here",
                hint="check the clock of the CA's machine",
            )
        if issuer.not_valid_after_utc < now + MIN_LIFETIME:
            raise UnavailableError(
                f"the {self._ca.name} CA ended at {rfc3339(issuer.not_valid_after_utc)}, and it is"
                f" {rfc3339(now)} here",
                hint="it needs a new issuing CA; or check the clock of the CA's machine",
            )
        if end < now + MIN_LIFETIME:
            raise InvalidInputError("there is too little time left for a certificate")
        return start, end


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is not an IP address") from error
