"""The site of the login page, to which passkeys belong."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pgward.ca.settings import Settings
from pgward.core.errors import InvalidInputError

PATH = "/login"
_DEFAULT_PORT = 443


@dataclass(frozen=True, slots=True)
class Site:
    """WebAuthn's relying party: ``id`` is its host, ``origin`` has scheme and port, too."""

    id: str
    origin: str
    name: str

    def page(self, visit: str, state: str) -> str:
        """Return the address of the login page for a sealed visit.

        ``state`` is for the client, which tells its own redirect by it from others.
        """
        return f"{self.origin}{PATH}?visit={visit}&state={state}"


def of(settings: Settings) -> Site | None:
    """Return the site that settings name; None when its host is an address, not a name.

    Browsers make passkeys for domain names only (WebAuthn section 5.1.3).
    """
    parts = urlsplit(settings.login.page_url or settings.ca.url)
    host = (parts.hostname or "").lower()
    try:
        ip_address(host)
    except ValueError:
        port = parts.port or _DEFAULT_PORT
        origin = f"https://{host}" if port == _DEFAULT_PORT else f"https://{host}:{port}"
        return Site(host, origin, settings.ca.name)
    return None


def needed(settings: Settings) -> Site:
    """Return the site; raise InvalidInputError when passkeys cannot work at this address."""
    found = of(settings)
    if found is None:
        raise InvalidInputError(
            f"passkeys need a host name, and this authority's address is {settings.ca.url}",
            hint="an administrator sets url in [ca], or page_url in [login], to one with a name",
        )
    return found
