"""Back-channel logout: the provider tells us that a login there has ended."""

from anyio.to_thread import run_sync
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from pgward.ca.identity import external
from pgward.ca.login.oidc import ending, logout_token
from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.logout_token import Logout
from pgward.ca.login.oidc.office import Office
from pgward.ca.store.schema_login import used_flows

_WHY = "the identity provider ended the login"


async def log_out(office: Office, name: str, token: str) -> int:
    """End the sessions that a provider's logout token names; return how many.

    Raises UntrustedError for a token that is not the provider's, or was used before.
    """
    known = await run_sync(office.providers.get, name)
    claims, header = await known.provider.verified(token, what="logout token")
    found = logout_token.read(
        claims,
        header,
        issuer=known.spec.issuer,
        client_id=known.spec.client_id,
        now=office.desk.now(),
    )
    return await run_sync(_end, office, known.name, found)


def _end(office: Office, name: str, found: Logout) -> int:
    """End them in the transaction that uses the token up: else a retry would find it used."""
    desk, now = office.desk, office.desk.now()
    row = {"id": found.id, "expires_at": now + logout_token.REMEMBERED}
    with desk.store.write() as transaction:
        try:
            transaction.execute(insert(used_flows).values(row))
        except IntegrityError:
            raise UntrustedError("the logout token was used before") from None
        sessions = external.sessions_of(
            transaction.connection, name, now=now, subject=found.subject, sid=found.sid
        )
        return ending.end(desk.acts, office.revoker, sessions, _WHY, now=now, provider=name)
