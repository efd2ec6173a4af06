"""Statements that a provider signed: compact JWS (RFC 7515) with JSON inside.

The algorithm is looked up in a list of asymmetric ones, and the key must be one for it: neither
`none`, nor HMAC with a public key, nor a key that the token brings along is ever tried.
"""

from base64 import urlsafe_b64decode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.key_set import ALGORITHMS, KeySet
from pgward.core import strict_json

MAX_TOKEN = 64 * 1024
_MAX_KID = 512
_PARTS = 3


class UnknownKeyError(UntrustedError):
    """The key set has no such key: it may be older than the token."""


@dataclass(frozen=True, slots=True)
class Header:
    """What must be known to choose the key."""

    algorithm: str
    kid: str | None
    typ: str | None


def header(token: object, *, what: str, algorithms: Collection[str]) -> Header:
    """Read the header of a token, not yet verified; raise UntrustedError.

    ``algorithms`` are those that the provider names in its metadata.
    """
    if not isinstance(token, str) or not token.isascii() or token.count(".") != _PARTS - 1:
        raise UntrustedError(f"the {what} is not a signed token")
    if len(token) > MAX_TOKEN:
        raise UntrustedError(f"the {what} is longer than {MAX_TOKEN} bytes")
    members = _object(_decode(token.partition(".")[0], what), what)
    algorithm, kid, typ = members.get("alg"), members.get("kid"), members.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise UntrustedError(f"the {what} is not signed with a public key algorithm")
    if algorithm not in algorithms:
        raise UntrustedError(f"the {what} is signed with another algorithm than announced")
    if "crit" in members or "b64" in members:
        raise UntrustedError(f"the {what} asks for extensions that we do not know")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _MAX_KID):
        raise UntrustedError(f"the {what} names its key strangely")
    return Header(algorithm, kid, typ.lower() if isinstance(typ, str) else None)


def verify(token: str, read: Header, keys: KeySet, *, what: str) -> dict[str, Any]:
    """Return what a token says; raise UnknownKeyError, UntrustedError."""
    public = keys.find(read.kid, read.algorithm)
    if public is None:
        raise UnknownKeyError(f"the {what} is signed with a key that the provider does not publish")
    try:
        found = jws.deserialize_compact(token, public.key, algorithms=[read.algorithm])
    except (JoseError, ValueError) as error:
        raise UntrustedError(f"the signature of the {what} does not match") from error
    return _object(found.payload, what)


def _decode(text: str, what: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise UntrustedError(f"the {what} is not a signed token") from error


def _object(data: bytes | None, what: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(data or b"")
    except ValueError as error:
        raise UntrustedError(f"the {what} does not hold JSON") from error
    if not isinstance(value, dict):
        raise UntrustedError(f"the {what} does not hold a JSON object")
    return value
