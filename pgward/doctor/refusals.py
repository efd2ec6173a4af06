"""Refusals of an edge as findings: which of them are about the person, and which are not."""

from pgward.core.errors import PgwardError
from pgward.doctor import messages
from pgward.doctor.finding import Finding, fail
from pgward.tunnel.preface import Reason, RefusedError

_BEHIND = "the edge is well; the network behind it, or PostgreSQL itself, is not"
_WHY = {
    Reason.STALE: "the edge has heard nothing of its CA for longer than a revocation list lasts",
    Reason.UNREACHABLE: _BEHIND,
    Reason.LIMIT: "the edge has a limit for each person, and one for all",
}
_CODES = {Reason.DENIED: 3, Reason.BLOCKED: 3, Reason.REVOKED: 3, Reason.EXPIRED: 4}


def of_refusal(check: str, error: PgwardError, raw: str = "") -> Finding:
    """Return the failure of what an edge said; ``raw`` is the TLS library's text, if any."""
    why, code = "", 1
    if isinstance(error, RefusedError):
        why, code = _WHY.get(error.reason, ""), _CODES.get(error.reason, 1)
    meaning = messages.translate(raw)
    return fail(
        check,
        error.message.replace("\n", "; "),
        why or (meaning.meaning if meaning else ""),
        error.hint or "",
        code,
    )
