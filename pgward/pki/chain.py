"""Certification path validation (RFC 5280 section 6) for one purpose.

It does not look at CRLs: ``pgward.pki.crl`` does.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.pki import ed25519_path
from pgward.pki.errors import ChainError

CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
# The key of such a certificate signs snapshots and nothing else. The OID is a UUID in Microsoft's
# free arc for those: its arcs fit in 32 bits, which those of X.667 (2.25.UUID) do not.
SNAPSHOT_SIGNING = x509.ObjectIdentifier(
    "1.2.840.113556.1.8000.2554.51780.6945.17817.19014.41068.10048671.6004386"
)
# Beside clientAuth, marks a certificate that the CA minted for an edge, in a person's name, to log
# in to PostgreSQL: whoever takes people's own login certificates refuses it. Made as the one above.
MINTED = x509.ObjectIdentifier(
    "1.2.840.113556.1.8000.2554.6965.35087.7915.18190.33844.12154603.9900668"
)
# Beside clientAuth, marks a certificate with which the CA's own web client goes to an edge for a
# person: an iPAddress beside it is the browser's. Made as the ones above.
WEB = x509.ObjectIdentifier(
    "1.2.840.113556.1.8000.2554.35659.18355.59498.19987.43755.5477677.2239281"
)
_MAX_INTERMEDIATES = 2


def verify(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
    eku: x509.ObjectIdentifier,
) -> list[x509.Certificate]:
    """Return the chain, leaf first and root last; raise ChainError.

    The leaf must be no CA, may sign (digitalSignature), and must name ``eku``.
    """
    if not roots:
        raise ChainError("there is no root to trust")
    _check_dates(leaf, now)
    if ed25519_path.concerns(intermediates, roots):
        _check_leaf(leaf, eku)
        return ed25519_path.verify(leaf, intermediates, roots, now, eku)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(list(roots)))
        .time(now)
        .max_chain_depth(_MAX_INTERMEDIATES)
        .extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=_leaf_policy(eku)
        )
        .build_client_verifier()
    )
    try:
        return verifier.verify(leaf, list(intermediates)).chain
    except (verification.VerificationError, ValueError) as error:
        raise ChainError(f"the certificate is not trusted: {_reason(error)}") from error


def is_minted(leaf: x509.Certificate) -> bool:
    """Tell whether a certificate in a person's name was minted for an edge."""
    return _is_for(leaf, MINTED)


def is_web(leaf: x509.Certificate) -> bool:
    """Tell whether a certificate in a person's name is the web client's."""
    return _is_for(leaf, WEB)


def browser_of(leaf: x509.Certificate) -> str | None:
    """Return the address of the browser for which the web client came, if that is known."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    return next((str(each) for each in names.get_values_for_type(x509.IPAddress)), None)


def _is_for(leaf: x509.Certificate, purpose: x509.ObjectIdentifier) -> bool:
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return purpose in purposes


def _check_leaf(leaf: x509.Certificate, eku: x509.ObjectIdentifier) -> None:
    """Apply the leaf's policy by hand, as the verifier that calls it is not there."""
    try:
        found = leaf.extensions
        purposes = found.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = found.get_extension_for_class(x509.KeyUsage).value
        constraints = [
            each.value for each in found if isinstance(each.value, x509.BasicConstraints)
        ]
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise ChainError("the certificate is not trusted: extensions are missing") from error
    problem = ""
    if eku not in purposes:
        problem = "it was issued for another purpose"
    elif not usage.digital_signature or usage.key_cert_sign:
        problem = "its key may not be used so"
    elif any(each.ca for each in constraints):
        problem = "it is a CA's"
    if problem:
        raise ChainError(f"the certificate is not trusted: {problem}")


def _check_dates(leaf: x509.Certificate, now: datetime) -> None:
    if now > leaf.not_valid_after_utc:
        raise ChainError(
            f"the certificate expired at {leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        )
    if now < leaf.not_valid_before_utc:
        raise ChainError(
            f"the certificate is valid only from {leaf.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            hint="check the clocks",
        )


def _leaf_policy(eku: x509.ObjectIdentifier) -> verification.ExtensionPolicy:
    def check_purpose(
        _policy: verification.Policy, _leaf: x509.Certificate, found: x509.ExtendedKeyUsage
    ) -> None:
        if eku not in found:
            raise ValueError("it was issued for another purpose")

    agnostic = verification.Criticality.AGNOSTIC
    return (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.ExtendedKeyUsage, agnostic, check_purpose)
        .require_present(x509.KeyUsage, agnostic, _check_usage)
        .may_be_present(x509.BasicConstraints, agnostic, _check_no_ca)
    )


def _check_usage(
    _policy: verification.Policy, _leaf: x509.Certificate, found: x509.KeyUsage
) -> None:
    if not found.digital_signature or found.key_cert_sign:
        raise ValueError("its key may not be used so")


def _check_no_ca(
    _policy: verification.Policy, _leaf: x509.Certificate, found: x509.BasicConstraints | None
) -> None:
    if found is not None and found.ca:
        raise ValueError("it is a CA's")


def _reason(error: Exception) -> str:
    text = str(error).removeprefix("validation failed: ")
    _, marker, ours = text.partition("Python extension validator failed: ValueError: ")
    return (ours if marker else text).partition(" (encountered")[0]


__all__ = [
    "CLIENT_AUTH",
    "MINTED",
    "SERVER_AUTH",
    "SNAPSHOT_SIGNING",
    "WEB",
    "ChainError",
    "browser_of",
    "is_minted",
    "is_web",
    "verify",
]
