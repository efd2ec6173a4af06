"""What becomes of an access request, and of the grant that an approved one is: two tables.

A request waits (pending) until people approve or deny it, its person cancels it, or nobody answers
in time (lapsed). An approved one is a grant: pending until the connector has made what it gives,
active while its rights exist, ending while the connector takes them away, and ended.
"""

from collections.abc import Mapping
from typing import Final

from pgward.core.errors import ConflictError

PENDING: Final = "pending"
APPROVED: Final = "approved"
DENIED: Final = "denied"
CANCELLED: Final = "cancelled"
LAPSED: Final = "lapsed"

ACTIVE: Final = "active"
ENDING: Final = "ending"
ENDED: Final = "ended"
LIVE: Final = (PENDING, ACTIVE)
"""States of a grant that has not come to its end."""
NOT_OVER: Final = (PENDING, ACTIVE, ENDING)
"""States of a grant of which a server may still have something."""

REQUESTS: Final[Mapping[str, Mapping[str, str]]] = {
    PENDING: {"approve": APPROVED, "deny": DENIED, "cancel": CANCELLED, "lapse": LAPSED},
    APPROVED: {},
    DENIED: {},
    CANCELLED: {},
    LAPSED: {},
}
GRANTS: Final[Mapping[str, Mapping[str, str]]] = {
    PENDING: {"activate": ACTIVE, "end": ENDING, "finish": ENDED},
    # A connector that comes back reports again what it has.
    ACTIVE: {"activate": ACTIVE, "end": ENDING, "finish": ENDED},
    # Activated and ended may be reported out of their order: what ends, ends.
    ENDING: {"activate": ENDING, "end": ENDING, "finish": ENDED},
    ENDED: {"activate": ENDED, "end": ENDED, "finish": ENDED},
}
EXPIRED: Final = "expired"
REVOKED: Final = "revoked"
BLOCKED: Final = "blocked"
REMOVED: Final = "removed"
FAILED: Final = "failed"
END_REASONS: Final = (EXPIRED, REVOKED, CANCELLED, BLOCKED, REMOVED, FAILED)
"""Why a grant ended; removed: who or what it rests on is gone, or gives it no more."""


def request_after(state: str, act: str) -> str:
    """Return the state of a request after an act; ConflictError when it is decided already."""
    after = REQUESTS[state].get(act)
    if after is None:
        raise ConflictError(
            f"the request is {state} already",
            hint="pgward requests show ID tells what became of it",
        )
    return after


def grant_after(state: str, act: str) -> str:
    """Return the state of a grant after an act; one that changes nothing gives the same state."""
    return GRANTS[state][act]
