"""Ending login sessions because their provider says so, with the certificates issued in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pgward.ca.acts import Acts
from pgward.ca.identity import sessions
from pgward.ca.revoking.revocation import Revoker


def end(
    acts: Acts,
    revoker: Revoker,
    found: Mapping[str, Sequence[str]],
    why: str,
    *,
    now: datetime,
    provider: str,
) -> int:
    """End sessions, given by whose they are; return how many, which audit events tell, too."""
    count = 0
    for user, ids in found.items():
        with acts.act(user, "session.end") as act:
            ended = [
                each
                for id_ in ids
                for each in sessions.end(act.transaction, why, now=now, session_id=id_)
            ]
            act.worth_recording = bool(ended)
            serials = revoker.end_sessions(act.transaction, user, ended, now=now) if ended else []
            act.target = ended[0] if len(ended) == 1 else None
            act.details |= {
                "provider": provider,
                "reason": why,
                "sessions": len(ended),
                "revoked": len(serials),
            }
            count += len(ended)
    return count
