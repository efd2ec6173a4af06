"""Whether somebody has a second factor of their own."""

from sqlalchemy.engine import Connection

from pgward.ca.identity import second_factors
from pgward.ca.login.passkeys import credentials, site
from pgward.ca.settings import Settings


def has_any(connection: Connection, user: str, settings: Settings) -> bool:
    """Tell whether there is an authenticator app, or a passkey where passkeys can work.

    Recovery codes alone are none: they stand in for a factor that was lost.
    """
    if second_factors.totp(connection, user) is not None:
        return True
    return site.of(settings) is not None and credentials.any_of(connection, user)
