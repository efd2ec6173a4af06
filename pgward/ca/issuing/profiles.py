"""Certificate profiles as data (RFC 5280 section 4.2), and the one place that builds from them.

The rules are PostgreSQL's and libpq's as measured: one CN, AKI by key identifier only, no
unknown critical extension, user and server purposes never mixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from pgward.pki import chain

BACKDATE = timedelta(seconds=60)  # for clients whose clock is behind ours


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """What a certificate may be; ``path_length`` is None for leaves."""

    name: str
    max_lifetime: timedelta
    key_usage: x509.KeyUsage
    path_length: int | None = None
    purpose: x509.ObjectIdentifier | None = None
    subject_alt_names: bool = False
    backdate: timedelta = BACKDATE
    extra_purposes: tuple[x509.ObjectIdentifier, ...] = ()
    # id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1): nobody asks whether it is revoked.
    no_check: bool = False
    # Without a CN, as its alternative names are all that it names (RFC 5280 section 4.1.2.6).
    nameless: bool = False

    @property
    def purposes(self) -> tuple[x509.ObjectIdentifier, ...]:
        """What its key may be used for."""
        return () if self.purpose is None else (self.purpose, *self.extra_purposes)

    @property
    def is_ca(self) -> bool:
        """Whether certificates of this profile may sign others."""
        return self.path_length is not None


ROOT = Profile("root", timedelta(days=15 * 365), _usage(ca=True), path_length=1)
ISSUING = Profile("issuing", timedelta(days=5 * 365), _usage(ca=True), path_length=0)
LOGIN = Profile("login", timedelta(hours=24), _usage(ca=False), purpose=chain.CLIENT_AUTH)
MINTED = Profile(
    "minted",
    timedelta(minutes=15),
    _usage(ca=False),
    purpose=chain.CLIENT_AUTH,
    extra_purposes=(chain.MINTED,),
)
ACCOUNT = replace(MINTED, name="account")
WEB = replace(MINTED, name="web", extra_purposes=(chain.WEB,))
SERVER = Profile(
    "server",
    timedelta(days=90),
    _usage(ca=False),
    purpose=chain.SERVER_AUTH,
    subject_alt_names=True,
)
SNAPSHOT = Profile("snapshot", timedelta(days=7), _usage(ca=False), purpose=chain.SNAPSHOT_SIGNING)

OCSP = Profile(
    "ocsp",
    timedelta(days=7),
    _usage(ca=False),
    purpose=ExtendedKeyUsageOID.OCSP_SIGNING,
    no_check=True,
)


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a CA's revocation list and its OCSP responder are; empty ones are left out."""

    crl: str = ""
    ocsp: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What varies from one certificate to the next; times in whole seconds, UTC."""

    subject: x509.Name
    key: CertificatePublicKeyTypes
    serial: int
    not_before: datetime
    not_after: datetime
    dns: Sequence[str] = ()
    ips: Sequence[str] = ()
    emails: Sequence[str] = ()
    urls: Urls = field(default_factory=Urls)


def subject(profile: Profile, name: str) -> x509.Name:
    """Return the subject of a leaf of this profile: one CN, or nothing."""
    return x509.Name([]) if profile.nameless else common_name(name)


def common_name(name: str) -> x509.Name:
    """Return the subject of a leaf: one CN and nothing else."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def build(
    profile: Profile, contents: Contents, issuer: x509.Certificate | None
) -> x509.CertificateBuilder:
    """Return the unsigned certificate; ``issuer`` is None for a root."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(contents.subject)
        .issuer_name(issuer.subject if issuer else contents.subject)
        .public_key(contents.key)
        .serial_number(contents.serial)
        .not_valid_before(contents.not_before)
        .not_valid_after(contents.not_after)
        .add_extension(x509.BasicConstraints(profile.is_ca, profile.path_length), critical=True)
        .add_extension(profile.key_usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(contents.key), critical=False)
    )
    if issuer is not None:
        builder = builder.add_extension(authority_key_id(issuer), critical=False)
    if profile.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(profile.purposes), critical=False)
    if profile.subject_alt_names:
        builder = builder.add_extension(_alt_names(contents), critical=profile.nameless)
    return _revocation(builder, profile, contents.urls)


def _revocation(
    builder: x509.CertificateBuilder, profile: Profile, urls: Urls
) -> x509.CertificateBuilder:
    """Say where to ask whether it is revoked, or that nobody needs to (RFC 5280 section 4.2)."""
    if profile.no_check:
        return builder.add_extension(x509.OCSPNoCheck(), critical=False)
    if urls.crl:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(urls.crl)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if urls.ocsp:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(urls.ocsp)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder


def authority_key_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return the AKI by key identifier only: issuer and serial would break cross-signing."""
    extension = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)


def _alt_names(contents: Contents) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in contents.dns]
    names += [x509.IPAddress(ip_address(ip)) for ip in contents.ips]
    names += [x509.RFC822Name(email) for email in contents.emails]
    return x509.SubjectAlternativeName(names)
