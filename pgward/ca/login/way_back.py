"""Where a browser goes back to: the portal, or a listener on loopback (RFC 8252 7.3)."""

from urllib.parse import urlencode, urlsplit

from pgward.ca.settings import Settings
from pgward.core.errors import InvalidInputError

CALLBACK = "/callback"
PAGE = "/sign-in/back"
"""The portal's own page, for who signs in there."""
_HOSTS = ("127.0.0.1", "::1")
_MAX_LENGTH = 100
_NAME = "redirect_uri"


def origin(settings: Settings) -> str:
    """Return where browsers find the portal, as they write it (RFC 6454 section 6.2)."""
    url = settings.login.page_url or settings.ca.url
    return url.rstrip("/").lower().removesuffix(":443")


def own(settings: Settings) -> str:
    """Return the address of the portal's page."""
    return origin(settings) + PAGE


def checked(uri: str | None, own: str = "") -> str:
    """Return an address on loopback with a port, or ``own``; raise InvalidInputError.

    The name ``localhost`` is refused: what it resolves to is not for us to say (section 8.3).
    """
    if uri and uri == own:
        return uri
    if uri is None:
        raise InvalidInputError(f"{_NAME} is needed for this method")
    try:
        port = urlsplit(uri).port if len(uri) <= _MAX_LENGTH else None
    except ValueError:
        port = None
    if not port or uri not in {_address(host, port) for host in _HOSTS}:
        raise InvalidInputError(
            f"{_NAME} is not an address on loopback",
            hint=f"it must be http://127.0.0.1:PORT{CALLBACK}",
        )
    return uri


def with_query(uri: str, **query: str) -> str:
    """Return a checked address with a query."""
    return f"{uri}?{urlencode(query)}"


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{CALLBACK}"
