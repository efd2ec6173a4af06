"""Adding a passkey: the device of a login session sends the browser to the page, and takes it in.

The page asks for a code that only the terminal shows: whoever sees the address alone, in the list
of processes or in a history, cannot register a passkey of their own with it. Whoever holds a
login session from this morning cannot either: it must have begun a few minutes ago, and with a
second factor if the person had one then, which a new passkey would get around. The same holds for
removing one.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from pgward.ca import caller
from pgward.ca.acts import Act
from pgward.ca.identity import devices, second_factors
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.keys.sealing import SealError
from pgward.ca.login import answers, flows, loopback
from pgward.ca.login.desk import Desk
from pgward.ca.login.factors.factor import SECOND
from pgward.ca.login.passkeys import credentials, site, visits, vouchers
from pgward.ca.login.passkeys.credentials import Passkey
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.login.passkeys.vouchers import Brought, Expected
from pgward.core.errors import DeniedError

FRESH = timedelta(minutes=10)
MAX_FLOW = 1024
_PURPOSE = "passkey enrolment"
_AGAIN = "pgward passkey add"


@dataclass(frozen=True, slots=True)
class Begun:
    """What the terminal opens, shows, and sends back with what the browser brought."""

    url: str
    code: str
    flow: str


def begin(desk: Desk, session: LoginSession, name: str, redirect_uri: str) -> Begun:
    """Begin; raise DeniedError for an old session, ConflictError, InvalidInputError."""
    now, user = desk.now(), session.user
    check_fresh(desk, session)
    page = site.needed(desk.settings)
    with desk.store.read() as connection:
        credentials.check_room(
            credentials.of(connection, user.name), credentials.checked_name(name)
        )
        device = devices.find(connection, user.name, session.thumbprint)
    visit = Visit.new(
        Errand.REGISTER,
        id=secrets.token_hex(16),
        thumbprint=session.thumbprint,
        redirect_uri=loopback.checked(redirect_uri),
        expires_at=now + flows.LIFETIME,
        device="" if device is None else device.name,
        address=caller.client.get(),
        user=user.name,
        name=credentials.checked_name(name),
        session=session.id,
    )
    url = page.page(visits.seal(desk.sealer, visit), visit.state)
    return Begun(url, visit.code, _seal(desk, Expected.of(visit)))


def finish(
    desk: Desk, act: Act, session: LoginSession, flow: str, answer: Mapping[str, Any]
) -> Passkey:
    """Take the new passkey in; raise DeniedError, ConflictError, InvalidInputError."""
    voucher = vouchers.redeem(
        desk.sealer,
        answers.read(Brought, answer),
        _unseal(desk, flow),
        errand=Errand.REGISTER,
        thumbprint=session.thumbprint,
        now=desk.now(),
    )
    if (voucher.session, voucher.user) != (session.id, session.user.name) or voucher.new is None:
        raise DeniedError("another login session began this", hint=_AGAIN)
    return credentials.add(
        act.transaction, session.user.name, voucher.name, voucher.new, now=desk.now()
    )


def check_fresh(desk: Desk, session: LoginSession) -> None:
    """Raise DeniedError unless the session is new, and began with a factor if there was one."""
    if desk.now() - session.created_at > FRESH:
        minutes = int(FRESH.total_seconds() // 60)
        raise DeniedError(
            f"this needs a login of the last {minutes} minutes",
            hint="pgward login, then once more",
        )
    if SECOND.isdisjoint(session.factors) and _had_factor(desk, session):
        raise DeniedError(
            "this needs a login with a second factor, as you have one",
            hint="pgward login, with a code or --method passkey, then once more",
        )


def _had_factor(desk: Desk, session: LoginSession) -> bool:
    """Tell whether there is a factor from before the session; who makes one in it may go on."""
    name = session.user.name
    with desk.store.read() as connection:
        app, keys = second_factors.totp(connection, name), credentials.of(connection, name)
    made = [*([] if app is None else [app.created_at]), *(each.created_at for each in keys)]
    return any(each < session.created_at for each in made)


def _seal(desk: Desk, expected: Expected) -> str:
    sealed = desk.sealer.seal(_PURPOSE, json.dumps(asdict(expected)).encode())
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _unseal(desk: Desk, flow: str) -> Expected:
    try:
        data = urlsafe_b64decode(flow + "=" * (-len(flow) % 4))
        return Expected(**json.loads(desk.sealer.open(_PURPOSE, data)))
    except (SealError, ValueError):
        raise DeniedError("this is not one of this authority's", hint=_AGAIN) from None
