"""A page that a browser visits for a command, which waits on loopback for what it brings back."""

import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from pgward.core.errors import UnavailableError
from pgward.system import terminal


class Waits(Protocol):
    """Waits for the redirect with this state (`loopback.Loopback`)."""

    def wait(self, state: str | None) -> dict[str, str]:
        """Return its parameters."""
        ...


def visit(url: str, loopback: Waits, *, browser: bool, verb: str = "log in") -> dict[str, str]:
    """Open a page, or have it opened; return what the browser brings back."""
    show(url, browser=browser, verb=verb)
    return loopback.wait(parse_qs(urlsplit(url).query).get("state", [None])[0])


def show(url: str, *, browser: bool, verb: str) -> None:
    """Open a page, or tell which one is to be opened."""
    opened = False
    if browser:
        with suppress(webbrowser.Error):
            opened = webbrowser.open(url)
    if opened:
        terminal.prompt(f"{verb} with the browser that opens; if none does, open\n{url}")
    else:
        terminal.prompt(f"open this page in a browser on this machine:\n{url}")


def url_in(facts: Mapping[str, object], name: str = "url") -> str:
    """Return an address that a browser may be sent to: a lying CA must not start programs."""
    url = facts.get(name)
    if not isinstance(url, str) or not url.isascii() or not url.isprintable():
        raise UnavailableError("the CA's question cannot be read", hint="look at the CA's version")
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not (parts.scheme == "https" or local) or not parts.hostname:
        raise UnavailableError(f"the CA sends the browser to no web page: {url[:100]}")
    return url


def with_way_back(url: str, redirect_uri: str) -> str:
    """Tell a page of the CA's that was not told yet where to send the browser."""
    return f"{url}&{urlencode({'redirect_uri': redirect_uri})}"
