"""The CA's certificate reply, checked before anything of it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.core.clock import parse_rfc3339
from pgward.core.errors import UnavailableError
from pgward.pki import keys, pem
from pgward.pki.errors import BadCertificateError


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """A key with the certificate that the CA issued for it.

    ``chain`` is leaf and issuing CA, ``server_roots`` what verifies servers; both PEM.
    """

    key_pem: bytes
    chain: bytes
    server_roots: bytes
    serial: str
    not_before: datetime
    not_after: datetime

    @classmethod
    def read(cls, reply: Mapping[str, Any], key: ec.EllipticCurvePrivateKey) -> Self:
        """Read a reply; raise UnavailableError unless it certifies our very key."""
        try:
            (leaf,) = pem.split(str(reply["certificate"]).encode())
            chain = [leaf, *pem.split("".join(reply["chain"]).encode())]
            roots = pem.split("".join(reply["server_roots"]).encode())
            times = parse_rfc3339(reply["not_before"]), parse_rfc3339(reply["not_after"])
            serial = str(reply["serial"])
        except (KeyError, TypeError, ValueError, BadCertificateError) as error:
            raise UnavailableError(
                "the CA sent a certificate that cannot be read", hint="look at the CA's version"
            ) from error
        _check_key(leaf, key)
        return cls(keys.to_pem(key, None), pem.join(chain), pem.join(roots), serial, *times)


def _check_key(leaf: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    if keys.spki(leaf.public_key()) != keys.spki(key.public_key()):
        raise UnavailableError(
            "the CA sent a certificate for another key", hint="try again; tell its administrator"
        )
