"""Adding a passkey: the device of a login session sends the browser to the page, and takes it in.

The page asks for a code that only the terminal shows: whoever sees the address alone, in the list
of processes or in a history, cannot register a passkey of their own with it. Nor can whoever holds
a login session from this morning: see `login.freshness`, which holds for removing one, too.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pgward.ca import caller
from pgward.ca.acts import Act
from pgward.ca.identity import devices
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.keys.sealing import SealError
from pgward.ca.login import answers, flows, freshness, way_back
from pgward.ca.login.desk import Desk
from pgward.ca.login.passkeys import credentials, site, visits, vouchers
from pgward.ca.login.passkeys.credentials import Passkey
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.login.passkeys.vouchers import Brought, Expected
from pgward.core.errors import DeniedError

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
    page = site.needed(desk.settings)
    with desk.store.read() as connection:
        freshness.check(connection, session, desk.settings, now)
        credentials.check_room(
            credentials.of(connection, user.name), credentials.checked_name(name)
        )
        device = devices.find(connection, user.name, session.thumbprint)
    visit = Visit.new(
        Errand.REGISTER,
        id=secrets.token_hex(16),
        thumbprint=session.thumbprint,
        redirect_uri=way_back.checked(redirect_uri, way_back.own(desk.settings)),
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
    """Take the new passkey in; raise DeniedError, ConflictError, InvalidInputError.

    A second factor may have come since this began: then it takes a session that began with one.
    """
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
    freshness.check_factor(act.transaction.connection, session, desk.settings)
    return credentials.add(
        act.transaction, session.user.name, voucher.name, voucher.new, now=desk.now()
    )


def _seal(desk: Desk, expected: Expected) -> str:
    sealed = desk.sealer.seal(_PURPOSE, json.dumps(asdict(expected)).encode())
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _unseal(desk: Desk, flow: str) -> Expected:
    try:
        data = urlsafe_b64decode(flow + "=" * (-len(flow) % 4))
        return Expected(**json.loads(desk.sealer.open(_PURPOSE, data)))
    except (SealError, ValueError):
        raise DeniedError("this is not one of this authority's", hint=_AGAIN) from None
