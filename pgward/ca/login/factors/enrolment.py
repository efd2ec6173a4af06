"""Setting an authenticator app up: nothing is stored until it has shown a right code.

The new secret travels sealed in the client's hands, for this person and ten minutes.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pgward.ca.identity import recovery, second_factors, totp
from pgward.ca.keys.sealing import SealError
from pgward.ca.login import grounds
from pgward.ca.login.attempt import Attempt
from pgward.ca.login.desk import Desk
from pgward.ca.login.factors import codes, present
from pgward.ca.login.factors.factor import WrongFactorError
from pgward.ca.login.grounds import Ground
from pgward.ca.store import Transaction
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import ConflictError, DeniedError

LIFETIME = timedelta(minutes=10)
_PURPOSE = "totp enrolment"
_ACTION = "mfa.add"


@dataclass(frozen=True, slots=True)
class Offered:
    """A new secret: ``facts`` for the person, ``sealed`` to come back with the first code."""

    facts: Mapping[str, Any] = field(repr=False)
    sealed: str = field(repr=False)


class Enrolment:
    """Offers secrets, and stores the one whose code was right."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def offer(self, user: str, *, now: datetime) -> Offered:
        """Return a new secret for a person, as URI for a QR code and to be typed."""
        secret = totp.new_secret()
        uri = totp.uri(secret, user=user, issuer=self._desk.settings.ca.name)
        state = {"user": user, "secret": secret.hex(), "at": rfc3339(now)}
        sealed = self._desk.sealer.seal(_PURPOSE, json.dumps(state).encode())
        return Offered(
            {"uri": uri, "secret": totp.text_of(secret)},
            urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii"),
        )

    def confirm(self, transaction: Transaction, user: str, sealed: str, code: str) -> Ground:
        """Store the app in the place of any before it; raise WrongFactorError, DeniedError."""
        now = self._desk.now()
        secret = self._open(user, sealed, now)
        step = totp.matching_step(secret, code, now=now.timestamp(), last_step=None)
        if step is None:
            raise WrongFactorError(
                "wrong code",
                why="the first code of an app was wrong",
                hint="scan the QR code again, and see that the phone's clock is right",
            )
        kept = codes.seal_secret(self._desk.sealer, user, secret)
        return grounds.app(second_factors.add_totp(transaction, user, kept, step=step, now=now))

    def confirm_at_login(self, attempt: Attempt, sealed: str, code: str) -> Ground:
        """Confirm for who logs in and needs a factor, and return the app.

        Raises ConflictError if there is a factor by now: whoever has only a password must use that.
        """
        user = attempt.actor
        with self._desk.acts.act(user, _ACTION, user) as act:
            connection = act.transaction.connection
            grounds.check(connection, user, attempt.grounds)
            if present.has_any(connection, user, self._desk.settings):
                raise ConflictError("there is a second factor by now", hint="pgward login")
            made = self.confirm(act.transaction, user, sealed, code)
            act.details |= {"factor": "totp", "at_login": True}
        return made

    def _open(self, user: str, sealed: str, now: datetime) -> bytes:
        try:
            data = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            state = json.loads(self._desk.sealer.open(_PURPOSE, data))
        except (SealError, ValueError):
            state = {"user": None}
        if state["user"] != user:
            raise DeniedError("this is no new secret of yours", hint="begin again")
        if now >= parse_rfc3339(state["at"]) + LIFETIME:
            raise DeniedError("setting it up took too long", hint="begin again")
        return bytes.fromhex(state["secret"])


def new_recovery_codes(transaction: Transaction, user: str, now: datetime) -> list[str]:
    """Make recovery codes, which are shown once; those before are void."""
    made = recovery.new_codes()
    hashes = [each for each in (recovery.hash_of(user, code) for code in made) if each]
    second_factors.replace_codes(transaction, user, hashes, now)
    return made
