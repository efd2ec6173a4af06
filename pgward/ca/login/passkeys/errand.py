"""The device's side of a visit: it is sent to the page, and brings a voucher back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.login import answers
from pgward.ca.login.attempt import Ask, RefusedLoginError
from pgward.ca.login.desk import Desk
from pgward.ca.login.passkeys import credentials, site, visits, vouchers
from pgward.ca.login.passkeys.credentials import Passkey
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.login.passkeys.vouchers import Brought, Expected
from pgward.core.errors import DeniedError

FACTOR = "webauthn"
_AGAIN = "pgward login"


def sent(desk: Desk, visit: Visit) -> Ask:
    """Ask for a visit to the page; raise InvalidInputError when passkeys cannot work here."""
    page = site.needed(desk.settings)
    url = page.page(visits.seal(desk.sealer, visit), visit.state)
    facts = {"url": url, "code": visit.code}
    return Ask("browser", facts, asdict(Expected.of(visit)))


def came_back(
    desk: Desk,
    connection: Connection,
    *,
    errand: Errand,
    thumbprint: str,
    memory: Mapping[str, Any],
    answer: Mapping[str, Any],
) -> Passkey:
    """Return the passkey that was used at the visit of ``memory``; raise RefusedLoginError.

    One that was removed meanwhile counts no more.
    """
    try:
        voucher = vouchers.redeem(
            desk.sealer,
            answers.read(Brought, answer),
            Expected(memory["visit"], memory["state"]),
            errand=errand,
            thumbprint=thumbprint,
            now=desk.now(),
        )
    except DeniedError as error:
        raise RefusedLoginError(error.message, why=error.message, hint=_AGAIN) from None
    found = credentials.find(connection, voucher.passkey)
    if found is None or found.user != voucher.user:
        raise RefusedLoginError(
            "the passkey was not accepted",
            why="the passkey was removed",
            actor=voucher.user,
            hint=_AGAIN,
        )
    return found
