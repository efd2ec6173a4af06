"""Vouchers: what a browser takes from the page to the device that began, sealed."""

import hmac
import json
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.login import answers
from pgward.ca.login.passkeys import credentials
from pgward.ca.login.passkeys.credentials import NewPasskey
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import DeniedError

LIFETIME = timedelta(minutes=2)
MAX_LENGTH = 8 * 1024
_PURPOSE = "passkey voucher"


class Brought(answers.Answer):
    """What the browser brought back: the parameters of the redirect."""

    code: str = Field(max_length=MAX_LENGTH)
    state: str = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the device remembers of its visit, sealed."""

    visit: str
    state: str

    @classmethod
    def of(cls, visit: Visit) -> "Expected":
        """Return what to remember of a visit."""
        return cls(visit.id, visit.state)


@dataclass(frozen=True, slots=True)
class Voucher:
    """Says that ``user`` used the passkey ``passkey``, or made the one in ``new``."""

    visit: str
    errand: Errand
    thumbprint: str
    state: str
    expires_at: datetime
    user: str
    passkey: str
    session: str = ""
    name: str = ""
    new: NewPasskey | None = None


def of_use(visit: Visit, user: str, passkey: str, now: datetime) -> Voucher:
    """Return the voucher of somebody who used a passkey."""
    return Voucher(
        visit.id, visit.errand, visit.thumbprint, visit.state, now + LIFETIME, user, passkey
    )


def of_registration(visit: Visit, new: NewPasskey, now: datetime) -> Voucher:
    """Return the voucher for a new passkey, which is nowhere else yet."""
    return Voucher(
        visit.id,
        visit.errand,
        visit.thumbprint,
        visit.state,
        now + LIFETIME,
        user=visit.user or "",
        passkey=credentials.key_of(new.credential_id),
        session=visit.session,
        name=visit.name,
        new=new,
    )


def seal(sealer: Sealer, voucher: Voucher) -> str:
    """Return the code that goes into the redirect."""
    state: dict[str, Any] = asdict(voucher) | {"expires_at": rfc3339(voucher.expires_at)}
    if voucher.new is not None:
        state["new"] |= {
            "credential_id": b64encode(voucher.new.credential_id).decode(),
            "public_key": b64encode(voucher.new.public_key).decode(),
        }
    data = json.dumps(state, separators=(",", ":")).encode()
    return urlsafe_b64encode(sealer.seal(_PURPOSE, data)).rstrip(b"=").decode("ascii")


def redeem(
    sealer: Sealer,
    brought: Brought,
    expected: Expected,
    *,
    errand: Errand,
    thumbprint: str,
    now: datetime,
) -> Voucher:
    """Return the voucher that this device waits for; raise DeniedError for any other."""
    if not hmac.compare_digest(brought.state.encode(), expected.state.encode()):
        raise DeniedError("the browser came back from another login (its state differs)")
    voucher = _open(sealer, brought.code)
    found = (voucher.visit, voucher.state, voucher.errand, voucher.thumbprint)
    if found != (expected.visit, expected.state, errand, thumbprint):
        raise DeniedError("the browser came back from another login")
    if now >= voucher.expires_at:
        raise DeniedError("the browser came back too late", hint="begin again")
    return voucher


def _open(sealer: Sealer, code: str) -> Voucher:
    try:
        state = json.loads(sealer.open(_PURPOSE, urlsafe_b64decode(code + "=" * (-len(code) % 4))))
    except (SealError, ValueError):
        raise DeniedError("the browser came back without a code of this authority's") from None
    new = state.pop("new")
    if new is not None:
        new = NewPasskey(
            **new
            | {
                "credential_id": b64decode(new["credential_id"]),
                "public_key": b64decode(new["public_key"]),
                "transports": tuple(new["transports"]),
            }
        )
    expires_at = parse_rfc3339(state.pop("expires_at"))
    return Voucher(
        **state | {"errand": Errand(state["errand"]), "expires_at": expires_at, "new": new}
    )
