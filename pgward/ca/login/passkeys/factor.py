"""A passkey as second factor, after a password or whenever a fresh proof is wanted."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.login import flows, grounds
from pgward.ca.login.attempt import RefusedLoginError
from pgward.ca.login.desk import Desk
from pgward.ca.login.factors.factor import Challenge, WrongFactorError
from pgward.ca.login.grounds import Ground
from pgward.ca.login.passkeys import credentials, errand, site
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.store import Transaction


class PasskeyFactor:
    """One of the person's own passkeys, used at the login page.

    Which device began is known to what asks: it keeps the memory of the challenge for it. Where the
    browser goes back to is the client's to add: ``redirect_uri``, a parameter of the address.
    """

    kind = errand.FACTOR

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def challenge(self, connection: Connection, user: str) -> Challenge | None:
        """Ask who has a passkey, where passkeys can work."""
        present = credentials.of(connection, user)
        if site.of(self._desk.settings) is None or not present:
            return None
        visit = Visit.new(
            Errand.CONFIRM,
            id=secrets.token_hex(16),
            expires_at=self._desk.now() + flows.LIFETIME,
            address=caller.client.get(),
            user=user,
        )
        ask = errand.sent(self._desk, visit)
        return Challenge(ask.facts, ask.memory, [grounds.passkey(each) for each in present])

    def prove(
        self,
        transaction: Transaction,
        user: str,
        answer: Mapping[str, Any],
        memory: Mapping[str, Any],
    ) -> Ground:
        """Judge what the browser brought back."""
        try:
            used = errand.came_back(
                self._desk,
                transaction.connection,
                errand=Errand.CONFIRM,
                thumbprint="",
                memory=memory,
                answer=answer,
            )
        except RefusedLoginError as error:
            raise WrongFactorError(error.message, why=error.why, hint=error.hint) from None
        if used.user != user:
            raise WrongFactorError(
                "the passkey was not accepted", why=f"the passkey is not {user}'s", hint=None
            )
        return grounds.passkey(used)
