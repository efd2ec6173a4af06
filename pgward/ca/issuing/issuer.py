"""Issuing: check the request, lint with a throw-away key; `issuance` stores and signs it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from secrets import token_bytes

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from pgward.ca import caller
from pgward.ca.issuing import lint, profiles, templates
from pgward.ca.issuing.issuance import IssuanceQueue, Issued, Prepared
from pgward.ca.issuing.profiles import Contents, Profile, Urls
from pgward.ca.issuing.rules import NO_RULES, Rules
from pgward.ca.keys.signer import KeySigner, Signer
from pgward.ca.records import CertificateRecord, Kind
from pgward.core import names, serials
from pgward.core.clock import Clock, rfc3339
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.pki import csr as requests
from pgward.pki import key_types, keys

MIN_LIFETIME = timedelta(seconds=30)  # less would be of no use when it arrives
_MACHINES = (Kind.EDGE, Kind.HOST, Kind.CONNECTOR, Kind.API)


@dataclass(frozen=True, slots=True)
class IssuingCa:
    """A CA that signs leaves: its certificate and its key, behind a signer.

    ``cross`` goes behind it in chains: certificates of its root by the root before.
    """

    name: str
    certificate: x509.Certificate
    signer: Signer
    cross: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whose certificate, for which key and names; all of it checked."""

    kind: Kind
    subject: str
    key: CertificatePublicKeyTypes
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


class Issuer:
    """Issues leaves under one issuing CA."""

    def __init__(
        self,
        ca: IssuingCa,
        queue: IssuanceQueue,
        clock: Clock,
        *,
        random: Callable[[int], bytes] = token_bytes,
        urls: Urls | None = None,
    ) -> None:
        self._ca = ca
        self._urls = urls or Urls()
        self._queue = queue
        self._clock = clock
        self._random = random
        self._throw_away = KeySigner(key_types.generate_like(ca.signer.public_key))

    @property
    def ca(self) -> IssuingCa:
        """The CA that issues."""
        return self._ca

    def begin_login(
        self, csr: bytes, *, user: str, not_after: datetime, session_id: str, rules: Rules
    ) -> Future[Issued]:
        """Check a person's request; the future is the login certificate (`issuance`)."""
        subject = names.person(user)
        emails = templates.fill(rules.alt_names, subject).emails
        return self._begin(
            replace(profiles.LOGIN, subject_alt_names=bool(emails)),
            _Wanted(Kind.PERSON, subject, _key(csr, rules), emails=emails),
            rules,
            not_after=not_after,
            session_id=session_id,
        )

    def begin_minted(
        self, csr: bytes, *, user: str, not_after: datetime, session_id: str, rules: Rules
    ) -> Future[Issued]:
        """Check an edge's request for a certificate with which it logs in in a person's name."""
        subject = names.person(user)
        emails = templates.fill(rules.alt_names, subject).emails
        return self._begin(
            replace(profiles.MINTED, subject_alt_names=bool(emails)),
            _Wanted(Kind.MINTED, subject, _key(csr, rules), emails=emails),
            rules,
            not_after=not_after,
            session_id=session_id,
        )

    def begin_web(
        self, csr: bytes, *, user: str, not_after: datetime, session_id: str, rules: Rules
    ) -> Future[Issued]:
        """Check the web client's request for a certificate with which it goes to an edge.

        It is in the name of the person who asks just now, and says at which address that is.
        """
        subject = names.person(user)
        emails = templates.fill(rules.alt_names, subject).emails
        ips = _browser(caller.client.get())
        return self._begin(
            replace(profiles.WEB, subject_alt_names=bool(emails or ips)),
            _Wanted(Kind.PERSON, subject, _key(csr, rules), ips=ips, emails=emails),
            rules,
            not_after=not_after,
            session_id=session_id,
        )

    def issue_account(self, csr: bytes, *, name: str, not_after: datetime) -> Issued:
        """Issue a certificate with which a connector logs in to PostgreSQL as its own account."""
        wanted = _Wanted(Kind.ACCOUNT, names.person(name), _key(csr, NO_RULES))
        return self._begin(profiles.ACCOUNT, wanted, NO_RULES, not_after=not_after).result()

    def issue_server(
        self,
        csr: bytes,
        *,
        kind: Kind,
        name: str,
        dns: Sequence[str],
        ips: Sequence[str] = (),
        not_after: datetime,
        rules: Rules = NO_RULES,
        nameless: bool = False,
    ) -> Issued:
        """Issue a server certificate to a machine; it needs a DNS name or an IP address.

        A ``nameless`` one has no CN: its DNS names and addresses are all.
        """
        if kind not in _MACHINES:
            raise InvalidInputError(f"a {kind} gets no server certificate")
        named = templates.fill(rules.alt_names, name).dns
        dns = tuple(dict.fromkeys(names.dns_name(each, wildcard=True) for each in (*dns, *named)))
        ips = tuple(_ip(each) for each in ips)
        if not dns and not ips:
            raise InvalidInputError(f"{name} has no DNS name and no IP address to certify")
        rules.check_names((*dns, *ips))
        subject = names.host_name(name)
        wanted = _Wanted(kind, subject, _key(csr, rules), dns, ips)
        profile = replace(profiles.SERVER, nameless=nameless)
        return self._begin(profile, wanted, rules, not_after=not_after).result()

    def issue_snapshot_signer(
        self, key: CertificatePublicKeyTypes, *, not_after: datetime
    ) -> Issued:
        """Issue the certificate of a key that signs edges' configuration."""
        wanted = _Wanted(Kind.SNAPSHOT, "snapshot-signer", key)
        return self._begin(profiles.SNAPSHOT, wanted, NO_RULES, not_after=not_after).result()

    def issue_probe(
        self,
        csr: bytes,
        profile: Profile,
        *,
        subject: str,
        dns: Sequence[str],
        not_after: datetime,
    ) -> Issued:
        """Issue a certificate that shows in a rotation who trusts this CA."""
        wanted = _Wanted(Kind.PROBE, subject, _key(csr, NO_RULES), tuple(dns))
        return self._begin(profile, wanted, NO_RULES, not_after=not_after).result()

    def issue_proof(
        self, csr: bytes, profile: Profile, *, subject: str, not_before: datetime, end: datetime
    ) -> Issued:
        """Issue a certificate in a reserved name, which shows whom a server lets in.

        It may be over already, or begin later.
        """
        if not names.is_proof(subject):
            raise InvalidInputError(f"{subject!r} is no name of a proof")
        wanted = _Wanted(Kind.PROBE, subject, _key(csr, NO_RULES))
        validity = (not_before.replace(microsecond=0), end.replace(microsecond=0))
        return self._queued(profile, wanted, validity).result()

    def issue_ocsp_responder(
        self, key: CertificatePublicKeyTypes, *, not_after: datetime
    ) -> Issued:
        """Issue the certificate of a key that signs OCSP responses of this CA."""
        wanted = _Wanted(Kind.OCSP, "ocsp-responder", key)
        return self._begin(profiles.OCSP, wanted, NO_RULES, not_after=not_after).result()

    def _begin(
        self,
        profile: Profile,
        wanted: "_Wanted",
        rules: Rules,
        *,
        not_after: datetime,
        session_id: str | None = None,
    ) -> Future[Issued]:
        profile = rules.narrow(profile)
        return self._queued(profile, wanted, self._validity(profile, not_after), session_id)

    def _queued(
        self,
        profile: Profile,
        wanted: "_Wanted",
        validity: tuple[datetime, datetime],
        session_id: str | None = None,
    ) -> Future[Issued]:
        not_before, end = validity
        contents = Contents(
            subject=profiles.subject(profile, wanted.subject),
            key=wanted.key,
            serial=serials.new(self._clock.now(), self._random(serials.RANDOM_OCTETS)),
            not_before=not_before,
            not_after=end,
            dns=wanted.dns,
            ips=wanted.ips,
            emails=wanted.emails,
            urls=self._urls,
        )
        record = CertificateRecord(
            serial=contents.serial,
            ca=self._ca.name,
            kind=wanted.kind,
            subject=wanted.subject,
            not_before=not_before,
            not_after=end,
            key_sha256=keys.spki_sha256(wanted.key),
            dns=wanted.dns,
            ips=wanted.ips,
            session_id=session_id,
            client=caller.client.get(),
        )
        return self._queue.submit(self._prepare(profile, contents, record))

    def _prepare(self, profile: Profile, contents: Contents, record: CertificateRecord) -> Prepared:
        issuer = self._ca.certificate
        unsigned = profiles.build(profile, contents, issuer)
        linted = self._throw_away.sign_certificate(unsigned)
        lint.check(linted, profile, issuer)
        chain = (issuer, *self._ca.cross)
        return Prepared(record, linted.tbs_certificate_bytes, self._ca.signer, chain)

    def _validity(self, profile: Profile, not_after: datetime) -> tuple[datetime, datetime]:
        now = self._clock.now().replace(microsecond=0)
        issuer = self._ca.certificate
        start = max(now - profile.backdate, issuer.not_valid_before_utc)
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


def _key(csr: bytes, rules: Rules) -> CertificatePublicKeyTypes:
    key = requests.read(csr).public_key()
    rules.check_key(key)
    return key


def _browser(address: str | None) -> tuple[str, ...]:
    """Return the address of who asks, if it is one; a zone is this machine's own business.

    Rules know an IPv4 address as that, also where it came to a socket of IPv6.
    """
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return ()
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (str(mapped or found),)


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is not an IP address") from error
