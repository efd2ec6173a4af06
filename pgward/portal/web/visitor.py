"""Who visits: a login session in a cookie, bound to the browser that began it."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login import way_back
from pgward.ca.service import auth
from pgward.ca.service.context import Context, Current
from pgward.core.errors import LoginNeededError
from pgward.portal.web.browser import SESSION, Browser


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in."""

    session: LoginSession
    browser: Browser
    token: str = field(repr=False)


def visitor(context: Current, request: Request) -> Visitor:
    """Return who is signed in; raise LoginNeededError, DeniedError for a copied cookie."""
    token = request.cookies.get(SESSION, "")
    if not token:
        raise LoginNeededError
    browser = Browser.of(request)
    session = auth.living(context, token)
    if session.thumbprint != browser.thumbprint:
        auth.refuse_device(context, request, session, browser.thumbprint)
    auth.admit(context, session)
    return Visitor(session, browser, token)


Signed = Annotated[Visitor, Depends(visitor)]


def origin(context: Context, request: Request) -> str:
    """Return the origin under which the browser knows us; InvalidInputError for a strange one."""
    own = way_back.origin(context.desk.settings)
    host = request.headers.get("host", "").lower().removesuffix(":443")
    if own == f"https://{host}":  # which may be known to browsers only
        return own
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    plain = path.partition(b"?")[0].decode("latin-1")
    # As browsers write it (RFC 6454 section 6.2).
    return context.url_of(request).removesuffix(plain).removesuffix(":443")
