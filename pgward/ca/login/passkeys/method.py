"""Logging in with a passkey alone: the authenticator knows who it is, and verifies the person."""

from collections.abc import Iterable, Mapping
from typing import Any

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.identity import directory
from pgward.ca.login import flows, grounds, way_back
from pgward.ca.login.attempt import Ask, Attempt, Proven
from pgward.ca.login.desk import Desk
from pgward.ca.login.method import Offer
from pgward.ca.login.passkeys import credentials, errand, site
from pgward.ca.login.passkeys.visits import Errand, Visit


class PasskeyMethod:
    """Two requests, with a visit to the login page between them."""

    kind = "passkey"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def offers(self, connection: Connection) -> Iterable[Offer]:
        """Return the one offer, when there is anybody to take it."""
        if site.of(self._desk.settings) is None or not credentials.any_of(connection):
            return []
        return [Offer(self.kind, None, "Passkey", ("redirect_uri",))]

    async def begin(self, attempt: Attempt) -> Proven | Ask:
        """Ask for a visit to the page; who it is shows there."""
        attempt.check_no_provider()
        visit = Visit.new(
            Errand.LOGIN,
            id=attempt.id,
            thumbprint=attempt.thumbprint,
            redirect_uri=way_back.checked(
                attempt.given.redirect_uri, way_back.own(self._desk.settings)
            ),
            expires_at=attempt.began_at + flows.LIFETIME,
            device=attempt.device.name,
            address=caller.client.get(),
        )
        return errand.sent(self._desk, visit)

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> Proven | Ask:
        """Take what the browser brought back.

        The authenticator had a key and verified the person by PIN or biometry: two factors.
        """
        return await run_sync(self._proven, attempt, answer)

    def _proven(self, attempt: Attempt, answer: Mapping[str, Any]) -> Proven:
        with self._desk.store.read() as connection:
            used = errand.came_back(
                self._desk,
                connection,
                errand=Errand.LOGIN,
                thumbprint=attempt.thumbprint,
                memory=attempt.memory,
                answer=answer,
            )
            user = directory.get(connection, used.user)
        rests_on = (grounds.account(user), grounds.passkey(used))
        return Proven(user.name, (errand.FACTOR,), rests_on, details={"passkey": used.name})
