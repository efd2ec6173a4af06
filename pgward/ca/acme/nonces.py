"""Anti-replay nonces (RFC 8555 section 6.5) that any replica makes and any replica accepts, once.

A nonce is its end and 88 random bits under a MAC, so making one writes nothing: strangers may ask
for as many as they like. Used ones are kept in the store until they end.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pgward.ca.acme.problems import AcmeError
from pgward.ca.store import Store
from pgward.ca.store.schema_acme import acme_nonces
from pgward.pki import jws as base64url

LIFETIME = timedelta(hours=1)
_TIME, _RANDOM, _MAC = 5, 11, 16


def make(key: bytes, now: datetime) -> str:
    """Return a new nonce of 43 characters."""
    end = int((now + LIFETIME).timestamp())
    body = end.to_bytes(_TIME) + secrets.token_bytes(_RANDOM)
    return base64url.encode(body + _mac(key, body))


def check(key: bytes, nonce: str, now: datetime) -> datetime:
    """Return when a nonce of ours ends; raise AcmeError ``badNonce``."""
    try:
        data = base64url.decode(nonce)
    except base64url.JwsError as error:
        raise bad_nonce() from error
    body, mac = data[: _TIME + _RANDOM], data[_TIME + _RANDOM :]
    if len(data) != _TIME + _RANDOM + _MAC or not hmac.compare_digest(_mac(key, body), mac):
        raise bad_nonce()
    end = datetime.fromtimestamp(int.from_bytes(body[:_TIME]), UTC)
    if not now <= end <= now + LIFETIME + timedelta(minutes=5):  # our clock may have been ahead
        raise bad_nonce()
    return end


def use(store: Store, nonce: str, ends: datetime) -> None:
    """Use a nonce up, for all replicas; raise AcmeError ``badNonce`` the second time."""
    with store.write() as transaction:
        try:
            transaction.execute(sa.insert(acme_nonces).values(nonce=nonce, expires_at=ends))
        except IntegrityError as error:
            raise bad_nonce() from error


def bad_nonce() -> AcmeError:
    """Return the error that has a client try again with the nonce that comes with it."""
    return AcmeError("badNonce", "the nonce was used before, has expired or is not ours")


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()[:_MAC]
