"""What counts of certificates, keys and revocation lists as they are parsed."""

from collections.abc import Iterator
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.hba.check.material import Certificate, RevocationList
from pgward.pki import name_identity

T = TypeVar("T", bound=x509.ExtensionType)
# What OpenSSL's security level 2 refuses, which distributions use (SSL_CTX_set_security_level(3)).
_LEAST_RSA, _LEAST_EC = 2048, 224
_WEAK_HASHES = (hashes.MD5, hashes.SHA1)
_SERVER_USAGES = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
# Those that OpenSSL acts on, critical or not.
_KNOWN_OF_LISTS = (x509.AuthorityKeyIdentifier, x509.CRLNumber, x509.IssuerAlternativeName)


def certificate(found: x509.Certificate) -> Certificate:
    """Return the facts of a certificate; raise ValueError where it cannot be read.

    ``public_key`` is empty for a kind of key that is not known here.
    """
    public = _public(found)
    authority = _extension(found, x509.AuthorityKeyIdentifier)
    own = _extension(found, x509.SubjectKeyIdentifier)
    itself = found.subject == found.issuer
    return Certificate(
        found.subject.rfc4514_string(),
        found.issuer.rfc4514_string(),
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        key=_kind(public),
        weakness=", ".join(_weaknesses(found, public, itself=itself)),
        is_server=_is_server(found),
        subject_id=name_identity.identity(found.subject),
        issuer_id=name_identity.identity(found.issuer),
        key_id="" if own is None else own.digest.hex(),
        authority_id="" if authority is None else (authority.key_identifier or b"").hex(),
        public_key="" if public is None else _spki(public),
    )


def revocation_list(found: x509.CertificateRevocationList) -> RevocationList:
    """Return the facts of a CRL; raise ValueError where it cannot be read."""
    authority = _extension(found, x509.AuthorityKeyIdentifier)
    return RevocationList(
        found.issuer.rfc4514_string(),
        found.last_update_utc,
        found.next_update_utc,
        issuer_id=name_identity.identity(found.issuer),
        authority_id="" if authority is None else (authority.key_identifier or b"").hex(),
        partial=_partial(found),
    )


def public_key(key: PrivateKeyTypes) -> str:
    """Return the public half of a private key, as ``Certificate.public_key`` has it."""
    return _spki(key.public_key())


def _spki(public: PublicKeyTypes) -> str:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


def _public(found: x509.Certificate) -> PublicKeyTypes | None:
    try:
        return found.public_key()
    except UnsupportedAlgorithm:
        return None


def _kind(public: PublicKeyTypes | None) -> str:
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA {public.key_size}"
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"EC {public.key_size}"
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "EdDSA"
    return "DSA" if isinstance(public, dsa.DSAPublicKey) else "another kind"


def _weaknesses(
    found: x509.Certificate, public: PublicKeyTypes | None, *, itself: bool
) -> Iterator[str]:
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < _LEAST_RSA:
        yield f"its RSA key has {public.key_size} bits"
    if isinstance(public, ec.EllipticCurvePublicKey) and public.key_size < _LEAST_EC:
        yield f"its elliptic curve has {public.key_size} bits"
    if isinstance(public, dsa.DSAPublicKey):
        yield "its key is for DSA"
    # Nobody looks at the signature of what is trusted for itself.
    if not itself and isinstance(found.signature_hash_algorithm, _WEAK_HASHES):
        yield f"it is signed with {found.signature_hash_algorithm.name.upper()}"


def _is_server(found: x509.Certificate) -> bool:
    usages = _extension(found, x509.ExtendedKeyUsage)
    return usages is None or bool(_SERVER_USAGES & set(usages))


def _partial(found: x509.CertificateRevocationList) -> str:
    if _extension(found, x509.DeltaCRLIndicator) is not None:
        return "it is only what changed since another one (a delta)"
    point = _extension(found, x509.IssuingDistributionPoint)
    if point is not None and _is_narrow(point):
        return "it is for a part of the certificates (IssuingDistributionPoint)"
    for each in found.extensions:
        known = isinstance(each.value, (*_KNOWN_OF_LISTS, x509.IssuingDistributionPoint))
        if each.critical and not known:
            return (
                f"it has a critical extension that OpenSSL does not know ({each.oid.dotted_string})"
            )
    return ""


def _is_narrow(point: x509.IssuingDistributionPoint) -> bool:
    named = point.full_name is not None or point.relative_name is not None
    only = point.only_contains_user_certs or point.only_contains_ca_certs
    attributes = point.only_contains_attribute_certs or point.indirect_crl
    return bool(named or only or attributes or point.only_some_reasons)


def _extension(found: x509.Certificate | x509.CertificateRevocationList, kind: type[T]) -> T | None:
    try:
        return found.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
