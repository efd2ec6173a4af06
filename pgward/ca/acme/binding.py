"""External account binding: a MAC over the account's key (RFC 8555 section 7.3.4)."""

import hashlib
import hmac

from pgward.ca.acme import jwk, jws
from pgward.ca.acme.jwk import AccountKey
from pgward.ca.acme.jws import SignedMessage
from pgward.ca.acme.problems import AcmeError, malformed, unauthorized

_DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def read(value: object, url: str, key: AccountKey) -> tuple[str, SignedMessage]:
    """Check the form of a binding; return the id of the EAB key, and what ``verify`` takes."""
    message = jws.parse_inner(value)
    if message.algorithm not in _DIGESTS:
        raise AcmeError(
            "badSignatureAlgorithm",
            "the external account binding needs a MAC",
            algorithms=tuple(_DIGESTS),
        )
    if message.kid is None or message.key is not None:
        raise malformed("the external account binding needs kid, and no jwk")
    if message.url != url:
        raise malformed("the external account binding is for another url")
    if jwk.read(message.json()) != key:
        raise malformed("the external account binding is for another account key")
    return message.kid, message


def verify(message: SignedMessage, secret: bytes) -> None:
    """Raise AcmeError unless the MAC was made with this secret."""
    made = hmac.new(secret, message.signed, _DIGESTS[message.algorithm]).digest()
    if not hmac.compare_digest(made, message.signature):
        raise unknown_key()


def unknown_key() -> AcmeError:
    """Return the one answer for a wrong key id and a wrong MAC."""
    return unauthorized(
        "the external account key is unknown, or its HMAC key is another one;"
        " an administrator makes one with: pgward ca acme key create"
    )
