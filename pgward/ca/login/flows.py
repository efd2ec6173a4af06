"""Flows: attempts on their way through the hands of a client, sealed, for ten minutes.

Each leads to one session at most: ``use_up`` stands in the transaction that starts it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Kind:
    """What flows lead to; one kind is sealed so that it opens as no other."""

    purpose: str
    what: str
    again: str


LOGIN = Kind("login flow", "login", "pgward login")
STEP_UP = Kind("step-up flow", "step-up", "pgward step-up SERVICE")


def seal(sealer: Sealer, attempt: Attempt, kind: Kind = LOGIN) -> str:
    """Return the flow of an attempt."""
    sealed = sealer.seal(kind.purpose, attempt.dump())
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def unseal(
    sealer: Sealer, flow: str, *, thumbprint: str, now: datetime, kind: Kind = LOGIN
) -> Attempt:
    """Return the attempt that this device began; raise DeniedError."""
    try:
        data = urlsafe_b64decode(flow + "=" * (-len(flow) % 4))
        attempt = Attempt.load(sealer.open(kind.purpose, data))
    except (SealError, ValueError):
        told = f"the {kind.what} is not one of this authority's"
        raise DeniedError(told, hint=kind.again) from None
    if attempt.thumbprint != thumbprint:
        raise DeniedError(f"the {kind.what} was begun by another device", hint=kind.again)
    if now >= attempt.began_at + LIFETIME:
        raise DeniedError(f"the {kind.what} took too long", hint=kind.again)
    return attempt


def use_up(transaction: Transaction, attempt: Attempt, kind: Kind = LOGIN) -> None:
    """Have this flow lead to no other session; raise DeniedError when it did already."""
    row = {"id": attempt.id, "expires_at": attempt.began_at + LIFETIME}
    try:
        transaction.execute(sa.insert(used_flows).values(row))
    except IntegrityError:
        raise DeniedError(f"the {kind.what} was completed already", hint=kind.again) from None
