"""Sending a browser to the provider and reading what it brings back.

The authorization code flow with PKCE (RFC 6749, RFC 7636) for a native program that listens on
loopback (RFC 8252 section 7.3), with the check of RFC 9207 against mixed-up providers.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from pgward.ca.login import way_back
from pgward.ca.login.oidc.errors import RefusedError, UntrustedError
from pgward.ca.login.oidc.metadata import Metadata
from pgward.core.errors import InvalidInputError

_MAX_CODE = 8192
_ERROR_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
RESERVED = frozenset(
    (
        *("client_id", "redirect_uri", "scope", "state", "nonce", "request", "request_uri"),
        *("code_challenge", "code_challenge_method", "response_mode", "response_type"),
    )
)
"""Parameters that are the protocol's, which no configuration may change."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that waits for its browser: secret to all but us, and good for one answer."""

    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(cls, redirect_uri: str) -> Self:
        """Begin one with fresh random values."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(redirect_uri, state, nonce, verifier)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what ``to_state`` wrote."""
        return cls(*(str(state[name]) for name in ("redirect_uri", "state", "nonce", "verifier")))

    def to_state(self) -> dict[str, str]:
        """Return what must be kept, sealed, until the answer."""
        return asdict(self)


def check_redirect(uri: object, ports: Collection[int] = (), *, own: str = "") -> str:
    """Return the address where the browser goes back to; raise InvalidInputError.

    It is ``own``, our page, or on loopback: there, ``ports`` are the only ones that the provider
    accepts, when it does not accept all.
    """
    found = way_back.checked(uri if isinstance(uri, str) else "", own)
    port = urlsplit(found).port
    if found != own and ports and port not in ports:
        raise InvalidInputError(
            f"the identity provider does not accept port {port}",
            hint=f"listen on {', '.join(map(str, ports))}",
        )
    return found


def url(
    metadata: Metadata,
    client_id: str,
    scopes: Sequence[str],
    begun: Begun,
    extra: Mapping[str, str],
    *,
    must: Mapping[str, str] | None = None,
) -> str:
    """Return the address to open in the browser; what ``must`` says overrides ``extra``."""
    challenge = hashlib.sha256(begun.verifier.encode()).digest()
    parameters = {
        **({"prompt": "consent"} if "offline_access" in scopes else {}),  # Core section 11
        **{name: value for name, value in extra.items() if name not in RESERVED},
        **(must or {}),
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": begun.redirect_uri,
        "scope": " ".join(scopes),
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
    return metadata.authorization_endpoint + joint + urlencode(parameters)


def code_of(answer: Mapping[str, Any], begun: Begun, metadata: Metadata) -> str:
    """Return the code that the browser brought; raise UntrustedError, RefusedError."""
    state = answer.get("state")
    if not isinstance(state, str) or not hmac.compare_digest(state.encode(), begun.state.encode()):
        raise UntrustedError("the browser came back from another login (its state differs)")
    issuer = answer.get("iss")
    if issuer is None and metadata.sends_issuer:
        raise UntrustedError("the browser came back without the name of its provider")
    if issuer is not None and issuer != metadata.issuer:
        raise UntrustedError("the browser came back from another identity provider")
    if answer.get("error") is not None:
        raise RefusedError(error_code(answer["error"]))
    code = answer.get("code")
    if not isinstance(code, str) or not 1 <= len(code) <= _MAX_CODE or not code.isascii():
        raise UntrustedError("the browser came back without a code")
    return code


def error_code(value: object) -> str:
    """Return an error code of OAuth 2.0 as it may be shown."""
    if not isinstance(value, str) or not 1 <= len(value) <= 64:  # noqa: PLR2004 - codes are words
        return "it gave no reason"
    return value if set(value) <= _ERROR_LETTERS else "it gave a strange reason"
