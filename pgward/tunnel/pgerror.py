"""The few PostgreSQL messages that a byte relay must know.

Enough to tell a client why it is turned away in words that psql prints; ``pgward.pgwire`` has the
whole protocol.
"""

from pgward.pgwire import backend, startup
from pgward.pgwire.errors import WireError


def is_cancel(first: bytes) -> bool:
    """Tell whether ``first`` is a CancelRequest and nothing else: no session follows."""
    try:
        found = startup.read(first)
    except WireError:
        return False
    return isinstance(found, startup.Cancel) and found.size == len(first)


def fatal(message: str, hint: str | None = None, *, sqlstate: str = "28000") -> bytes:
    """Return an ErrorResponse of severity FATAL; NUL bytes in the texts are dropped."""
    return backend.error("FATAL", sqlstate, f"pgward: {message}", hint=hint)
