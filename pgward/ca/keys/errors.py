"""What can be wrong with a place where keys are kept."""

from pgward.core.errors import InvalidInputError, UnavailableError


class SigningError(UnavailableError):
    """The key cannot be reached or used now: the token is away, the helper did not answer."""


class PinError(InvalidInputError):
    """The token refuses the PIN, or takes none any more; nobody tries again with that one."""
