"""Proof of possession for one HTTP request: DPoP (RFC 9449), and its form for machines.

A person's proof carries the device's public key (``jwk``); a machine's carries its
certificate chain (``x5c``) instead. Who reads a proof must also refuse a ``jti`` that
it has seen within ``2 * MAX_SKEW``, and for ``x5c`` must verify the chain.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.pki import jws
from pgward.pki.errors import ProofError

TYPE = "dpop+jwt"
MAX_SKEW = timedelta(seconds=60)
MAX_BYTES = 12 * 1024
_JTI_LENGTHS = range(8, 129)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified proof: RFC 7638 thumbprint of the key, the chain if any, its id and time."""

    thumbprint: str
    chain: list[x509.Certificate] | None
    jti: str
    iat: datetime


def make(
    key: ec.EllipticCurvePrivateKey,
    method: str,
    url: str,
    *,
    now: datetime,
    token: str | None = None,
    chain: list[x509.Certificate] | None = None,
) -> str:
    """Return the value of the ``DPoP`` header for one request; ``url`` may carry a query."""
    header: dict[str, Any] = {"typ": TYPE, "alg": "ES256"}
    if chain is None:
        header["jwk"] = _jwk(key.public_key())
    else:
        header["x5c"] = jws.chain_header(chain)
    payload: dict[str, Any] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": _target(url),
        "iat": int(now.timestamp()),
    }
    if token is not None:
        payload["ath"] = _hash(token)
    return jws.sign(header, payload, key)


def read(jwt: str, method: str, url: str, *, now: datetime, token: str | None = None) -> Proof:
    """Verify a proof for this request (and this token); raise ProofError."""
    try:
        statement = jws.parse(jwt, typ=TYPE, max_bytes=MAX_BYTES)
        key, chain = _key_of(statement.header)
        statement.verify(key)
    except jws.JwsError as error:
        raise ProofError(f"the proof of possession is not valid: {error}") from error
    claims = statement.payload
    _check_target(claims, method, url)
    _check_token(claims, token)
    return Proof(thumbprint(key), chain, _jti(claims), _time(claims, now))


def thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return the JWK thumbprint of a P-256 key (RFC 7638), as ``jkt`` has it."""
    jwk = _jwk(key)
    canonical = ",".join(f'"{name}":"{jwk[name]}"' for name in ("crv", "kty", "x", "y"))
    return _hash(f"{{{canonical}}}")


def _jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    x, y = (jws.encode(value.to_bytes(32)) for value in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _key_of(
    header: dict[str, Any],
) -> tuple[ec.EllipticCurvePublicKey, list[x509.Certificate] | None]:
    if ("jwk" in header) == ("x5c" in header):
        raise jws.JwsError("it needs either jwk or x5c")
    if "x5c" in header:
        chain = jws.read_chain(header["x5c"])
        return jws.p256(chain[0]), chain
    return _read_jwk(header["jwk"]), None


def _read_jwk(value: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(value, dict) or "d" in value:
        raise jws.JwsError("jwk is not a public key")
    if value.get("kty") != "EC" or value.get("crv") != "P-256":
        raise jws.JwsError("jwk is not a P-256 key")
    x, y = _coordinate(value.get("x")), _coordinate(value.get("y"))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:
        raise jws.JwsError("jwk is not a point of P-256") from error


def _coordinate(value: object) -> int:
    data = jws.decode(value) if isinstance(value, str) else b""
    if len(data) != 32:  # noqa: PLR2004 - RFC 7518 section 6.2.1.2
        raise jws.JwsError("jwk has a coordinate that is not 32 bytes")
    return int.from_bytes(data)


def _check_target(claims: dict[str, Any], method: str, url: str) -> None:
    if claims.get("htm") != method:
        raise ProofError("the proof of possession is for another method")
    htu = claims.get("htu")
    if not isinstance(htu, str) or _target(htu) != _target(url):
        raise ProofError("the proof of possession is for another address")


def _check_token(claims: dict[str, Any], token: str | None) -> None:
    expected = "" if token is None else _hash(token)
    found = claims.get("ath", "")
    if not _is_ascii(found) or not hmac.compare_digest(found, expected):
        raise ProofError("the proof of possession is for another token")


def _jti(claims: dict[str, Any]) -> str:
    jti = claims.get("jti")
    if not _is_ascii(jti) or len(jti) not in _JTI_LENGTHS:
        raise ProofError("the proof of possession has no usable id")
    return jti


def _time(claims: dict[str, Any], now: datetime) -> datetime:
    iat = claims.get("iat")
    if not isinstance(iat, int) or isinstance(iat, bool):
        raise ProofError("the proof of possession has no time")
    try:
        off = int(iat - now.timestamp())
    except OverflowError as error:
        raise ProofError("the proof of possession has no time") from error
    if abs(off) > MAX_SKEW.total_seconds():
        raise ProofError(
            f"the proof of possession is {abs(off)} s {'ahead of' if off > 0 else 'behind'}"
            " the server's clock",
            hint="set this machine's clock",
        )
    return datetime.fromtimestamp(iat, UTC)


def _is_ascii(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isascii() and value.isprintable()


@lru_cache(maxsize=64)  # an endpoint's address, again and again
def _target(url: str) -> str:
    """Normalise as RFC 9449 section 4.3 asks: no query, no fragment, lower-case host."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or ""), parts.port
    except ValueError as error:
        raise ProofError("the proof of possession has no usable address") from error
    if port is None:
        port = _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}{parts.path or '/'}"


def _hash(text: str) -> str:
    return jws.encode(hashlib.sha256(text.encode()).digest())


__all__ = ["MAX_BYTES", "MAX_SKEW", "Proof", "ProofError", "make", "read", "thumbprint"]
