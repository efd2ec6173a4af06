"""Login rules at renewal: they may have changed since the login, and so may the device."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pgward.ca.identity import posture
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login.factors.factor import SECOND
from pgward.ca.login.rules import LoginRules
from pgward.core.errors import DeniedError, LoginNeededError

POSTURE_REFUSED = "this device may not be used now"


def session_ends(rules: LoginRules, session: LoginSession, now: datetime) -> datetime:
    """Return when the session ends under today's rules; raise LoginNeededError when it is over."""
    ends = session.expires_at
    if session.created_at + rules.session < ends:
        ends = (session.created_at + rules.session).replace(microsecond=0)
        if ends <= now:
            raise LoginNeededError("your login session is older than the login rules allow now")
    if rules.methods is not None and session.method not in rules.methods:
        raise LoginNeededError(
            f"you logged in with the method {session.method},"
            f" which login rule {', '.join(rules.names)} does not allow any more"
        )
    if rules.second_factor and SECOND.isdisjoint(session.factors):
        raise LoginNeededError("the login rules require a second factor now")
    return ends


def check_posture(rules: LoginRules, report: Mapping[str, Any] | None) -> None:
    """Raise DeniedError when the device does not report what the rules want."""
    found = [each for wanted in rules.posture for each in posture.problems(wanted, report)]
    if found:
        told = "; ".join(dict.fromkeys(found))
        raise DeniedError(
            f"{POSTURE_REFUSED}: {told}",
            hint="set that right on this machine; it is reported at the next renewal",
        )
