"""Who asks: the network address of the request that is being answered, for audit events."""

from contextvars import ContextVar

from pgward.core import names

client: ContextVar[str | None] = ContextVar("client", default=None)

SYSTEM = "system:ca"
UNKNOWN = names.UNKNOWN
