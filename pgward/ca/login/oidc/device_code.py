"""Logging in on a machine without a browser: a short code, typed elsewhere (RFC 8628)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from pgward.ca.login.oidc.errors import RefusedError, UntrustedError
from pgward.ca.login.oidc.metadata import is_https

DEFAULT_INTERVAL = 5
SLOWER_BY = 5
_MAX_INTERVAL = 60
_MAX_CODE = 4096
_MAX_USER_CODE = 64
_MAX_LIFETIME = 1800


@dataclass(frozen=True, slots=True)
class Waiting:
    """A login that waits for the person; times in seconds since 1970."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    interval: int
    expires_at: float

    @classmethod
    def read(cls, reply: Mapping[str, Any], now: datetime) -> Self:
        """Read the provider's answer; raise UntrustedError (section 3.2)."""
        secret, shown = reply.get("device_code"), reply.get("user_code")
        if not _is_text(secret, _MAX_CODE) or not _is_text(shown, _MAX_USER_CODE):
            raise UntrustedError("it gave no code to type")
        # Early drafts, and Google, call it an URL.
        uri = reply.get("verification_uri", reply.get("verification_url"))
        complete = reply.get("verification_uri_complete")
        if not is_https(uri):
            raise UntrustedError("it gave no HTTPS address to type the code at")
        interval = _whole(reply.get("interval"), DEFAULT_INTERVAL)
        lifetime = _whole(reply.get("expires_in"), 0)
        if not lifetime:
            raise UntrustedError("it did not say how long the code is good")
        return cls(
            device_code=str(secret),
            user_code=str(shown),
            verification_uri=str(uri),
            verification_uri_complete=str(complete) if is_https(complete) else None,
            interval=min(interval, _MAX_INTERVAL),
            expires_at=now.timestamp() + min(lifetime, _MAX_LIFETIME),
        )

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what ``to_state`` wrote."""
        return cls(**{name: state[name] for name in cls.__dataclass_fields__})

    def to_state(self) -> dict[str, Any]:
        """Return what must be kept, sealed, between polls."""
        return asdict(self)

    def public(self, now: datetime) -> dict[str, Any]:
        """Return what the person is shown, and how often to ask."""
        return {
            "user_code": self.user_code,
            "verification_uri": self.verification_uri,
            "verification_uri_complete": self.verification_uri_complete,
            "interval": self.interval,
            "expires_in": max(0, round(self.expires_at - now.timestamp())),
        }

    def is_over(self, now: datetime) -> bool:
        """Tell whether the code is no longer good."""
        return now.timestamp() >= self.expires_at

    def after(self, error: RefusedError) -> Self:
        """Return how to go on after a refusal; raise it when there is no going on."""
        if error.error == "authorization_pending":
            return self
        if error.error == "slow_down":
            return replace(self, interval=min(self.interval + SLOWER_BY, _MAX_INTERVAL))
        if error.error == "expired_token":
            raise RefusedError("the code has expired", hint="pgward login")
        raise error


def _is_text(value: object, most: int) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= most
        and value.isascii()
        and value.isprintable()
    )


def _whole(value: object, default: int) -> int:
    """Return seconds, which some providers send as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:  # noqa: PLR2004
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e8:  # noqa: PLR2004
        return default
    return max(1, round(value))
