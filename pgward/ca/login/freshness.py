"""Whether a login is fresh enough to change what its person proves themselves with.

Whoever holds a login session from this morning, or finds one open on a desk, must not get a factor
of their own, nor take one away. So the session must have begun a few minutes ago, as long as a
login itself may take; and with a second factor if the person has one, which a new one would get
around: also who has one since that session began only, as it may be a thief's. What a provider
vouches for is no such factor.
"""

from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login.factors import present
from pgward.ca.login.factors.factor import OWN
from pgward.ca.settings import Settings
from pgward.core.errors import DeniedError

FRESH = timedelta(minutes=10)


def check(connection: Connection, session: LoginSession, settings: Settings, now: datetime) -> None:
    """Raise DeniedError unless the session is new, and began with a factor if there is one."""
    # A clock that was put back makes nothing fresh.
    if abs(now - session.created_at) >= FRESH:
        minutes = int(FRESH.total_seconds() // 60)
        raise DeniedError(
            f"this needs a login of the last {minutes} minutes",
            hint="pgward login, then once more",
        )
    check_factor(connection, session, settings)


def check_factor(connection: Connection, session: LoginSession, settings: Settings) -> None:
    """Raise DeniedError when there is a second factor, and the session began without one."""
    has_one = present.has_any(connection, session.user.name, settings)
    if has_one and OWN.isdisjoint(session.factors):
        raise DeniedError(
            "this needs a login with a second factor, as you have one",
            hint="pgward login, with a code or --method passkey, then once more",
        )


def is_fresh(
    connection: Connection, session: LoginSession, settings: Settings, now: datetime
) -> bool:
    """Tell whether ``check`` lets it pass."""
    try:
        check(connection, session, settings, now)
    except DeniedError:
        return False
    return True
