"""The browser that visits: what it is called, and the cookies that it keeps for us.

A browser is to a login session what a device's key is in the terminal: the session is bound to it,
and it can be approved, listed and revoked as a device. Its id is a secret of 256 bits that only
this browser knows. A session begun here has no key, so its token opens nothing of the API; and a
token of a terminal's session opens nothing here.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Self

from fastapi import Request, Response

SESSION = "__Host-pgward"
BROWSER = "__Host-pgward-browser"
FLOW = "__Host-pgward-flow"
"""A sign-in that went elsewhere, to an identity provider, and comes back."""
TOLD = "__Host-pgward-told"
"""What a page has done, for the page after it to say."""
_YEAR = 365 * 24 * 3600
_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_PURPOSE = b"pgward browser\0"
# In this order: others call themselves what they are not.
_PROGRAMS = ("Edg", "OPR", "Firefox", "Chromium", "Chrome", "Safari")
_NAMES = {"Edg": "Edge", "OPR": "Opera"}
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android")),
    *(("Mac OS X", "macOS"), ("Windows", "Windows"), ("Linux", "Linux")),
)


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser; ``is_new`` if it has not been told its id yet."""

    id: str = field(repr=False)
    name: str
    is_new: bool = False

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return the browser that asks, with a fresh id if it has none."""
        name = named(request.headers.get("user-agent", ""))
        found = request.cookies.get(BROWSER, "")
        if _ID.fullmatch(found):
            return cls(found, name)
        return cls(secrets.token_urlsafe(32), name, is_new=True)

    @property
    def thumbprint(self) -> str:
        """What stands at a login session in the place of a key's: no key can have it."""
        digest = hashlib.sha256(_PURPOSE + self.id.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def remember(self, response: Response) -> None:
        """Have the browser keep its id."""
        if self.is_new:
            keep(response, BROWSER, self.id, seconds=_YEAR)


def keep(response: Response, name: str, value: str, *, seconds: int) -> None:
    """Set a cookie that only we read, and only over TLS (RFC 6265bis section 4.1.3.2)."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )


def forget(response: Response, name: str) -> None:
    """Take a cookie away."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def named(agent: str) -> str:
    """Return what people call a browser that names itself so (RFC 9110 section 10.1.5)."""
    program = next((each for each in _PROGRAMS if f"{each}/" in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    shown = "Browser" if program is None else _NAMES.get(program, program)
    return shown if system is None else f"{shown} on {system}"
