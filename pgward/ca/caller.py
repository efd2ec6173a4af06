"""Who asks: the network address of the request that is being answered, for audit events."""

import random
import re
from contextvars import ContextVar
from dataclasses import dataclass, field

from pgward.core import names

client: ContextVar[str | None] = ContextVar("client", default=None)

SYSTEM = "system:ca"
UNKNOWN = names.UNKNOWN
# W3C Trace Context, section 3.2: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-.{2}")


def _new_id() -> str:
    # It names a request and nothing relies on it, so the system need not be asked for randomness.
    return f"{random.getrandbits(64):016x}"


@dataclass(slots=True)
class Asked:
    """One request, as the log tells of it; who proves to be someone becomes its ``actor``.

    ``session`` is the login session that asks, and ``group`` what its owner must be a member of,
    until a change has seen that it still is so.
    """

    id: str = field(default_factory=_new_id)
    trace_id: str | None = None
    actor: str | None = None
    session: str | None = None
    group: str | None = None

    def ids(self) -> dict[str, str]:
        """Return what finds this request again in logs and traces."""
        trace = {"trace_id": self.trace_id} if self.trace_id else {}
        return {"request_id": self.id, **trace}


asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


def trace_id(traceparent: str) -> str | None:
    """Return the trace id in a ``traceparent`` header; None when it is malformed."""
    # A later version may add fields after another dash (section 4).
    match = _TRACEPARENT.match(traceparent)
    if match is None or (traceparent[:2] == "00" and match.end() != len(traceparent)):
        return None
    return match[1] if traceparent[match.end() :][:1] in ("", "-") else None


def is_now(actor: str, session: str | None = None, group: str | None = None) -> None:
    """Note who proved to be asking, in which login session, and as member of which group."""
    request = asked.get()
    if request is not None:
        request.actor, request.session, request.group = actor, session, group
