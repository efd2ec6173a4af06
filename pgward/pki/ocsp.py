"""OCSP messages (RFC 6960): requests are read strictly, responses are written.

cryptography reads requests about one certificate only, and writes responses about one.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pgward.pki import der
from pgward.pki.der import Reader
from pgward.pki.errors import DerError, OcspError
from pgward.pki.reasons import CODES

MAX_REQUEST = 16 * 1024
MAX_CERTIFICATES = 64  # that one request may ask about
_NONCE_SIZES = range(1, 129)  # RFC 9654 section 2.1
_HASHES: dict[bytes, Callable[[bytes], "hashlib._Hash"]] = {
    der.oid(dotted)[2:]: algorithm
    for dotted, algorithm in {
        "1.3.14.3.2.26": hashlib.sha1,
        "2.16.840.1.101.3.4.2.1": hashlib.sha256,
        "2.16.840.1.101.3.4.2.2": hashlib.sha384,
        "2.16.840.1.101.3.4.2.3": hashlib.sha512,
    }.items()
}
_BASIC = "1.3.6.1.5.5.7.48.1.1"
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_EXTENDED_REVOKE = "1.3.6.1.5.5.7.48.1.9"
_NONCE_ID = der.oid(_NONCE)[2:]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Failure(IntEnum):
    """Why there is no response (OCSPResponseStatus)."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6


@dataclass(frozen=True, slots=True)
class CertId:
    """Which certificate is meant; ``encoded`` goes back into the response as it came."""

    algorithm: bytes  # contents of the hash's object identifier
    name_hash: bytes
    key_hash: bytes
    serial: int
    encoded: bytes

    @property
    def issuer(self) -> tuple[bytes, bytes, bytes]:
        """The issuer: one of its ``issuer_ids``, if the issuer is known."""
        return self.algorithm, self.name_hash, self.key_hash


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks; ``nonce`` is to be echoed."""

    certificates: tuple[CertId, ...]
    nonce: bytes | None


@dataclass(frozen=True, slots=True)
class Revoked:
    """Since when, and why."""

    at: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


@dataclass(frozen=True, slots=True)
class NotIssued:
    """The issuer never issued this serial number (RFC 6960 section 2.2, extended definition)."""


@dataclass(frozen=True, slots=True)
class Good:
    """Issued, and not revoked."""


Status = Good | Revoked | NotIssued


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response says; times in whole seconds count."""

    statuses: Sequence[tuple[CertId, Status]]
    produced_at: datetime
    this_update: datetime
    next_update: datetime
    nonce: bytes | None = None


@dataclass(frozen=True, slots=True)
class Responder:
    """Whose response it is: a certificate, and what signs for it."""

    certificate: x509.Certificate
    algorithm: bytes  # AlgorithmIdentifier in DER
    sign: Callable[[bytes], bytes] = field(repr=False)


def issuer_ids(issuer: x509.Certificate) -> frozenset[tuple[bytes, bytes, bytes]]:
    """Return what a CertId may call this issuer: one id for each hash."""
    name, key = issuer.subject.public_bytes(), _key_bits(issuer)
    return frozenset(
        (oid, algorithm(name).digest(), algorithm(key).digest())
        for oid, algorithm in _HASHES.items()
    )


def read_request(data: bytes) -> Request:
    """Read a DER OCSPRequest; raise OcspError. A signature on it is not looked at."""
    if len(data) > MAX_REQUEST:
        raise OcspError(f"the OCSP request is longer than {MAX_REQUEST} bytes")
    try:
        outer = Reader(data)
        request = outer.enter()
        outer.end()
        found = _tbs_request(request.enter())
        request.optional(der.explicit_tag(0))
        request.end()
    except DerError as error:
        raise OcspError(f"the OCSP request is malformed: {error.message}") from error
    return found


def failure(status: Failure) -> bytes:
    """Write an unsigned response that says why there is no answer."""
    return der.sequence(der.enumerated(status))


def respond(answer: Answer, responder: Responder) -> bytes:
    """Write and sign a response."""
    signed = _response_data(answer, responder.certificate)
    basic = der.sequence(
        signed,
        responder.algorithm,
        der.bits(responder.sign(signed)),
        der.explicit(0, der.sequence(responder.certificate.public_bytes(Encoding.DER))),
    )
    return der.sequence(
        der.enumerated(0), der.explicit(0, der.sequence(der.oid(_BASIC), der.octets(basic)))
    )


def _tbs_request(tbs: Reader) -> Request:
    if tbs.peek() == der.explicit_tag(0):
        version = tbs.enter(der.explicit_tag(0))
        if version.integer() != 0:
            raise DerError("its version is unknown")
        version.end()
    tbs.optional(der.explicit_tag(1))  # requestorName
    certificates = tuple(_requests(tbs.enter()))
    extensions = _extensions(tbs, der.explicit_tag(2))
    tbs.end()
    nonce = extensions.get(_NONCE_ID)
    return Request(certificates, None if nonce is None else _nonce(nonce))


def _requests(requests: Reader) -> Iterable[CertId]:
    for count in range(MAX_CERTIFICATES + 1):
        if requests.peek() is None and count:
            return
        request = requests.enter()
        yield _cert_id(request.whole(der.SEQUENCE))
        _extensions(request, der.explicit_tag(0))
        request.end()
    raise DerError(f"it asks about more than {MAX_CERTIFICATES} certificates")


def _cert_id(encoded: bytes) -> CertId:
    fields = Reader(encoded).enter()
    algorithm = fields.enter()
    hash_id = algorithm.oid()
    if algorithm.optional(der.NULL):
        raise DerError("a NULL has contents")
    algorithm.end()
    name_hash, key_hash = fields.read(der.OCTET_STRING), fields.read(der.OCTET_STRING)
    serial = fields.integer()
    fields.end()
    return CertId(hash_id, name_hash, key_hash, serial, encoded)


def _extensions(parent: Reader, tag: int) -> dict[bytes, bytes]:
    """Read optional extensions; an unknown critical one, or one that comes twice, is refused."""
    if parent.peek() != tag:
        return {}
    wrapped = parent.enter(tag)
    items = wrapped.enter()
    wrapped.end()
    found: dict[bytes, bytes] = {}
    while items.peek() is not None:
        item = items.enter()
        oid = item.oid()
        critical = item.peek() == der.BOOLEAN and item.boolean()
        contents = item.read(der.OCTET_STRING)
        item.end()
        if oid in found:
            raise DerError("an extension comes twice")
        if critical and oid != _NONCE_ID:
            raise DerError("a critical extension is unknown")
        found[oid] = contents
    return found


def _nonce(contents: bytes) -> bytes:
    reader = Reader(contents)
    nonce = reader.read(der.OCTET_STRING)
    reader.end()
    if len(nonce) not in _NONCE_SIZES:
        raise DerError("the nonce is not of 1 to 128 octets")
    return nonce


def _response_data(answer: Answer, certificate: x509.Certificate) -> bytes:
    key_hash = hashlib.sha1(_key_bits(certificate), usedforsecurity=False).digest()
    return der.sequence(
        der.explicit(2, der.octets(key_hash)),
        der.generalized_time(answer.produced_at),
        der.sequence(*(_single(cert_id, status, answer) for cert_id, status in answer.statuses)),
        _response_extensions(answer),
    )


def _single(cert_id: CertId, status: Status, answer: Answer) -> bytes:
    return der.sequence(
        cert_id.encoded,
        _status(status),
        der.generalized_time(answer.this_update),
        der.explicit(0, der.generalized_time(answer.next_update)),
    )


def _status(status: Status) -> bytes:
    if isinstance(status, Good):
        return der.implicit(0)
    if isinstance(status, NotIssued):
        hold = der.explicit(0, der.enumerated(CODES[x509.ReasonFlags.certificate_hold]))
        return der.explicit(1, der.generalized_time(_EPOCH) + hold)
    code = CODES[status.reason]
    # RFC 5280 section 5.3.1: no reason rather than "unspecified".
    reason = der.explicit(0, der.enumerated(code)) if code else b""
    return der.explicit(1, der.generalized_time(status.at) + reason)


def _response_extensions(answer: Answer) -> bytes:
    found = []
    if answer.nonce is not None:
        found.append(der.extension(_NONCE, der.octets(answer.nonce)))
    if any(isinstance(status, NotIssued) for _, status in answer.statuses):
        found.append(der.extension(_EXTENDED_REVOKE, der.value(der.NULL)))
    return der.explicit(1, der.sequence(*found)) if found else b""


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return what issuerKeyHash and byKey hash: the BIT STRING of the public key, as octets."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = Reader(spki).enter()
    info.read(der.SEQUENCE)
    return info.read(der.BIT_STRING)[1:]
