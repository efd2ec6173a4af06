"""A fast structural check of what is about to be signed.

It looks at the encoded certificate or CRL, signed by a throw-away key, and shares no code
with the builder beyond the profile's data: a mistake there shall not reach a real signature.
"""

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from pgward.ca.issuing import templates
from pgward.ca.issuing.profiles import ACCOUNT, LOGIN, MINTED, WEB, Profile
from pgward.core import names
from pgward.core.errors import InvalidInputError, PgwardError

_MAX_SERIAL_BITS = 159  # 20 octets, positive (RFC 5280 section 4.1.2.2)
_MIN_SERIAL_BITS = 64  # leaves' have 159; a CA's 159 random bits fall below this once in 2**95
_URLS = {ExtensionOID.CRL_DISTRIBUTION_POINTS, ExtensionOID.AUTHORITY_INFORMATION_ACCESS}
_PEOPLES = (LOGIN.name, MINTED.name, ACCOUNT.name, WEB.name)  # pg_ident matches the name of each
_CRL_EXTENSIONS = {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER}


class LintError(PgwardError):
    """The authority was about to sign something that breaks its own profile."""


def check(certificate: x509.Certificate, profile: Profile, issuer: x509.Certificate | None) -> None:
    """Raise LintError with every finding; ``issuer`` is None for a root."""
    findings = [
        *_fields(certificate, profile),
        *_validity(certificate, issuer),
        *_extensions(certificate, profile, issuer),
        *_names(certificate, profile),
    ]
    _refuse(f"the {profile.name} certificate", findings)


def check_crl(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    """Raise LintError with every finding."""
    _refuse("the revocation list", [*_crl_findings(crl, issuer)])


def _refuse(what: str, findings: list[str]) -> None:
    if findings:
        raise LintError(
            f"{what} was not signed: {'; '.join(findings)}", hint="this is a defect of pgward"
        )


def _fields(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    if certificate.version is not x509.Version.v3:
        yield "it is not version 3"
    if not _MIN_SERIAL_BITS <= certificate.serial_number.bit_length() <= _MAX_SERIAL_BITS:
        yield "the serial number is out of bounds"
    if certificate.not_valid_after_utc <= certificate.not_valid_before_utc:
        yield "it ends before it begins"
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if life > profile.max_lifetime + timedelta(minutes=2):
        yield "it lives too long"


def _validity(certificate: x509.Certificate, issuer: x509.Certificate | None) -> Iterator[str]:
    if issuer is None:
        if certificate.issuer != certificate.subject:
            yield "a root is not its own issuer"
        return
    if certificate.issuer != issuer.subject:
        yield "its issuer has another name"
    if certificate.not_valid_after_utc > issuer.not_valid_after_utc:
        yield "it outlives its issuer"
    if certificate.not_valid_before_utc < issuer.not_valid_before_utc:
        yield "it begins before its issuer"


def _extensions(
    certificate: x509.Certificate, profile: Profile, issuer: x509.Certificate | None
) -> Iterator[str]:
    found = {extension.oid: extension for extension in certificate.extensions}
    expected = _expected(certificate, profile, issuer)
    if not profile.is_ca and not profile.no_check:
        expected |= dict.fromkeys(_URLS & found.keys(), (False, None))
    for oid in found.keys() - expected.keys():
        yield f"unexpected extension {oid.dotted_string}"
    for oid, (critical, value) in expected.items():
        if oid not in found:
            yield f"extension {oid.dotted_string} is missing"
        elif found[oid].critical is not critical or value not in (None, found[oid].value):
            yield f"extension {oid.dotted_string} is not as the profile says"


def _expected(
    certificate: x509.Certificate, profile: Profile, issuer: x509.Certificate | None
) -> dict[x509.ObjectIdentifier, tuple[bool, x509.ExtensionType | None]]:
    """Map each extension to its criticality and value; None where the value varies."""
    key_id = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    expected: dict[x509.ObjectIdentifier, tuple[bool, x509.ExtensionType | None]] = {
        ExtensionOID.BASIC_CONSTRAINTS: (
            True,
            x509.BasicConstraints(profile.is_ca, profile.path_length),
        ),
        ExtensionOID.KEY_USAGE: (True, profile.key_usage),
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: (False, key_id),
    }
    if issuer is not None:
        issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        only_key = x509.AuthorityKeyIdentifier(issuer_id.digest, None, None)
        expected[ExtensionOID.AUTHORITY_KEY_IDENTIFIER] = (False, only_key)
    if profile.purposes:
        purposes = x509.ExtendedKeyUsage(profile.purposes)
        expected[ExtensionOID.EXTENDED_KEY_USAGE] = (False, purposes)
    if profile.subject_alt_names:
        expected[ExtensionOID.SUBJECT_ALTERNATIVE_NAME] = (profile.nameless, None)
    if profile.no_check:
        expected[ExtensionOID.OCSP_NO_CHECK] = (False, x509.OCSPNoCheck())
    return expected


def _names(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    attributes = list(certificate.subject)
    cns = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if profile.nameless:
        if attributes:
            yield "the subject is not empty"
    elif len(cns) != 1 or (not profile.is_ca and len(attributes) != 1):
        yield "the subject is not exactly one CN"
    elif profile.name in _PEOPLES and not _is_identity(str(cns[0].value)):
        yield "the subject cannot name a person"
    if profile.subject_alt_names:
        yield from _alt_names(certificate, profile)


def _is_identity(name: str) -> bool:
    try:
        names.person(name)
    except InvalidInputError:
        return False
    return True


def _alt_names(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return  # reported as missing already
    if not list(san):
        yield "there is no alternative name"
    # A person's certificate names mailboxes, a machine's what clients connect to.
    person = profile.name in _PEOPLES
    kinds: tuple[type[x509.GeneralName], ...] = (x509.DNSName, x509.IPAddress)
    if person:  # the web client's, the address that the person's browser has, too
        kinds = (x509.RFC822Name, *((x509.IPAddress,) if profile.name == WEB.name else ()))
    if any(not isinstance(name, kinds) for name in san):
        yield f"an alternative name is {'no mailbox' if person else 'neither DNS nor IP'}"
    for name in san.get_values_for_type(x509.DNSName):
        if not _is_dns_name(name):
            yield f"{name!r} is not a DNS name"
    for name in san.get_values_for_type(x509.RFC822Name):
        if not templates.is_email(name):
            yield f"{name!r} is not a mailbox"


def _is_dns_name(name: str) -> bool:
    try:
        return names.dns_name(name, wildcard=True) == name
    except InvalidInputError:
        return False


def _crl_findings(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> Iterator[str]:
    if crl.issuer != issuer.subject:
        yield "its issuer has another name"
    if {extension.oid for extension in crl.extensions} != _CRL_EXTENSIONS:
        yield "its extensions are not AKI and CRL number"
    if any(extension.critical for extension in crl.extensions):
        yield "an extension is critical"
    if crl.next_update_utc is None or crl.next_update_utc <= crl.last_update_utc:
        yield "it ends before it begins"
    serials = [entry.serial_number for entry in crl]
    if len(set(serials)) != len(serials):
        yield "a serial number occurs twice"
