"""Codes of authenticator apps: TOTP (RFC 6238) over HOTP (RFC 4226), pure.

SHA-1, six digits and 30 seconds: what every app understands, and several apps ignore what else a
URI asks for. HMAC does not rest on what is broken in SHA-1. A step's code is good for one login.
"""

import hashlib
import hmac
import secrets
from base64 import b32encode
from urllib.parse import quote, urlencode

DIGITS = 6
PERIOD = 30  # seconds
SECRET_BYTES = 20  # RFC 4226 section 4, R6
WINDOW = 1  # steps that the phone's clock, or the person, may be early or late


def new_secret() -> bytes:
    """Return a new secret."""
    return secrets.token_bytes(SECRET_BYTES)


def text_of(secret: bytes) -> str:
    """Write a secret as apps take it when it is typed: base32 without padding."""
    return b32encode(secret).decode("ascii").rstrip("=")


def uri(secret: bytes, *, user: str, issuer: str) -> str:
    """Return the otpauth:// URI that apps read from a QR code."""
    # The label's colon parts issuer from user, so none may come from either.
    label = quote(issuer.replace(":", ""), safe="") + ":" + quote(user, safe="@")
    fields = {
        "secret": text_of(secret),
        "issuer": issuer.replace(":", ""),
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": PERIOD,
    }
    return f"otpauth://totp/{label}?{urlencode(fields, quote_via=quote)}"


def step_at(moment: float) -> int:
    """Return the number of the step of a time in seconds since 1970."""
    return int(moment // PERIOD)


def code_of(secret: bytes, step: int) -> str:
    """Return the code of a step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: bytes, code: str, *, now: float, last_step: int | None) -> int | None:
    """Return the step whose code this is, to be stored as ``last_step``; None when it is wrong.

    Steps up to ``last_step`` count as used: a code that was seen over a shoulder is worth nothing
    after its login, nor is any older one.
    """
    given = "".join(code.split()).encode("utf-8", "replace")
    present = step_at(now)
    found: int | None = None
    for step in range(max(0, present - WINDOW), present + WINDOW + 1):  # all of them, always
        same = hmac.compare_digest(code_of(secret, step).encode(), given)
        if same and (last_step is None or step > last_step):
            found = step
    return found
