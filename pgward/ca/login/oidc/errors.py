"""What can go wrong with an identity provider, and whose fault it is.

No message holds what a token or a provider's answer says, but for error codes of OAuth 2.0.
"""

from pgward.core.errors import DeniedError, UnavailableError


class UntrustedError(DeniedError):
    """What the provider, or somebody in its name, answered is not believed."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the identity provider's answer is not believed: {why}",
            hint="try again; if it stays so, an administrator runs pgward idp test",
        )


class ProviderAwayError(UnavailableError):
    """The provider could not be reached, or did not answer as one that works."""

    def __init__(self, why: str, *, hint: str | None = None) -> None:
        super().__init__(
            f"the identity provider cannot be used now: {why}",
            hint=hint or "try again; if it stays so, an administrator runs pgward idp test",
        )


class RefusedError(DeniedError):
    """The provider said no; ``error`` is OAuth 2.0's code (RFC 6749 section 5.2)."""

    def __init__(self, error: str, *, hint: str | None = None) -> None:
        super().__init__(f"the identity provider refused: {error}", hint=hint)
        self.error = error


class NotFreshError(DeniedError):
    """The provider was asked to log somebody in anew, and did not, or not so that it shows."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the identity provider did not log you in anew: {why}",
            hint="it must honour prompt=login and max_age=0, and say auth_time in the ID token:"
            " an administrator can have it so, or have the service accept another factor",
        )


class NotAllowedError(DeniedError):
    """The provider knows the person, and our rules do not let that person in."""
