"""Flows: attempts on their way through the hands of a client, sealed, for ten minutes.

Each leads to one session at most: ``use_up`` stands in the transaction that starts it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.login.attempt import Attempt
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import used_flows
from pgward.core.errors import DeniedError

LIFETIME = timedelta(minutes=10)
MAX_LENGTH = 48 * 1024
_PURPOSE = "login flow"
_AGAIN = "pgward login"


def seal(sealer: Sealer, attempt: Attempt) -> str:
    """Return the flow of an attempt."""
    return urlsafe_b64encode(sealer.seal(_PURPOSE, attempt.dump())).rstrip(b"=").decode("ascii")


def unseal(sealer: Sealer, flow: str, *, thumbprint: str, now: datetime) -> Attempt:
    """Return the attempt that this device began; raise DeniedError."""
    try:
        data = urlsafe_b64decode(flow + "=" * (-len(flow) % 4))
        attempt = Attempt.load(sealer.open(_PURPOSE, data))
    except (SealError, ValueError):
        raise DeniedError("the login is not one of this authority's", hint=_AGAIN) from None
    if attempt.thumbprint != thumbprint:
        raise DeniedError("the login was begun by another device", hint=_AGAIN)
    if now >= attempt.began_at + LIFETIME:
        raise DeniedError("the login took too long", hint=_AGAIN)
    return attempt


def use_up(transaction: Transaction, attempt: Attempt) -> None:
    """Have this flow lead to no other session; raise DeniedError when it did already."""
    row = {"id": attempt.id, "expires_at": attempt.began_at + LIFETIME}
    try:
        transaction.execute(sa.insert(used_flows).values(row))
    except IntegrityError:
        raise DeniedError("the login was completed already", hint=_AGAIN) from None
