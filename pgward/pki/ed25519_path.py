"""Certification paths with Ed25519 CAs, which ``cryptography``'s own verifier leaves out.

A small and strict subset of RFC 5280 section 6: names, key identifiers, signatures, dates, CA:TRUE,
path lengths, key usage and purposes. A CA with any other critical extension, name constraints too,
is refused rather than half understood. The leaf's own rules are the caller's.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from pgward.pki.errors import ChainError

_MAX_CAS = 3
_KNOWN = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
}
_KNOWN_OF_CAS = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE}


def concerns(intermediates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> bool:
    """Tell whether a root, or a CA that a root has signed, has an Ed25519 key."""
    vouched = [each for each in intermediates if any(_is_issued_by(each, root) for root in roots)]
    return any(_is_ed25519(each) for each in (*roots, *vouched))


def verify(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
    eku: x509.ObjectIdentifier,
) -> list[x509.Certificate]:
    """Return the path, leaf first and root last; raise ChainError."""
    if _critical(leaf) - _KNOWN:
        raise ChainError("the certificate is not trusted: it has an unknown critical extension")
    found = next(_paths([leaf], intermediates, roots, now, eku), None)
    if found is None:
        raise ChainError("the certificate is not trusted: no trusted CA has issued it")
    return found


def _paths(
    path: list[x509.Certificate],
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
    eku: x509.ObjectIdentifier,
) -> Iterator[list[x509.Certificate]]:
    for root in roots:
        if _may_issue(root, path, now, eku):
            yield [*path, root]
    if len(path) < _MAX_CAS:
        for each in intermediates:
            if each not in path and _may_issue(each, path, now, eku):
                yield from _paths([*path, each], intermediates, roots, now, eku)


def _may_issue(
    ca: x509.Certificate,
    path: list[x509.Certificate],
    now: datetime,
    eku: x509.ObjectIdentifier,
) -> bool:
    """Tell whether ``ca`` has issued the last of the path, and may stand above the whole of it."""
    if not ca.not_valid_before_utc <= now <= ca.not_valid_after_utc:
        return False
    if _critical(ca) - _KNOWN_OF_CAS or not _is_ca(ca, below=len(path) - 1):
        return False
    if eku not in (purposes := _purposes(ca, eku)) and _ANY not in purposes:
        return False
    return _same_key_id(path[-1], ca) and _is_issued_by(path[-1], ca)


def _is_ca(ca: x509.Certificate, *, below: int) -> bool:
    try:
        constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    length = constraints.value.path_length
    enough = length is None or length >= below
    return constraints.critical and constraints.value.ca and usage.key_cert_sign and enough


def _purposes(ca: x509.Certificate, wanted: x509.ObjectIdentifier) -> list[x509.ObjectIdentifier]:
    try:
        return list(ca.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return [wanted]  # none stands for all


def _same_key_id(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return False
    return named.key_identifier == own.digest


def _critical(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        return {each.oid for each in certificate.extensions if each.critical}
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise ChainError("the certificate is not trusted: it cannot be read") from error


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - ValueError, TypeError or InvalidSignature: all mean no
        return False
    return True


def _is_ed25519(certificate: x509.Certificate) -> bool:
    try:
        return isinstance(certificate.public_key(), ed25519.Ed25519PublicKey)
    except Exception:  # noqa: BLE001 - an unknown kind of key is another one
        return False


_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
