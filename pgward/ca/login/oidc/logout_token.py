"""The logout token: a login at the provider has ended (OpenID Connect Back-Channel Logout 1.0)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pgward.ca.login.oidc import id_token
from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.signed import Header

EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_AGE = timedelta(minutes=5)
REMEMBERED = MAX_AGE + 2 * timedelta(seconds=id_token.LEEWAY_SECONDS)
_MAX_JTI = 512
_WHAT = "logout token"
_TYPES = (None, "jwt", "logout+jwt", "application/logout+jwt")


@dataclass(frozen=True, slots=True)
class Logout:
    """Which logins end: one (``sid``), or all of a person's; ``id`` is for replays."""

    id: str
    subject: str | None
    sid: str | None


def read(
    claims: Mapping[str, Any], header: Header, *, issuer: str, client_id: str, now: datetime
) -> Logout:
    """Return what a verified token asks for; raise UntrustedError (section 2.6)."""
    if header.typ not in _TYPES:
        raise UntrustedError("the logout token is a token of another type")
    id_token.check_audience(claims, issuer, client_id, what=_WHAT)
    made = id_token.check_times(claims, now, what=_WHAT, must_expire=False)
    if made < now - MAX_AGE:
        raise UntrustedError("the logout token is too old")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise UntrustedError("the logout token does not tell of a logout")
    if "nonce" in claims:
        raise UntrustedError("the logout token is an ID token (it has a nonce)")
    subject = id_token.subject_of(claims, what=_WHAT) if "sub" in claims else None
    sid = id_token.login_of(claims)
    if sid is None and ("sid" in claims or subject is None):
        raise UntrustedError("the logout token does not say whose login ended")
    return Logout(_id(claims.get("jti"), issuer), subject, sid)


def _id(jti: Any, issuer: str) -> str:
    if not isinstance(jti, str) or not 1 <= len(jti) <= _MAX_JTI:
        raise UntrustedError("the logout token has no id of its own")
    return hashlib.sha256(f"logout {issuer} {jti}".encode()).hexdigest()
