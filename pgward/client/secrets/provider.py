"""What every provider is, and what it raises."""

from typing import Protocol

from pgward.client.secrets.reference import SecretRef
from pgward.core.errors import PgwardError, UnavailableError

MAX_BYTES = 16 * 1024


class SecretError(PgwardError):
    """There is no such secret, or this edge may not have it: asking again soon is no use.

    Messages say which secret is meant, and never hold any of one.
    """

    code = "secret"


class SecretAwayError(UnavailableError):
    """The place where the secret is cannot be asked now: one that is known still counts."""


class SecretProvider(Protocol):
    """Gets secrets from one kind of place; blocks, and may be called from any thread."""

    def get(self, reference: SecretRef, *, refused: bool = False) -> bytes:
        """Return the secret; raise SecretError, SecretAwayError.

        ``refused``: PostgreSQL did not take the one that was given last. Where the place knows of
        one that is to come it is that one.
        """
        ...


def value(data: bytes, where: str) -> bytes:
    """Return a secret without the end of its line, if it is one line; raise SecretError."""
    if data.count(b"\n") <= 1:
        data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise SecretError(f"{where} is empty")
    if len(data) > MAX_BYTES:
        raise SecretError(f"{where} is longer than {MAX_BYTES} bytes")
    return data
