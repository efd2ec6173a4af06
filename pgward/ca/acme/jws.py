"""Requests as ACME clients sign them: flattened JWS in JSON (RFC 7515, RFC 8555 section 6.2).

Nothing is guessed: one signature, one algorithm a key, no unprotected header, no ``crit``, no
member twice, no padding. A request has ``nonce``, ``url``, and either ``jwk`` or ``kid``; a JWS
inside another one (account binding, key roll-over) has no nonce.
"""

import json
from dataclasses import dataclass
from typing import Any

from pgward.ca.acme import jwk
from pgward.ca.acme.jwk import AccountKey
from pgward.ca.acme.problems import AcmeError, malformed
from pgward.core import strict_json
from pgward.pki import jws as base64url

MAX_BYTES = 48 * 1024  # a signing request of 16 KiB, twice base64url, and its signature
_MAX_TEXT = 2048
_SUPPORTED = {"alg", "jwk", "kid", "nonce", "url", "typ"}


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A parsed, not yet verified JWS; ``payload`` are the bytes that were signed."""

    algorithm: str
    url: str
    nonce: str | None
    kid: str | None
    key: AccountKey | None
    payload: bytes
    signed: bytes
    signature: bytes

    @property
    def is_empty(self) -> bool:
        """Whether it is a POST-as-GET (RFC 8555 section 6.3)."""
        return self.payload == b""

    def json(self) -> dict[str, Any]:
        """Return the payload as an object; raise AcmeError."""
        return load(self.payload, "the payload")


def parse(body: bytes) -> SignedMessage:
    """Read a request's body; raise AcmeError."""
    if len(body) > MAX_BYTES:
        raise malformed(f"the request is longer than {MAX_BYTES} bytes", status=413)
    message = from_object(load(body, "the request"))
    if message.nonce is None:
        raise AcmeError("badNonce", "the request has no nonce")
    if (message.key is None) == (message.kid is None):
        raise malformed("the protected header needs either jwk or kid")
    if message.algorithm not in jwk.ALGORITHMS:
        raise AcmeError(
            "badSignatureAlgorithm",
            "the algorithm is not supported",
            algorithms=jwk.ALGORITHMS,
        )
    return message


def parse_inner(value: object) -> SignedMessage:
    """Read a JWS that stands in another one's payload; raise AcmeError."""
    if not isinstance(value, dict):
        raise malformed("the inner JWS is not an object")
    message = from_object(value)
    if message.nonce is not None:
        raise malformed("the inner JWS has a nonce")
    return message


def from_object(value: dict[str, Any]) -> SignedMessage:
    """Read the three members of a flattened JWS; raise AcmeError."""
    if "header" in value or "signatures" in value:
        raise malformed("the JWS has an unprotected header or several signatures")
    protected, payload, signature = (
        _text(value, name, MAX_BYTES) for name in ("protected", "payload", "signature")
    )
    header = load(_decode(protected, "protected"), "the protected header")
    if header.keys() - _SUPPORTED:
        raise malformed("the protected header has members that are not supported")
    return SignedMessage(
        algorithm=_text(header, "alg"),
        url=_text(header, "url"),
        nonce=_optional(header, "nonce"),
        kid=_optional(header, "kid"),
        key=jwk.read(header["jwk"]) if "jwk" in header else None,
        payload=_decode(payload, "payload"),
        signed=f"{protected}.{payload}".encode("ascii"),
        signature=_decode(signature, "signature"),
    )


def load(data: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object strictly, and without any NUL; raise AcmeError."""
    try:
        value = strict_json.loads(data)
    except ValueError as error:
        raise malformed(f"{what} is not JSON") from error
    if "\\u0000" in json.dumps(value):  # no text of ACME has one, and no database takes one
        raise malformed(f"{what} holds a NUL")
    if not isinstance(value, dict):
        raise malformed(f"{what} is not a JSON object")
    return value


def _decode(text: str, name: str) -> bytes:
    try:
        return base64url.decode(text)
    except base64url.JwsError as error:
        raise malformed(f"{name} is {error}") from error


def _text(value: dict[str, Any], name: str, most: int = _MAX_TEXT) -> str:
    found = value.get(name)
    if not isinstance(found, str) or len(found) > most:
        raise malformed(f"{name} is missing, too long or not a text")
    return found


def _optional(value: dict[str, Any], name: str) -> str | None:
    return _text(value, name) if name in value else None
