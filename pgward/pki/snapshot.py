"""An edge's configuration as the CA signs it: compact JWS with the signer's chain inside.

The signer's certificate carries one private purpose only, so the key of no TLS server can
sign a snapshot, and the snapshot key can be no TLS server.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.pki import chain as chains
from pgward.pki import jws
from pgward.pki.errors import ChainError, SnapshotError

TYPE = "pgward-snapshot+jws"
MAX_BYTES = 64 * 1024 * 1024


def sign(
    payload: dict[str, Any], key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]
) -> str:
    """Sign ``payload``; ``chain`` is the signer's certificate and the server issuing CA."""
    header = {"typ": TYPE, "alg": "ES256", "x5c": jws.chain_header(chain)}
    return jws.sign(header, payload, key)


def verify(text: str, roots: Sequence[x509.Certificate], now: datetime) -> dict[str, Any]:
    """Return the payload if a snapshot signer under one of the server ``roots`` signed it.

    Raises SnapshotError.
    """
    try:
        statement = jws.parse(text, typ=TYPE, max_bytes=MAX_BYTES)
        signer, *intermediates = jws.read_chain(statement.header.get("x5c"))
        chains.verify(signer, intermediates, roots, now, chains.SNAPSHOT_SIGNING)
        _check_only_purpose(signer)
        statement.verify(jws.p256(signer))
    except (jws.JwsError, ChainError) as error:
        raise SnapshotError(f"the snapshot is not from the CA: {error}") from error
    return statement.payload


def _check_only_purpose(signer: x509.Certificate) -> None:
    usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if list(usage) != [chains.SNAPSHOT_SIGNING]:
        raise ChainError("its signer has other purposes too")


__all__ = ["MAX_BYTES", "SnapshotError", "sign", "verify"]
