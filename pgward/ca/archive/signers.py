"""Who signed a manifest: the edge that it names, with a certificate of now or of before."""

from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.engine import Connection

from pgward.audit.chain.manifest import SignedManifest
from pgward.ca.acme import issued
from pgward.ca.records import Kind
from pgward.ca.store import certificates as ledger
from pgward.ca.store import compromised
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.errors import DeniedError
from pgward.pki import chain, keys
from pgward.pki.errors import ChainError

_NOT_ITS = "the manifest was not signed by this edge"


def check(
    connection: Connection,
    signed: SignedManifest,
    roots: Callable[[], Sequence[x509.Certificate]],
) -> None:
    """Raise DeniedError unless a certificate of the manifest's edge signed it, expired or not.

    A chunk may wait at its edge for longer than a certificate lives. The ledger says whose a
    certificate is; of one that it does not know, since the store was put back to an earlier state,
    the chain up to the ``roots`` does.
    """
    leaf = signed.certificates[0]
    serial = f"{leaf.serial_number:x}"
    rows = ledger.find(connection, CertificateFilter(serial=serial))
    if not rows:
        _check_chain(signed, roots())
        return
    public = leaf.public_key()
    if (
        not isinstance(public, ec.EllipticCurvePublicKey)
        or (rows[0]["kind"], rows[0]["subject"]) != (Kind.EDGE.value, signed.manifest.edge)
        or rows[0]["key_sha256"] != keys.spki_sha256(public)
        or issued.is_acme(connection, serial)  # its name may be an edge's, which it is not
    ):
        raise DeniedError(_NOT_ITS)
    if rows[0]["reason"] == compromised.REASON:
        raise DeniedError("the key that signed the manifest was compromised")


def _check_chain(signed: SignedManifest, roots: Sequence[x509.Certificate]) -> None:
    leaf, *others = signed.certificates
    try:
        chain.verify(leaf, others, roots, leaf.not_valid_after_utc, chain.SERVER_AUTH)
    except ChainError as error:
        raise DeniedError(f"{_NOT_ITS}: {error.message}") from error
    names = [each.value for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [signed.manifest.edge]:
        raise DeniedError(_NOT_ITS)
