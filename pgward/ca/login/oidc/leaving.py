"""Logging out at the provider, too (OpenID Connect RP-Initiated Logout 1.0).

The browser has to do it: the login there is a cookie of its own. We keep no ID token that could
be the ``id_token_hint``, so the provider may ask the person whether it is meant, and some, as
Okta, insist on one. Its name of the login, if it told one, is the ``logout_hint``.
"""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from anyio.to_thread import run_sync

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login.oidc.metadata import Metadata
from pgward.ca.login.oidc.methods import METHODS
from pgward.ca.login.oidc.providers import Providers
from pgward.core.errors import NotFoundError, PgwardError

_PATIENCE = 3.0  # seconds that a logout waits for a provider's metadata


@dataclass(frozen=True, slots=True)
class Standing:
    """A login at a provider that outlives the one here; ``url`` None when it has no such page."""

    provider: str
    url: str | None


async def standing(providers: Providers, session: LoginSession) -> Standing | None:
    """Return what goes on at the provider of a login session, None for one of no provider."""
    if session.provider is None or session.method not in METHODS:
        return None
    try:
        known = await run_sync(providers.get, session.provider)
    except NotFoundError:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            metadata = await known.provider.metadata()
    except (PgwardError, TimeoutError):
        return Standing(known.name, None)  # a logout never fails because a provider is away
    return Standing(known.name, url(metadata, known.spec.client_id, session.provider_sid))


def url(metadata: Metadata, client_id: str, sid: str | None) -> str | None:
    """Return the page that ends the provider's login (section 2), if it has one."""
    page = metadata.end_session_endpoint
    if page is None:
        return None
    hint = {} if sid is None else {"logout_hint": sid}
    joint = "&" if urlsplit(page).query else "?"
    return page + joint + urlencode({"client_id": client_id} | hint)
