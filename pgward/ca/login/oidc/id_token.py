"""The ID token: who logged in at the provider (OpenID Connect Core 1.0 section 3.1.3.7)."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.signed import Header

LEEWAY_SECONDS = 60
MAX_SUBJECT = 255
_MAX_SID = 255
_WHAT = "ID token"


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say to be for us, now."""

    issuer: str
    client_id: str
    now: datetime
    nonce: str | None = field(default=None, repr=False)
    subject: str | None = None
    access_token: str | None = field(default=None, repr=False)


def check(claims: Mapping[str, Any], read: Header, expected: Expected) -> None:
    """Raise UntrustedError unless the verified token is for us, now, and for this login."""
    check_audience(claims, expected.issuer, expected.client_id, what=_WHAT)
    check_times(claims, expected.now, what=_WHAT, must_expire=True)
    subject_of(claims, what=_WHAT)
    _check_nonce(claims, expected.nonce)
    if expected.subject is not None and claims["sub"] != expected.subject:
        raise UntrustedError("the ID token is about another person than before")
    if "at_hash" in claims:
        _check_hash(claims["at_hash"], read.algorithm, expected.access_token)


def check_audience(claims: Mapping[str, Any], issuer: str, client_id: str, *, what: str) -> None:
    """Raise UntrustedError unless this issuer made it for this client."""
    if claims.get("iss") != issuer:
        raise UntrustedError(f"the {what} is another issuer's")
    audience, party = claims.get("aud"), claims.get("azp")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise UntrustedError(f"the {what} is for another client")
    if party is None and len(audiences) > 1:
        raise UntrustedError(f"the {what} is for several clients and does not say whose it is")
    if party is not None and party != client_id:
        raise UntrustedError(f"the {what} was given to another client")


def check_times(
    claims: Mapping[str, Any], now: datetime, *, what: str, must_expire: bool
) -> datetime:
    """Raise UntrustedError unless it is valid now, give or take a minute; return when it began."""
    present = now.timestamp()
    ends, made, begins = (time_of(claims, name, what=what) for name in ("exp", "iat", "nbf"))
    if ends is None and must_expire:
        raise UntrustedError(f"the {what} never expires")
    if ends is not None and ends <= present - LEEWAY_SECONDS:
        raise UntrustedError(f"the {what} expired {_ago(present - ends)} ago")
    if made is None:
        raise UntrustedError(f"the {what} does not say when it was made")
    if max(made, begins or 0) > present + LEEWAY_SECONDS:
        ahead = _ago(max(made, begins or 0) - present)
        raise UntrustedError(f"the {what} is valid only in {ahead}: one of the clocks is wrong")
    return datetime.fromtimestamp(made, tz=now.tzinfo)


def subject_of(claims: Mapping[str, Any], *, what: str) -> str:
    """Return who it is about; raise UntrustedError for what is no subject."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT:
        raise UntrustedError(f"the {what} does not say who it is about")
    if not subject.isascii() or not subject.isprintable():
        raise UntrustedError(f"the {what} is about somebody with a strange name")
    return subject


def login_of(claims: Mapping[str, Any]) -> str | None:
    """Return the provider's name for its login (``sid``), by which it may end it."""
    sid = claims.get("sid")
    if not isinstance(sid, str) or not 1 <= len(sid) <= _MAX_SID:
        return None
    return sid if sid.isprintable() else None  # a NUL, say, is nothing for a database


def time_of(claims: Mapping[str, Any], name: str, *, what: str) -> float | None:
    """Return a time in seconds since 1970, None when there is none; raise UntrustedError."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MAX_TIME:
        raise UntrustedError(f"the {what} has no time as {name}")
    return float(value)


_MAX_TIME = 253_402_300_800  # the year 10000


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s"


def _check_nonce(claims: Mapping[str, Any], expected: str | None) -> None:
    if expected is None:
        return
    found = claims.get("nonce")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), expected.encode()):
        raise UntrustedError("the ID token belongs to another login (its nonce differs)")


def _check_hash(found: Any, algorithm: str, access_token: str | None) -> None:
    """Core section 3.1.3.6: the left half of the hash of the access token."""
    if access_token is None:
        raise UntrustedError("the ID token came without the access token that it belongs to")
    hashed = hashlib.new(_hash_name(algorithm), access_token.encode()).digest()
    half = urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), half):
        raise UntrustedError("the ID token belongs to another access token")


def _hash_name(algorithm: str) -> str:
    # Ed25519 hashes with SHA-512, and providers do the same here.
    return f"sha{algorithm[2:]}" if algorithm[2:].isdigit() else "sha512"
