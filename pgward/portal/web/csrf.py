"""That a form was sent from a page of ours: what the browser says, and a token in the form.

The token is made of the browser's id, which no other site can read, and masked anew in each page,
so that compressed answers do not give it away (BREACH).
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from fastapi import Request

from pgward.core.errors import DeniedError
from pgward.portal.web.browser import Browser

FIELD = "csrf"
HEADER = "x-csrf"
_LENGTH = 32
_PURPOSE = b"pgward form"
_MOST = 100


def token(browser: Browser) -> str:
    """Return a token for one page."""
    mask = secrets.token_bytes(_LENGTH)
    return urlsafe_b64encode(mask + _xor(mask, _secret(browser))).rstrip(b"=").decode("ascii")


def check(request: Request, browser: Browser, origin: str, given: str) -> None:
    """Raise DeniedError unless the request comes from a page of ours at ``origin``."""
    origins = request.headers.getlist("origin")
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    if origins != [origin] or fetched != "same-origin" or not _is_ours(browser, given):
        raise DeniedError(
            "the form was not sent from a page of this authority",
            hint="open the page anew, and try again",
        )


def _is_ours(browser: Browser, given: str) -> bool:
    if browser.is_new or len(given) > _MOST or not given.isascii():
        return False
    try:
        found = urlsafe_b64decode(given + "=" * (-len(given) % 4))
    except ValueError:
        return False
    mask, masked = found[:_LENGTH], found[_LENGTH:]
    return len(masked) == _LENGTH and hmac.compare_digest(_xor(mask, masked), _secret(browser))


def _secret(browser: Browser) -> bytes:
    return hmac.digest(browser.id.encode(), _PURPOSE, hashlib.sha256)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
